"""What is sent to others: each delivery once, repeated until it arrives or expires.

The service fills an outbox, one process at a time, and workers empty it. A delivery's id is made
from what it is: adding it twice, or after it was done, changes nothing. What the operator asked for
(webhooks, pings) and what strangers subscribed to have an outbox each, so that neither waits for
the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from core.models import Frozen
from store import keys
from store.connection import Store, store_errors
from store.plan import UNREADABLE, pack, unpack

GIVEN_UP_SECONDS = 86_400  # that /health names a target that missed deliveries
GIVEN_UP_HOSTS = 100
LONGEST_REST = 600.0  # seconds that a target which fails is left alone
FIRST_REST = 5.0
FAILING_SECONDS = 86_400


class Outbox(NamedTuple):
    """A queue of deliveries; beyond its limits nothing is added."""

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


async def put_back(
    store: Store, outbox: Outbox, deliveries: Sequence[Delivery], *, seconds: float
) -> None:
    """Make leased deliveries due again after that many seconds, as they are."""
    if deliveries:
        due = (await store.now() + seconds) * 1000
        with store_errors():
            await store.redis.zadd(outbox.key, {each.id: due for each in deliveries}, xx=True)


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
    read = {
        host.decode(): GivenUp.model_validate_json(raw, extra="ignore")
        for host, raw in found.items()
    }
    return {host: each for host, each in read.items() if now - each.last < GIVEN_UP_SECONDS}


async def lead(store: Store, outbox: Outbox, who: str, *, seconds: float) -> bool:
    """Whether this process fills the outbox now: of two, each would send everything."""
    with store_errors():
        if await store.redis.set(outbox.publisher, who, nx=True, px=int(seconds * 1000)):
            return True
        if await store.redis.get(outbox.publisher) != who.encode():
            return False
        await store.redis.pexpire(outbox.publisher, int(seconds * 1000))
    return True


async def published_until(store: Store, outbox: Outbox) -> str | None:
    """Up to which change the outbox was filled."""
    with store_errors():
        found = await store.redis.get(outbox.published)
        if found is None:  # older versions had one position for both
            found = await store.redis.get(keys.PUBLISHED)
            if found is not None:  # from here on its own: that of the operator's moves on
                await store.redis.set(outbox.published, found, nx=True)
    return None if found is None else found.decode()


async def keep_published(store: Store, outbox: Outbox, position: str) -> None:
    """The outbox was filled up to this change."""
    with store_errors():
        before = await store.redis.set(outbox.published, position, get=True)
        if before is not None and outbox is OPERATOR:
            await store.redis.set(keys.HUB_PUBLISHED, before, nx=True)  # of an older version
