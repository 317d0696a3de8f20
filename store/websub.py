"""Subscriptions at hubs, when each is to be tended to, and what the hubs have sent.

A pushed document waits in a list of its source until a poll job has committed its entries.
"""

from __future__ import annotations

from core.polling.politeness import Subscription
from store import keys
from store.connection import Store, store_errors
from store.schedule import ring

PUSHES_KEPT = 20  # documents of one source; the next poll makes good what is dropped
PUSH_SECONDS = 3600


async def load_subscription(store: Store, subscription_id: str) -> Subscription | None:
    """The subscription behind a callback."""
    with store_errors():
        raw = await store.redis.get(keys.subscription(subscription_id))
    return None if raw is None else Subscription.model_validate_json(raw)


async def subscription_of(store: Store, source: str) -> Subscription | None:
    """The subscription of a source."""
    with store_errors():
        found = await store.redis.hget(keys.SUBSCRIBED, source)  # type: ignore[misc]
    return None if found is None else await load_subscription(store, found.decode())


async def keep_subscription(store: Store, kept: Subscription, *, tend_after: float) -> None:
    """Write a subscription; it is renewed after that many seconds."""
    due = await store.now() + tend_after
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.set(keys.subscription(kept.id), kept.model_dump_json())
        pipe.hset(keys.SUBSCRIBED, kept.source, kept.id)
        # Whole milliseconds, as the clock it is held against: what is due now is due at once.
        pipe.zadd(keys.SUBSCRIPTIONS, {kept.id: int(due * 1000)})
        await pipe.execute()


async def drop_subscription(store: Store, dropped: Subscription) -> None:
    """Forget a subscription; its callback is unknown from now on."""
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.delete(keys.subscription(dropped.id), keys.pushes(dropped.source))
        pipe.hdel(keys.SUBSCRIBED, dropped.source)
        pipe.zrem(keys.SUBSCRIPTIONS, dropped.id)
        await pipe.execute()


async def subscriptions_due(store: Store, *, limit: int, seconds: float) -> list[Subscription]:
    """Subscriptions to be renewed, leased to this caller for `seconds`."""
    arguments = [limit, int(seconds * 1000)]
    found = await store.call(store.script("due"), [keys.SUBSCRIPTIONS], arguments)
    loaded = [await load_subscription(store, each.decode()) for each in found]
    return [subscription for subscription in loaded if subscription is not None]


async def add_push(store: Store, source: str, *, body: bytes, content_type: str) -> None:
    """Keep a pushed document until it is taken in."""
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.rpush(keys.pushes(source), content_type.encode() + b"\n" + body)
        pipe.ltrim(keys.pushes(source), -PUSHES_KEPT, -1)
        pipe.expire(keys.pushes(source), PUSH_SECONDS)
        await pipe.execute()


async def oldest_push(store: Store, source: str) -> tuple[str, bytes] | None:
    """Content type and body of the next document to be taken in; it stays where it is."""
    with store_errors():
        raw = await store.redis.lindex(keys.pushes(source), 0)  # type: ignore[misc]
    if raw is None:
        return None
    content_type, _, body = raw.partition(b"\n")
    return content_type.decode("utf-8", "replace"), body


async def end_push(store: Store, source: str, *, body: bytes, content_type: str) -> None:
    """Let go of a document that was taken in."""
    whole = content_type.encode() + b"\n" + body
    with store_errors():
        await store.redis.lrem(keys.pushes(source), 1, whole)  # type: ignore[misc,arg-type]


async def pushes_waiting(store: Store, source: str) -> int:
    """How many documents wait to be taken in."""
    with store_errors():
        return int(await store.redis.llen(keys.pushes(source)))  # type: ignore[misc]


async def wake(store: Store, source: str) -> None:
    """Make a source due for its pushes; a job that has its lease looks for them by itself."""
    await store.call(store.script("wake"), [keys.source(source), keys.SCHEDULE], [source])
    await ring(store)
