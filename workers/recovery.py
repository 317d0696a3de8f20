"""Recovery of one worker after the network or the store was away.

While sources cannot be reached, the worker tries to connect to one host every few seconds, without
a request. When a connection succeeds, or any source answers, all unreachable sources become due.

Every loop of a worker notices an absent store many times a second. That is one event, so one line
is logged when the trouble begins and one when it ends.
"""

from __future__ import annotations

import asyncio
import time

import structlog

from core.config.settings import Source
from core.errors import StoreError
from core.feeds.github import is_github
from store.connection import Store
from store.hosts import (
    Happened,
    next_probe,
    note_reached,
    retry_unreachable,
    some_unreachable,
    unreachable_names,
)
from store.monitoring import server_info
from store.schedule import make_due
from store.sources import SourceState, load_source, load_sources
from workers.context import WorkerContext
from workers.http.response import Access, access_of

log = structlog.get_logger()

LOOK_SECONDS = 2.0  # between two looks at the unreachable sources
RESOLVE_SECONDS = 30.0  # between two look-ups of host names that had no address
RESOLVED_AT_ONCE = 20
NAMED = 5  # sources in one line of the log
_HINT = "polled again as soon as a host takes connections; /sources has the reasons"


class Recovery:
    """Retries unreachable sources as soon as they may be reached again."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._started = False
        self._resolve_at = 0.0  # by the monotonic clock
        self._report = Report()

    async def look(self) -> None:
        """Make sources due that may be reached again. Raises StoreError."""
        if not self._started:
            await self._retry("started")
            self._started = True
        names = await unreachable_names(self._context.store)
        self._report.look(names)
        answered, self._context.answered = self._context.answered, False
        if not names:
            return
        if answered:
            await self._retry("answered")
        else:
            await self._probe()
        if time.monotonic() >= self._resolve_at:
            self._resolve_at = time.monotonic() + RESOLVE_SECONDS
            await self._resolve()

    async def _resolve(self) -> None:
        """Make sources due whose host name resolves again.

        Needed beside the probe, because such sources may fail while all others answer. It sends
        the host nothing.
        """
        names = await some_unreachable(self._context.store, RESOLVED_AT_ONCE)
        states = zip(names, await load_sources(self._context.store, names), strict=True)
        hosts = [
            (name, self._access(source, state))
            for name, state in states
            if state is not None and state.unresolved and (source := self._context.source(name))
        ]
        found = await asyncio.gather(*(self._context.fetcher.resolves(host) for _, host in hosts))
        back = {name: 0.0 for (name, _), resolved in zip(hosts, found, strict=True) if resolved}
        if back:
            await make_due(self._context.store, back)
            log.info("sources.resolved", sources=len(back))

    async def _probe(self) -> None:
        store = self._context.store
        name = await next_probe(store)
        if name is None:
            return
        source, state = self._context.source(name), await load_source(store, name)
        if source is None or state is None:
            await note_reached(store, name)  # feeds.yaml no longer lists it
        elif not state.unreachable:
            return  # it accepts connections and never answers: connecting would prove nothing
        elif await self._context.fetcher.reaches(self._access(source, state)):
            await self._retry("reached")

    def _access(self, source: Source, state: SourceState) -> Access:
        """The address to which a poll of this source would connect."""
        if source.kind == "github" or is_github(source.url):
            return Access(self._context.fetcher.settings.github.api)
        moved = state.configured_url == source.url
        return access_of(source)._replace(url=state.url if moved else source.url)

    async def _retry(self, happened: Happened) -> None:
        if made := await retry_unreachable(self._context.store, happened):
            log.info("sources.retrying", sources=made, because=happened)


class Report:
    """Logs sources that become unreachable or reachable, many in one line.

    When the network fails, all sources fail within seconds and return within two minutes. So a
    line is logged when a look finds no further change of its kind.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._lost: set[str] = set()
        self._back: set[str] = set()

    def look(self, names: set[str]) -> None:
        """Compare the unreachable sources with those of the last look."""
        lost, back = names - self._known, self._known - names
        self._known = names
        if self._lost and not lost:
            log.warning("sources.unreachable", **_listed(self._lost), hint=_HINT)
            self._lost = set()
        if self._back and not back:
            log.info("sources.reachable", **_listed(self._back))
            self._back = set()
        self._lost |= lost
        self._back |= back


def _listed(names: set[str]) -> dict[str, object]:
    few = ", ".join(sorted(names)[:NAMED])
    return {"sources": len(names), "names": few + (", …" if len(names) > NAMED else "")}


STORE_LOOK_SECONDS = 15.0
LOOK_SECONDS_IN_TROUBLE = 1.0
QUIET_SECONDS = 2.0  # without a failure in any loop, after which the store counts as back


class StoreWatch:
    """Logs the beginning and the end of trouble with the store, for one process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._began: float | None = None  # when the present trouble began
        self._failed = 0.0  # when a call failed last; both by the monotonic clock
        self._warnings: frozenset[str] = frozenset()

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        return STORE_LOOK_SECONDS if self._began is None else LOOK_SECONDS_IN_TROUBLE

    def failed(self, reason: str) -> None:
        """Note that a call to the store failed."""
        self._failed = time.monotonic()
        if self._began is None:
            self._began = self._failed
            log.warning("store.away", reason=reason)

    async def look(self) -> None:
        """Check the store and log what changed."""
        try:
            found = await server_info(self._store)
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
