"""What `forget` took out and keeps out: entries by id and by address."""

from __future__ import annotations

from collections.abc import Sequence

from core.ids import entry_id
from core.models import FeedEntry
from store import keys
from store.connection import Store, store_errors
from store.entries import url_key


async def forgotten_among(
    store: Store, source: str, entries: Sequence[FeedEntry]
) -> frozenset[str]:
    """The ids of those `entries` that a person took out before."""
    if not entries:
        return frozenset()
    marks = [(entry_id(source, e.guid), entry_id(source, e.guid)) for e in entries]
    marks += [(url_key(e.link), entry_id(source, e.guid)) for e in entries if e.link]
    with store_errors():
        scores = await store.redis.zmscore(keys.FORGOTTEN, [mark for mark, _ in marks])
    return frozenset(
        owner for (_, owner), score in zip(marks, scores, strict=True) if score is not None
    )


async def keep_out(store: Store, *, ids: Sequence[str], urls: Sequence[str]) -> None:
    """Remember that these entries and addresses are not wanted."""
    now = await store.now()
    marks: dict[str, float] = dict.fromkeys([*ids, *(url_key(url) for url in urls)], now)
    pipe = store.redis.pipeline()
    pipe.zadd(keys.FORGOTTEN, marks)
    pipe.zremrangebyrank(keys.FORGOTTEN, 0, -keys.FORGOTTEN_KEPT - 1)
    with store_errors():
        await pipe.execute()
