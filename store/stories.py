"""Reads what is published: order, single stories, changes; and ids from before a wipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from core.models import Story
from store import keys
from store.connection import Store, store_errors
from store.records import unpack


class Change(NamedTuple):
    """One element of the stream of changes."""

    id: str  # position in the stream, as Server-Sent Events resume by it
    kind: str  # "new", "changed" or "removed"
    story: str


async def river_ids(store: Store, limit: int) -> list[str]:
    """Ids of the newest stories, in feed order."""
    with store_errors():
        return [i.decode() for i in await store.redis.zrevrange(keys.RIVER, 0, limit - 1)]


async def river_size(store: Store) -> int:
    """How many stories the river holds."""
    with store_errors():
        return int(await store.redis.zcard(keys.RIVER))


async def load_stories(store: Store, ids: Sequence[str]) -> list[Story]:
    """The stories of `ids` that are still kept, in that order."""
    return [unpack(Story, doc) for doc in await load_packed(store, ids) if doc is not None]


async def load_packed(store: Store, ids: Sequence[str]) -> list[bytes | None]:
    """The stories of `ids` as they lie in the store, in that order; None: no longer kept."""
    return await _story_fields(store, ids, "doc")


async def story_versions(store: Store, ids: Sequence[str]) -> list[int]:
    """The version of each story, in that order; 0: no longer kept."""
    return [int(version or 0) for version in await _story_fields(store, ids, "v")]


async def _story_fields(store: Store, ids: Sequence[str], field: str) -> list[bytes | None]:
    if not ids:
        return []
    with store_errors():
        pipe = store.redis.pipeline(transaction=False)
        for story_id in ids:
            pipe.hget(keys.story(story_id), field)
        found: list[bytes | None] = await pipe.execute()
    return found


async def changes_after(
    store: Store, position: str, *, wait: float, count: int = 500
) -> list[Change]:
    """Changes after `position`, oldest first; waits up to `wait` seconds for the first one."""
    block = int(wait * 1000) or None
    with store_errors():
        answer = await store.redis.xread({keys.CHANGES: position}, count=count, block=block)
    if not answer:
        return []
    return [
        Change(element.decode(), fields[b"kind"].decode(), fields[b"story"].decode())
        for element, fields in answer[0][1]
    ]


async def first_after_trim(store: Store) -> str | None:
    """Position of the oldest change that is still kept; None while none was trimmed."""
    with store_errors():
        if not await store.redis.exists(keys.CHANGES):
            return None
        stream = await store.redis.xinfo_stream(keys.CHANGES)
    if stream["entries-added"] <= stream["length"] or stream["first-entry"] is None:
        return None
    position: str = stream["first-entry"][0].decode()
    return position


_MARK = b""  # that somebody told, even if there was nothing to tell
_AT_ONCE = 1000
_UNTOLD_SECONDS = 60
_UNTOLD = keys.NAMES + ":untold"  # until it is whole


async def names_told(store: Store) -> bool:
    """Whether the names of this store were told; False in one that is new, or was wiped."""
    with store_errors():
        return bool(await store.redis.exists(keys.NAMES))


async def tell_names(store: Store, names: Mapping[str, str]) -> None:
    """Write entry id -> story id for what is remembered; marks the list as complete."""
    pairs = [*names.items()]
    with store_errors():
        for start in range(0, len(pairs), _AT_ONCE):
            chunk = dict(pairs[start : start + _AT_ONCE])
            await store.redis.hset(_UNTOLD, mapping=chunk)  # type: ignore[misc]
            await store.redis.expire(_UNTOLD, _UNTOLD_SECONDS)
        pipe = store.redis.pipeline()
        if pairs:
            pipe.rename(_UNTOLD, keys.NAMES)
        pipe.hset(keys.NAMES, mapping={_MARK: b""})
        pipe.expire(keys.NAMES, keys.NAMES_SECONDS)
        await pipe.execute()


async def add_names(store: Store, names: Mapping[str, str]) -> None:
    """Write further names: the store was set back, as a replica is that took over too early."""
    with store_errors():
        if names and await store.redis.hlen(keys.NAMES) < keys.NAMES_KEPT:  # type: ignore[misc]
            await store.redis.hset(keys.NAMES, mapping=dict(names))  # type: ignore[misc]
