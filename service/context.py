"""What the handlers of one service share, and a cache of the store's data about sources.

While the store hangs, /sources and /metrics answer from that cache; millrace_store_up and /health
report the outage.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from aiohttp import web

from core.config.settings import Settings
from core.errors import Phrase, StoreAway, StoreError, in_english
from core.urls import without_credentials
from service.river import River
from store.connection import Store
from store.monitoring import read_counters
from store.schedule import due_times
from store.sources import SourceState, Taken, load_sources, load_taken

STORE_SECONDS = 2.0  # for which a request waits that cannot be answered without the store
PATIENCE = 1.0  # seconds for one call; pages that need two make both in parallel
NOT_ASKED = 5.0  # seconds without calls to the store after one timed out
STATES_KEPT = 2000  # sources in the cache

Answer = TypeVar("Answer")


@dataclass
class Context:
    """Made once by `make_app`; `settings` is called at each use, because they change."""

    store: Store
    settings: Callable[[], Settings]
    config_fault: Callable[[], str | None]
    river: River
    cached: CachedStore
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    draining: bool = False


CONTEXT = web.AppKey("context", Context)


@dataclass(frozen=True, eq=False, slots=True)
class SourceListing:
    """What requests need of the list of sources, which may have 100,000 members.

    Compared by identity: there is one for each version of the settings.
    """

    names: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()  # sorted
    by_source_link: frozenset[str] = frozenset()  # names of the sources with `link: source`
    # Title, if set, and address of each source.
    titles: Mapping[str, tuple[str | None, str]] = field(default_factory=dict)
    disabled: int = 0


NO_SOURCES = SourceListing()


_listed: tuple[Settings, SourceListing] | None = None


def listed(settings: Settings) -> SourceListing:
    """The listing of the present settings, made once for each version of them."""
    global _listed
    known = _listed
    if known is None or known[0] is not settings:
        sources = settings.sources
        known = _listed = (
            settings,
            SourceListing(
                names=frozenset(source.name for source in sources),
                tags=tuple(sorted({tag for source in sources for tag in source.tags})),
                by_source_link=frozenset(s.name for s in sources if s.link == "source"),
                titles={s.name: (s.title, s.url) for s in sources},
                disabled=sum(not source.enabled for source in sources),
            ),
        )
    return known[1]


class CachedStore:
    """The store for pages that must answer without it too: the last known data instead."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._silent_until = 0.0
        self._counters: dict[str, float] = {}
        self._states: dict[str, SourceState | None] = {}
        self._due: dict[str, float | None] = {}
        self._taken: dict[str, Taken | None] = {}

    async def counters(self) -> dict[str, float]:
        """The counters of the workers."""
        found = await self._in_time(read_counters(self._store))
        self._counters = self._counters if found is None else found
        return self._counters

    async def states(self, names: Sequence[str]) -> list[SourceState | None]:
        """The states of these sources; None for those not polled yet, or not known."""
        return await self._of_each(names, load_sources(self._store, names), self._states)

    async def due(self, names: Sequence[str]) -> list[float | None]:
        """When each source is due, in Unix seconds of the store's clock."""
        return await self._of_each(names, due_times(self._store, names), self._due)

    async def taken(self, names: Sequence[str]) -> list[Taken]:
        """The counts of entries that were settled after their poll, as those with pages are."""
        found = await self._of_each(names, load_taken(self._store, names), self._taken)
        return [each or Taken() for each in found]

    async def _of_each(
        self,
        names: Sequence[str],
        call: Coroutine[Any, Any, Sequence[Answer | None]],
        known: dict[str, Answer | None],
    ) -> list[Answer | None]:
        """The result of a call for each source, else what `known` has from earlier calls."""
        found = await self._in_time(call)
        if found is None:
            return [known.get(name) for name in names]
        if len(known) > STATES_KEPT:
            known.clear()
        known.update(zip(names[:STATES_KEPT], found, strict=False))
        return list(found)

    async def _in_time(self, call: Coroutine[Any, Any, Answer]) -> Answer | None:
        """The result of a call to the store, or None when it fails or times out."""
        if time.monotonic() < self._silent_until:
            call.close()
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                return await call
        except TimeoutError:
            self._silent_until = time.monotonic() + NOT_ASKED
        except StoreError:
            pass  # /health reports it
        return None


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """Limit the time for which a request waits for the store. Raises StoreAway."""
    try:
        async with asyncio.timeout(STORE_SECONDS):
            yield
    except TimeoutError as error:
        raise StoreAway(f"the store did not answer within {STORE_SECONDS:g} s") from error


def is_failing(state: SourceState) -> bool:
    """Whether a source's last poll failed."""
    return state.failures > 0 or state.gone or state.poison is not None


def fault_of(state: SourceState) -> tuple[Phrase, ...]:
    """Why a source fails, and what helps; pages translate it."""
    reason = state.last_fault or (Phrase(state.last_error or "unknown", {}),)
    if state.poison is not None:
        aside = Phrase("set aside after {count} tries", {"count": str(state.poison.tries)})
        reason = (aside, *reason)
    return tuple(
        Phrase(
            without_credentials(text),
            {place: without_credentials(value) for place, value in values.items()},
        )
        for text, values in reason
    )


def failing_source(name: str, state: SourceState) -> dict[str, Any]:
    """A failing source as JSON."""
    return {
        "name": name,
        "error": in_english(fault_of(state)),
        "failures": state.failures,
        "last_success": iso_time(state.last_success),
        "next_poll": iso_time(state.next_poll),
    }


def iso_time(moment: datetime | float | None) -> str | None:
    """A time, or Unix seconds, in the form `2026-01-31T08:00:00Z`."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
