"""The poll job: fetch a source, clean its new entries, settle them, plan the next poll.

It calls the steps in order and decides nothing itself. The result is written in one commit, under
the lease that started the job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from core.config.settings import Source
from core.dedup.decide import Outcome
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
from core.feeds.new_entries import SourceMemory
from core.models import ParsedFeed
from store.commit import Batch, SourceWrite, write_state
from store.hosts import note_reached, note_unreachable
from store.monitoring import Counts
from store.retention import SEEN_KEPT, note_floods, trim_seen
from store.schedule import SOURCES, Begun, Lease, begin, release
from store.sources import SourceState, read_source
from workers.context import (
    FeedInfo,
    Poll,
    WorkerContext,
    count_entries,
    count_fetch,
    count_merging,
    rhythm,
)
from workers.jobs.new_entries import find_news, sort_out
from workers.jobs.source_state import (
    GONE_SECONDS,
    DailyRoom,
    after_answer,
    after_fault,
    first_state,
    with_counts,
)
from workers.leases import held
from workers.settle import LeaseLost
from workers.sources.documents import Polled, PollTools, Reader, prepare_entries
from workers.sources.fetch import poll_kind
from workers.sources.websub import after_push, pushed

log = structlog.get_logger()

_AWAY = (Unreachable, NoResponse)
TRIM_EVERY = 20  # changed documents: reading all guids of a source costs as much as its poll


async def refresh(context: WorkerContext, lease: Lease) -> None:
    """Poll the source of a lease; do nothing when the lease has another holder."""
    source, turn = context.source(lease.name), context.sequencer.polls.take(lease.name)
    try:
        if source is not None and (begun := await begin(context.store, SOURCES, lease)) is not None:
            state, counts = _state_of(source, begun), Counts()
            if state.gone:  # due all the same; only a new address or a person lifts this
                await release(context.store, SOURCES, lease, after=GONE_SECONDS)
                return
            with held(context.store, SOURCES, lease, context.lateness):
                await _poll_or_record(Poll(context, lease, source, state, begun.now, counts, turn))
            context.add_counts(counts)
    finally:
        turn.end()


def _state_of(source: Source, begun: Begun) -> SourceState:
    """The stored state of a source; a new state when its address in feeds.yaml changed."""
    state = read_source(begun.state)
    if state is not None and state.configured_url == source.url:
        return state
    if state is not None and state.failures:  # the log names the failures, so it names their end
        log.info("source.readdressed", source=source.name, failures=state.failures)
    return first_state(source)


async def _poll_or_record(poll: Poll) -> None:
    """Poll, and write a failure into the source's state."""
    context, name = poll.context, poll.source.name
    try:
        await _poll(poll)
    except HostBusy as busy:
        if context.sequencer.strict:
            poll.turn.keep()
        await release(context.store, SOURCES, poll.lease, after=busy.wait)
    except LeaseLost:
        log.info("poll.superseded", source=name)
    except StoreError:
        raise
    except MillraceError as fault:
        await _record_fault(poll, fault)
    except Exception as error:
        log.exception("poll.crashed", source=name)
        await _record_fault(poll, MillraceError("a fault in Millrace: {fault}", fault=repr(error)))


async def _poll(poll: Poll) -> None:
    context = poll.context
    reader = Reader(context.store, context.sandbox, poll.source, poll.counts)
    tools = PollTools(
        context.store, context.fetcher, context.sandbox, reader, poll.now, context.version
    )
    polled = await pushed(tools, context, poll.source, poll.state)
    polled = polled or await poll_kind(tools, poll.source, poll.state)
    if polled.push is None:
        context.answered = True
        if poll.state.failures > poll.state.unreachable:
            log.info("source.recovered", source=poll.source.name, failures=poll.state.failures)
        if poll.state.failures:
            await note_reached(context.store, poll.source.name)
    _count(poll, "pushed" if polled.push else "ok" if polled.feed else "unchanged")
    count_fetch(poll.counts, "feed", seconds=polled.seconds, size=polled.size)
    if polled.feed is None:
        await write_state(context.store, poll.lease, _write(poll, polled))
    else:
        await _take_in(poll, polled, polled.feed, await reader.remembered())
    await after_push(context, poll.source, polled)


async def _take_in(poll: Poll, polled: Polled, feed: ParsedFeed, remembered: SourceMemory) -> None:
    """Prepare the news of a document, decide upon them, and write all in one commit."""
    context, source = poll.context, poll.source
    stories = context.settings().retention.entries
    room = DailyRoom(poll.state, source, now=poll.now, stories=stories)
    news = await find_news(context.store, source.name, feed, remembered, room)
    if news.waiting:
        polled = await _put_off(poll, polled, news.waiting)
    prepared = polled.prepared or await prepare_entries(
        context.sandbox, news.entries, source, remembered.learned, poll.counts
    )
    if context.sequencer.strict or not poll.state.first_poll_done:
        await poll.turn.wait()
    site = poll.source.site or feed.link or poll.state.link
    info = FeedInfo(feed.title or poll.state.title, site)
    found = sort_out(poll, news, prepared, room, info)
    write = replace(
        _write(poll, polled, [entry.article.published for entry in prepared.entries]),
        listed=news.listed,
        items=None if polled.push else feed.items,
        learned=prepared.learned if news.entries else None,
        tree=polled.tree,
    )

    def batch_for(outcome: Outcome) -> Batch:
        counted = room.written_to(with_counts(write.state, outcome, found.new_aside))
        return found.batch(poll, replace(write, state=counted))

    outcome = await context.settle(found.arrivals, batch_for)
    context.learn(found.features, outcome)
    await _trim_seen(poll, write.state, len(remembered.seen))
    count_merging(poll.counts, outcome)
    count_entries(poll.counts, source.name, [*found.aside, *outcome.entries], now=poll.now)


async def _put_off(poll: Poll, polled: Polled, waiting: int) -> Polled:
    """The answer without what would keep later polls from finding those entries new again."""
    await note_floods(poll.context.store, [poll.source.name])
    note = f"{waiting} new entries wait for the next day: it brought too many today"
    return replace(
        polled, prepared=None, etag=None, last_modified=None, body_hash=None, tree=None,
        waiting=waiting, notes=(*polled.notes, note),
    )  # fmt: skip


def _write(poll: Poll, polled: Polled, published: Sequence[str | None] = ()) -> SourceWrite:
    """The state of the source after a good response, and when it is due again."""
    state, wait = after_answer(
        poll.state,
        polled,
        poll.source,
        poll.context.settings().fetch,
        now=poll.now,
        chance=poll.context.chance(),
        arrivals=rhythm(published, now=poll.now),
    )
    return SourceWrite(poll.source.name, state, wait)


async def _trim_seen(poll: Poll, state: SourceState, seen: int) -> None:
    """Now and then forget guids that the source stopped listing long ago."""
    if state.document % TRIM_EVERY == 0 or seen > SEEN_KEPT:
        window = poll.context.settings().dedup.window
        await trim_seen(poll.context.store, poll.source.name, window=window)


async def _record_fault(poll: Poll, fault: MillraceError) -> None:
    """Write a failure into the source's state and plan the retry; its entries stay."""
    state, wait = after_fault(
        poll.state,
        fault,
        poll.source,
        poll.context.settings().fetch,
        now=poll.now,
        chance=poll.context.chance(),
        version=poll.context.version,
    )
    _count(poll, _outcome(fault))
    # Only the first failure in a row is logged; the others are in /health, /sources and metrics.
    begins = poll.state.failures == 0 or (state.gone and not poll.state.gone)
    # Unreachable sources are often many at once: workers/recovery.py logs them in one line.
    say = log.warning if begins and not isinstance(fault, _AWAY) else log.debug
    when = {} if state.gone else {"next_in": round(wait)}
    say("source.failing", source=poll.source.name, reason=state.last_error, **when)
    write = SourceWrite(poll.source.name, state, wait)
    if await write_state(poll.context.store, poll.lease, write):
        if isinstance(fault, _AWAY):
            await note_unreachable(poll.context.store, poll.source.name)
        elif poll.state.failures:
            await note_reached(poll.context.store, poll.source.name)


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
