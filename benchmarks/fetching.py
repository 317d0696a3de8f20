"""What asking strangers costs: a poll of an unchanged source, a bomb, a call of a child, a feed."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import brotli

from benchmarks import Row, corpus
from core.config.settings import FetchSettings
from core.errors import TooLarge
from core.feeds.parse import parse_feed
from millrace.process.data_folder import throwaway_store
from store.connection import Store
from store.schedule import SOURCES, poll_now
from tests.leases import lease_due
from tests.origin import Answer, Origin
from tests.workers.desk import Desk, desk_for, settings_for
from workers.http.client import Fetcher
from workers.jobs.poll import refresh
from workers.sandbox.pool import Sandbox

AT_ONCE = 20
BOMB_MIB = 300
EMPTY = "<rss version='2.0'><channel><title>x</title></channel></rss>"


def run(smoke: bool) -> Iterator[Row]:
    """The figures of the workers' side towards the web."""
    yield from asyncio.run(_unchanged(sources=20 if smoke else 200, rounds=1 if smoke else 5))
    yield from asyncio.run(_calls(20 if smoke else 1000))
    yield from asyncio.run(_bombs(2 if smoke else BOMB_MIB))
    yield _parsing(1 if smoke else 20)


async def _unchanged(*, sources: int, rounds: int) -> list[Row]:
    async with _origin(sources) as port:
        address = f"http://127.0.0.1:{port}"
        settings = settings_for(
            *({"url": f"{address}/{n}"} for n in range(sources)),
            allow_private=[f"127.0.0.1:{port}"],
            per_host={"in_flight": 50, "per_second": 100_000},
        )
        async with throwaway_store() as url:
            store, sandbox = Store.open(url), Sandbox(children=1)
            await sandbox.start()
            async with desk_for(store, sandbox, settings) as desk:
                await desk.sweep()
                best = min([await _round(desk) for _ in range(rounds)])
            await sandbox.close()
            await store.close()
    return [
        Row("fetching", "unchanged poll, CPU of the worker", best[0], "≤ 0.5", "ms"),
        Row("fetching", "unchanged polls a second", 1000 / best[1], "≥ 50", "1/s"),
    ]


async def _round(desk: Desk) -> tuple[float, float]:
    """CPU and wall milliseconds of one poll when all sources are polled."""
    for source in desk.settings.sources:
        await poll_now(desk.context.store, source.name)
    leases = await lease_due(desk.context.store, SOURCES, limit=1000, seconds=60)
    cpu, wall = time.process_time(), time.perf_counter()
    for at in range(0, len(leases), AT_ONCE):
        await asyncio.gather(*(refresh(desk.context, lease) for lease in leases[at : at + AT_ONCE]))
    spent = time.process_time() - cpu, time.perf_counter() - wall
    return spent[0] * 1000 / len(leases), spent[1] * 1000 / len(leases)


async def _calls(times: int) -> list[Row]:
    sandbox = Sandbox(children=1)
    await sandbox.start()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(times):
        await sandbox.run(abs, 1)
    rows = [
        Row("fetching", "call of a child", (time.perf_counter() - wall) * 1000 / times, "", "ms"),
        Row("fetching", "its CPU here", (time.process_time() - cpu) * 1000 / times, "", "ms"),
    ]
    await sandbox.close()
    return rows


async def _bombs(mebibytes: int) -> list[Row]:
    bombs = {"gzip": _gzip_bomb(mebibytes), "br": _brotli_bomb(mebibytes)}
    rows = []
    async with Origin() as origin:
        settings = FetchSettings(allow_private=(origin.allowance,))
        async with Fetcher(settings) as fetcher:
            for coding, bomb in bombs.items():
                url = origin.at(f"/{coding}", Answer(bomb, headers={"Content-Encoding": coding}))
                rows += await _one_bomb(fetcher, url, f"{mebibytes} MiB of zeros as {coding}")
    return rows


async def _one_bomb(fetcher: Fetcher, url: str, name: str) -> list[Row]:
    before, cpu = _peak_mib(), time.process_time()
    try:
        await fetcher.get(url)
        note = "fits"
    except TooLarge as error:
        note = str(error)
    return [
        Row("fetching", name, time.process_time() - cpu, "", "CPU s", note),
        Row("fetching", "growth of memory by it", _peak_mib() - before, "≤ 100", "MiB"),
    ]


def _gzip_bomb(mebibytes: int) -> bytes:
    """Made piece by piece: the peak of memory is to be the fetcher's."""
    packing = zlib.compressobj(1, wbits=31)
    return b"".join(packing.compress(bytes(2**20)) for _ in range(mebibytes)) + packing.flush()


def _brotli_bomb(mebibytes: int) -> bytes:
    packing = brotli.Compressor(quality=1)
    packed = b"".join(packing.process(bytes(2**20)) for _ in range(mebibytes))
    return packed + bytes(packing.finish())


def _parsing(times: int) -> Row:
    item = corpus("items", "f01.xml").read_bytes()
    cpu = time.process_time()
    for _ in range(times):
        feed = parse_feed(item, url="https://news.example/feed", content_type=None)
    spent = (time.process_time() - cpu) * 1000 / times
    note = f"{len(item)} bytes, {len(feed.entries)} entries"
    return Row("fetching", "reading a feed", spent, "", "ms CPU", note)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@asynccontextmanager
async def _origin(sources: int) -> AsyncIterator[int]:
    """An origin in a process of its own, so that its work is not counted."""
    program = f"from benchmarks.fetching import serve; serve({sources})"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        yield int(await child.stdout.readline())
    finally:
        child.kill()
        await child.wait()


def serve(sources: int) -> None:
    """Serve so many feeds that never change, and print the port."""

    async def for_ever() -> None:
        async with Origin() as origin:
            for n in range(sources):
                origin.at(f"/{n}", Answer(EMPTY, headers={"ETag": '"1"'}))
            print(origin.port, flush=True)
            await asyncio.Event().wait()

    asyncio.run(for_ever())
