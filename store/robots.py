"""robots.txt files, kept compressed for at most a day."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from store import keys
from store.connection import Store, store_errors


async def load_robots(store: Store, origin: str) -> bytes | None:
    """The file kept for `scheme://host:port`; None where none is kept."""
    return await store.gathered(_load_all, origin)


async def _load_all(store: Store, origins: Sequence[str]) -> list[bytes | None]:
    with store_errors():
        found = await store.redis.mget([keys.robots(origin) for origin in origins])
    return [None if packed is None else zlib.decompress(packed) for packed in found]


async def keep_robots(store: Store, origin: str, robots: bytes, *, seconds: float) -> None:
    """Keep a file for so long."""
    lifetime = max(1, int(min(seconds, keys.ROBOTS_SECONDS)))
    with store_errors():
        await store.redis.set(keys.robots(origin), zlib.compress(robots), ex=lifetime)


@asynccontextmanager
async def asking_robots(store: Store, origin: str, *, seconds: float) -> AsyncIterator[bool]:
    """Whether the file is ours to ask for; nobody else asks until the block ends."""
    key = keys.robots_claim(origin)
    with store_errors():
        ours = bool(await store.redis.set(key, b"", nx=True, ex=int(seconds)))
    try:
        yield ours
    finally:
        if ours:
            with store_errors():
                await store.redis.delete(key)
