"""How far the outboxes were filled, and by which service process: one at a time."""

from __future__ import annotations

from store import keys
from store.connection import Store, store_errors


async def lead(store: Store, who: str, *, seconds: float) -> bool:
    """Whether this process fills the outbox now: one at a time, or readers would hear all twice."""
    with store_errors():
        if await store.redis.set(keys.PUBLISHER, who, nx=True, px=int(seconds * 1000)):
            return True
        if await store.redis.get(keys.PUBLISHER) != who.encode():
            return False
        await store.redis.pexpire(keys.PUBLISHER, int(seconds * 1000))
    return True


async def published_until(store: Store) -> str | None:
    """Up to which change the outbox was filled."""
    with store_errors():
        found = await store.redis.get(keys.PUBLISHED)
    return None if found is None else found.decode()


async def keep_published(store: Store, position: str) -> None:
    """The outbox was filled up to this change."""
    with store_errors():
        await store.redis.set(keys.PUBLISHED, position)
