"""Fair shares of scarce places in a worker: the source that used the least time lately is next.

In order of arrival, an ordinary source waited for all documents of 24 hostile sources that use up
their time limit. With fair shares it waits for one at most.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

_HALF_LIFE = 60.0  # seconds after which half of what was used is forgotten
_MOST_KNOWN = 10_000  # sources; beyond them the record starts again
# A source that used more seconds than this never takes the last free place. A feed with 20 new
# entries uses .2 s; on a machine with a load of 25 one that uses up its .5 s of CPU takes 8 s.
_MUCH = 1.0


class Usage:
    """The seconds that each source used lately, running work included."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[float, float]] = {}  # seconds, and when they were added up
        self._running: dict[str, list[float]] = {}  # start times of running work

    def of(self, source: str) -> float:
        """The seconds that `source` used; those of a minute ago count half."""
        now = time.monotonic()
        seconds, at = self._used.get(source, (0.0, 0.0))
        running = sum(now - began for began in self._running.get(source, ()))
        return running + seconds * math.exp2((at - now) / _HALF_LIFE)

    @contextmanager
    def charged(self, source: str) -> Iterator[None]:
        """Charge the duration of the block to `source`."""
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
    """A number of places. A free one goes to the source that used the least, then to the first.

    Where there are several, a source that used much never takes the last one.
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
            # A future that is done was cancelled; `place` removes it.
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
