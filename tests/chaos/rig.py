"""Millrace as it runs in earnest, with every part within reach of a hand that means harm."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from pathlib import Path

from store.embedded import await_answer, server_command, socket_path, socket_url
from tests.chaos.clocks import Clocks
from tests.chaos.proxy import Proxy
from tests.chaos.world import World
from tests.origin import Origin
from tests.test_end_to_end import free_port

_EVENT = re.compile(r"child\.(started|died)\s+child=(\S+)(?:.*?\bpid=(\d+))?")


class Rig:
    """An origin, a store behind a proxy, and `millrace run` with several workers."""

    def __init__(self, folder: Path, world: World, *, workers: int = 2) -> None:
        self.folder = folder
        self.world = world
        self.config = folder / "feeds.yaml"
        self.log = folder / "log.txt"
        self.address = f"http://127.0.0.1:{free_port()}"
        self.clocks = Clocks(folder)
        self.proxy = Proxy(folder / "p.sock", socket_path(folder))
        self.store_url = socket_url(folder)
        self.killed: set[int] = set()  # processes that we ended
        self.store_killed = False
        self.store_deaths = 0  # of the store, by itself
        self._workers = workers
        self._origin = Origin()
        self._store: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._millrace: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Rig:
        await self._origin.__aenter__()
        self._origin.otherwise(self.world.answer)
        self.world.address = self._origin.address
        self.config.write_text(self.config_text(), encoding="utf-8")
        self._keeping = asyncio.create_task(self._keep_store())
        await await_answer(self.store_url)
        await self.proxy.start()
        with self.log.open("ab") as log:
            self._millrace = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "millrace", "run", "--config", str(self.config),
                "--data", str(self.folder / "data"), "--port", self.address.rsplit(":", 1)[1],
                "--workers", str(self._workers), "--redis", f"unix://{self.proxy.path}",
                stdout=log, stderr=asyncio.subprocess.STDOUT,
                env={
                    **os.environ, "MILLRACE_LOG": "text", "NO_COLOR": "1",
                    **self.clocks.variables("processes"),
                },
            )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        self.proxy.go_on()
        await self.end_millrace()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._store is not None and self._store.returncode is None:
            self._store.kill()
            await self._store.wait()
        await self.proxy.stop()
        await self._origin.__aexit__()

    async def end_millrace(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._millrace is not None
        if self._millrace.returncode is None:
            self._millrace.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self._millrace.wait(), 20)

    def config_text(self) -> str:
        """A feeds.yaml that reads every feed of the world."""
        lines = ["sources:"]
        for name in self.world.feeds:
            lines.append(f"  - {{url: {self.world.address}/{name}.xml, name: {name}}}")
        return "\n".join(lines) + _FETCH.format(allowance=self._origin.allowance)

    def pid_of(self, child: str) -> int | None:
        """Process id of a child that is running now."""
        pid = None
        for event, name, number in _EVENT.findall(self._text()):
            if name == child:
                pid = int(number) if event == "started" else None
        return pid

    def deaths(self) -> list[str]:
        """Children that ended though nobody had ended them."""
        running: dict[str, int] = {}
        found = []
        for event, name, number in _EVENT.findall(self._text()):
            if event == "started":
                running[name] = int(number)
            elif running.pop(name, 0) not in self.killed:
                found.append(name)
        return [*found, *["store"] * self.store_deaths]

    @property
    def workers(self) -> list[str]:
        """Names of the workers."""
        return [f"worker-{number}" for number in range(1, self._workers + 1)]

    def signal(self, child: str, number: int) -> int | None:
        """Send a signal to a child, or to the store; its process id, None: it is not there."""
        pid = self._store_pid() if child == "store" else self.pid_of(child)
        if pid is None:
            return None
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.killed.add(pid)
            self.store_killed = self.store_killed or child == "store"
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        return pid

    def _store_pid(self) -> int | None:
        alive = self._store is not None and self._store.returncode is None
        return self._store.pid if alive and self._store is not None else None

    async def _keep_store(self) -> None:
        while True:
            self.store_killed = False
            self._store = await asyncio.create_subprocess_exec(
                *server_command(self.folder), stdout=asyncio.subprocess.DEVNULL,
                env={**os.environ, **self.clocks.variables("store")},
            )  # fmt: skip
            await self._store.wait()
            if not self.store_killed:
                self.store_deaths += 1
            await asyncio.sleep(0.3)

    def _text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


_FETCH = """
fetch:
  min_interval: 1s
  max_interval: 3s
  timeout: 3s
  backoff: {{base: 1s, cap: 3s}}
  per_host: {{in_flight: 60, per_second: 2000}}
  allow_private: ["{allowance}"]
retention: {{entries: 20000}}
"""
