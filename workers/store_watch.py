"""Watches the store for one process: one line in the log when trouble begins, one when it ends.

Every loop of a worker meets an absent store, many times a second; what they meet is one event.
"""

from __future__ import annotations

import time

import structlog

from core.errors import StoreError
from store.connection import Store
from store.heartbeat import vitals

log = structlog.get_logger()

LOOK_SECONDS = 15.0
LOOK_SECONDS_IN_TROUBLE = 1.0
QUIET_SECONDS = 2.0  # without a failure in any loop before the trouble counts as over


class StoreWatch:
    """What one process knows of its store's trouble."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._began: float | None = None  # since when there is trouble
        self._failed = 0.0  # when a call failed last
        self._warnings: frozenset[str] = frozenset()

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        return LOOK_SECONDS if self._began is None else LOOK_SECONDS_IN_TROUBLE

    def failed(self, reason: str) -> None:
        """A call to the store failed."""
        self._failed = time.monotonic()
        if self._began is None:
            self._began = self._failed
            log.warning("store.away", reason=reason)

    async def look(self) -> None:
        """Look at the store itself."""
        try:
            found = await vitals(self._store)
        except StoreError as error:
            self.failed(str(error))
            return
        if found.fault is not None:
            self.failed(f"the store: {found.fault}")
        elif self._began is not None and time.monotonic() - self._failed > QUIET_SECONDS:
            log.info("store.back", after=f"{time.monotonic() - self._began:.0f}s")
            self._began = None
        self._report(frozenset(found.warnings))

    def _report(self, warnings: frozenset[str]) -> None:
        for warning in sorted(warnings - self._warnings):
            log.warning("store.unfit", reason=warning)
        for warning in sorted(self._warnings - warnings):
            log.info("store.fit", was=warning)
        self._warnings = warnings
