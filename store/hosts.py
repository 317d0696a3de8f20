"""Turns at other people's hosts, shared by all workers through the store.

A host is asked by so many at once and so often a second, whoever asks. Places in the line are
promised, so that sixty sources on one host are served one after the other and none is starved.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from core.config.settings import PerHost
from core.errors import StoreAway
from store import keys
from store.connection import Store, store_errors

MARGIN = 1.05  # of the gap: two requests leave a little closer together than they were let go
LONGEST_LINE = 600.0  # seconds ahead for which places are promised
LONGEST_PAUSE = 3600.0  # seconds; after it, one request more shows whether it still holds
LEASE_MARGIN = 10.0  # seconds beyond the time limit of a request


class _Turn(NamedTuple):
    """One turn that is taken or given back."""

    host: str
    holder: str
    what: int | str  # ms ahead for which a place is promised, or "back"
    limits: PerHost
    lease: float


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
    """Who may ask a host now. `timeout` is the longest that one request can take."""

    def __init__(self, store: Store, limits: PerHost, *, timeout: float) -> None:
        self._store = store
        self._limits = limits
        self._lease = timeout + LEASE_MARGIN

    def adopt(self, limits: PerHost, *, timeout: float) -> None:
        """Go on under other limits."""
        self._limits = limits
        self._lease = timeout + LEASE_MARGIN

    async def take(self, host: str, holder: str, *, line: float = LONGEST_LINE) -> float:
        """0 when the turn is taken; else the seconds after which `holder` is to ask again.

        Its place is kept meanwhile if it is less than `line` seconds away. A turn that is not
        given back ends with its lease.
        """
        turn = _Turn(host, holder, int(line * 1000), self._limits, self._lease)
        return await self._store.gathered(_take_all, turn) / 1000

    async def give_back(self, host: str, holder: str) -> None:
        """The request is over."""
        turn = _Turn(host, holder, "back", self._limits, self._lease)
        with suppress(StoreAway):  # its lease ends it then
            await self._store.gathered(_take_all, turn)

    async def refuse(self, host: str, holder: str, seconds: float) -> None:
        """A host told `holder` to wait; while it told two so, nobody asks it, an hour at most."""
        seconds = min(seconds, LONGEST_PAUSE)
        until = await self._store.now() + seconds
        key = keys.host(host, "refused")
        with store_errors():
            pipe = self._store.redis.pipeline()
            pipe.zadd(key, {holder: until * 1000}, gt=True)
            for condition in ({"nx": True}, {"gt": True}):  # never shorter than another's wait
                pipe.pexpire(key, int(seconds * 1000) + 1000, **condition)
            await pipe.execute()
