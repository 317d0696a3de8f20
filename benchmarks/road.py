"""What one new entry with a page costs on the whole road: worker, children and store, against
extraction alone. Feeds that bring their articles along are in `feedroad.py`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import Row
from benchmarks._taken import article, cpu_per_entry, title, words
from core.extract import extract_page

PAGE_BYTES = 66_000


def run(smoke: bool) -> Iterator[Row]:
    """The figures of the road of pages."""
    yield from asyncio.run(_with_pages(sources=2 if smoke else 8, each=4 if smoke else 20))


async def _with_pages(*, sources: int, each: int) -> list[Row]:
    pages = {f"{s}-{n}": _page(s * 1000 + n) for s in range(sources) for n in range(each)}
    own, stock = _extraction(list(pages.values()))
    cpu = await cpu_per_entry(_stubs, pages, sources, each)
    return [
        Row("road", "new entry with a page, CPU", cpu, "", "ms"),
        Row("road", "the same / own extraction", cpu / own, "≤ 1.12", "", f"{own:.1f} ms alone"),
        Row("road", "the same / stock trafilatura", cpu / stock, "≤ 1.5", "", f"{stock:.1f} ms"),
    ]


def _extraction(pages: list[bytes]) -> tuple[float, float]:
    """CPU milliseconds a page: our extraction, and trafilatura as it comes, in turns."""
    import trafilatura

    own = stock = 0.0
    for page in pages:
        start = time.process_time()
        extract_page(page, url="https://example.org/a", content_type="text/html")
        middle = time.process_time()
        trafilatura.extract(page, output_format="html", include_links=True, include_images=True)
        own += middle - start
        stock += time.process_time() - middle
    return own * 1000 / len(pages), stock * 1000 / len(pages)


def _stubs(source: str, each: int, pages: dict[str, bytes], origin: Any) -> str:
    items = (
        f"<item><guid>{source}-{n}</guid><title>{title(f'{source}-{n}')}</title>"
        f"<link>{origin}/page/{source}-{n}</link></item>"
        for n in range(each)
    )
    return f"<rss version='2.0'><channel><title>{source}</title>{''.join(items)}</channel></rss>"


def _page(seed: int) -> bytes:
    chance = random.Random(seed)
    links = "".join(
        f"<li><a href='/x/{i}'>{' '.join(words(chance, 6))}</a></li>" for i in range(40)
    )
    body = (
        f"<html><head><title>{title(str(seed))}</title></head><body><nav><ul>{links}</ul></nav>"
        f"<main><article><h1>{title(str(seed))}</h1>{article(chance)}</article></main>"
        f"<aside><ul>{links}</ul></aside><footer>Imprint, privacy, contact</footer>"
    )
    filler = f"<script>var data = '{'x' * max(0, PAGE_BYTES - len(body) - 60)}';</script>"
    return f"{body}{filler}</body></html>".encode()
