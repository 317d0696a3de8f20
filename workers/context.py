"""What the jobs of one worker process share: opened once, passed to each job."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from core.config.settings import Settings, Source
from core.dates import moment
from core.dedup.copy import ArticleCopy
from core.dedup.decide import Arrival, Outcome
from core.dedup.fingerprint import Features, fingerprint_of, learn_features
from core.errors import StoreError
from core.metrics import (
    CANDIDATE_BUCKETS,
    DISTANCE_BUCKETS,
    FETCH_BUCKETS,
    LAG_BUCKETS,
    STEP_BUCKETS,
)
from core.models import Decision, EntryRecord
from core.pipeline import PreparedEntry
from core.urls import host_of
from store.commit import Batch
from store.connection import Store
from store.index import SharedIdf
from store.monitoring import Counts
from store.schedule import Lease
from store.sources import SourceState
from workers.http.client import Fetcher
from workers.http.robots import Robots
from workers.leases import Lateness
from workers.sandbox.fair import FairPlaces, Usage
from workers.sandbox.pool import Sandbox
from workers.settle import Knowledge, Sequencer, Turn, settle

log = structlog.get_logger()

WRITE_SECONDS = 1.0
# Entries of one commit that count towards the frequency of text. Most feeds list fewer; a feed that
# lists thousands must not decide which text is common.
TAUGHT_AT_ONCE = 50
_DAY = 86400.0
_YEAR = 366 * _DAY
_DAY_ALONE = len("2026-01-01")  # characters of a date without a time of day


class FeedInfo(NamedTuple):
    """Title and link of a feed, published with each of its entries."""

    title: str | None = None
    link: str | None = None


@dataclass
class WorkerContext:
    """The connections, settings and shared state of one worker process."""

    store: Store
    settings: Callable[[], Settings]
    fetcher: Fetcher
    # Webhooks and pings; subscribers of our hub. Neither shares the limits per host of `fetcher`.
    outgoing: Fetcher
    callbacks: Fetcher
    robots: Robots
    sandbox: Sandbox
    shared_idf: SharedIdf
    version: str
    chance: Callable[[], float] = field(default=random.random)
    sequencer: Sequencer = field(default_factory=Sequencer)
    pages: Counter[str] = field(default_factory=Counter)  # in progress, by source
    lateness: Lateness = field(default_factory=Lateness)
    answered: bool = False  # whether a source answered since the last look of workers/recovery.py
    _named: tuple[Settings, dict[str, Source]] | None = None  # by name: a list may hold 100,000
    _unwritten: Counts = field(default_factory=Counts)
    _writing: asyncio.Task[None] | None = None
    _settled: Usage = field(default_factory=Usage)
    _settling: FairPlaces = field(init=False)

    def __post_init__(self) -> None:
        self._settling = FairPlaces(2, self._settled)

    def source(self, name: str) -> Source | None:
        """The source of that name, or None when feeds.yaml does not list it as enabled."""
        settings = self.settings()
        if self._named is None or self._named[0] is not settings:
            enabled = {source.name: source for source in settings.sources if source.enabled}
            self._named = (settings, enabled)
        return self._named[1].get(name)

    @contextmanager
    def reading_page(self, source: str) -> Iterator[None]:
        """Count the page that the block reads."""
        self.pages[source] += 1
        try:
            yield
        finally:
            self.pages[source] -= 1
            if not self.pages[source]:
                del self.pages[source]

    def keep_seconds(self) -> float:
        """Seconds for which an entry is stored: while it is a candidate or is shown."""
        settings = self.settings()
        return max(settings.dedup.window, settings.retention.days * _DAY) + _DAY

    def arrival(
        self,
        record: EntryRecord,
        made: PreparedEntry,
        source: Source,
        known: EntryRecord | None,
        info: FeedInfo,
    ) -> Arrival:
        """A prepared entry with its fingerprint, weighted by the present frequency of its text."""
        article = made.article
        return Arrival(
            record=record,
            fingerprint=fingerprint_of(
                article, self.shared_idf.idf, source=source.name, read=made.features
            ),
            priority=source.priority,
            tags=source.tags,
            known=known,
            copy=ArticleCopy(
                article,
                source.name,
                host_of(source.url),
                has_twin=record.raw is not None and record.raw.has_twin,
            ),
            source_title=info.title,
            source_link=info.link,
        )

    def site_of(self, name: str) -> str | None:
        """The host of a source's address in feeds.yaml; None when the file does not list it."""
        source = self.source(name)
        return host_of(source.url) if source else None

    def add_counts(self, counts: Counts) -> None:
        """Add counts to those that are written together once a second."""
        self._unwritten.take(counts)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_counts_soon())

    async def _write_counts_soon(self) -> None:
        await asyncio.sleep(WRITE_SECONDS)
        await self.write_counts()

    async def write_counts(self) -> None:
        """Write the counts that are not written yet."""
        counts, self._unwritten = self._unwritten, Counts()
        try:
            await counts.write(self.store)
        except StoreError as error:
            log.warning("counts.lost", reason=str(error))

    async def settle(
        self, arrivals: Sequence[Arrival], batch_for: Callable[[Outcome], Batch]
    ) -> Outcome:
        """Decide and commit, two batches at a time: more concurrent commits would often conflict.

        Of the waiting batches, that of the source which used the least time lately is next. One
        that used much never has both places, so a flood of similar entries does not delay others.
        """
        source = arrivals[0].record.source if arrivals else ""
        async with self._settling.place(source):
            started, counts = time.monotonic(), Counts()
            knowledge = Knowledge(self.settings().dedup, self.shared_idf.idf, self.site_of)
            with self._settled.charged(source):
                outcome = await settle(self.store, arrivals, knowledge, batch_for)
            counts.observe("millrace_settle_seconds", time.monotonic() - started, STEP_BUCKETS)
            self.add_counts(counts)
            return outcome

    def learn(self, read: dict[str, Features], outcome: Outcome) -> None:
        """Learn the frequency of text, and standing text, from a committed outcome.

        Only founders of stories are counted: many reposts would make their own words common.
        """
        source = outcome.entries[0].source if outcome.entries else None
        self.shared_idf.idf.standing.learn(outcome.standing, source=source)
        founders = [r for r in outcome.entries if r.decision is Decision.PUBLISHED]
        for founder in [each for each in founders if each.id in read][:TAUGHT_AT_ONCE]:
            learn_features(read[founder.id], self.shared_idf.idf, source=founder.source)


@dataclass(frozen=True)
class Poll:
    """One poll in progress."""

    context: WorkerContext
    lease: Lease
    source: Source
    state: SourceState
    now: float  # the store's clock
    counts: Counts
    turn: Turn


def count_fetch(counts: Counts, kind: str, *, seconds: float, size: int) -> None:
    """Count one response, with its seconds and its size in bytes."""
    counts.observe("millrace_fetch_seconds", seconds, FETCH_BUCKETS, kind=kind)
    counts.add("millrace_fetched_bytes_total", size, kind=kind)


def count_entries(
    counts: Counts, source: str, records: Iterable[EntryRecord], *, now: float
) -> None:
    """Count decisions on entries, and the delay since their publication."""
    for record in records:
        counts.add("millrace_entries_total", decision=record.decision)
        counts.add("millrace_source_entries_total", source=source, decision=record.decision)
        published = moment(record.article.published) if record.article else None
        if record.decision is Decision.PUBLISHED and published is not None:
            lag = max(0.0, now - published.timestamp())
            counts.observe("millrace_lag_seconds", lag, LAG_BUCKETS)


def count_merging(counts: Counts, outcome: Outcome) -> None:
    """Count the candidates, rules, distances and delays behind the first copy of a batch."""
    for claim in outcome.claims:
        if claim.weighed is not None:
            counts.observe("millrace_candidates", len(claim.weighed), CANDIDATE_BUCKETS)
    if outcome.undone:
        counts.add("millrace_undone_total", len(outcome.undone))
    for record in outcome.entries:
        if record.decision is not Decision.MERGED or record.revised is not None:
            continue
        counts.add("millrace_merged_total", rule=record.rule)
        if record.distance is not None:
            counts.observe("millrace_distance_bits", record.distance, DISTANCE_BUCKETS)
        change = outcome.stories.get(record.story or "")
        if change is not None:
            lag = (record.arrived - change.story.arrived).total_seconds()
            counts.observe("millrace_repost_lag_seconds", max(0.0, lag), LAG_BUCKETS)


def rhythm(published: Iterable[str | None], *, now: float) -> list[float]:
    """The times of publication (Unix seconds) from which a source's rhythm may be learned.

    Dates without a time of day, dates in the future and dates older than a year are left out.
    """
    stated = [moment(text) for text in published if text and len(text) > _DAY_ALONE]
    times = [time.timestamp() for time in stated if time is not None]
    return [time for time in times if now - _YEAR < time <= now]
