"""What workers share about hosts: their request limits, robots.txt for a day, and outages.

The delays between polls of an unreachable source grow, as those of any failing source. When our own
network was away, sources would stay unpolled for hours; so they become due once it is back.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Literal, NamedTuple

import orjson

from core.config.settings import PerHost
from core.errors import Phrase, StoreAway
from store import keys
from store.connection import Store, store_errors
from store.schedule import wake_sweeper

# A factor for the gap between requests, which may leave closer together than their turns: with 1.05
# an origin counted eleven requests in a second at a limit of ten, on a busy machine.
MARGIN = 1.1
LONGEST_LINE = 600.0  # seconds ahead for which places are promised
LONGEST_PAUSE = 3600.0  # seconds; after it, one request more shows whether it still holds
ROBOTS_USUAL, ROBOTS_MOST = 256, 8192  # bytes, packed: kept for a day, and kept at all
LEASE_MARGIN = 10.0  # seconds beyond the time limit of a request


class _Turn(NamedTuple):
    """One call to take a turn or to return it."""

    host: str
    holder: str
    what: int | str  # ms ahead for which a place is promised, or "back"
    limits: PerHost
    lease: float


async def pause_host(store: Store, host: str, seconds: float, reason: Phrase) -> None:
    """Fetch nothing from a host for `seconds`, because it reported a rate limit."""
    stored, lasting = orjson.dumps(tuple(reason)), max(1, int(seconds * 1000))
    with store_errors():
        await store.redis.set(keys.host(host, "paused"), stored, px=lasting)


async def host_pause(store: Store, host: str) -> tuple[float, Phrase] | None:
    """The seconds for which a host is still paused, and why; None if it is not paused."""
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.pttl(keys.host(host, "paused"))
        pipe.get(keys.host(host, "paused"))
        left, reason = await pipe.execute()
    if reason is None:
        return None
    plain = not reason.startswith(b"[")  # as earlier versions wrote it
    phrase = Phrase(reason.decode(), {}) if plain else Phrase(*orjson.loads(reason))
    return max(left, 1) / 1000, phrase


async def _take_all(store: Store, turns: Sequence[_Turn]) -> list[int]:
    _, _, _, limits, lease = turns[-1]  # those in force now
    gap = MARGIN / limits.per_second
    return await store.call(  # type: ignore[no-any-return]
        store.script("turn"),
        [keys.host(turn.host, "") for turn in turns],
        [
            limits.in_flight,
            *(int(seconds * 1000) for seconds in (gap, lease)),
            *(part for turn in turns for part in (turn.holder, turn.what)),
        ],
    )


class HostTurns:
    """The request limits per host. `timeout` is the maximal duration of a request in seconds."""

    def __init__(self, store: Store, limits: PerHost, *, timeout: float) -> None:
        self._store = store
        self._limits = limits
        self._lease = timeout + LEASE_MARGIN

    def adopt(self, limits: PerHost, *, timeout: float) -> None:
        """Use other limits from now on."""
        self._limits = limits
        self._lease = timeout + LEASE_MARGIN

    async def take(self, host: str, holder: str, *, line: float = LONGEST_LINE) -> float:
        """Take a turn: 0 when it was taken, else the seconds after which `holder` may try again.

        Its place is kept if it is less than `line` seconds away. A turn that is not returned
        expires.
        """
        turn = _Turn(host, holder, int(line * 1000), self._limits, self._lease)
        return await self._store.gathered(_take_all, turn) / 1000

    async def give_back(self, host: str, holder: str) -> None:
        """Return a turn."""
        turn = _Turn(host, holder, "back", self._limits, self._lease)
        with suppress(StoreAway):  # its lease ends it then
            await self._store.gathered(_take_all, turn)

    async def refuse(self, host: str, holder: str, seconds: float) -> None:
        """Note that a host answered 429 to `holder`; after two holders no worker fetches from it.

        That lasts for `seconds`, an hour at most.
        """
        seconds = min(seconds, LONGEST_PAUSE)
        until = await self._store.now() + seconds
        key = keys.host(host, "refused")
        with store_errors():
            pipe = self._store.redis.pipeline()
            pipe.zadd(key, {holder: until * 1000}, gt=True)
            for condition in ({"nx": True}, {"gt": True}):  # never shorter than another's wait
                pipe.pexpire(key, int(seconds * 1000) + 1000, **condition)
            await pipe.execute()


async def load_robots(store: Store, origin: str) -> bytes | None:
    """The stored robots.txt of `scheme://host:port`, or None."""
    return await store.gathered(_load_all, origin)


async def _load_all(store: Store, origins: Sequence[str]) -> list[bytes | None]:
    with store_errors():
        found = await store.redis.mget([keys.robots(origin) for origin in origins])
    return [None if packed is None else zlib.decompress(packed) for packed in found]


async def keep_robots(store: Store, origin: str, robots: bytes, *, seconds: float) -> bool:
    """Store a file for `seconds`, a large one for less; False if it is too large to be stored.

    A feed may name thousands of hosts, each with a robots.txt of a megabyte: 200 took 128 MB. With
    these limits 2,000 hosts in a quarter of an hour take 49 MB at most.
    """
    packed = zlib.compress(robots)
    if len(packed) > ROBOTS_MOST:
        return False
    longest = keys.ROBOTS_SECONDS * min(1.0, ROBOTS_USUAL / len(packed))
    lifetime = max(1, int(min(seconds, longest)))
    with store_errors():
        await store.redis.set(keys.robots(origin), packed, ex=lifetime)
    return True


@asynccontextmanager
async def asking_robots(store: Store, origin: str, *, seconds: float) -> AsyncIterator[bool]:
    """Whether this worker may fetch the file; no other may until the block ends."""
    key = keys.robots_claim(origin)
    with store_errors():
        ours = bool(await store.redis.set(key, b"", nx=True, ex=int(seconds)))
    try:
        yield ours
    finally:
        if ours:
            with store_errors():
                await store.redis.delete(key)


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


async def note_unreachable(store: Store, name: str) -> None:
    """Note that no connection to this source could be made."""
    await store.call(store.script("unreachable"), [keys.UNREACHABLE, keys.NETWORK], [name])


async def note_reached(store: Store, name: str) -> None:
    """Note that the host of this source answered, with any status."""
    with store_errors():
        await store.redis.zrem(keys.UNREACHABLE, name)


async def unreachable_names(store: Store) -> set[str]:
    """The unreachable sources, at most as many as are retried at once."""
    with store_errors():
        found = await store.redis.zrange(keys.UNREACHABLE, 0, RETRIED - 1)
    return {name.decode() for name in found}


async def some_unreachable(store: Store, count: int) -> list[str]:
    """A random selection of the unreachable sources."""
    with store_errors():
        found = await store.redis.zrandmember(keys.UNREACHABLE, count)
    return [name.decode() for name in found]


async def retry_unreachable(store: Store, happened: Happened) -> int:
    """Make the sources due that failed since the last retry; returns their number."""
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
        await wake_sweeper(store)
    return int(made)


async def next_probe(store: Store) -> str | None:
    """A source that failed since any source last answered, if it is time to test a host.

    Only one worker gets it, and only while no source answers.
    """
    now = await store.now()
    with store_errors():
        known = await store.redis.hmget(keys.NETWORK, ["retried", "answered", "trials"])
        retried, answered, trials = (float(each or 0) for each in known)
        failing = await store.redis.zrange(
            keys.UNREACHABLE,
            f"({max(retried, answered):.0f}",
            "+inf",
            byscore=True,
            withscores=True,
        )
        if not failing:
            return None
        young = now - failing[0][1] / 1000 < _FIRST_MINUTES
        pause = min((PROBE_SECONDS if young else PROBE_SECONDS_LATER) * 4**trials, _PROBE_CAP)
        if not await store.redis.set(keys.PROBED, b"1", nx=True, px=int(pause * 1000)):
            return None
    name: bytes = random.choice(failing)[0]  # noqa: S311 - any host will do, another each time
    return name.decode()
