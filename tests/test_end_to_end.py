"""Millrace as a user starts it: `millrace run`, sources on a local origin, results over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

import aiohttp
import pytest
from lxml import html

from tests.score import f1, forbidden
from tests.stage import IDS, Stage, expected

_STARTED = re.compile(r"child\.started\s+child=(\S+)\s+pid=(\d+)")
_PATIENCE = 60.0  # seconds
_LOOK = 0.1  # between two looks from outside, as a reader has them


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """A running Millrace and the origin it reads."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        self.stage = stage
        self.config = folder / "feeds.yaml"
        self.data = folder / "data"
        self.log = folder / "log.txt"
        self.address = f"http://127.0.0.1:{free_port()}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        port = self.address.rsplit(":", 1)[1]
        with self.log.open("ab") as log:
            self._process = await self._spawn(port, log)

    async def _spawn(self, port: str, log: IO[bytes]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "millrace", "run", "--config", str(self.config),
            "--data", str(self.data), "--port", port,
            stdout=log, stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "MILLRACE_LOG": "text", "NO_COLOR": "1", "REDIS_URL": ""},
        )  # fmt: skip

    async def end(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self._process.wait(), 15)

    def pid_of(self, child: str) -> int:
        """Process id of a child as last started."""
        found = [pid for name, pid in _STARTED.findall(self.log.read_text()) if name == child]
        return int(found[-1])

    async def get(self, path: str) -> Any:
        timeout = aiohttp.ClientTimeout(total=10)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(self.address + path) as answer,
        ):
            return json.loads(await answer.text())

    async def stories(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get("/feed.json"))["items"]
        return found

    async def until_stories(self, count: int, members: int) -> list[dict[str, Any]]:
        """The feed, once it holds so many stories with so many members in all."""
        items: list[dict[str, Any]] = []
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            try:
                items = await self.stories()
            except (aiohttp.ClientError, TimeoutError, KeyError, ValueError):
                items = []
            if len(items) >= count and _members(items) >= members:
                return items
            await asyncio.sleep(_LOOK)
        raise AssertionError(f"{len(items)} stories\n{self.log.read_text()[-4000:]}")


def _members(items: list[dict[str, Any]]) -> int:
    return sum(len(item["_millrace"]["sources"]) for item in items)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    stage = Stage()
    await stage.start()
    run = Running(tmp_path, stage)
    run.config.write_text(stage.config(), encoding="utf-8")
    await run.start()
    yield run
    await run.end()
    await stage.stop()


async def test_five_articles_and_ten_reprints_become_five_clean_stories(running: Running):
    items = await running.until_stories(5, 15)

    assert len(items) == 5
    by_title = {item["title"]: item for item in items}
    for seed in IDS:
        wanted = expected(seed)
        item = by_title[wanted["title"]]
        text = "\n".join(html.fromstring(f"<div>{item['content_html']}</div>").itertext())
        assert f1(text, wanted) >= 0.95, seed
        assert forbidden(text, item["content_html"], wanted) == [], seed
        assert item["date_published"][:10] == wanted["published"][:10], seed
        # As an address without other scripts: some readers refuse what is not ASCII.
        assert unquote(item.get("image") or "") == unquote(wanted["lead_image"] or ""), seed
        assert len(item["_millrace"]["sources"]) == 3, seed


async def test_killed_children_come_back_and_the_stories_stay_the_same(running: Running):
    before = {item["id"] for item in await running.until_stories(5, 15)}

    for child in ("worker-1", "store", "service"):
        os.kill(running.pid_of(child), signal.SIGKILL)
    asked = running.stage.asked.total()
    after = await running.until_stories(5, 15)
    await _until_asked_again(running, asked)

    assert {item["id"] for item in after} == before
    assert {item["id"] for item in await running.stories()} == before


async def _until_asked_again(running: Running, asked: int) -> None:
    """Returns once every source was polled after the kill."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while running.stage.asked.total() < asked + 7:
        assert asyncio.get_running_loop().time() < deadline, running.log.read_text()[-4000:]
        await asyncio.sleep(_LOOK)


async def test_what_was_published_survives_a_restart_and_the_end_is_clean(running: Running):
    before = await running.until_stories(5, 15)

    assert await running.end() == 0
    await running.start()
    after = await running.until_stories(5, 15)

    assert [item["id"] for item in after] == [item["id"] for item in before]


@pytest.mark.parametrize("broken", ["garbage", "html", "empty", "500", "silent"])
async def test_a_broken_source_is_named_and_harms_no_other(tmp_path: Path, broken: str):
    stage = Stage()
    await stage.start()
    run = Running(tmp_path, stage)
    bad = f"  - {{url: {stage.address}/broken/{broken}.xml, name: broken}}\nfetch:\n  timeout: 2s\n"
    run.config.write_text(stage.config().replace("fetch:\n", bad, 1), encoding="utf-8")
    await run.start()
    try:
        items = await run.until_stories(5, 15)
        health = await _until_failing(run)
        metrics = await _text(run, "/metrics")
        sources = await run.get("/sources")
    finally:
        await run.end()
        await stage.stop()

    assert len(items) == 5
    assert [source["name"] for source in health["sources"]["failing"]] == ["broken"]
    assert health["status"] == "degraded"
    assert 'millrace_source_up{source="broken"} 0' in metrics
    (state,) = [source for source in sources["sources"] if source["name"] == "broken"]
    assert state["last_error"]


async def _until_failing(run: Running) -> dict[str, Any]:
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while asyncio.get_running_loop().time() < deadline:
        health: dict[str, Any] = await run.get("/health")
        if health["sources"]["failing"]:
            return health
        await asyncio.sleep(_LOOK)
    raise AssertionError(run.log.read_text()[-4000:])


async def _text(run: Running, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(run.address + path) as answer:
        return await answer.text()
