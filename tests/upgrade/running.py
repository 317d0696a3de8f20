"""A Millrace that reads the world's sources, watched from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import aiohttp
from ruamel.yaml import YAML

from tests.origin import Origin
from tests.upgrade.world import World, requests_of

FOLDERS = Path(__file__).parent
PATIENCE = 60.0  # seconds
_LOOK = 0.05  # seconds between two looks at another process


class Running:
    """`millrace run` on a folder; `command` is what comes before `run`."""

    def __init__(self, folder: Path, world: World, origin: Origin, *, command: list[str]) -> None:
        self.data = folder / "data"
        self.log = folder / "log.txt"
        self._world, self._origin, self._command = world, origin, command
        self._config = folder / "feeds.yaml"
        self._process: asyncio.subprocess.Process | None = None
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        with self._config.open("w", encoding="utf-8") as config:
            YAML().dump(world.settings(origin.port), config)
        self._arguments = ["--config", str(self._config), "--data", str(self.data)]
        self._arguments += ["--port", str(port)]

    async def start(self) -> None:
        """Start it; it takes requests some moments later."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, "run", *self._arguments,
                stdout=log, stderr=asyncio.subprocess.STDOUT, cwd=self.log.parent,
                env={**os.environ, "MILLRACE_LOG": "text", "NO_COLOR": "1", "REDIS_URL": ""},
            )  # fmt: skip

    async def end(self) -> None:
        """Stop it as an operator does."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self._process.wait(), PATIENCE)

    async def feed(self) -> dict[str, Any]:
        """Ids and dates of all that /feed.json holds, in its order."""
        wanted = ("id", "date_published", "date_modified")
        async with aiohttp.ClientSession() as session, session.get(self._feed_url) as answer:
            items = json.loads(await answer.text()).get("items", [])
        return {"items": [[item.get(name) for name in wanted] for item in items]}

    async def until_stories(self, count: int) -> None:
        """Return once the feed holds `count` stories."""
        deadline, found = time.monotonic() + PATIENCE, -1
        while found < count:
            assert time.monotonic() < deadline, f"{found} of {count}\n{self._last_lines()}"
            await asyncio.sleep(_LOOK)
            try:
                found = len((await self.feed())["items"])
            except (aiohttp.ClientError, ValueError):
                continue

    async def until_polled(self, times: int) -> None:
        """Return once each source was polled `times` times from now on."""
        start, deadline = len(self._origin.requests), time.monotonic() + PATIENCE
        # One request more: a source is polled again only when the poll before has ended.
        while late := [n for n in self._world.names if self._polls(n, start) <= times]:
            assert time.monotonic() < deadline, f"{late}\n{self._last_lines()}"
            await asyncio.sleep(_LOOK)

    def _polls(self, name: str, start: int) -> int:
        return requests_of(self._origin.requests[start:], name)

    @property
    def _feed_url(self) -> str:
        return f"{self.address}/feed.json?limit=10000&content=summary"

    def _last_lines(self) -> str:
        return self.log.read_text(encoding="utf-8")[-4000:]


def free_port() -> int:
    """A port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
