"""One worker on a store of its own takes in what a local origin lists: the CPU that it all spends.

Sources are switched on in feeds.yaml once the worker stands, so that its start is not counted.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aiohttp import web

from millrace.process.data_folder import throwaway_store
from store import keys
from store.connection import Store, opened
from store.monitoring import load_workers
from store.schedule import poll_now

_TICKS = os.sysconf("SC_CLK_TCK")
_LOOK = 0.05
_REST = 2.0  # seconds; /proc counts in hundredths
_PATIENCE = 300.0


@asynccontextmanager
async def taken(
    make: Any,
    *,
    sources: int,
    each: int,
    more: str = "",
    pages: Mapping[str, bytes] = MappingProxyType({}),
) -> AsyncIterator[Taking]:
    """A worker that has taken in `each` entries of `sources` feeds that `make` writes.

    `more` are further options of each source; `pages` are what stands behind links.
    """
    async with _worker(make, pages, sources, each, more) as taking:
        await taking.switch_on(sources * each)
        await taking.rest()
        yield taking


@dataclass
class Taking:
    """A worker and its store."""

    store: Store
    process: int
    origin: str
    sources: int
    config: Callable[[bool], None]
    idle: float = 0.0  # CPU seconds a second of a worker and a store with nothing to do

    async def switch_on(self, count: int) -> None:
        """Have the sources polled for the first time, until so many entries are published."""
        self.config(True)
        await published(self.store, count)

    async def rest(self) -> None:
        """Measure what is spent without any work; later figures are without it."""
        await asyncio.sleep(_REST)  # what the first polls left to do is done then
        before, started = await self.cpu(), time.monotonic()
        await asyncio.sleep(_REST)
        self.idle = (await self.cpu() - before) / (time.monotonic() - started)

    async def poll_all(self, count: int) -> float:
        """CPU seconds of one more poll of every source, until so many entries are published."""
        before, started = await self.cpu(), time.monotonic()
        for n in range(self.sources):
            await poll_now(self.store, f"s{n}")
        await published(self.store, count)
        return await self.cpu() - before - self.idle * (time.monotonic() - started)

    async def cpu(self) -> float:
        """CPU seconds of the worker, of all its children and of the store so far."""
        return await cpu_of(self.store, self.process)


@asynccontextmanager
async def _worker(
    make: Any, pages: Mapping[str, bytes], sources: int, each: int, more: str = ""
) -> AsyncIterator[Taking]:
    async with origin(make, pages, each) as port, throwaway_store() as url, opened(url) as store:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "feeds.yaml"

            def write(enabled: bool) -> None:
                file.write_text(config(port, sources, enabled, more), encoding="utf-8")

            write(False)
            worker = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "millrace", "work", "--config", str(file), "--redis", url,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                await _standing(store)
                yield Taking(store, worker.pid, f"http://127.0.0.1:{port}", sources, write)
            finally:
                worker.terminate()
                await worker.wait()


async def cpu_of(store: Store, worker: int) -> float:
    """CPU seconds of a worker, of all its children and of the store so far."""
    info = await store.redis.info("cpu")
    spent = float(info["used_cpu_user"]) + float(info["used_cpu_sys"])
    return spent + sum(_seconds(process) for process in tree(worker))


def config(port: int, sources: int, enabled: bool, more: str = "") -> str:
    """feeds.yaml with so many sources of the origin at `port`."""
    on = str(enabled).lower()
    lines = ["sources:"] + [
        f"  - {{url: 'http://127.0.0.1:{port}/feed/{n}', name: s{n}, enabled: {on}{more}}}"
        for n in range(sources)
    ]
    lines += ["fetch:", f"  allow_private: ['127.0.0.1:{port}']"]
    lines += ["  per_host: {in_flight: 8, per_second: 100000}"]
    lines += ["retention: {entries: 100000}"]  # published ones are counted: none may go meanwhile
    return "\n".join(lines) + "\n"


async def _standing(store: Store) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not await load_workers(store):
        assert time.monotonic() < deadline
        await asyncio.sleep(_LOOK)


async def published(store: Store, count: int) -> None:
    """Return when so many entries are published."""
    deadline = time.monotonic() + _PATIENCE
    while await store.redis.zcard(keys.RIVER) < count:
        assert time.monotonic() < deadline, "not everything was published"
        await asyncio.sleep(_LOOK)


def tree(root: int) -> list[int]:
    """A process and all under it, itself first."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, left = [], [root]
    while left:
        pid = left.pop()
        found.append(pid)
        left += parents.get(pid, [])
    return found


def _seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / _TICKS  # its own and its dead children's


@asynccontextmanager
async def origin(make: Any, pages: Mapping[str, bytes], each: int) -> AsyncIterator[int]:
    """A site of feeds that `make` writes and of `pages`; its port."""

    async def feed(request: web.Request) -> web.Response:
        body = make(request.match_info["n"], each, pages, request.url.origin())
        return web.Response(text=body, content_type="application/rss+xml")

    async def page(request: web.Request) -> web.Response:
        return web.Response(body=pages[request.match_info["p"]], content_type="text/html")

    app = web.Application()
    app.router.add_get("/feed/{n}", feed)
    app.router.add_get("/page/{p}", page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


def title(key: str) -> str:
    """A headline of its own for each key."""
    return " ".join(words(random.Random(f"title {key}"), 8)).capitalize()


def article(chance: random.Random) -> str:
    """Fourteen paragraphs of text, about 4 kB."""
    return "".join(
        f"<p>{' '.join(words(chance, chance.randint(30, 70))).capitalize()}.</p>" for _ in range(14)
    )


def words(chance: random.Random, count: int) -> list[str]:
    """Words that no other text holds in this order."""
    return [
        "".join(chance.choice("bdfglmnprst") + chance.choice("aeiou") for _ in range(length))
        for length in chance.choices((1, 2, 3, 4), k=count)
    ]
