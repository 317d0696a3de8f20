"""WebSub in the store: the subscribers of our feeds, and our subscriptions at other hubs."""

from __future__ import annotations

import hashlib
from typing import Literal
from urllib.parse import urlsplit

from core.models import Frozen
from core.polling import HubSubscription
from store import keys
from store.connection import Store, store_errors
from store.layout import UNREADABLE, pack, unpack
from store.schedule import wake_sweeper

SUBSCRIBERS_KEPT = 5_000  # of 2.5 kB at most
KEPT_PER_HOST = 200  # a reading service has one callback host for all its users
KEPT_PER_CLIENT = 200
WAITING_KEPT = 500
WAITING_PER_HOST = 20
WAITING_PER_CLIENT = 10
WAITING_SECONDS = keys.VERIFICATION_SECONDS
HOST_GAP = 5.0  # seconds between two verifications at one callback host
SILENT_TIMES = 5  # verifications without an answer, after which a host gets no more for an hour
SILENT_SECONDS = 3600

Refusal = Literal["full", "host", "client", "silent"]


class Subscriber(Frozen):
    """One callback for one of our feeds. Times are seconds of the store's clock."""

    topic: str
    base: str  # the service's address as the subscriber knows it; the topic begins with it
    callback: str
    secret: str | None = None
    lease: float  # seconds, as granted
    until: float = 0.0  # 0: not confirmed yet
    client: str = ""  # the address that sent the request

    @property
    def id(self) -> str:
        """The id of this pair of callback and feed."""
        named = f"{self.topic}\0{self.callback}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(named).hexdigest()[:32]

    @property
    def host(self) -> str:
        """The callback's host and port."""
        return urlsplit(self.callback).netloc.rpartition("@")[2].lower()


class Verification(Frozen):
    """A request to subscribe or unsubscribe, which the callback must confirm."""

    mode: Literal["subscribe", "unsubscribe"]
    subscriber: Subscriber

    @property
    def id(self) -> str:
        """The id of this kind of request for this pair of callback and feed."""
        return f"{self.mode}-{self.subscriber.id}"


async def request_verification(store: Store, verification: Verification) -> Refusal | None:
    """Queue a verification; a later request of the same id replaces it.

    Returns why it was refused: too many wait in all, for this host or for this client, or the host
    does not answer.
    """
    subscriber, host = verification.subscriber, verification.subscriber.host
    refused = await store.call(
        store.script("verification"),
        [
            keys.VERIFICATIONS,
            keys.verification(verification.id),
            keys.hub_waiting("host", host),
            keys.hub_waiting("client", subscriber.client),
            keys.hub_next(host),
            keys.hub_silent(host),
        ],
        [
            verification.id,
            pack(verification),
            *(WAITING_KEPT, WAITING_PER_HOST, WAITING_PER_CLIENT, SILENT_TIMES),
            WAITING_SECONDS * 1000,
            int(HOST_GAP * 1000),
        ],
    )
    return refused.decode() or None


async def lease_verifications(store: Store, *, limit: int, seconds: float) -> list[Verification]:
    """The due verifications, leased to this caller for `seconds`."""
    lease = int(seconds * 1000)
    due = await store.call(store.script("due"), [keys.VERIFICATIONS], [limit, lease])
    ids = [each.decode() for each in due]
    if not ids:
        return []
    with store_errors():
        found = await store.redis.mget([keys.verification(each) for each in ids])
    leased = []
    for verification_id, raw in zip(ids, found, strict=True):
        try:
            leased.append(unpack(Verification, raw or b""))
        except UNREADABLE:  # expired, or done by another worker
            with store_errors():
                await store.redis.zrem(keys.VERIFICATIONS, verification_id)
    return leased


async def end_verification(store: Store, verification: Verification, *, answered: bool) -> None:
    """Remove a verification that was confirmed, refused or not answered."""
    subscriber, host = verification.subscriber, verification.subscriber.host
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.zrem(keys.VERIFICATIONS, verification.id)
        pipe.delete(keys.verification(verification.id))
        pipe.zrem(keys.hub_waiting("host", host), verification.id)
        pipe.zrem(keys.hub_waiting("client", subscriber.client), verification.id)
        if answered:
            pipe.delete(keys.hub_silent(host))
        else:
            pipe.incr(keys.hub_silent(host))
            pipe.expire(keys.hub_silent(host), SILENT_SECONDS)
        await pipe.execute()


async def keep_subscriber(store: Store, subscriber: Subscriber) -> bool:
    """Write a confirmed subscription; False when there are too many."""
    until = await store.now() + subscriber.lease
    confirmed = subscriber.model_copy(update={"until": until})
    kept = await store.call(
        store.script("subscriber"),
        [
            keys.HUB,
            keys.hub_kept("host", subscriber.host),
            keys.hub_kept("client", subscriber.client),
        ],
        [
            confirmed.id,
            confirmed.model_dump_json(),
            int(until * 1000),
            *(SUBSCRIBERS_KEPT, KEPT_PER_HOST, KEPT_PER_CLIENT),
        ],
    )
    return bool(kept)


async def drop_subscribers(store: Store, *ids: str) -> None:
    """Forget subscriptions."""
    if not ids:
        return
    with store_errors():
        found = await store.redis.hmget(keys.HUB, list(ids))
        pipe = store.redis.pipeline()
        pipe.hdel(keys.HUB, *ids)
        for subscriber in (
            Subscriber.model_validate_json(raw, extra="ignore") for raw in found if raw
        ):
            pipe.zrem(keys.hub_kept("host", subscriber.host), subscriber.id)
            pipe.zrem(keys.hub_kept("client", subscriber.client), subscriber.id)
        await pipe.execute()


async def load_subscribers(store: Store) -> list[Subscriber]:
    """All subscribers with a current lease; those with an expired one are removed."""
    now = await store.now()
    with store_errors():
        found = await store.redis.hvals(keys.HUB)
    loaded = [Subscriber.model_validate_json(raw, extra="ignore") for raw in found]
    await drop_subscribers(store, *(each.id for each in loaded if each.until <= now))
    return [each for each in loaded if each.until > now]


PUSHES_KEPT = 20  # documents of one source; the next poll brings what is dropped
# Of a document of this size one is kept, of one of a tenth ten: together 15 MB, or one larger one.
# Twenty of the largest allowed were 200 MB.
PUSH_BYTES = 4 * 2**20
PUSH_SECONDS = 3600


async def load_subscription(store: Store, subscription_id: str) -> HubSubscription | None:
    """The subscription of a callback id."""
    with store_errors():
        raw = await store.redis.get(keys.subscription(subscription_id))
    return None if raw is None else HubSubscription.model_validate_json(raw, extra="ignore")


async def subscription_of(store: Store, source: str) -> HubSubscription | None:
    """The subscription of a source."""
    with store_errors():
        found = await store.redis.hget(keys.SUBSCRIBED, source)
    return None if found is None else await load_subscription(store, found.decode())


async def keep_subscription(store: Store, kept: HubSubscription, *, tend_after: float) -> None:
    """Write a subscription, to be renewed after `tend_after` seconds."""
    due = await store.now() + tend_after
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.set(keys.subscription(kept.id), kept.model_dump_json())
        pipe.hset(keys.SUBSCRIBED, kept.source, kept.id)
        # Whole milliseconds like the clock of the script, so that 0 seconds means due now.
        pipe.zadd(keys.SUBSCRIPTIONS, {kept.id: int(due * 1000)})
        await pipe.execute()


async def drop_subscription(store: Store, dropped: HubSubscription) -> None:
    """Forget a subscription; its callback is unknown from now on."""
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.delete(keys.subscription(dropped.id), keys.pushes(dropped.source))
        pipe.hdel(keys.SUBSCRIBED, dropped.source)
        pipe.zrem(keys.SUBSCRIPTIONS, dropped.id)
        await pipe.execute()


async def subscriptions_due(store: Store, *, limit: int, seconds: float) -> list[HubSubscription]:
    """The subscriptions to renew, leased to this caller for `seconds`."""
    arguments = [limit, int(seconds * 1000)]
    found = await store.call(store.script("due"), [keys.SUBSCRIPTIONS], arguments)
    loaded = [await load_subscription(store, each.decode()) for each in found]
    return [subscription for subscription in loaded if subscription is not None]


async def add_push(store: Store, source: str, *, body: bytes, content_type: str) -> None:
    """Keep a pushed document until it is read."""
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.rpush(keys.pushes(source), content_type.encode() + b"\n" + body)
        kept = max(1, min(PUSHES_KEPT, PUSH_BYTES // max(1, len(body))))
        pipe.ltrim(keys.pushes(source), -kept, -1)
        pipe.expire(keys.pushes(source), PUSH_SECONDS)
        await pipe.execute()


async def oldest_push(store: Store, source: str) -> tuple[str, bytes] | None:
    """Content type and body of the oldest pushed document, which stays in the store."""
    with store_errors():
        raw = await store.redis.lindex(keys.pushes(source), 0)
    if raw is None:
        return None
    content_type, _, body = raw.partition(b"\n")
    return content_type.decode("utf-8", "replace"), body


async def end_push(store: Store, source: str, *, body: bytes, content_type: str) -> None:
    """Remove a pushed document that was read."""
    whole = content_type.encode() + b"\n" + body
    with store_errors():
        await store.redis.lrem(keys.pushes(source), 1, whole)


async def pushes_waiting(store: Store, source: str) -> int:
    """The number of pushed documents that wait."""
    with store_errors():
        return int(await store.redis.llen(keys.pushes(source)))


async def wake(store: Store, source: str) -> None:
    """Make a source due for its pushes, unless a job has its lease, which looks for them."""
    await store.call(store.script("wake"), [keys.source(source), keys.SCHEDULE], [source])
    await wake_sweeper(store)
