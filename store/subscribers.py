"""Who listens to our feeds at our own hub."""

from __future__ import annotations

import hashlib

from core.models import Frozen
from store import keys
from store.connection import Store, store_errors

SUBSCRIBERS_KEPT = 10_000


class Subscriber(Frozen):
    """One callback for one of our feeds. Times are seconds of the store's clock."""

    topic: str
    base: str  # the service's address as the subscriber sees it: the topic begins with it
    callback: str
    secret: str | None = None
    lease: float  # seconds, as granted
    until: float = 0.0  # 0: not confirmed yet

    @property
    def id(self) -> str:
        """The same for every request about this callback and feed."""
        named = f"{self.topic}\0{self.callback}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(named).hexdigest()[:32]


async def keep_subscriber(store: Store, subscriber: Subscriber) -> bool:
    """Write a confirmed subscription; False when there are too many."""
    confirmed = subscriber.model_copy(update={"until": await store.now() + subscriber.lease})
    with store_errors():
        known = await store.redis.hexists(keys.HUB, confirmed.id)  # type: ignore[misc]
        if not known and await store.redis.hlen(keys.HUB) >= SUBSCRIBERS_KEPT:  # type: ignore[misc]
            return False
        await store.redis.hset(keys.HUB, confirmed.id, confirmed.model_dump_json())  # type: ignore[misc]
    return True


async def drop_subscribers(store: Store, *ids: str) -> None:
    """Forget subscriptions."""
    if ids:
        with store_errors():
            await store.redis.hdel(keys.HUB, *ids)  # type: ignore[misc]


async def load_subscribers(store: Store) -> list[Subscriber]:
    """All whose lease runs; those whose lease ended are forgotten."""
    now = await store.now()
    with store_errors():
        found = await store.redis.hvals(keys.HUB)  # type: ignore[misc]
    loaded = [Subscriber.model_validate_json(raw) for raw in found]
    await drop_subscribers(store, *(each.id for each in loaded if each.until <= now))
    return [each for each in loaded if each.until > now]
