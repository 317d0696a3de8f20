"""The poll job: ask a source, clean what is new in it, settle it, plan the next poll.

Calls the steps in order and decides nothing itself. All it learned is written in one commit, under
the lease it was started with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from core.config.settings import Source
from core.dedup.fingerprint import Features
from core.dedup.outcome import Arrival, Outcome
from core.errors import (
    BadStatus,
    ForbiddenAddress,
    HostBusy,
    MillraceError,
    NoResponse,
    NotAFeed,
    ResourceLimit,
    StoreError,
    Unreachable,
)
from core.feeds.new_entries import Remembered
from core.ids import entry_id
from core.models import Decision, EntryRecord, FeedEntry
from core.pipeline import Prepared, PreparedEntry
from store.commit import Batch, PageWait, SourceWrite, leave
from store.counters import Counts
from store.retention import trim_seen
from store.schedule import SOURCES, Begun, Lease, begin, release
from store.sources import SourceState, read_source
from workers.context import Kit, Paper, count_entries, count_fetch, count_merging, moment, rhythm
from workers.jobs.new_entries import DailyRoom, News, find_news
from workers.jobs.sequencer import Turn
from workers.jobs.source_state import (
    GONE_SECONDS,
    after_answer,
    after_fault,
    first_state,
    with_counts,
)
from workers.leases import held
from workers.recovery import note_outcome
from workers.sandbox.documents import Reader, prepare_entries
from workers.settle import LeaseLost
from workers.sources.fetch import ask
from workers.sources.result import Asking, Polled
from workers.sources.websub import after_push, pushed

log = structlog.get_logger()

_AWAY = (Unreachable, NoResponse)
TRIM_EVERY = 20  # changed documents
_PLACED = ("arrived", "place", "order", "backfill")  # what an entry keeps when it changes
_JOINED = ("rule", "story", "distance", "similarity", "compared_with", "revised")


@dataclass(frozen=True)
class Poll:
    """One poll under way."""

    kit: Kit
    lease: Lease
    source: Source
    state: SourceState
    now: float  # the store's clock
    counts: Counts
    turn: Turn


async def refresh(kit: Kit, lease: Lease) -> None:
    """Poll the source of a lease; does nothing when the lease is not ours to work on."""
    source, turn = kit.source(lease.name), kit.order.polls.take(lease.name)
    try:
        if source is not None and (begun := await begin(kit.store, SOURCES, lease)) is not None:
            state, counts = _state_of(source, begun), Counts()
            if state.gone:  # whatever made it due: only another address or a person lifts this
                await release(kit.store, SOURCES, lease, after=GONE_SECONDS)
                return
            await _refresh(Poll(kit, lease, source, state, begun.now, counts, turn))
            kit.tell(counts)
    finally:
        turn.end()


async def _refresh(poll: Poll) -> None:
    kit, lease, source = poll.kit, poll.lease, poll.source
    with held(kit.store, SOURCES, lease):
        try:
            await _poll(poll)
        except HostBusy as busy:
            if kit.order.strict:
                poll.turn.put_off()
            await release(kit.store, SOURCES, lease, after=busy.wait)
        except LeaseLost:
            log.info("poll.superseded", source=source.name)
        except StoreError:
            raise
        except MillraceError as fault:
            await _record_fault(poll, fault)
        except Exception as error:
            log.exception("poll.crashed", source=source.name)
            await _record_fault(poll, MillraceError(f"a fault in Millrace: {error!r}"))


def _state_of(source: Source, begun: Begun) -> SourceState:
    """What is remembered of a source; another address in feeds.yaml starts over."""
    state = read_source(begun.state)
    if state is not None and state.configured_url == source.url:
        return state
    if state is not None and state.failures:  # what began in the log ends there
        log.info("source.readdressed", source=source.name, failures=state.failures)
    return first_state(source)


async def _poll(poll: Poll) -> None:
    kit = poll.kit
    reader = Reader(kit.store, kit.sandbox, poll.source, poll.counts)
    asking = Asking(kit.store, kit.fetcher, kit.sandbox, reader, poll.now, kit.version)
    polled = await pushed(asking, kit, poll.source, poll.state)
    polled = polled or await ask(asking, poll.source, poll.state)
    if polled.push is None:
        kit.answered = True
        if poll.state.failures > poll.state.unreachable:
            log.info("source.recovered", source=poll.source.name, failures=poll.state.failures)
        await note_outcome(kit, poll.source.name, away=False, before=poll.state.failures)
    _count(poll, "pushed" if polled.push else "ok" if polled.feed else "unchanged")
    count_fetch(poll.counts, "feed", seconds=polled.seconds, size=polled.size)
    if polled.feed is None:
        await _finish_unchanged(poll, polled)
    else:
        await _take_in(poll, polled, await reader.remembered())
    await after_push(kit, poll.source, polled)


async def _finish_unchanged(poll: Poll, polled: Polled) -> None:
    state, wait = after_answer(
        poll.state,
        polled,
        poll.source,
        poll.kit.settings().fetch,
        now=poll.now,
        chance=poll.kit.chance(),
    )
    write = SourceWrite(poll.source.name, state, wait)
    await leave(poll.kit.store, poll.lease, write)


async def _take_in(poll: Poll, polled: Polled, remembered: Remembered) -> None:
    assert polled.feed is not None  # noqa: S101 - the caller asked
    kit, source = poll.kit, poll.source
    news = await find_news(kit.store, source.name, polled.feed, remembered)
    prepared = polled.prepared or await prepare_entries(
        kit.sandbox, news.entries, source, remembered.learned, poll.counts
    )
    room = DailyRoom(poll.state, source, now=poll.now)
    if kit.order.strict or not poll.state.first_poll_done:
        await poll.turn.come()
    feed = polled.feed
    paper = Paper(feed.title or poll.state.title, feed.link or poll.state.link)
    sorted_out = _sort_out(poll, news, prepared, room, paper)
    times = rhythm([p.article.published for p in prepared.entries], now=poll.now)
    state, wait = after_answer(
        poll.state, polled, source, kit.settings().fetch,
        now=poll.now, chance=kit.chance(), arrivals=times,
    )  # fmt: skip

    new_aside = [record for record in sorted_out.aside if record.id not in news.known]

    def batch_for(outcome: Outcome) -> Batch:
        counted = room.written_to(with_counts(state, outcome, new_aside))
        return Batch(
            SOURCES,
            [poll.lease],
            entries=sorted_out.aside,
            fresh=frozenset(record.id for record in new_aside),
            waits=[PageWait(record.id, 0.0) for record in sorted_out.aside],
            source=SourceWrite(
                source.name, counted, wait, news.listed, news.unchanged,
                polled.feed.items if polled.feed and not polled.push else None,
                prepared.learned if news.entries else None,
                polled.tree,
            ),
            keep_seconds=kit.keep_seconds(),
        )  # fmt: skip

    outcome = await kit.settle(sorted_out.arrivals, batch_for)
    kit.learn(sorted_out.features, outcome)
    await _trim_seen(poll, state)
    count_merging(poll.counts, outcome)
    count_entries(poll.counts, source.name, [*sorted_out.aside, *outcome.entries], now=poll.now)


async def _trim_seen(poll: Poll, state: SourceState) -> None:
    """Once in a while forget guids that the source stopped listing long ago."""
    if state.document % TRIM_EVERY == 0:
        window = poll.kit.settings().dedup.window
        await trim_seen(poll.kit.store, poll.source.name, window=window)


@dataclass(frozen=True)
class SortedOut:
    """News by what is to be done with them."""

    arrivals: list[Arrival]  # to be weighed now
    aside: list[EntryRecord]  # filtered, or waiting for their page
    features: dict[str, Features]


def _sort_out(
    poll: Poll, news: News, prepared: Prepared, room: DailyRoom, paper: Paper
) -> SortedOut:
    arrivals, aside, read = [], [], {}
    for entry, made in zip(news.entries, prepared.entries, strict=True):
        known = news.known.get(entry_id(poll.source.name, entry.guid))
        record = _record(poll, entry, made, known)
        if record.id in news.held_back:
            aside.append(_filtered(record, "forgotten"))
        elif known is None and made.filtered is None and not room.take():
            aside.append(_filtered(record, "max_per_day"))
        elif entry.body_urls:  # nothing of it is here yet that a filter could judge
            aside.append(record)
        elif made.filtered is not None:
            aside.append(_filtered(record, made.filtered))
        elif made.article.needs_page and made.article.link:
            aside.append(record)
        else:
            read[record.id] = made.features
            arrivals.append(poll.kit.arrival(record, made, poll.source, known, paper))
    return SortedOut(arrivals, aside, read)


def _record(
    poll: Poll, entry: FeedEntry, made: PreparedEntry, known: EntryRecord | None
) -> EntryRecord:
    """The entry as it came now; one that is known keeps its place and its story."""
    record = _new_record(poll, entry, made)
    if known is None:
        return record
    kept = [*_PLACED, *(_JOINED if known.story else ())]
    update = {name: getattr(known, name) for name in kept}
    if entry.body_urls and known.article is not None:
        # A file without a date of its own keeps the one under which it came.
        came = moment(known.article.published)
        update["raw"] = entry.model_copy(update={"updated": came})
    return record.model_copy(update=update)


def _new_record(poll: Poll, entry: FeedEntry, made: PreparedEntry) -> EntryRecord:
    now = datetime.fromtimestamp(poll.kit.order.moment(poll.now), UTC)
    published = moment(made.article.published)
    first = not poll.state.first_poll_done
    return EntryRecord(
        id=entry_id(poll.source.name, entry.guid),
        source=poll.source.name,
        guid=entry.guid,
        url=made.article.link,
        title=made.article.title,
        arrived=now,
        place=min(published, now) if first and published else now,
        order=entry.position,
        decision=Decision.PENDING,
        rule="page",
        raw=entry,
        article=made.article,
        backfill=first,
    )


def _filtered(record: EntryRecord, rule: str) -> EntryRecord:
    return record.model_copy(update={"decision": Decision.FILTERED, "rule": rule, "raw": None})


async def _record_fault(poll: Poll, fault: MillraceError) -> None:
    """Write a failure down; the entries that were taken in before stay as they are."""
    state, wait = after_fault(
        poll.state,
        fault,
        poll.source,
        poll.kit.settings().fetch,
        now=poll.now,
        chance=poll.kit.chance(),
        version=poll.kit.version,
    )
    _count(poll, _outcome(fault))
    # The first failure in a row is news; the others are in /health, /sources and the metrics.
    begins = poll.state.failures == 0 or (state.gone and not poll.state.gone)
    # Those that cannot be reached are many at once: workers/recovery.py reports them together.
    say = log.warning if begins and not isinstance(fault, _AWAY) else log.debug
    say("source.failing", source=poll.source.name, reason=state.last_error, next_in=round(wait))
    write = SourceWrite(poll.source.name, state, wait)
    if await leave(poll.kit.store, poll.lease, write):
        away = isinstance(fault, _AWAY)
        await note_outcome(poll.kit, poll.source.name, away=away, before=poll.state.failures)


def _count(poll: Poll, outcome: str) -> None:
    poll.counts.add("millrace_polls_total", outcome=outcome)
    poll.counts.add("millrace_source_polls_total", source=poll.source.name, outcome=outcome)


def _outcome(fault: MillraceError) -> str:
    if isinstance(fault, BadStatus):
        return f"status_{fault.status // 100}xx"
    if isinstance(fault, NotAFeed):
        return "not_a_feed"
    if isinstance(fault, ForbiddenAddress):
        return "forbidden"
    return "limit" if isinstance(fault, ResourceLimit) else "failed"
