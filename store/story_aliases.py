"""Names that stories had before the store was wiped, told by a service that still remembers them.

A story bears its founder's id. After a wipe another of its members may come in first, and readers
would see what they know under a new id. The service, which outlives the store's absence, writes
down under which id each member stood, before any worker asks a source again.
"""

from __future__ import annotations

from collections.abc import Mapping

from store import keys
from store.connection import Store, store_errors

_MARK = b""  # that somebody told, even if there was nothing to tell
_AT_ONCE = 1000
_UNTOLD_SECONDS = 60
_UNTOLD = keys.NAMES + ":untold"  # until it is whole


async def names_told(store: Store) -> bool:
    """Whether the names of this store were told; False in one that is new, or was wiped."""
    with store_errors():
        return bool(await store.redis.exists(keys.NAMES))


async def tell_names(store: Store, names: Mapping[str, str]) -> None:
    """Write entry id -> story id for what is remembered; says with it that all is told."""
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
