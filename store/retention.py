"""Lets go of stories that are too old or too many, and of guids that no source lists any more."""

from __future__ import annotations

from store import keys
from store.connection import Store

_TRIM_AT_ONCE = 500  # stories a call; the script must not hold the store up


async def trim(store: Store, *, entries: int, days: float) -> int:
    """Remove stories beyond `entries`, and those that arrived more than `days` days ago.

    Returns how many went. Their fingerprints stay for the dedup window: a repost of a story that
    is no longer shown must not come back as news.
    """
    removed = 0
    while True:
        went = await store.call(
            store.script("trim"),
            [keys.RIVER, keys.ARRIVALS, keys.CHANGES],
            [entries, int(days * 86_400_000), keys.story(""), _TRIM_AT_ONCE, keys.CHANGES_KEPT],
        )
        removed += int(went)
        if int(went) < _TRIM_AT_ONCE:
            return removed


async def trim_seen(store: Store, source: str, *, window: float) -> int:
    """Forget guids that `source` stopped listing more than `window` seconds ago."""
    answer = await store.call(store.script("trim_seen"), [keys.seen(source)], [int(window)])
    return int(answer)
