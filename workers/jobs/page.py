"""The page job: read the page of one pending entry and settle the better of page and feed.

If the page cannot be read, the entry is published with the text of its feed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog

from core.config.settings import Source
from core.dates import moment
from core.errors import (
    BadStatus,
    Disallowed,
    DocumentError,
    FetchError,
    ForbiddenAddress,
    HostBusy,
    MillraceError,
    Overdue,
    ResourceLimit,
    StoreError,
    TooLarge,
    Unreachable,
)
from core.models import Decision, EntryRecord, Method
from core.page.surroundings import MOST_PAGES, following_page
from core.pipeline import PreparedEntry, prepare_first_page, prepare_page, without_page
from store.commit import Batch, PageWait, commit
from store.layout import unpack
from store.monitoring import Counts
from store.schedule import PAGES, Lease, begin, finish, release
from store.sources import load_learned, load_source
from workers.context import FeedInfo, WorkerContext, count_fetch
from workers.http.client import PAGE_TYPES, PATIENCE
from workers.http.response import PAGE_LINE, Response, access_of
from workers.jobs.page_commits import PageCommits, ReadPage
from workers.leases import held
from workers.settle import LeaseLost, Turn
from workers.sources.documents import prepare_entries
from workers.sources.github_body import read_body

log = structlog.get_logger()

R = TypeVar("R")

ATTEMPTS = 2  # then the feed's text is published: a page must not delay news for long
# A missing connection may be due to our own network: five minutes (5 s, doubled six times) pass
# before an excerpt is published in place of the article.
ATTEMPTS_TO_CONNECT = 7
BODY_DAYS = 14.0  # for which the body of an entry without other text is fetched again
BODY_RETRY_CAP = 6 * 3600.0
RETRY_SECONDS = 5.0
CRASH_SECONDS = 600.0
BUSY_SECONDS = 60.0
PAGE_SECONDS = 5.0
# Of the 100 places of a worker: 2,000 links of one source to hosts that hang take ten minutes.
PAGES_OF_SOURCE, NO_PLACE_SECONDS = 25, 10.0
ROW_PATIENCE = 30.0  # seconds for which the next page of an article may wait for its host
_PASSING = frozenset((408, 425, 500, 502, 503, 504))
_PASSING_OF_BODIES = _PASSING | {
    403,
    429,
}  # GitHub throttles files that are fetched without a token


@dataclass(frozen=True)
class PageJob:
    """One pending entry in progress."""

    context: WorkerContext
    commits: PageCommits
    lease: Lease
    source: Source | None  # None: feeds.yaml no longer lists it
    record: EntryRecord
    counts: Counts
    turn: Turn

    @property
    def own_source(self) -> Source:
        """The source, or a placeholder when feeds.yaml no longer lists it: its entries stay.

        The placeholder's address belongs to no site: the entry's link may be another publisher's.
        """
        return self.source or Source(url="https://removed.invalid/", name=self.record.source)


async def read_page(context: WorkerContext, commits: PageCommits, lease: Lease) -> None:
    """Complete the pending entry of a lease; do nothing when the lease has another holder."""
    turn = context.sequencer.pages.take(lease.name, after=context.sequencer.polls)
    try:
        if (begun := await begin(context.store, PAGES, lease)) is not None:
            await _complete(context, commits, lease, begun.state, turn)
    finally:
        turn.end()


async def _complete(
    context: WorkerContext, commits: PageCommits, lease: Lease, stored: bytes | None, turn: Turn
) -> None:
    record = None if stored is None else unpack(EntryRecord, stored)
    if record is None or record.raw is None or record.decision is not Decision.PENDING:
        await finish(context.store, PAGES, lease)
        return
    if context.pages[record.source] >= PAGES_OF_SOURCE and not context.sequencer.strict:
        await release(context.store, PAGES, lease, after=NO_PLACE_SECONDS)
        return
    job = PageJob(context, commits, lease, context.source(record.source), record, Counts(), turn)
    with held(context.store, PAGES, lease, context.lateness), context.reading_page(record.source):
        try:
            await _read(job)
        except HostBusy as busy:
            await release(context.store, PAGES, lease, after=busy.wait)
        except Overdue as late:
            log.info("page.overdue", entry=record.id, reason=str(late))
            await release(context.store, PAGES, lease, after=BUSY_SECONDS)
        except LeaseLost:
            log.info("page.superseded", entry=record.id)
        except StoreError:
            raise
        except Exception:
            log.exception("page.crashed", entry=record.id)
            await release(context.store, PAGES, lease, after=CRASH_SECONDS)
    context.add_counts(job.counts)


async def _read(job: PageJob) -> None:
    try:
        made = await _from_page(job)
    except (HostBusy, StoreError):
        raise
    except (FetchError, DocumentError, ResourceLimit) as fault:
        outcome = _outcome(fault)
        log.debug("page.failed", entry=job.record.id, reason=str(fault))
        if _may_pass(fault, job.record) and await _is_worth_another(job, fault):
            await _try_again(job, fault)
            return
        if job.record.raw is not None and job.record.raw.body_urls:
            await _give_up(job)
            return
        made = await _from_feed(job)
    else:
        outcome = "page" if made.article.method is Method.PAGE else "feed"
    job.counts.add("millrace_pages_total", outcome=outcome)
    await _settle(job, made)


async def _from_page(job: PageJob) -> PreparedEntry:
    record, source = job.record, job.source
    assert record.raw is not None  # noqa: S101 - read_page asked
    if record.raw.body_urls:
        return await read_body(job.context, record, job.own_source, job.counts)
    if source is None or record.url is None or record.article is None:
        return await _from_feed(job)
    answer = await _fetch_page(job, record.url, source)
    learned = await job.commits.boilerplate.of(source.name)
    page = (answer.body, answer.url, answer.content_type, record.article, source, learned)
    with job.commits.batcher.reading():
        made = await _in_child(job, prepare_first_page, *page)
    if isinstance(made, str):
        further = await _further_pages(job, made, source)
        made = await _in_child(job, prepare_page, *page, further)
    job.commits.boilerplate.teach(source.name, made.signatures)
    return made.entry


async def _in_child(job: PageJob, function: Callable[..., R], *args: Any) -> R:
    own = job.source.url if job.source else ""
    return await job.context.sandbox.run(function, *args, timeout=PAGE_SECONDS, on_behalf=own)


async def _fetch_page(
    job: PageJob, url: str, source: Source, patience: float = PATIENCE
) -> Response:
    context, access = job.context, access_of(source)
    answer = await context.fetcher.get(
        url,
        max_bytes=context.settings().fetch.max_bytes.page,
        accept=PAGE_TYPES,
        access=access,
        allowed=context.robots.for_source(access),
        patience=patience,
        line=PAGE_LINE,
    )
    count_fetch(job.counts, "page", seconds=answer.elapsed, size=len(answer.body))
    if not 200 <= answer.status < 300:
        raise BadStatus(answer.status, urlsplit(answer.url).hostname or "")
    return answer


async def _further_pages(job: PageJob, url: str | None, source: Source) -> list[bytes]:
    """The next pages of the same article, up to the first that cannot be read."""
    found: list[bytes] = []
    try:
        while url is not None and len(found) + 1 < MOST_PAGES:
            answer = await _fetch_page(job, url, source, ROW_PATIENCE)
            found.append(answer.body)
            page = answer.body, answer.url, answer.content_type
            url = await _in_child(job, following_page, *page)
    except (FetchError, DocumentError, ResourceLimit) as fault:
        log.info("page.broken_row", entry=job.record.id, reason=str(fault))
    return found


async def _from_feed(job: PageJob) -> PreparedEntry:
    """The entry from its feed alone: with the feed's text, or just title and link."""
    raw, source = job.record.raw, job.own_source
    assert raw is not None  # noqa: S101 - read_page asked
    learned = await load_learned(job.context.store, job.record.source)
    prepared = await prepare_entries(job.context.sandbox, [raw], source, learned, job.counts)
    return without_page(prepared.entries[0])


async def _settle(job: PageJob, made: PreparedEntry) -> None:
    context, record = job.context, job.record
    update: dict[str, object] = {"article": made.article, "title": made.article.title}
    published = moment(made.article.published)
    if record.backfill and published is not None:
        update["place"] = min(published, record.arrived)
    record = record.model_copy(update=update)
    if made.filtered is not None:
        record = record.model_copy(
            update={"decision": Decision.FILTERED, "rule": made.filtered, "raw": None}
        )
        await commit(context.store, _batch(job, [record]))
        return
    source = job.own_source
    if context.sequencer.strict or record.backfill:
        await job.turn.wait()
        job.turn.end()  # later pages may join its commit, which keeps the order
    state = await load_source(context.store, source.name)
    info = FeedInfo(state.title, state.link) if state else FeedInfo()
    arrival = context.arrival(record, made, source, job.record, info)
    await job.commits.finish(ReadPage(job.lease, arrival, made.features))


async def _is_worth_another(job: PageJob, fault: MillraceError) -> bool:
    """Whether to retry: an entry with a feed text a few times, one without for two weeks."""
    record = job.record
    if record.raw is None or not record.raw.body_urls:
        # `millrace once` ends when all entries are settled: it does not wait for the network.
        waits = isinstance(fault, Unreachable) and not job.context.sequencer.strict
        return record.attempts + 1 < (ATTEMPTS_TO_CONNECT if waits else ATTEMPTS)
    age = await job.context.store.now() - record.arrived.timestamp()
    return age < BODY_DAYS * 86_400


async def _give_up(job: PageJob) -> None:
    """Drop an entry whose only body could not be fetched: there is nothing to publish."""
    update = {"decision": Decision.FILTERED, "rule": "unreachable", "raw": None}
    await commit(job.context.store, _batch(job, [job.record.model_copy(update=update)]))


async def _try_again(job: PageJob, fault: MillraceError) -> None:
    """Retry after twice the last delay, or after the Retry-After of the host if that is longer."""
    record = job.record.model_copy(update={"attempts": job.record.attempts + 1})
    has_body = record.raw is not None and record.raw.body_urls
    cap = BODY_RETRY_CAP if has_body else CRASH_SECONDS
    wait = min(RETRY_SECONDS * 2.0 ** min(job.record.attempts, 32), cap)
    if isinstance(fault, BadStatus) and fault.retry_after is not None:
        wait = max(wait, fault.retry_after)
    batch = _batch(job, [record], waits=[PageWait(record.id, wait)])
    await commit(job.context.store, batch)


def _batch(job: PageJob, entries: list[EntryRecord], waits: Sequence[PageWait] = ()) -> Batch:
    return Batch(
        PAGES,
        [job.lease],
        entries=entries,
        waits=waits,
        keep_seconds=job.context.keep_seconds(),
    )


def _may_pass(fault: MillraceError, record: EntryRecord) -> bool:
    """Whether a retry may succeed."""
    if isinstance(fault, BadStatus):
        has_body = record.raw is not None and record.raw.body_urls
        return fault.status in (_PASSING_OF_BODIES if has_body else _PASSING)
    if isinstance(fault, Overdue):
        return True
    refused = isinstance(fault, ForbiddenAddress | Disallowed | TooLarge)
    return isinstance(fault, FetchError) and not refused


def _outcome(fault: MillraceError) -> str:
    match fault:
        case BadStatus():
            return f"status_{fault.status // 100}xx"
        case Disallowed():
            return "robots"
        case ResourceLimit():
            return "limit"
    return "failed"
