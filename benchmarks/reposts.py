"""Finding reposts: right on the corpus in any order, exact between workers, small and fast.

The corpus goes through cleaning and the live detection, as `millrace dedup` does it. The index is
measured with made-up founders, at ten thousand and at a million.
"""

from __future__ import annotations

import asyncio
import gzip
import random
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from benchmarks import Row, Skipped, corpus
from benchmarks._scoring import Score, labels, score
from core.config.settings import DedupSettings
from core.dedup.copy import ArticleCopy
from core.dedup.decide import Arrival, Claim
from core.dedup.fingerprint import Fingerprint, features, fingerprint, fingerprint_of
from core.dedup.idf import Idf
from core.dedup.tokens import mix
from core.ids import entry_id
from core.models import Article, Decision, EntryRecord
from millrace.commands.dedup import Line, Read, Stream, prepared
from millrace.commands.offline import Shelf
from millrace.process.data_folder import throwaway_store
from store.commit import Batch
from store.connection import Store, opened
from store.entries import load_entries
from store.index import claim, look_up
from tests.core.stories import body, title
from workers.settle import Knowledge, settle

FIELDS = ("id", "title", "content", "url")
SETTINGS = DedupSettings()
ORDERS = 5
COLD = 500
_FILED_AT_ONCE = 500
_LOOKUPS = 2000


def run(smoke: bool) -> Iterator[Row]:
    """All rows; `smoke` takes a part of the corpus and a small index."""
    try:
        yield from _quality(smoke)
    except Skipped as reason:
        yield Row("reposts", "corpus", None, note=str(reason))
    yield from asyncio.run(_crowd(stories=20 if smoke else 2000))
    yield from asyncio.run(_index(large=2_000 if smoke else 1_000_000))
    yield _cost()


def _quality(smoke: bool) -> Iterator[Row]:
    items = _lines("items.jsonl.gz")[: 100 if smoke else None]
    known = labels(items, _lines("pairs.jsonl.gz"))
    read = asyncio.run(_read(items))

    def scored(order: list[int], idf: Idf) -> Score:
        return score(asyncio.run(_decided([read[place] for place in order], idf)), known)

    in_order = list(range(len(read)))
    first = scored(in_order, Idf.warm())
    yield Row("reposts", "pair F1, file order", first.f1, "≥ .998")
    yield Row("reposts", "the same with template pairs", first.f1_templates, "≥ .988")
    yield Row("reposts", "suppressed rightly", first.rightly, "≥ .988")
    yield Row("reposts", "to be suppressed, suppressed", first.found, "≥ .995")
    orders = [
        random.Random(seed).sample(in_order, len(read)) for seed in range(1 if smoke else ORDERS)
    ]
    scores = [first, *(scored(order, Idf.warm()) for order in orders)]
    spread = max(each.f1 for each in scores) - min(each.f1 for each in scores)
    lowest = min(each.f1_templates for each in scores)
    yield Row("reposts", "spread of F1 over random orders", spread, "≤ .004", "", f"{len(orders)}")
    yield Row("reposts", "lowest F1 with template pairs", lowest, "≥ .996")
    cold = min(scored(order[:COLD], Idf()).f1 for order in [in_order, *orders])
    yield Row("reposts", "cold start: F1 of the first 500, lowest", cold, "≥ .98")


def _lines(name: str) -> list[dict[str, Any]]:
    path: Path = corpus("reposts", name)
    with gzip.open(path, "rb") as lines:
        return [orjson.loads(line) for line in lines]


async def _read(items: list[dict[str, Any]]) -> list[tuple[Line, Read]]:
    lines = (orjson.dumps({field: item[field] for field in FIELDS}) for item in items)
    return [(line, each) async for line, each in prepared(lines) if isinstance(each, Read)]


async def _decided(read: list[tuple[Line, Read]], idf: Idf) -> list[tuple[str, str]]:
    async with _empty_store() as store:
        with Shelf() as shelf:
            stream = Stream(store, idf, SETTINGS, shelf)
            for line, each in read:
                await stream.take(line, each)
            found = list(stream.answers())
    return [(each["id"], each["story"]) for each in found]


async def _crowd(*, stories: int, copies: int = 5, workers: int = 4) -> list[Row]:
    """`workers` bring every story `copies` times at once, each in an order of its own."""
    shown = [Article(title=title(seed), text=body(seed, 6)) for seed in range(stories)]
    jobs = [(story, copy) for story in range(stories) for copy in range(copies)]
    random.Random(1).shuffle(jobs)
    async with _empty_store() as store:
        started = time.perf_counter()
        await asyncio.gather(*(_worker(store, jobs[n::workers], shown) for n in range(workers)))
        seconds = time.perf_counter() - started
        ids = [entry_id(f"s{copy}", str(story)) for story, copy in jobs]
        records = [each for each in await load_entries(store, ids) if each is not None]
    published = sum(record.decision is Decision.PUBLISHED for record in records)
    explained = sum(record.story is not None for record in records)
    return [
        Row("reposts", "entries published by workers at once", published, f"{stories}"),
        Row("reposts", "entries explained", explained, f"{len(jobs)}", "", f"{seconds:.0f} s"),
    ]


async def _worker(store: Store, jobs: list[tuple[int, int]], shown: list[Article]) -> None:
    idf = Idf.warm()
    for story, copy in jobs:
        now = datetime.now(UTC)
        record = EntryRecord(
            id=entry_id(f"s{copy}", str(story)),
            source=f"s{copy}",
            guid=str(story),
            url=None,
            title=shown[story].title,
            arrived=now,
            place=now,
            order=0,
            decision=Decision.PENDING,
            rule="",
            article=shown[story],
        )
        weighed = fingerprint_of(shown[story], idf, source=record.source)
        arrival = Arrival(record, weighed, 0, (), copy=ArticleCopy(shown[story], record.source))
        await settle(store, [arrival], Knowledge(SETTINGS, idf), lambda _: Batch())


async def _index(*, large: int) -> list[Row]:
    small = min(10_000, large // 2)
    async with _empty_store() as store:
        before = await _used(store)
        await _file(store, range(small))
        few = await _call(store, small)
        await _file(store, range(small, large))
        many = await _call(store, large)
        used = (await _used(store) - before) / large
    return [
        Row("reposts", f"find and claim at {small:,}, server CPU", few.cpu, "", "µs", str(few)),
        Row("reposts", f"the same at {large:,}", many.cpu, "", "µs", str(many)),
        Row("reposts", "ratio of calls, clock", many.clock / few.clock, "≤ 2"),
        Row("reposts", f"index and fingerprint at {large:,}", used, "≤ 110", "B an entry"),
    ]


async def _file(store: Store, numbers: range) -> None:
    for start in range(numbers.start, numbers.stop, _FILED_AT_ONCE):
        part = range(start, min(start + _FILED_AT_ONCE, numbers.stop))
        await claim(store, [Claim(i, i, _made_up(n), None) for n in part for i in [_id(n)]])


class _Call(NamedTuple):
    """What one call costs: of the server's CPU, and by the clock (median), in µs."""

    cpu: float
    clock: float

    def __str__(self) -> str:
        return f"{self.clock:.0f} µs by the clock"


async def _call(store: Store, held: int) -> _Call:
    """The check and claim that a commit makes, half of them for entries that are held."""
    draw, taken = random.Random(held), []
    drawn = [_made_up(draw.randrange(2 * held)) for _ in range(_LOOKUPS)]
    seen = [(await look_up(store, {"x": each}, SETTINGS)).candidates for each in drawn]
    before = await _cpu(store)
    for weighed, found in zip(drawn, seen, strict=True):
        known = frozenset(candidate.entry for candidate in found["x"])
        started = time.perf_counter()
        await claim(store, [Claim(_id(2**64), _id(0), weighed, known)])
        taken.append(time.perf_counter() - started)
    cpu = (await _cpu(store) - before) / _LOOKUPS
    return _Call(cpu * 1e6, statistics.median(taken) * 1e6)


async def _cpu(store: Store) -> float:
    found = await store.redis.info("cpu")
    return float(found["used_cpu_user_main_thread"]) + float(found["used_cpu_sys_main_thread"])


def _id(number: int) -> str:
    return f"urn:millrace:{number:032x}"


_DRAFT = fingerprint(features(title(1), body(1)), Idf()).print


def _made_up(number: int) -> Fingerprint:
    """A founder like no other: random keys and a random simhash, one address, one headline."""
    drawn = mix(np.arange(number * 20 + 1, number * 20 + 21, dtype=np.uint64)).tolist()
    simhash = drawn[0] << 64 | drawn[1]
    minhashes = tuple(sorted(drawn[2:12]))
    return Fingerprint(_DRAFT._replace(simhash=simhash), minhashes, drawn[18], (drawn[19],))


def _cost() -> Row:
    """CPU of features and fingerprint for texts of 1,500 characters."""
    texts = [body(seed, 21, chinese=True)[:1500] for seed in range(300)]
    idf = Idf.warm()
    fingerprint(features(title(1), texts[0]), idf)
    started = time.process_time()
    for seed, text in enumerate(texts):
        fingerprint(features(title(seed, chinese=True), text), idf)
    each = (time.process_time() - started) / len(texts) * 1000
    return Row("reposts", "features and fingerprint, 1,500 characters", each, "≤ 0.7", "ms CPU")


async def _used(store: Store) -> int:
    found = await store.redis.info("memory")
    return int(found["used_memory"])


@asynccontextmanager
async def _empty_store() -> AsyncIterator[Store]:
    async with throwaway_store() as url, opened(url) as store:
        yield store
