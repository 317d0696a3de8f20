"""What a new entry costs when its feed brings it along: worker, children and store.

Each poll finds a document that has moved on. The first one of each source is not counted, so that
the figures are those of a worker that has been running. What worker and store spend while nothing
happens is measured before and taken off.
"""

from __future__ import annotations

import asyncio
import io
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any

import feedparser

from benchmarks import Row
from benchmarks._taken import article, taken, title, words


def run(smoke: bool) -> Iterator[Row]:
    """The figures of the road of feeds."""
    rounds = 1 if smoke else 5
    yield from asyncio.run(_one_new(sources=2 if smoke else 20, rounds=rounds))
    few = {"sources": 3 if smoke else 50, "rounds": rounds, "each": 4 if smoke else 20}
    yield asyncio.run(_all_new("new entry in a full-text feed, CPU", _Window(_full), "", **few))
    yield asyncio.run(_all_new("new entry without full text, CPU", _Window(_short), "≤ 0.6", **few))


async def _one_new(*, sources: int, rounds: int) -> Iterator[Row]:
    """One entry that is new among fifty, against feedparser on the same document."""
    feeds, each, ratios, costs = _Window(_full), 50, [], []
    async with taken(feeds, sources=sources, each=each) as taking:
        for n in range(rounds):
            feeds.newest += 1
            cost = await taking.poll_all(sources * (each + n + 1)) * 1000 / sources
            whole = _feedparser(feeds("0", each), times=min(sources, 10))
            costs.append(cost)
            ratios.append(cost / whole)
    least = Row("feedroad", "the same / feedparser on the whole", median(ratios), "≤ 0.15")
    spent = Row("feedroad", "1 new of 50 full-text entries, CPU", median(costs), unit="ms")
    return iter((_spread(spent, costs), _spread(least, ratios)))


async def _all_new(
    name: str, feeds: _Window, goal: str, *, sources: int, rounds: int, each: int
) -> Row:
    costs = []
    async with taken(feeds, sources=sources, each=each, more=", full_text: feed") as taking:
        for n in range(rounds):
            feeds.newest += each
            spent = await taking.poll_all(sources * each * (n + 2))
            costs.append(spent * 1000 / (sources * each))
    return _spread(Row("feedroad", name, median(costs), goal, "ms"), costs)


def _spread(row: Row, values: list[float]) -> Row:
    note = f"{min(values):.3g} to {max(values):.3g} in {len(values)} rounds, without the idle share"
    return Row(row.subject, row.name, row.value, row.goal, row.unit, note)


def _feedparser(document: str, *, times: int) -> float:
    """CPU milliseconds of feedparser as it comes."""
    data = document.encode()
    start = time.process_time()
    for _ in range(times):
        feedparser.parse(io.BytesIO(data))
    return (time.process_time() - start) * 1000 / times


@dataclass
class _Window:
    """Feeds whose newest entries push the oldest out."""

    body: Any
    newest: int = 0

    def __call__(self, source: str, each: int, *_: Any) -> str:
        numbers = range(self.newest + each - 1, self.newest - 1, -1)
        items = "".join(_item(self.body, source, n) for n in numbers)
        return f"<rss version='2.0'><channel><title>{source}</title>{items}</channel></rss>"


@cache
def _item(body: Any, source: str, n: int) -> str:
    return (
        f"<item><guid isPermaLink='false'>{source}-{n}</guid><title>{title(f'{source}-{n}')}"
        f"</title><link>https://example.org/{source}/{n}</link><description><![CDATA["
        f"{body(random.Random(f'{source}-{n}'))}]]></description></item>"
    )


def _full(chance: random.Random) -> str:
    return article(chance)


def _short(chance: random.Random) -> str:
    return f"<p>{' '.join(words(chance, 40)).capitalize()}.</p>"


FULL_TEXT = _Window(_full)  # for others who measure on such feeds
