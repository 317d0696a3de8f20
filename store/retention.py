"""Removes stories that are too old or too many, and of guids that no source lists any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.models import Article, EntryRecord, Story
from store import keys
from store.connection import Store, store_errors
from store.entries import load_bare, url_keys
from store.records import pack, unpack

_TRIM_AT_ONCE = 100  # stories a call; the script must not hold the store up

_CHANGES_PER_STORY = 4  # of those kept; enough for any follower of the stream
_FEWEST_CHANGES = 1000


async def trim(store: Store, *, entries: int, days: float, window: float = 30 * 86_400.0) -> int:
    """Remove stories beyond `entries`, and those that arrived more than `days` days ago.

    Returns how many went. Their fingerprints stay for the dedup window: a repost of a story that
    is no longer shown must not come back as news. Their entries stay as long, without the bodies.
    """
    removed, most = 0, max(_FEWEST_CHANGES, _CHANGES_PER_STORY * entries)
    with store_errors():
        await store.redis.xtrim(keys.CHANGES, maxlen=min(most, keys.CHANGES_KEPT))
    while True:
        went = await store.call(
            store.script("trim"),
            [keys.RIVER, keys.ARRIVALS, keys.CHANGES],
            [entries, int(days * 86_400_000), keys.story(""), _TRIM_AT_ONCE, keys.CHANGES_KEPT],
        )
        stories = [unpack(Story, document) for document in went if document]
        await _drop_bodies(store, stories, window)
        removed += len(went)
        if len(went) < _TRIM_AT_ONCE:
            return removed


async def _drop_bodies(store: Store, stories: Sequence[Story], window: float) -> None:
    ids = [member.id for story in stories for member in story.members]
    shown = {story.representative: story.article for story in stories}
    found = await load_bare(store, ids)
    kept = [_with_article(record, shown) for record in found if record is not None]
    if kept:
        script = store.script("drop_bodies")
        pairs = [(pack(_bare(record)), " ".join(url_keys(record))) for record in kept]
        arguments = [part for pair in pairs for part in pair]
        await store.call(
            script, [keys.entry(r.id) for r in kept], [max(1, int(window)), *arguments]
        )


def _with_article(record: EntryRecord, shown: Mapping[str, Article]) -> EntryRecord:
    """Its article names addresses of the entry, which end with it."""
    return record.model_copy(update={"article": record.article or shown.get(record.id)})


def _bare(record: EntryRecord) -> EntryRecord:
    return record.model_copy(update={"raw": None, "article": None})


async def trim_seen(store: Store, source: str, *, window: float) -> int:
    """Forget guids that `source` stopped listing more than `window` seconds ago."""
    answer = await store.call(store.script("trim_seen"), [keys.seen(source)], [int(window)])
    return int(answer)
