"""What is sent to others and to whom: each delivery once, repeated until it arrives or expires."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field

from core.models import Frozen
from store import keys
from store.connection import Store, store_errors
from store.records import UNREADABLE, pack, unpack

SUBSCRIBERS_KEPT = 5_000  # of 2.5 kB at most
KEPT_PER_HOST = 200  # a reading service has one callback host for all who read there
KEPT_PER_CLIENT = 200
WAITING_KEPT = 500
WAITING_PER_HOST = 20
WAITING_PER_CLIENT = 10
WAITING_SECONDS = keys.VERIFICATION_SECONDS
HOST_GAP = 5.0  # seconds between two verifications at one callback host
SILENT_TIMES = 5  # verifications without an answer, after which a host is left alone
SILENT_SECONDS = 3600

Refusal = Literal["full", "host", "client", "silent"]


class Subscriber(Frozen):
    """One callback for one of our feeds. Times are seconds of the store's clock."""

    topic: str
    base: str  # the service's address as the subscriber sees it: the topic begins with it
    callback: str
    secret: str | None = None
    lease: float  # seconds, as granted
    until: float = 0.0  # 0: not confirmed yet
    client: str = ""  # the address that asked

    @property
    def id(self) -> str:
        """The same for every request about this callback and feed."""
        named = f"{self.topic}\0{self.callback}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(named).hexdigest()[:32]

    @property
    def host(self) -> str:
        """The callback's host and port."""
        return urlsplit(self.callback).netloc.rpartition("@")[2].lower()


class Verification(Frozen):
    """A request for a subscription, or for its end, that the callback has to confirm."""

    mode: Literal["subscribe", "unsubscribe"]
    subscriber: Subscriber

    @property
    def id(self) -> str:
        """The same for every such request about this callback and feed."""
        return f"{self.mode}-{self.subscriber.id}"


async def ask_for(store: Store, verification: Verification) -> Refusal | None:
    """Have a callback verified; the same request once more changes what is requested.

    Returns why not: too much waits in all, at this host or for this client, or the host is silent.
    """
    asked, host = verification.subscriber, verification.subscriber.host
    refused = await store.call(
        store.script("verification"),
        [
            keys.VERIFICATIONS,
            keys.verification(verification.id),
            keys.hub_waiting("host", host),
            keys.hub_waiting("client", asked.client),
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
    """What is due, leased to this caller for `seconds`."""
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
        except UNREADABLE:  # expired, or done by another
            with store_errors():
                await store.redis.zrem(keys.VERIFICATIONS, verification_id)
    return leased


async def end_verification(store: Store, verification: Verification, *, answered: bool) -> None:
    """It was confirmed, refused, or not answered."""
    asked, host = verification.subscriber, verification.subscriber.host
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.zrem(keys.VERIFICATIONS, verification.id)
        pipe.delete(keys.verification(verification.id))
        pipe.zrem(keys.hub_waiting("host", host), verification.id)
        pipe.zrem(keys.hub_waiting("client", asked.client), verification.id)
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
        found = await store.redis.hmget(keys.HUB, list(ids))  # type: ignore[misc]
        pipe = store.redis.pipeline()
        pipe.hdel(keys.HUB, *ids)
        for subscriber in (Subscriber.model_validate_json(raw) for raw in found if raw):
            pipe.zrem(keys.hub_kept("host", subscriber.host), subscriber.id)
            pipe.zrem(keys.hub_kept("client", subscriber.client), subscriber.id)
        await pipe.execute()


async def load_subscribers(store: Store) -> list[Subscriber]:
    """All whose lease runs; those whose lease ended are forgotten."""
    now = await store.now()
    with store_errors():
        found = await store.redis.hvals(keys.HUB)  # type: ignore[misc]
    loaded = [Subscriber.model_validate_json(raw) for raw in found]
    await drop_subscribers(store, *(each.id for each in loaded if each.until <= now))
    return [each for each in loaded if each.until > now]


GIVEN_UP_SECONDS = 86_400  # that /health names a target that missed deliveries
GIVEN_UP_HOSTS = 100
LONGEST_REST = 600.0  # seconds that a target which fails is left alone
FIRST_REST = 5.0
FAILING_SECONDS = 86_400


class Outbox(NamedTuple):
    """A queue of deliveries; beyond its limits nothing is added."""

    key: str
    sizes: str
    deliveries: int
    size: int  # bytes


OPERATOR = Outbox(keys.OUTBOX, keys.OUTBOX_SIZES, 50_000, 128 * 2**20)
SUBSCRIBERS = Outbox(keys.HUB_OUTBOX, keys.HUB_OUTBOX_SIZES, 20_000, 64 * 2**20)


class Delivery(Frozen):
    """One request to be made."""

    id: str
    kind: Literal["verify", "hub", "webhook", "ping"]  # "verify": as older versions wrote it
    url: str
    headers: Mapping[str, str] = Field({})
    body: str = ""
    subscriber: str | None = None  # of our hub; forgotten when it answers 410
    tries: int = 0


class Added(NamedTuple):
    """What became of deliveries that were to be added."""

    added: int
    refused: int  # because the outbox is full


class Leased(NamedTuple):
    """What is due, and the ids of deliveries that grew too old."""

    deliveries: list[Delivery]
    expired: list[str]


class GivenUp(Frozen):
    """What one target was not sent within the last day."""

    count: int
    reason: str
    last: float  # seconds of the store's clock


async def add_deliveries(store: Store, outbox: Outbox, deliveries: Sequence[Delivery]) -> Added:
    """Add what is not there yet."""
    if not deliveries:
        return Added(0, 0)
    parts: list[str | bytes] = []
    for each in deliveries:
        parts += (each.id, keys.delivery(each.id), pack(each))
    limits = (outbox.deliveries, outbox.size, keys.DELIVERY_SECONDS)
    script = store.script("outbox")
    added, refused = await store.call(script, [outbox.key, outbox.sizes], [*limits, *parts])
    return Added(int(added), int(refused))


async def lease_deliveries(store: Store, outbox: Outbox, *, limit: int, seconds: float) -> Leased:
    """What is due, leased to this caller for `seconds`."""
    due = await store.call(store.script("due"), [outbox.key], [limit, int(seconds * 1e3)])
    ids = [each.decode() for each in due]
    leased, expired = list[Delivery](), list[str]()
    if not ids:
        return Leased(leased, expired)
    with store_errors():
        found = await store.redis.mget([keys.delivery(each) for each in ids])
    for delivery_id, raw in zip(ids, found, strict=True):
        try:
            leased.append(unpack(Delivery, raw or b""))
        except UNREADABLE:  # too old, or done by another
            await end_delivery(store, outbox, delivery_id)
            if raw is None:
                expired.append(delivery_id)
    return Leased(leased, expired)


async def delay_delivery(
    store: Store, outbox: Outbox, delivery: Delivery, *, seconds: float
) -> None:
    """Try again after that many seconds."""
    due = await store.now() + seconds
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.set(keys.delivery(delivery.id), pack(delivery), xx=True, keepttl=True)
        pipe.zadd(outbox.key, {delivery.id: due * 1000}, xx=True)
        await pipe.execute()


async def end_delivery(store: Store, outbox: Outbox, delivery_id: str) -> None:
    """It arrived, or never will. Its id stays known for a while."""
    where = [outbox.key, outbox.sizes, keys.delivery(delivery_id)]
    await store.call(store.script("sent"), where, [delivery_id])


async def resting(store: Store, host: str) -> float:
    """Seconds for which a target that failed is left alone; 0: it may be sent something."""
    with store_errors():
        left = int(await store.redis.pttl(keys.resting(host)))
    return max(0.0, left / 1000)


async def rest(store: Store, host: str) -> float:
    """Leave a target alone that just failed, ever longer; for how many seconds."""
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.incr(keys.failing(host))
        pipe.expire(keys.failing(host), FAILING_SECONDS)
        failures = int((await pipe.execute())[0])
        seconds = min(FIRST_REST * 2.0 ** min(failures - 1, 20), LONGEST_REST)
        await store.redis.set(keys.resting(host), b"1", px=int(seconds * 1000))
    return seconds


async def rested(store: Store, host: str) -> None:
    """The target answered well."""
    with store_errors():
        await store.redis.delete(keys.failing(host), keys.resting(host))


async def give_up(store: Store, host: str, *, count: int, reason: str) -> bool:
    """Remember that deliveries to `host` were given up; True for its first within a day."""
    arguments = [host, count, reason[:300], GIVEN_UP_SECONDS, GIVEN_UP_HOSTS]
    return bool(await store.call(store.script("given_up"), [keys.GIVEN_UP], arguments))


async def given_up(store: Store) -> dict[str, GivenUp]:
    """By host: what was given up within the last day."""
    with store_errors():
        found = await store.redis.hgetall(keys.GIVEN_UP)  # type: ignore[misc]
    now = await store.now()
    read = {host.decode(): GivenUp.model_validate_json(raw) for host, raw in found.items()}
    return {host: each for host, each in read.items() if now - each.last < GIVEN_UP_SECONDS}
