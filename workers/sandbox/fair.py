"""Fair shares of what is scarce in a worker: the source that used the least lately is next.

In order of arrival, an ordinary source waited for all documents of 24 whose documents use up their
time. So it waits for one at most.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

_HALF_LIFE = 60.0  # seconds after which half of what was used is forgotten
_MOST_KNOWN = 10_000  # sources; beyond them all start again
# Seconds of which a source that used more leaves the last place to others. A feed with 20 new
# entries uses .2; on a machine with a load of 25 one that uses up its .5 s of CPU takes 8.
_MUCH = 1.0


class Usage:
    """The seconds that each source used lately, what is under way included."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[float, float]] = {}  # seconds, and when they were added up
        self._running: dict[str, list[float]] = {}  # when each began

    def of(self, source: str) -> float:
        """Seconds that `source` used; those of a minute ago count half."""
        now = time.monotonic()
        seconds, at = self._used.get(source, (0.0, 0.0))
        running = sum(now - began for began in self._running.get(source, ()))
        return running + seconds * math.exp2((at - now) / _HALF_LIFE)

    @contextmanager
    def charged(self, source: str) -> Iterator[None]:
        """Add what the block takes to what `source` used."""
        began = time.monotonic()
        self._running.setdefault(source, []).append(began)
        try:
            yield
        finally:
            used, now = self.of(source), time.monotonic()
            self._running[source].remove(began)
            others = sum(now - each for each in self._running[source])
            if not self._running[source]:
                del self._running[source]
            if len(self._used) >= _MOST_KNOWN:
                self._used.clear()
            self._used[source] = (used - others, now)


class FairPlaces:
    """A number of places; a free one goes to who used the least, of equals to the first.

    Where there are several, who used much never takes the last one.
    """

    def __init__(self, places: int, usage: Usage) -> None:
        self._free = places
        self._kept = min(1, places - 1)
        self._usage = usage
        self._waiting: dict[asyncio.Future[None], str] = {}

    @asynccontextmanager
    async def place(self, source: str) -> AsyncIterator[None]:
        """Wait for a place, and hold it until the block ends."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = source
        self._give()
        try:
            await turn
            yield
        finally:
            if self._waiting.pop(turn, None) is None:
                self._free += 1
                self._give()

    def _give(self) -> None:
        while self._free:
            # One that is done was cancelled, and leaves by itself.
            used = {
                turn: self._usage.of(source)
                for turn, source in self._waiting.items()
                if not turn.done()
            }
            turn = min(used, key=used.__getitem__, default=None)
            if turn is None or (self._free <= self._kept and used[turn] > _MUCH):
                return
            del self._waiting[turn]
            self._free -= 1
            turn.set_result(None)
