"""What one new entry with a page costs on the whole road: worker, children and store, against
extraction alone, and against morss. Feeds that bring their articles along are in `feedroad.py`.

Each round polls feeds that have moved on, by workers that have been running. Set MILLRACE_MORSS to
a Python that has the package `morss` installed.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from statistics import median
from typing import Any

from benchmarks import Row, Skipped
from benchmarks._pages import new_page
from benchmarks._taken import Taking, taken, title
from core.body.clean import CleanOptions
from core.page.extract import extract_page

_URL = "https://example.org/a"
_MORSS = """
import sys, time
from morss.morss import FeedFetch, FeedFormat, FeedGather, Options
options = Options({"format": "rss"})
started, items, text = time.process_time(), 0, 0
for address in sys.argv[1:]:
    url, feed = FeedFetch(address, options)
    feed = FeedGather(feed, url, options)
    text += len(FeedFormat(feed, options, "unicode"))
    items += len(feed.items)
print(time.process_time() - started, items, text)
"""
_NO_LIMITS = {"MAX_ITEM": "-1", "MAX_TIME": "-1", "LIM_ITEM": "-1", "LIM_TIME": "-1"}


def run(smoke: bool) -> Iterator[Row]:
    """The figures of the road of pages."""
    yield from asyncio.run(_against_extraction(2 if smoke else 8, rounds=1 if smoke else 5))
    if "MILLRACE_MORSS" not in os.environ:
        raise Skipped("the comparison with morss: set MILLRACE_MORSS to a Python that has it")
    yield from asyncio.run(_against_morss(2 if smoke else 50, rounds=1 if smoke else 2))


class Pages(dict[str, bytes]):
    """Pages under the numbers of entries, made when they are first asked for."""

    def __missing__(self, name: str) -> bytes:
        self[name] = new_page(name)
        return self[name]


class Stubs:
    """Feeds that hold titles and links alone, and move on."""

    newest = 0

    def names(self, source: object, each: int) -> list[str]:
        """The entries that a feed lists now."""
        return [f"{source}-{number}" for number in range(self.newest, self.newest + each)][::-1]

    def __call__(self, source: str, each: int, _: Any, origin: Any) -> str:
        items = "".join(
            f"<item><guid isPermaLink='false'>{name}</guid><title>{title(name)}</title>"
            f"<link>{origin}/page/{name}</link></item>"
            for name in self.names(source, each)
        )
        return f"<rss version='2.0'><channel><title>{source}</title>{items}</channel></rss>"


async def _against_extraction(sources: int, *, rounds: int, each: int = 20) -> list[Row]:
    names = ("cost", "own", "stock", "fast", "alone")
    found: dict[str, list[float]] = {name: [] for name in names}
    async for careful, fast, feeds, pages in _workers(sources, each):
        for done in range(1, rounds + 1):
            feeds.newest += each
            new = [pages[name] for source in range(sources) for name in feeds.names(source, each)]
            before = _extraction(new[::8])
            cost = await _cost(careful, done, each)
            after = _extraction(new[4::8])
            quick = await _cost(fast, done, each)
            alone = {name: (before[name] + after[name]) / 2 for name in before}
            found["cost"].append(cost)
            found["own"].append(cost / alone["own"])
            found["stock"].append(cost / alone["stock"])
            found["fast"].append(quick / alone["stock"])
            found["alone"].append(alone["own"] / alone["plain"])
    return [
        _row("new entry with a page, CPU", found["cost"], "", "ms"),
        _row("the same / own extraction", found["own"], "≤ 1.12"),
        _row("the same / stock trafilatura", found["stock"], "≤ 1.5"),
        _row("with extraction: fast / stock trafilatura", found["fast"], "≤ 1.15"),
        _row("own extraction / plain trafilatura", found["alone"], "≤ 2"),
    ]


async def _against_morss(sources: int, *, rounds: int, each: int = 20) -> list[Row]:
    careful_ratios, fast_ratios = [], []
    async for careful, fast, feeds, _ in _workers(sources, each):
        for done in range(1, rounds + 1):
            feeds.newest += each
            theirs = await asyncio.to_thread(_morss, careful.origin, sources, each)
            careful_ratios.append(await _cost(careful, done, each) / theirs)
            fast_ratios.append(await _cost(fast, done, each) / theirs)
    name = f"full text of {sources} × {each} / morss"
    return [_row(name, careful_ratios, "≤ 1.2"), _row(f"{name}, fast", fast_ratios, "≤ 0.8")]


async def _workers(sources: int, each: int) -> AsyncIterator[tuple[Taking, Taking, Stubs, Pages]]:
    """A worker as it comes and one with the fast extraction, over the same feeds."""
    feeds, pages = Stubs(), Pages()
    start = partial(taken, feeds, sources=sources, each=each, pages=pages)
    async with AsyncExitStack() as running:
        careful = await running.enter_async_context(start())
        fast = await running.enter_async_context(start(more=", extraction: fast"))
        yield careful, fast, feeds, pages


async def _cost(taking: Taking, done: int, each: int) -> float:
    """CPU milliseconds an entry of one more poll of all feeds."""
    spent = await taking.poll_all(taking.sources * each * (done + 1))
    return spent * 1000 / (taking.sources * each)


def _extraction(pages: list[bytes]) -> dict[str, float]:
    """CPU milliseconds a page: ours, trafilatura as it comes, and its text alone, in turns."""
    import trafilatura

    html = partial(
        trafilatura.extract, output_format="html", include_links=True, include_images=True
    )
    ours = partial(extract_page, url=_URL, content_type="text/html", options=CleanOptions())
    ways: dict[str, Callable[[bytes], Any]] = {
        "own": ours, "stock": html, "plain": trafilatura.extract
    }  # fmt: skip
    for way in ways.values():
        way(pages[0])  # what each makes once is made
    spent = dict.fromkeys(ways, 0.0)
    for page in pages:
        for name, way in ways.items():
            start = time.process_time()
            way(page)
            spent[name] += time.process_time() - start
    return {name: seconds * 1000 / len(pages) for name, seconds in spent.items()}


def _morss(origin: str, sources: int, each: int) -> float:
    """CPU milliseconds an item of morss, without its start."""
    feeds = [f"{origin}/feed/{number}" for number in range(sources)]
    done = subprocess.run(
        [os.environ["MILLRACE_MORSS"], "-c", _MORSS, *feeds],
        env={**os.environ, **_NO_LIMITS}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    seconds, items, text = done.stdout.split()
    assert int(items) == sources * each, "morss left items out"
    assert int(text) > 3000 * int(items), "morss read no pages"
    return float(seconds) * 1000 / int(items)


def _row(name: str, values: list[float], goal: str, unit: str = "") -> Row:
    note = f"{min(values):.3g} to {max(values):.3g} in {len(values)} rounds"
    return Row("road", name, median(values), goal, unit, note)
