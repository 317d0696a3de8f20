"""What a kept entry takes in the store, with its body and everything filed under it."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import Any

from benchmarks import Row, Skipped, corpus
from millrace.process.data_folder import throwaway_store
from store import keys
from store.connection import Store, opened
from store.entries import river_size, write_story_ids
from tests.origin import Answer, Origin
from tests.workers.desk import desk_for, settings_for
from workers.sandbox.pool import Sandbox

_STORY = ("story", "entry", "url", "river", "arrivals", "changes")
_INDEX = ("ix", "seen")


def run(smoke: bool) -> Iterator[Row]:
    """Bytes by kind of key, over articles of the corpus that are no reposts of each other."""
    try:
        items = _articles(20 if smoke else 400)
    except Skipped as reason:
        yield Row("kept", "corpus", None, note=str(reason))
        return
    yield from asyncio.run(_kept(items))


def _articles(count: int) -> list[dict[str, Any]]:
    with gzip.open(corpus("reposts", "items.jsonl.gz")) as lines:
        items = [json.loads(line) for line in lines]
    founders = list({item["cluster"]: item for item in items}.values())
    return random.Random(1).sample(founders, count)


async def _kept(items: list[dict[str, Any]]) -> list[Row]:
    async with Origin() as origin, throwaway_store() as url, opened(url) as store:
        origin.at("/feed", Answer(_feed(items)))
        source = {"url": origin.url("/feed"), "full_text": "feed"}
        settings = settings_for(source, allow_private=[origin.allowance])
        sandbox = Sandbox(children=1)
        await sandbox.start()
        await write_story_ids(store, {})
        async with desk_for(store, sandbox, settings) as desk:
            await desk.poll()
        await sandbox.close()
        kept, sizes = await river_size(store), await _sizes(store)
    parts = ", ".join(f"{kind} {sizes[kind] / kept:.0f}" for kind in (*_STORY, *_INDEX))
    story = sum(sizes[kind] for kind in _STORY) / kept
    return [
        Row("kept", "entry with its body", story, "≤ 3500", "bytes", f"{kept} kept: {parts}"),
        Row("kept", "the same, found again", sum(sizes.values()) / kept, "", "bytes", "all keys"),
    ]


def _feed(items: list[dict[str, Any]]) -> str:
    entries = "".join(
        f"<item><guid>{item['id']}</guid><title>{escape(item['title'])}</title>"
        f"<link>https://example.org/{item['id']}</link>"
        f"<description>{escape(item['content'])}</description></item>"
        for item in items
    )
    return f"<rss version='2.0'><channel><title>x</title>{entries}</channel></rss>"


async def _sizes(store: Store) -> Counter[str]:
    """Bytes of all keys, by the first part of their names."""
    sizes: Counter[str] = Counter()
    async for key in store.redis.scan_iter(count=1000):
        kind = key.decode().removeprefix(keys.PREFIX).split(":")[0]
        sizes[kind] += await store.redis.memory_usage(key, samples=0) or 0
    return sizes
