"""Which sources fail, for /health: of few asked anew each time, of very many counted beside it.

A hundred thousand states take seconds to read; an answer about the store must not wait for them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from core.config.settings import Settings
from core.errors import StoreError
from store.connection import Store
from store.sources import SourceState, load_sources

FEW = 2000  # sources whose states are read at once
EVERY = 30.0  # seconds between two counts of more
MOST_NAMED = 1000

log = structlog.get_logger()

IsFailing = Callable[[SourceState], bool]


class Counted(NamedTuple):
    """How many sources are well, and those that are not."""

    ok: int = 0
    failing: tuple[tuple[str, SourceState], ...] = ()


class Census:
    """Counts the sources of a store."""

    def __init__(self, is_failing: IsFailing) -> None:
        self._is_failing = is_failing
        self._last = Counted()
        self._at: float | None = None
        self._counting: asyncio.Task[None] | None = None

    async def counted(self, store: Store, settings: Settings) -> Counted:
        """The present count; of very many sources the last one that was finished."""
        names = [source.name for source in settings.sources if source.enabled]
        if len(names) <= FEW:
            return await self._count(store, names)
        due = self._at is None or time.monotonic() - self._at > EVERY
        if due and (self._counting is None or self._counting.done()):
            self._counting = asyncio.create_task(self._count_aside(store, names))
        return self._last

    async def _count_aside(self, store: Store, names: list[str]) -> None:
        try:
            self._last = await self._count(store, names)
            self._at = time.monotonic()
        except StoreError as error:
            log.debug("census.put_off", reason=str(error))

    async def _count(self, store: Store, names: list[str]) -> Counted:
        ok, failing = 0, []
        for start in range(0, len(names), FEW):
            chunk = names[start : start + FEW]
            for name, state in zip(chunk, await load_sources(store, chunk), strict=True):
                if state is not None and self._is_failing(state):
                    failing.append((name, state))
                elif state is not None:
                    ok += 1
        return Counted(ok, tuple(failing[:MOST_NAMED]))
