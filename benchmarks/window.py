"""What the size of the kept window costs: a render after one new entry, and a search through it."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import cast

from multidict import MultiDict

from benchmarks import Row
from core.config.settings import Settings
from service.documents import Background
from service.feeds.handlers import feed_at
from service.feeds.query import FeedQuery, choose
from service.feeds.render import ServedFeed, Stamp, render
from service.river import KeptStory, River, kept_story
from store.connection import Store
from store.layout import pack
from tests.service.conftest import make_story

HAN = [chr(point) for point in range(0x4E00, 0x5200)]
BODY = 1500  # characters
DIFFERENT = 500  # bodies; the window repeats them under other ids
ROUNDS = 60
SEARCHES = 100
SEARCHED = 5000  # stories, the default of retention.entries
TICK = 0.002  # seconds


def run(smoke: bool) -> Iterator[Row]:
    """Cost against size."""
    few, many = (100, 1000) if smoke else (1000, 100_000)
    yield from _renders(few, many)
    yield from asyncio.run(_searches(500 if smoke else SEARCHED))


def _renders(few: int, many: int) -> Iterator[Row]:
    """CPU of rendering and compressing after one new entry, both sizes in turns."""
    rivers = {size: _filled(size) for size in (few, many)}
    spent: dict[int, list[float]] = {few: [], many: []}
    for number in range(ROUNDS):
        for size, river in rivers.items():
            river.place(_kept(10_000_000 + number))
            spent[size].append(_render(river))
    small, large = (statistics.median(each[5:]) for each in spent.values())
    yield Row("window", f"render after one new entry, {few:,} kept", small * 1e3, unit="CPU ms")
    yield Row("window", f"the same, {many:,} kept", large * 1e3, unit="CPU ms")
    yield Row("window", f"{many:,} / {few:,}", large / small, "≤ 1.1")


def _render(river: River) -> float:
    settings = Settings()
    before = time.process_time()
    stories, now = river.newest(), datetime.now(UTC)
    stamp = Stamp(river.generation, settings, False, now)
    render(_feed(settings), stories, stamp, lambda _: now).encoded("gzip")
    return time.process_time() - before


def _feed(settings: Settings) -> ServedFeed:
    base = "https://feeds.example/"
    return feed_at("feed.json", MultiDict(), base=base, settings=settings, stories=())


async def _searches(kept: int) -> list[Row]:
    """How long a search takes, and how long the loop was kept from everything else."""
    river, chance = _filled(kept), random.Random(2)
    spent, gaps = [], [0.0]
    ticking = asyncio.create_task(_tick(gaps))
    search = partial(choose, river.newest(), settings=Settings(), most=100, background=Background())
    for _ in range(SEARCHES):
        text = "".join(chance.choices(HAN, k=2))
        started = time.perf_counter()
        await search(query=FeedQuery(text=text))
        spent.append(time.perf_counter() - started)
    ticking.cancel()
    ordered, load = sorted(spent), f"load {os.getloadavg()[0]:.1f}"
    worst = ordered[int(SEARCHES * 0.95)]
    return [
        Row("window", f"search {kept:,} stories, first", spent[0] * 1e3, "", "ms", load),
        Row("window", "p95", worst * 1e3, "≤ 300", "ms", load),
        Row("window", "longest wait of the loop", max(gaps) * 1e3, "≤ 100", "ms", load),
    ]


async def _tick(gaps: list[float]) -> None:
    while True:
        started = time.perf_counter()
        await asyncio.sleep(TICK)
        gaps.append(time.perf_counter() - started - TICK)


def _filled(size: int) -> River:
    """A window of so many stories, without a store behind it."""
    settings = Settings()
    river = River(cast(Store, None), lambda: settings)
    bodies = [_kept(number) for number in range(min(size, DIFFERENT))]
    for number in range(size):
        body = bodies[number % len(bodies)]
        again = f"urn:millrace:{number:032x}"
        river.place(replace(body, id=again, rank=(-float(number), 0, again)))
    return river


def _kept(number: int) -> KeptStory:
    story = make_story(number, sources=("first", "second"))
    text = "".join(random.Random(number).choices(HAN, k=BODY))
    article = story.article.model_copy(update={"html": f"<p>{text}</p>", "text": text})
    story = story.model_copy(update={"article": article})
    return kept_story(story, pack(story), number)
