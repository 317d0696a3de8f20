"""Sources to which no connection was made, and when they are tried again out of turn.

Their own gaps grow while they fail, as those of any source that fails. But where it was our network
that was away they would stay away for hours after it is back: so they are made due once when it is.
"""

from __future__ import annotations

import random
from typing import Literal, NamedTuple

from store import keys
from store.connection import Store, store_errors
from store.schedule import ring

RETRIED = 1000  # sources at most, at once
RETRIED_PER_SECOND = 10
RETRIED_WITHIN = 120.0  # seconds: 1,000 at 10 a second; what is due by then anyway is left alone
START_COUNTS_AFTER = 600.0  # seconds since the last start
OUTAGE = 3  # sources that fail without an answer between them: not the fault of one of them
PROBE_SECONDS = 15.0  # between two trials of hosts, in the first minutes of an outage
PROBE_SECONDS_LATER = 60.0
_FIRST_MINUTES = 600.0
_PROBE_CAP = 3600.0  # where a host takes connections and its source still fails

Happened = Literal["started", "reached", "answered"]


class Probe(NamedTuple):
    """A source whose host is to be tried now, and the state of the outage."""

    name: str
    failing: int  # sources that failed since the last answer


async def note_unreachable(store: Store, name: str) -> None:
    """No connection to this source was made."""
    await store.call(store.script("unreachable"), [keys.UNREACHABLE, keys.NETWORK], [name])


async def note_reached(store: Store, name: str) -> None:
    """The host of this source answered, with whatever status."""
    with store_errors():
        await store.redis.zrem(keys.UNREACHABLE, name)


async def unreachable_names(store: Store) -> set[str]:
    """The sources that cannot be reached; of very many as many as are retried at once."""
    with store_errors():
        found = await store.redis.zrange(keys.UNREACHABLE, 0, RETRIED - 1)
    return {name.decode() for name in found}


async def some_unreachable(store: Store, count: int) -> list[str]:
    """Some of the sources that cannot be reached, others each time."""
    with store_errors():
        found = await store.redis.zrandmember(keys.UNREACHABLE, count)
    return [name.decode() for name in found]


async def retry_unreachable(store: Store, happened: Happened) -> int:
    """Make due what failed since this was last done; returns how many sources that were."""
    limits = [
        RETRIED,
        1000 // RETRIED_PER_SECOND,
        int(RETRIED_WITHIN * 1000),
        int(START_COUNTS_AFTER * 1000),
        OUTAGE,
    ]
    made = await store.call(
        store.script("retry"),
        [keys.SCHEDULE, keys.UNREACHABLE, keys.NETWORK],
        [happened, *limits],
    )
    if made:
        await ring(store)
    return int(made)


async def next_probe(store: Store) -> Probe | None:
    """A source that failed since the last answer of any, if it is time to try a host.

    One worker gets it; while sources answer there is none.
    """
    now = await store.now()
    with store_errors():
        known = await store.redis.hmget(keys.NETWORK, ["retried", "answered", "trials"])  # type: ignore[misc]
        retried, answered, trials = (float(each or 0) for each in known)
        failing = await store.redis.zrange(
            keys.UNREACHABLE,
            f"({max(retried, answered):.0f}",  # type: ignore[arg-type]
            "+inf",  # type: ignore[arg-type]
            byscore=True,
            withscores=True,
        )
        if not failing:
            return None
        pause = _pause(now - failing[0][1] / 1000, trials)
        if not await store.redis.set(keys.PROBED, b"1", nx=True, px=int(pause * 1000)):
            return None
    name: bytes = random.choice(failing)[0]  # noqa: S311 - any host will do, another each time
    return Probe(name.decode(), len(failing))


def _pause(lasting: float, trials: float) -> float:
    pause = PROBE_SECONDS if lasting < _FIRST_MINUTES else PROBE_SECONDS_LATER
    return min(float(pause * 4**trials), _PROBE_CAP)
