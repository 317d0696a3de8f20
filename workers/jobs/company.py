"""Lets finished pages wait a moment for those that are nearly so, to be written together.

A commit of one page costs the worker and the store as much as one of twenty. A page that is alone
waits for no other, and no page waits longer than a moment for one that is slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

MOMENT = 0.2  # seconds
MOST = 20  # that go together


class Company:
    """Pages that are being read, and those that are read and wait."""

    def __init__(self) -> None:
        self._under_way = 0
        self._numbers = count()
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """A page is in a child's hands: it is worth waiting for."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._go()

    async def gather(self) -> int:
        """Return when no other page is under way, when enough wait, or after a moment.

        Returned is its number in the order in which pages came.
        """
        number = next(self._numbers)
        if not self._under_way:
            return number
        loop = asyncio.get_running_loop()
        mine = loop.create_future()
        self._waiting.append(mine)
        if len(self._waiting) >= MOST:
            self._go()
        elif self._timer is None:
            self._timer = loop.call_later(MOMENT, self._go)
        await mine
        return number

    def _go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for each in self._waiting:
            if not each.done():
                each.set_result(None)
        self._waiting.clear()
