"""Fair shares of what is scarce in a worker: the source that used the least lately is next.

In order of arrival, an ordinary source waited for all documents of 24 whose documents use up their
time. So it waits for one.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from heapq import heappop, heappush
from itertools import count

_HALF_LIFE = 60.0  # seconds after which half of what was used is forgotten
_MOST_KNOWN = 10_000  # sources; beyond them all start again


class Usage:
    """The seconds that each source used lately."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[float, float]] = {}  # seconds, and when they were added up

    def of(self, source: str) -> float:
        """Seconds that `source` used; those of a minute ago count half."""
        seconds, at = self._used.get(source, (0.0, 0.0))
        return seconds * math.exp2((at - time.monotonic()) / _HALF_LIFE)

    @contextmanager
    def charged(self, source: str) -> Iterator[None]:
        """Add what the block takes to what `source` used."""
        started = time.monotonic()
        try:
            yield
        finally:
            if len(self._used) >= _MOST_KNOWN:
                self._used.clear()
            now = time.monotonic()
            self._used[source] = (self.of(source) + now - started, now)


class FairPlaces:
    """A number of places; a free one goes to who used the least, of equals to the first."""

    def __init__(self, places: int, usage: Usage) -> None:
        self._free = places
        self._usage = usage
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    @asynccontextmanager
    async def place(self, source: str) -> AsyncIterator[None]:
        """Wait for a place, and hold it until the block ends."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(self._usage.of(source))
        try:
            yield
        finally:
            self._leave()

    async def _wait(self, used: float) -> None:
        turn = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (used, next(self._numbers), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # it was given the place in the moment in which it was cancelled
            raise

    def _leave(self) -> None:
        while self._waiting:
            turn = heappop(self._waiting)[2]
            if not turn.done():  # else its task was cancelled
                turn.set_result(None)
                return
        self._free += 1
