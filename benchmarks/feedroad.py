"""What one new entry of a full-text feed costs on the whole road: worker, children and store."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

from benchmarks import Row
from benchmarks._taken import article, cpu_per_entry, title


def run(smoke: bool) -> Iterator[Row]:
    """The figures of the road of feeds."""
    yield asyncio.run(_full_text(sources=3 if smoke else 50, each=4 if smoke else 20))


async def _full_text(*, sources: int, each: int) -> Row:
    pages = {f"{s}-{n}": b"" for s in range(sources) for n in range(each)}
    cpu = await cpu_per_entry(_full, pages, sources, each)
    return Row("road", "new entry in a full-text feed, CPU", cpu, "", "ms")


def _full(source: str, each: int, pages: dict[str, bytes], origin: Any) -> str:
    items = (
        f"<item><guid>{source}-{n}</guid><title>{title(f'{source}-{n}')}</title>"
        f"<link>{origin}/page/{source}-{n}</link>"
        f"<description><![CDATA[{article(random.Random(f'{source}-{n}'))}]]></description></item>"
        for n in range(each)
    )
    return f"<rss version='2.0'><channel><title>{source}</title>{''.join(items)}</channel></rss>"
