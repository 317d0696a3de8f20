"""Lets go of stories that are too old or too many, and of guids that no source lists any more."""

from __future__ import annotations

from collections.abc import Sequence

from core.models import EntryRecord, Story
from store import keys
from store.connection import Store
from store.entries import load_entries
from store.packing import pack, unpack

_TRIM_AT_ONCE = 100  # stories a call; the script must not hold the store up

# What is written back must not make an entry again that ran out meanwhile.
_REWRITE = """
for i, key in ipairs(KEYS) do
  if redis.call('HEXISTS', key, 'doc') == 1 then redis.call('HSET', key, 'doc', ARGV[i]) end
end
"""


async def trim(store: Store, *, entries: int, days: float) -> int:
    """Remove stories beyond `entries`, and those that arrived more than `days` days ago.

    Returns how many went. Their fingerprints stay for the dedup window: a repost of a story that
    is no longer shown must not come back as news. Their entries stay as long, without the bodies.
    """
    removed = 0
    while True:
        went = await store.call(
            store.script("trim"),
            [keys.RIVER, keys.ARRIVALS, keys.CHANGES],
            [entries, int(days * 86_400_000), keys.story(""), _TRIM_AT_ONCE, keys.CHANGES_KEPT],
        )
        await _drop_bodies(store, [unpack(Story, document) for document in went if document])
        removed += len(went)
        if len(went) < _TRIM_AT_ONCE:
            return removed


async def _drop_bodies(store: Store, stories: Sequence[Story]) -> None:
    ids = [member.id for story in stories for member in story.members]
    found = await load_entries(store, ids)
    bare = [_bare(record) for record in found if record is not None]
    if bare:
        script = store.redis.register_script(_REWRITE)
        await store.call(script, [keys.entry(r.id) for r in bare], [pack(r) for r in bare])


def _bare(record: EntryRecord) -> EntryRecord:
    return record.model_copy(update={"raw": None, "article": None})


async def trim_seen(store: Store, source: str, *, window: float) -> int:
    """Forget guids that `source` stopped listing more than `window` seconds ago."""
    answer = await store.call(store.script("trim_seen"), [keys.seen(source)], [int(window)])
    return int(answer)
