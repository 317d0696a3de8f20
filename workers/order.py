"""Settles what one worker has under way in the order in which it began.

Which copy of a story is settled first gives the story its id. Answers come as fast as the network
lets them; so that the same sources give the same ids again, whoever answers early waits a little
for those that were asked before.
"""

from __future__ import annotations

import asyncio
import contextlib

SHORT_PATIENCE = 1.0  # seconds; a slow source must not hold up the first page of a fresh start
LONG_PATIENCE = 60.0  # of a round that ends only when all have answered


class Turn:
    """The place of one job in the line; over when its work is written, or is next to be."""

    def __init__(self, before: list[Turn], patience: float) -> None:
        self._before = before
        self._patience = patience
        self._over = asyncio.Event()
        self._kept = False

    async def come(self) -> None:
        """Return when everything before is over, or when patience is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                for turn in self._before:
                    await turn._over.wait()

    def put_off(self) -> None:
        """The job ends for now and comes again; its place is kept."""
        self._kept = True

    def end(self) -> None:
        """Let those behind go on, unless the place is kept."""
        if not self._kept:
            self._before = []
            self._over.set()
        self._kept = False

    @property
    def is_over(self) -> bool:
        return self._over.is_set()


class Line:
    """The jobs of one kind that are under way, in the order in which they began."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._turns: dict[str, Turn] = {}

    def take(self, name: str, *, after: Line | None = None) -> Turn:
        """A place at the end of the line; who was put off finds the place that was kept."""
        self._turns = {key: turn for key, turn in self._turns.items() if not turn.is_over}
        if name not in self._turns:
            before = [*(after._turns.values() if after else ()), *self._turns.values()]
            self._turns[name] = Turn(before, self._patience)
        return self._turns[name]


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
