"""Every entry that is remembered: for looking back over the kept window, never for serving."""

from __future__ import annotations

from collections.abc import AsyncIterator

from core.models import EntryRecord
from store import keys
from store.connection import Store, store_errors
from store.entries import load_entries

_AT_ONCE = 200


async def kept_entries(store: Store) -> AsyncIterator[EntryRecord]:
    """All entry records, in no order; what is written meanwhile may come or not."""
    prefix = keys.entry("")
    seen: set[str] = set()
    cursor = 0
    while True:
        with store_errors():
            cursor, found = await store.redis.scan(cursor, match=prefix + "*", count=_AT_ONCE)
        fresh = {key.decode().removeprefix(prefix) for key in found} - seen
        seen |= fresh
        for record in await load_entries(store, sorted(fresh)):
            if record is not None:
                yield record
        if cursor == 0:
            return
