"""What is to be sent to others: each delivery once, tried again until it arrives or is too old.

The service fills it, workers empty it. A delivery's id is made from what it is; adding it twice,
or after it was done, changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from core.models import Frozen
from store import keys
from store.connection import Store, store_errors
from store.packing import UNREADABLE, pack, unpack

OUTBOX_KEPT = 50_000  # beyond this nothing is added: somebody is not taking what we send

_ADD = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local added = 0
for i = 3, #ARGV, 3 do
  if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return added end
  if redis.call('SET', ARGV[i + 1], ARGV[i + 2], 'NX', 'EX', ARGV[2]) then
    redis.call('ZADD', KEYS[1], now, ARGV[i])
    added = added + 1
  end
end
return added
"""

_LEASE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
for _, id in ipairs(due) do redis.call('ZADD', KEYS[1], now + ARGV[2], id) end
return due
"""


class Delivery(Frozen):
    """One request to be made."""

    id: str
    kind: Literal["verify", "hub", "webhook", "ping"]
    url: str
    headers: Mapping[str, str] = Field({})
    body: str = ""
    subscriber: str | None = None  # of our hub; forgotten when it answers 410
    tries: int = 0


async def add_deliveries(store: Store, deliveries: Sequence[Delivery]) -> int:
    """Add what is not there yet; how many that were."""
    if not deliveries:
        return 0
    parts: list[str | bytes] = []
    for each in deliveries:
        parts += (each.id, keys.delivery(each.id), pack(each))
    script = store.redis.register_script(_ADD)
    added = await store.call(script, [keys.OUTBOX], [OUTBOX_KEPT, keys.DELIVERY_SECONDS, *parts])
    return int(added)


async def lease_deliveries(store: Store, *, limit: int, seconds: float) -> list[Delivery]:
    """What is due, for this caller alone for so many seconds."""
    script = store.redis.register_script(_LEASE)
    due = [i.decode() for i in await store.call(script, [keys.OUTBOX], [limit, int(seconds * 1e3)])]
    if not due:
        return []
    with store_errors():
        found = await store.redis.mget([keys.delivery(i) for i in due])
    leased = []
    for delivery_id, raw in zip(due, found, strict=True):
        try:
            leased.append(unpack(Delivery, raw or b""))
        except UNREADABLE:  # too old, or done by another
            await end_delivery(store, delivery_id)
    return leased


async def delay_delivery(store: Store, delivery: Delivery, *, seconds: float) -> None:
    """Try again after so many seconds."""
    due = await store.now() + seconds
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.set(keys.delivery(delivery.id), pack(delivery), xx=True, keepttl=True)
        pipe.zadd(keys.OUTBOX, {delivery.id: due * 1000}, xx=True)
        await pipe.execute()


async def end_delivery(store: Store, delivery_id: str) -> None:
    """It arrived, or never will. Its id stays known for a while."""
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.zrem(keys.OUTBOX, delivery_id)
        pipe.set(keys.delivery(delivery_id), b"", xx=True, keepttl=True)
        await pipe.execute()


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
