"""The latest changes of stories, in order, so that a reader of /stream can resume.

Readers have a position, not a queue. So a slow reader costs no memory, and gets a reset when it is
too far behind.
"""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress

from store.entries import Change
from store.keys import CHANGES_KEPT

_POSITION = re.compile(r"\d{1,20}(-\d{1,20})?")
Position = tuple[int, int]


class ChangeLog:
    """The newest changes, and an event that is set when one is added.

    `epoch` grows when stories disappear without a change that names them (the store was wiped or
    restored from a backup). What readers received before then no longer matches the feed.
    """

    def __init__(self, keep: int = CHANGES_KEPT) -> None:
        self.epoch = 0
        self._changes: list[Change] = []
        self._positions: list[Position] = []
        self._keep = keep
        self._first: Position | None = None  # of the oldest known change, once older ones were cut
        self._bell = asyncio.Event()

    @property
    def end(self) -> str:
        """Position of the newest change."""
        return self._changes[-1].id if self._changes else "0"

    def extend(self, changes: Iterable[Change], *, first: str | None = None) -> None:
        """Add changes and wake waiting readers.

        `first` is the position of the oldest change in the store, if it has trimmed older ones.
        """
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
        """Note that stories disappeared without a change that names them."""
        self.epoch += 1
        self.ring()

    def after(self, where: Position, *, count: int = 100) -> list[Change] | None:
        """Up to `count` changes after `where`; None if some of them were trimmed."""
        if self._first is not None and where < self._first:
            return None
        start = bisect_right(self._positions, where)
        return self._changes[start : start + count]

    async def wait(self) -> None:
        """Wait until changes are added or `ring` is called."""
        await self._bell.wait()

    async def wait_after(self, where: str, seconds: float) -> None:
        """Wait for a change after `where`, up to `seconds`."""
        if self._positions and self._positions[-1] > position(where):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._bell.wait()

    async def wait_until(self, where: Position, seconds: float) -> None:
        """Wait until the log reaches `where`, up to `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while where > position(self.end):
                    await self._bell.wait()

    def ring(self) -> None:
        """Wake all waiting tasks."""
        self._bell.set()
        self._bell = asyncio.Event()


def position(text: str) -> Position:
    """Parse a position. Raises ValueError."""
    if not _POSITION.fullmatch(text):
        raise ValueError(f"no position in the stream: {text[:40]!r}")
    milliseconds, _, sequence = text.partition("-")
    return int(milliseconds), int(sequence or 0)


def positions_in(tags: str) -> Iterator[Position]:
    """The position of the last change in each document that an `If-None-Match` names."""
    for tag in tags.split(","):
        where = tag.strip().removeprefix("W/").strip('"').partition("-")[0].partition(".")[2]
        with suppress(ValueError):
            yield position(where.replace("_", "-"))
