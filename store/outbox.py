"""Outgoing deliveries: each once, retried until it arrives or expires.

The service fills an outbox, one process at a time, and workers empty it. The id of a delivery is
made from its content, so adding it twice, or again after it was sent, changes nothing. Deliveries
that the operator configured (webhooks, pings) and those to subscribers of our hub have separate
outboxes, so that neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from core.models import Frozen
from store import keys
from store.connection import Store, store_errors
from store.layout import UNREADABLE, pack, unpack

ADDED_AT_ONCE = 2**20  # bytes in one call of the store
GIVEN_UP_SECONDS = 86_400  # for which /health names a target that missed deliveries
GIVEN_UP_HOSTS = 100
LONGEST_REST = 600.0  # seconds without deliveries to a failing target
FIRST_REST = 5.0
FAILING_SECONDS = 86_400


class Outbox(NamedTuple):
    """A queue of deliveries; beyond its limits further ones are refused."""

    key: str
    sizes: str
    publisher: str  # key of the process that fills it
    published: str  # key of the change up to which it was filled
    deliveries: int
    size: int  # bytes


OPERATOR = Outbox(
    keys.OUTBOX, keys.OUTBOX_SIZES, keys.PUBLISHER, keys.PUBLISHED, 50_000, 128 * 2**20
)
SUBSCRIBERS = Outbox(
    keys.HUB_OUTBOX,
    keys.HUB_OUTBOX_SIZES,
    keys.HUB_PUBLISHER,
    keys.HUB_PUBLISHED,
    20_000,
    64 * 2**20,
)


def half(outbox: Outbox) -> Outbox:
    """The same queue for deliveries that may fill half of it."""
    return outbox._replace(deliveries=outbox.deliveries // 2, size=outbox.size // 2)


class Delivery(Frozen):
    """One request to be sent."""

    id: str
    kind: Literal["hub", "webhook", "ping"]
    url: str
    headers: Mapping[str, str] = Field({})
    body: str = ""
    subscriber: str | None = None  # id; a subscriber that answers 410 is removed
    tries: int = 0
    ahead: float = 0.0  # seconds by which it goes before others that are due


class Added(NamedTuple):
    """The numbers of added and refused deliveries."""

    added: int
    refused: int  # because the outbox is full


class Leased(NamedTuple):
    """The due deliveries, and the ids of expired ones."""

    deliveries: list[Delivery]
    expired: list[str]


class GivenUp(Frozen):
    """The deliveries to one target that were given up within the last day."""

    count: int
    reason: str
    last: float  # seconds of the store's clock


async def add_deliveries(store: Store, outbox: Outbox, deliveries: Sequence[Delivery]) -> Added:
    """Add the deliveries that are not known yet."""
    limits, script = (outbox.deliveries, outbox.size, keys.DELIVERY_SECONDS), store.script("outbox")
    added, refused, size = 0, 0, 0
    parts = list[str | bytes]()
    for number, each in enumerate(deliveries, 1):
        packed = pack(each)
        parts += (each.id, keys.delivery(each.id), packed, str(int(each.ahead * 1000)))
        size += len(packed)
        if size > ADDED_AT_ONCE or number == len(deliveries):
            found = await store.call(script, [outbox.key, outbox.sizes], [*limits, *parts])
            added, refused, size = added + int(found[0]), refused + int(found[1]), 0
            parts.clear()
    return Added(added, refused)


async def lease_deliveries(store: Store, outbox: Outbox, *, limit: int, seconds: float) -> Leased:
    """The due deliveries, leased to this caller for `seconds`."""
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
        except UNREADABLE:  # expired, or sent by another worker
            await end_delivery(store, outbox, delivery_id)
            if raw is None:
                expired.append(delivery_id)
    return Leased(leased, expired)


async def delay_delivery(
    store: Store, outbox: Outbox, delivery: Delivery, *, seconds: float
) -> None:
    """Retry a delivery after `seconds`."""
    due = await store.now() + seconds
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.set(keys.delivery(delivery.id), pack(delivery), xx=True, keepttl=True)
        pipe.zadd(outbox.key, {delivery.id: due * 1000}, xx=True)
        await pipe.execute()


async def put_back(
    store: Store, outbox: Outbox, deliveries: Sequence[Delivery], *, seconds: float
) -> None:
    """Make leased deliveries due again after `seconds`, unchanged."""
    if deliveries:
        due = (await store.now() + seconds) * 1000
        with store_errors():
            await store.redis.zadd(outbox.key, {each.id: due for each in deliveries}, xx=True)


async def end_delivery(store: Store, outbox: Outbox, delivery_id: str) -> None:
    """Remove a delivery that arrived or was given up; its id stays known for two days."""
    where = [outbox.key, outbox.sizes, keys.delivery(delivery_id)]
    await store.call(store.script("sent"), where, [delivery_id])


async def target_pause(store: Store, host: str) -> float:
    """The seconds until a failing target may get its next delivery; 0 means now."""
    with store_errors():
        left = int(await store.redis.pttl(keys.resting(host)))
    return max(0.0, left / 1000)


async def pause_target(store: Store, host: str) -> float:
    """Pause deliveries to a target that failed, longer after each failure; returns the seconds."""
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.incr(keys.failing(host))
        pipe.expire(keys.failing(host), FAILING_SECONDS)
        failures = int((await pipe.execute())[0])
        seconds = min(FIRST_REST * 2.0 ** min(failures - 1, 20), LONGEST_REST)
        await store.redis.set(keys.resting(host), b"1", px=int(seconds * 1000))
    return seconds


async def target_recovered(store: Store, host: str) -> None:
    """Note that a target accepted a delivery."""
    with store_errors():
        await store.redis.delete(keys.failing(host), keys.resting(host))


async def give_up(store: Store, host: str, *, count: int, reason: str) -> bool:
    """Note that deliveries to `host` were given up; returns whether it is the day's first time."""
    arguments = [host, count, reason[:300], GIVEN_UP_SECONDS, GIVEN_UP_HOSTS]
    return bool(await store.call(store.script("given_up"), [keys.GIVEN_UP], arguments))


async def given_up(store: Store) -> dict[str, GivenUp]:
    """Host -> the deliveries to it that were given up within the last day."""
    with store_errors():
        found = await store.redis.hgetall(keys.GIVEN_UP)
    now = await store.now()
    read = {
        host.decode(): GivenUp.model_validate_json(raw, extra="ignore")
        for host, raw in found.items()
    }
    return {host: each for host, each in read.items() if now - each.last < GIVEN_UP_SECONDS}


async def is_publisher(store: Store, outbox: Outbox, who: str, *, seconds: float) -> bool:
    """Whether this process fills the outbox now; only one may, or all would be sent twice."""
    with store_errors():
        if await store.redis.set(outbox.publisher, who, nx=True, px=int(seconds * 1000)):
            return True
        if await store.redis.get(outbox.publisher) != who.encode():
            return False
        await store.redis.pexpire(outbox.publisher, int(seconds * 1000))
    return True


async def published_until(store: Store, outbox: Outbox) -> str | None:
    """The position of the last change for which the outbox was filled."""
    with store_errors():
        found = await store.redis.get(outbox.published)
    return None if found is None else found.decode()


async def keep_published(store: Store, outbox: Outbox, position: str) -> None:
    """Store the position up to which the outbox was filled."""
    with store_errors():
        await store.redis.set(outbox.published, position)
