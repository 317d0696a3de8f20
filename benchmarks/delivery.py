"""What many workers, many sources and much time cost: rates, the schedule, memory."""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from benchmarks import Row
from benchmarks._pages import new_page
from benchmarks._taken import article, config, cpu_of, origin, published, title
from benchmarks.feedroad import FULL_TEXT
from benchmarks.road import Stubs
from core.config.settings import DedupSettings, RetentionSettings, Settings
from millrace.process.data_folder import throwaway_store
from store import keys
from store.connection import Store, opened
from store.entries import river_size, write_story_ids
from store.monitoring import load_workers
from store.schedule import Lease, add_sources
from tests.origin import Answer, Origin, Request
from tests.workers.desk import Desk, desk_for, settings_for
from workers.leases import Places, Role
from workers.sandbox.pool import Sandbox
from workers.scheduler import Sweeper

_SAMPLE = 0.5


def run(smoke: bool) -> Iterator[Row]:
    """The figures of the schedule, the crew and the store's size."""
    yield from asyncio.run(_crews([2] if smoke else [1, 2, 4], each=2 if smoke else 40))
    yield from asyncio.run(_unchanged(sources=20 if smoke else 300, seconds=3 if smoke else 10))
    yield from asyncio.run(_schedule(1000 if smoke else 100_000, seconds=2 if smoke else 10))
    yield from asyncio.run(_flatness(kept=5 if smoke else 150, rounds=2 if smoke else 100))


async def _crews(counts: list[int], *, each: int) -> list[Row]:
    sources = 16
    pages = {f"{s}-{n}": new_page(s * 1000 + n) for s in range(sources) for n in range(each)}
    rows, alone = [], 0.0
    for count in counts:
        rate, cpu = await _crew(count, pages, sources, each)
        alone = alone or cpu
        name = f"{count} worker{'s' if count > 1 else ''}"
        goal = "≤ 1.10" if count > 1 else ""
        rows += [
            Row("delivery", f"{name}, entries with a page", rate, "≥ 25 a core", "1/s"),
            Row(
                "delivery",
                f"{name}, CPU an entry / 1 worker",
                cpu / alone,
                goal,
                "",
                f"{cpu:.1f} ms",
            ),
        ]
    return rows


async def _crew(
    count: int, pages: dict[str, bytes], sources: int, each: int
) -> tuple[float, float]:
    """Entries a second and CPU milliseconds an entry."""
    async with (
        origin(Stubs(), pages, each) as port,
        throwaway_store() as url,
        _working(url, port, sources, count) as (store, pids, switch_on),
    ):
        switch_on()
        warm = len(pages) // 4  # until here each child loads what it needs
        await published(store, warm)
        warm = await river_size(store)
        before = [await cpu_of(store, pid) for pid in pids]
        served = await _store_cpu(store)
        began = time.monotonic()
        await published(store, len(pages))
        wall = time.monotonic() - began
        after = [await cpu_of(store, pid) for pid in pids]
        served = await _store_cpu(store) - served  # in every figure, and counts once
    spent = sum(after) - sum(before) - (count - 1) * served
    made = max(1, len(pages) - warm)  # a smoke run may have ended before it was measured
    return made / wall, spent * 1000 / made


async def _store_cpu(store: Store) -> float:
    info = await store.redis.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


@asynccontextmanager
async def _working(url: str, port: int, sources: int, count: int) -> AsyncIterator[tuple]:  # type: ignore[type-arg]
    """So many workers that stand and have nothing to do yet."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        store = await stack.enter_async_context(opened(url))
        file = Path(folder) / "feeds.yaml"
        file.write_text(config(port, sources, enabled=False), encoding="utf-8")
        crew = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "millrace", "work", "--config", str(file), "--redis", url,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )
            for _ in range(count)
        ]  # fmt: skip
        try:
            while len(await load_workers(store)) < count:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(_SAMPLE)
            on = config(port, sources, enabled=True)
            yield store, [w.pid for w in crew], lambda: file.write_text(on, encoding="utf-8")
        finally:
            for worker in crew:
                worker.terminate()
            await asyncio.gather(*(worker.wait() for worker in crew))


async def _unchanged(*, sources: int, seconds: float) -> list[Row]:
    """A whole worker with more unchanged sources due than it can poll."""
    async with (
        origin(FULL_TEXT, {"0-0": new_page(0)}, 0) as port,
        throwaway_store() as url,
        _working(url, port, sources, 1) as (store, (pid,), switch_on),
    ):
        switch_on()
        while await store.redis.hlen(keys.source(f"s{sources - 1}")) < 2:  # noqa: ASYNC110
            await asyncio.sleep(_SAMPLE)
        await store.redis.zadd(keys.SCHEDULE, {f"s{n}": 1 for n in range(sources)}, xx=True)
        before, began = await cpu_of(store, pid), time.monotonic()
        polls = 0
        while time.monotonic() - began < seconds:
            late = await store.redis.zrangebyscore(
                keys.SCHEDULE, (await store.now() + 60) * 1000, "+inf"
            )
            if late:  # what was polled is due again at once
                polls += len(late)
                await store.redis.zadd(keys.SCHEDULE, dict.fromkeys(late, 1), xx=True)
            await asyncio.sleep(0.05)
        wall = time.monotonic() - began
        cpu = await cpu_of(store, pid) - before
    return [
        Row("delivery", "1 worker, unchanged polls", polls / wall, "≥ 50", "1/s"),
        Row("delivery", "CPU a poll, store included", cpu * 1000 / max(polls, 1), "", "ms"),
    ]


async def _no_poll(_: Lease) -> None:
    """Stands for the poll of a lease where only the sweeping is measured."""


async def _schedule(sources: int, *, seconds: float) -> list[Row]:
    """One hour between polls: what sweeping alone costs, the polls themselves left out."""
    settings = settings_for(*({"url": f"https://example.org/{n}"} for n in range(sources)))
    async with throwaway_store() as url, opened(url) as store:
        names = [source.name for source in settings.sources]
        await add_sources(store, names, spacing=3600 / sources)
        places = Places(dict.fromkeys(Role, 400), dict.fromkeys(Role, _no_poll))
        sweeper = Sweeper(store, lambda: settings, places)
        await write_story_ids(store, {})
        await sweeper.sweep()
        before, server = time.process_time(), await _store_cpu(store)
        began, swept = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            swept += await sweeper.sweep()
            await asyncio.sleep(0.25)
        wall = time.monotonic() - began
        share = (time.process_time() - before) / wall
        served = (await _store_cpu(store) - server) / wall
    note = f"{swept / wall:.0f} leases a second"
    return [
        Row(
            "delivery",
            f"{sources:,} sources in the schedule",
            share * 100,
            "≤ 5",
            "% of a core",
            note,
        ),
        Row("delivery", "the same, in the store", served * 100, "≤ 5", "% of a core"),
    ]


async def _flatness(*, kept: int, rounds: int) -> list[Row]:
    """Ten times the retention flows through; memory at five times against ten."""
    feed = _Flow()
    async with Origin() as origin, throwaway_store() as url, opened(url) as store:
        origin.otherwise(feed.answer)
        base = settings_for({"url": origin.url("/feed")}, allow_private=[origin.allowance])
        limits = {
            "retention": RetentionSettings(entries=kept),
            "dedup": DedupSettings(window="3s"),
        }
        settings = base.model_copy(update=limits)
        sandbox = Sandbox(children=1)
        await sandbox.start()
        async with desk_for(store, sandbox, settings) as desk:
            each = 10 * kept // rounds
            sizes = []
            for number in range(1, rounds + 1):
                await _flow(desk, store, feed, settings, each)
                if number in (rounds // 2, rounds):
                    await asyncio.sleep(3 * settings.dedup.window)  # what ran out has gone then
                    sizes.append(await _flow(desk, store, feed, settings, each))
        await sandbox.close()
    half, whole = sizes
    return [
        Row("delivery", "store's memory, 10 × / 5 × retention", whole[0] / half[0], "≤ 1.05"),
        Row("delivery", "worker's memory, the same", whole[1] / half[1], "≤ 1.05"),
    ]


class _Flow:
    """A feed whose every document is new."""

    def __init__(self) -> None:
        self.at = self.each = 0

    def answer(self, request: Request) -> Answer:
        if not request.path.startswith("/feed"):
            return Answer(status=404)
        items = "".join(
            f"<item><guid>{n}</guid><title>{title(str(n))}</title><link>http://127.0.0.1/{n}</link>"
            f"<description><![CDATA[{article(random.Random(n))}]]></description></item>"
            for n in range(self.at, self.at + self.each)
        )
        return Answer(f"<rss version='2.0'><channel><title>x</title>{items}</channel></rss>")


async def _flow(
    desk: Desk, store: Store, feed: _Flow, settings: Settings, each: int
) -> tuple[int, int]:
    """One document more; memory of the store and of this process."""
    feed.at, feed.each = feed.at + feed.each, each
    await desk.poll()
    await Sweeper(store, lambda: settings, Places({}, {})).tidy()
    info = await store.redis.info("memory")
    return int(info["used_memory"]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
