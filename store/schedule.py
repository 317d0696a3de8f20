"""The schedule, which decides what is due: one sorted set of sources and one of pending pages.

A job in arq's queue is only a hint that may be lost or doubled. The lease decides: while its token
is current, only its holder may write the result; a lease that is not renewed expires. All times are
the store's, so that clock jumps of a host do no harm.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import inf
from typing import NamedTuple

from store import keys
from store.connection import Store, store_errors

SPACING = 0.02  # seconds between sources that become due together
_TIMES_AT_ONCE = 5000  # names in one command
_REFUSED = 0  # returned by the script instead of a state


class Lease(NamedTuple):
    """The right to work on a source or a pending page, until it expires."""

    name: str  # of the source, or id of the entry
    token: str


class Begun(NamedTuple):
    """What a job receives when it may start."""

    now: float  # Unix seconds of the store's clock
    state: bytes | None  # of the source, or the entry's document, in stored form


class Queue(NamedTuple):
    """One of the two schedules."""

    schedule: str  # key of the sorted set
    state_prefix: str  # with a name: the key of the hash that holds the token


class LeaseResult(NamedTuple):
    """The result of leasing from one queue."""

    scheduled: int  # members, due or not
    next_in: float  # seconds until something is due or a lease expires; inf: the queue is empty
    leases: list[Lease]


SOURCES = Queue(keys.SCHEDULE, keys.source(""))
PAGES = Queue(keys.PENDING, keys.entry(""))


async def lease_all_due(
    store: Store, limits: Mapping[Queue, int], *, seconds: float
) -> list[LeaseResult]:
    """Lease due members of each queue, up to its limit, for `seconds`."""
    arguments = [part for q, limit in limits.items() for part in (max(limit, 0), q.state_prefix)]
    answer = await store.call(
        store.script("lease"),
        [keys.LEASES, *(queue.schedule for queue in limits)],
        [int(seconds * 1000), *arguments],
    )
    return [_found(*each) for each in answer]


def _found(scheduled: int, wait: int, *parts: bytes) -> LeaseResult:
    texts = [part.decode() for part in parts]
    leases = [Lease(*pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
    return LeaseResult(scheduled, inf if wait < 0 else wait / 1000, leases)


async def begin(store: Store, queue: Queue, lease: Lease) -> Begun | None:
    """Begin the work of a lease; None when it is not current or its work was begun already."""
    return await store.gathered(_begin_all, (queue.state_prefix + lease.name, lease.token))


async def _begin_all(store: Store, asked: Sequence[tuple[str, str]]) -> list[Begun | None]:
    seconds, micros, *states = await store.call(
        store.script("begin"), [key for key, _ in asked], [token for _, token in asked]
    )
    now = int(seconds) + int(micros) / 1e6
    return [None if state == _REFUSED else Begun(now, state or None) for state in states]


async def renew(store: Store, queue: Queue, lease: Lease, *, seconds: float) -> bool:
    """Renew a lease for `seconds`; False when it is no longer current."""
    return await _move(store, queue, lease, seconds, "renew")


async def release(store: Store, queue: Queue, lease: Lease, *, after: float) -> bool:
    """End a lease without a result; its member is due again `after` seconds from now."""
    return await _move(store, queue, lease, after, "release")


async def finish(store: Store, queue: Queue, lease: Lease) -> bool:
    """End a lease and remove its member from the schedule: there is nothing to do."""
    return await _move(store, queue, lease, 0, "finish")


async def add_sources(store: Store, names: Sequence[str], *, spacing: float = SPACING) -> int:
    """Schedule new sources, the first now, each next one `spacing` seconds later.

    A source that was removed and returns within `dedup.window` keeps its planned time.
    """
    if not names:
        return 0
    script = store.script("add_sources")
    return int(
        await store.call(script, [keys.SCHEDULE], [int(spacing * 1000), keys.source(""), *names])
    )


async def make_due(store: Store, longest: Mapping[str, float]) -> int:
    """Make sources due, one after the other, that are planned later than their `longest` wait."""
    if not longest:
        return 0
    pairs = [part for name, s in longest.items() for part in (name, int(s * 1000))]
    script = store.script("pull_in")
    return int(await store.call(script, [keys.SCHEDULE], [int(SPACING * 1000), *pairs]))


async def drop_sources(store: Store, kept: Collection[str], *, forget_after: float) -> list[str]:
    """Unschedule the sources that are not in `kept`; returns their names.

    Their states expire after `forget_after` seconds, so that a source that returns before then does
    not start over.
    """
    with store_errors():
        scheduled = [name.decode() for name in await store.redis.zrange(keys.SCHEDULE, 0, -1)]
        gone = sorted(set(scheduled) - set(kept))
        if gone:
            pipe = store.redis.pipeline()
            pipe.zrem(keys.SCHEDULE, *gone)
            for name in gone:
                for key in (keys.source(name), keys.seen(name), keys.learned(name)):
                    pipe.expire(key, int(forget_after))
            await pipe.execute()
    return gone


async def poll_now(store: Store, name: str) -> bool:
    """Make a source due at once; False when it is not scheduled."""
    with store_errors():
        if await store.redis.zscore(keys.SCHEDULE, name) is None:
            return False
        pipe = store.redis.pipeline()
        pipe.hdel(keys.source(name), "token", "begun")
        pipe.zadd(keys.SCHEDULE, {name: 0}, xx=True)
        await pipe.execute()
    await wake_sweeper(store)
    return True


async def poll_in_order(store: Store, names: Sequence[str]) -> None:
    """Make sources due at once, in the given order."""
    with store_errors():
        pipe = store.redis.pipeline()
        for place, name in enumerate(names):
            pipe.hdel(keys.source(name), "token", "begun")
            # Below 0, the score of a poll by hand.
            pipe.zadd(keys.SCHEDULE, {name: place - len(names)}, xx=True)
        await pipe.execute()
    await wake_sweeper(store)


async def wake_sweeper(store: Store) -> None:
    """Wake one sweeper: something became due out of turn."""
    with store_errors():
        pipe = store.redis.pipeline(transaction=False)
        pipe.lpush(keys.WAKE, b"1")
        pipe.ltrim(keys.WAKE, 0, 9)
        pipe.expire(keys.WAKE, 5)
        await pipe.execute()


async def wait_for_wake(store: Store, *, seconds: float) -> None:
    """Wait until `wake_sweeper` is called, up to `seconds`."""
    with store_errors():
        await store.redis.blpop([keys.WAKE], timeout=seconds)


async def due_within(store: Store, queue: Queue, seconds: float) -> int:
    """The number of members due within `seconds`, leased ones included if they expire by then."""
    until = (await store.now() + seconds) * 1000
    with store_errors():
        return int(await store.redis.zcount(queue.schedule, "-inf", until))


async def due_times(store: Store, names: Sequence[str]) -> list[float | None]:
    """When each source is due, in Unix seconds of the store's clock; None: not scheduled."""
    due: list[float | None] = []
    for start in range(0, len(names), _TIMES_AT_ONCE):
        with store_errors():
            chunk = list(names[start : start + _TIMES_AT_ONCE])
            scores = await store.redis.zmscore(keys.SCHEDULE, chunk)
        due += [None if score is None else float(score) / 1000 for score in scores]
    return due


async def queue_age(store: Store) -> float:
    """The seconds for which the most overdue source or page has waited; 0 if nothing is due."""
    now = await store.now()
    with store_errors():
        oldest = [
            await store.redis.zrange(key, 0, 0, withscores=True)
            for key in (keys.SCHEDULE, keys.PENDING)
        ]
    # A score of 0 or less marks a poll by hand, which does not indicate a delay.
    overdue = [now - float(row[0][1]) / 1000 for row in oldest if row and row[0][1] > 0]
    return max([0.0, *overdue])


async def _move(store: Store, queue: Queue, lease: Lease, seconds: float, what: str) -> bool:
    state, milliseconds = queue.state_prefix + lease.name, int(seconds * 1000)
    move = (queue.schedule, state, lease.name, lease.token, milliseconds, what)
    return await store.gathered(_move_all, move)


async def _move_all(
    store: Store, moves: Sequence[tuple[str, str, str, str, int, str]]
) -> list[bool]:
    moved = await store.call(store.script("move"), [], [part for move in moves for part in move])
    return [bool(each) for each in moved]
