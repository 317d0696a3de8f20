"""Settles pages that were read at about the same time in one commit, and saves what they teach."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import structlog

from core.body.boilerplate import Boilerplate
from core.dedup.decide import Arrival, Outcome
from core.dedup.fingerprint import Features
from core.errors import StoreError
from core.models import Decision
from store.commit import Batch
from store.connection import CallBatcher, Store
from store.monitoring import Counts
from store.schedule import PAGES, Lease
from store.sources import Taken, count_taken, keep_learned, load_learned
from workers.context import WorkerContext, count_entries, count_merging
from workers.settle import LeaseLost

MOMENT = 0.2  # seconds for which a page waits for others; below what a reader notices
MOST = 20  # pages in one commit: comparing takes 7 ms each
WRITE_SECONDS = 1.0  # after which learned boilerplate is saved, that of one second together
_FRESH_SECONDS = 30.0  # for which boilerplate that was read from the store is reused
_SOURCES_KEPT = 200  # whose boilerplate is kept in memory

log = structlog.get_logger()


@dataclass(frozen=True)
class ReadPage:
    """A pending entry whose page was read."""

    lease: Lease
    arrival: Arrival
    features: Features


class PageCommits:
    """What the page jobs of one worker share: their commits and the boilerplate they learned."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self.batcher = PageBatcher()
        self.boilerplate = LearnedBoilerplate(context.store)
        self._calls = CallBatcher(self._finish_in_order)

    async def finish(self, page: ReadPage) -> None:
        """Settle a page, together with others that were just read. Raises LeaseLost."""
        place = await self.batcher.gather()
        try:
            written = await self._calls.ask((place, page))
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 - an error in another page must not lose this one
            (written,) = await self._finish([page])
        if not written:
            raise LeaseLost(frozenset([page.lease.name]))

    async def _finish_in_order(self, placed: Sequence[tuple[int, ReadPage]]) -> list[bool]:
        order = sorted(range(len(placed)), key=lambda here: placed[here][0])
        written = await self._finish([placed[here][1] for here in order])
        by_place = dict(zip(order, written, strict=True))
        return [by_place[here] for here in range(len(placed))]

    async def _finish(self, pages: Sequence[ReadPage]) -> list[bool]:
        """Whether each page was written: False when its lease has another holder."""
        ours, context = list(pages), self._context

        def batch_for(_: Outcome) -> Batch:
            return Batch(PAGES, [page.lease for page in ours], keep_seconds=context.keep_seconds())

        while ours:
            try:
                outcome = await context.settle([page.arrival for page in ours], batch_for)
            except LeaseLost as lost:
                ours = [page for page in ours if page.lease.name not in lost.names]
                continue
            context.learn({page.arrival.record.id: page.features for page in ours}, outcome)
            await _count(context, outcome)
            break
        kept = {page.lease.token for page in ours}
        return [page.lease.token in kept for page in pages]


async def _count(context: WorkerContext, outcome: Outcome) -> None:
    """Count the entries for /metrics and for each source, as the poll job does."""
    counts, now = Counts(), await context.store.now()
    decisions: dict[str, list[Decision]] = {}
    count_merging(counts, outcome)
    for record in outcome.entries:
        count_entries(counts, record.source, [record], now=now)
        if record.revised is None:
            decisions.setdefault(record.source, []).append(record.decision)
    taken = {
        source: Taken(len(made), made.count(Decision.PUBLISHED), made.count(Decision.MERGED))
        for source, made in decisions.items()
    }
    await count_taken(context.store, taken)
    context.add_counts(counts)


class PageBatcher:
    """Gathers pages for one commit: counts those being read, holds those that wait."""

    def __init__(self) -> None:
        self._reading = 0
        self._numbers = count()
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While the block runs a page is being read, and pages that are read wait for it."""
        self._reading += 1
        try:
            yield
        finally:
            self._reading -= 1
            if not self._reading:
                self._release()

    async def gather(self) -> int:
        """Wait until no page is being read, `MOST` pages wait, or `MOMENT` has passed.

        Returns the page's number in the order of arrival.
        """
        number = next(self._numbers)
        if not self._reading:
            return number
        loop = asyncio.get_running_loop()
        mine = loop.create_future()
        self._waiting.append(mine)
        if len(self._waiting) >= MOST:
            self._release()
        elif self._timer is None:
            self._timer = loop.call_later(MOMENT, self._release)
        await mine
        return number

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for each in self._waiting:
            if not each.done():
                each.set_result(None)
        self._waiting.clear()


class LearnedBoilerplate:
    """The learned boilerplate of the sources whose pages a worker reads, with a cache."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[str, tuple[float, bytes | None]] = OrderedDict()
        self._unwritten: dict[str, list[tuple[int, ...]]] = {}
        self._writing: asyncio.Task[None] | None = None

    async def of(self, source: str) -> bytes | None:
        """The boilerplate of a source, at most 30 seconds old."""
        until, learned = self._known.get(source, (0.0, None))
        if until < time.monotonic():
            learned = await load_learned(self._store, source)
            self._keep(source, learned)
        return learned

    def teach(self, source: str, signatures: tuple[int, ...]) -> None:
        """Add the signatures of one page; they are saved within a second."""
        self._unwritten.setdefault(source, []).append(signatures)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self.write(after=WRITE_SECONDS))

    async def write(self, *, after: float = 0.0) -> None:
        """Save the unsaved signatures, `after` seconds from now."""
        await asyncio.sleep(after)
        unwritten, self._unwritten = self._unwritten, {}
        try:
            for source, pages in unwritten.items():
                known = Boilerplate.from_bytes(await load_learned(self._store, source))
                for signatures in pages:
                    known.learn(signatures)
                self._keep(source, known.to_bytes())
                await keep_learned(self._store, source, known.to_bytes())
        except StoreError as error:
            log.warning("boilerplate.not_saved", reason=str(error))

    def _keep(self, source: str, learned: bytes | None) -> None:
        self._known[source] = (time.monotonic() + _FRESH_SECONDS, learned)
        self._known.move_to_end(source)
        if len(self._known) > _SOURCES_KEPT:
            self._known.popitem(last=False)
