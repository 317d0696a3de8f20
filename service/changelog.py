"""What changed lately, in order, so that a reader of /stream can resume where it broke off.

Readers hold a position, not a queue: a slow one costs no memory and gets a reset when it is too
far behind.
"""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from contextlib import suppress

from store.entries import Change
from store.keys import CHANGES_KEPT

_POSITION = re.compile(r"\d{1,20}(-\d{1,20})?")
Position = tuple[int, int]


class ChangeLog:
    """The newest changes and a bell that rings when one is added.

    `epoch` grows when stories went without a change that names them (the store was wiped, or set
    back): what readers have been sent until then is not what is in the feed.
    """

    def __init__(self, keep: int = CHANGES_KEPT) -> None:
        self.epoch = 0
        self._changes: list[Change] = []
        self._positions: list[Position] = []
        self._keep = keep
        self._first: Position | None = None  # of what is known; changes before it were trimmed
        self._bell = asyncio.Event()

    @property
    def end(self) -> str:
        """Position of the newest change."""
        return self._changes[-1].id if self._changes else "0"

    def extend(self, changes: Iterable[Change], *, first: str | None = None) -> None:
        """Add changes and wake who waits. `first`: the oldest change that the store still has,
        where it trimmed older ones."""
        for change in changes:
            self._changes.append(change)
            self._positions.append(position(change.id))
        if first is not None and self._changes:
            self._drop(bisect_left(self._positions[:-1], position(first)))
            self._first = self._positions[0]
        surplus = len(self._changes) - self._keep
        if surplus > 0:
            self._drop(surplus)
            self._first = self._positions[0]
        self.ring()

    def _drop(self, count: int) -> None:
        del self._changes[:count], self._positions[:count]

    def lose(self) -> None:
        """Stories went that no change names."""
        self.epoch += 1
        self.ring()

    def after(self, where: Position, *, count: int = 100) -> list[Change] | None:
        """Up to `count` changes after `where`; None if some of them are no longer known."""
        if self._first is not None and where < self._first:
            return None
        start = bisect_right(self._positions, where)
        return self._changes[start : start + count]

    async def wait(self) -> None:
        """Return when something was added, or the bell rang."""
        await self._bell.wait()

    async def wait_after(self, where: str, seconds: float) -> None:
        """Return when there is a change after `where`, at the latest after `seconds`."""
        if self._positions and self._positions[-1] > position(where):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._bell.wait()

    async def wait_until(self, where: Position, seconds: float) -> None:
        """Return when the log reaches `where`, at the latest after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while where > position(self.end):
                    await self._bell.wait()

    def ring(self) -> None:
        """Wake everyone who waits now."""
        self._bell.set()
        self._bell = asyncio.Event()


def position(text: str) -> Position:
    """A place in the log, from its written form; raises ValueError."""
    if not _POSITION.fullmatch(text):
        raise ValueError(f"no position in the stream: {text[:40]!r}")
    milliseconds, _, sequence = text.partition("-")
    return int(milliseconds), int(sequence or 0)
