"""robots.txt files, kept compressed for at most a day."""

from __future__ import annotations

import zlib

from store import keys
from store.connection import Store, store_errors


async def load_robots(store: Store, origin: str) -> bytes | None:
    """The file kept for `scheme://host:port`; None where none is kept."""
    with store_errors():
        packed = await store.redis.get(keys.robots(origin))
    return None if packed is None else zlib.decompress(packed)


async def keep_robots(store: Store, origin: str, robots: bytes, *, seconds: float) -> None:
    """Keep a file for so long."""
    lifetime = max(1, int(min(seconds, keys.ROBOTS_SECONDS)))
    with store_errors():
        await store.redis.set(keys.robots(origin), zlib.compress(robots), ex=lifetime)
