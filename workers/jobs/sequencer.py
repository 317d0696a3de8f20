"""Settles what one worker has under way in the order in which it began.

Which copy of a story is settled first gives the story its id. Answers come as fast as the network
lets them; so that the same sources give the same ids again, an early answer waits a little for
those that were requested before.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import count

SHORT_PATIENCE = 1.0  # seconds; a slow source must not hold up the first page of a fresh start
LONG_PATIENCE = 60.0  # of a round that ends only when all have answered

_numbers = count()  # over all lines: pages stand behind polls


class Turn:
    """The place of one job in the line; over when its work is written, or is next to be."""

    def __init__(self, name: str, line: Line, behind: Sequence[Line], patience: float) -> None:
        self.name = name
        self.number = next(_numbers)
        self._line = line
        self._behind = behind
        self._patience = patience
        self.over = asyncio.Event()
        self._kept = False

    async def come(self) -> None:
        """Return when everything before is over, or when patience is."""
        before = [turn for line in self._behind for turn in line.before(self)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                for turn in before:
                    await turn.over.wait()

    def put_off(self) -> None:
        """The job ends for now and comes again; its place is kept."""
        self._kept = True

    def end(self) -> None:
        """Let those behind go on, unless the place is kept."""
        if not self._kept:
            self._line.leave(self)
            self.over.set()
        self._kept = False


class Line:
    """The jobs of one kind that are under way, in the order in which they began."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._turns: dict[str, Turn] = {}

    def take(self, name: str, *, after: Line | None = None) -> Turn:
        """A place at the end of the line; who was put off finds the place that was kept."""
        if name not in self._turns:
            behind = (self,) if after is None else (after, self)
            self._turns[name] = Turn(name, self, behind, self._patience)
        return self._turns[name]

    def before(self, turn: Turn) -> list[Turn]:
        """Those that began before `turn` and are not over."""
        return [other for other in self._turns.values() if other.number < turn.number]

    def leave(self, turn: Turn) -> None:
        """Somebody's turn is over."""
        if self._turns.get(turn.name) is turn:
            del self._turns[turn.name]


class Order:
    """The lines of one worker: for first polls, or strictly for one round over all sources.

    In a strict round pages wait until `pages_may_begin`, and all that comes in comes at one moment.
    """

    def __init__(self, *, strict: bool = False) -> None:
        patience = LONG_PATIENCE if strict else SHORT_PATIENCE
        self.strict = strict
        self.polls, self.pages = Line(patience), Line(patience)
        self.pages_may_begin = not strict
        self._moment: float | None = None

    def moment(self, now: float) -> float:
        """When what is found `now` arrived."""
        if not self.strict:
            return now
        self._moment = self._moment or now
        return self._moment
