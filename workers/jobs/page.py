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
from store.monitoring import Counts
from store.plan import unpack
from store.schedule import PAGES, Lease, begin, finish, release
from store.sources import load_learned, load_source
from workers.context import Kit, Paper, count_fetch
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
class Reading:
    """One pending entry in progress."""

    kit: Kit
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


async def read_page(kit: Kit, commits: PageCommits, lease: Lease) -> None:
    """Complete the pending entry of a lease; do nothing when the lease has another holder."""
    turn = kit.order.pages.take(lease.name, after=kit.order.polls)
    try:
        if (begun := await begin(kit.store, PAGES, lease)) is not None:
            await _complete(kit, commits, lease, begun.state, turn)
    finally:
        turn.end()


async def _complete(
    kit: Kit, commits: PageCommits, lease: Lease, stored: bytes | None, turn: Turn
) -> None:
    record = None if stored is None else unpack(EntryRecord, stored)
    if record is None or record.raw is None or record.decision is not Decision.PENDING:
        await finish(kit.store, PAGES, lease)
        return
    if kit.pages[record.source] >= PAGES_OF_SOURCE and not kit.order.strict:
        await release(kit.store, PAGES, lease, after=NO_PLACE_SECONDS)
        return
    reading = Reading(kit, commits, lease, kit.source(record.source), record, Counts(), turn)
    with held(kit.store, PAGES, lease, kit.lateness), kit.reading_page(record.source):
        try:
            await _read(reading)
        except HostBusy as busy:
            await release(kit.store, PAGES, lease, after=busy.wait)
        except Overdue as late:
            log.info("page.overdue", entry=record.id, reason=str(late))
            await release(kit.store, PAGES, lease, after=BUSY_SECONDS)
        except LeaseLost:
            log.info("page.superseded", entry=record.id)
        except StoreError:
            raise
        except Exception:
            log.exception("page.crashed", entry=record.id)
            await release(kit.store, PAGES, lease, after=CRASH_SECONDS)
    kit.tell(reading.counts)


async def _read(reading: Reading) -> None:
    try:
        made = await _from_page(reading)
    except (HostBusy, StoreError):
        raise
    except (FetchError, DocumentError, ResourceLimit) as fault:
        outcome = _outcome(fault)
        log.debug("page.failed", entry=reading.record.id, reason=str(fault))
        if _may_pass(fault, reading.record) and await _is_worth_another(reading, fault):
            await _try_again(reading, fault)
            return
        if reading.record.raw is not None and reading.record.raw.body_urls:
            await _give_up(reading)
            return
        made = await _from_feed(reading)
    else:
        outcome = "page" if made.article.method is Method.PAGE else "feed"
    reading.counts.add("millrace_pages_total", outcome=outcome)
    await _settle(reading, made)


async def _from_page(reading: Reading) -> PreparedEntry:
    record, source = reading.record, reading.source
    assert record.raw is not None  # noqa: S101 - read_page asked
    if record.raw.body_urls:
        return await read_body(reading.kit, record, reading.own_source, reading.counts)
    if source is None or record.url is None or record.article is None:
        return await _from_feed(reading)
    answer = await _fetch_page(reading, record.url, source)
    learned = await reading.commits.lessons.of(source.name)
    page = (answer.body, answer.url, answer.content_type, record.article, source, learned)
    with reading.commits.company.under_way():
        made = await _in_child(reading, prepare_first_page, *page)
    if isinstance(made, str):
        further = await _further_pages(reading, made, source)
        made = await _in_child(reading, prepare_page, *page, further)
    reading.commits.lessons.teach(source.name, made.signatures)
    return made.entry


async def _in_child(reading: Reading, function: Callable[..., R], *args: Any) -> R:
    own = reading.source.url if reading.source else ""
    return await reading.kit.sandbox.run(function, *args, timeout=PAGE_SECONDS, on_behalf=own)


async def _fetch_page(
    reading: Reading, url: str, source: Source, patience: float = PATIENCE
) -> Response:
    kit, access = reading.kit, access_of(source)
    answer = await kit.fetcher.get(
        url,
        max_bytes=kit.settings().fetch.max_bytes.page,
        accept=PAGE_TYPES,
        access=access,
        allowed=kit.robots.for_source(access),
        patience=patience,
        line=PAGE_LINE,
    )
    count_fetch(reading.counts, "page", seconds=answer.elapsed, size=len(answer.body))
    if not 200 <= answer.status < 300:
        raise BadStatus(answer.status, urlsplit(answer.url).hostname or "")
    return answer


async def _further_pages(reading: Reading, url: str | None, source: Source) -> list[bytes]:
    """The next pages of the same article, up to the first that cannot be read."""
    found: list[bytes] = []
    try:
        while url is not None and len(found) + 1 < MOST_PAGES:
            answer = await _fetch_page(reading, url, source, ROW_PATIENCE)
            found.append(answer.body)
            page = answer.body, answer.url, answer.content_type
            url = await _in_child(reading, following_page, *page)
    except (FetchError, DocumentError, ResourceLimit) as fault:
        log.info("page.broken_row", entry=reading.record.id, reason=str(fault))
    return found


async def _from_feed(reading: Reading) -> PreparedEntry:
    """The entry from its feed alone: with the feed's text, or just title and link."""
    raw, source = reading.record.raw, reading.own_source
    assert raw is not None  # noqa: S101 - read_page asked
    learned = await load_learned(reading.kit.store, reading.record.source)
    prepared = await prepare_entries(reading.kit.sandbox, [raw], source, learned, reading.counts)
    return without_page(prepared.entries[0])


async def _settle(reading: Reading, made: PreparedEntry) -> None:
    kit, record = reading.kit, reading.record
    update: dict[str, object] = {"article": made.article, "title": made.article.title}
    published = moment(made.article.published)
    if record.backfill and published is not None:
        update["place"] = min(published, record.arrived)
    record = record.model_copy(update=update)
    if made.filtered is not None:
        record = record.model_copy(
            update={"decision": Decision.FILTERED, "rule": made.filtered, "raw": None}
        )
        await commit(kit.store, _batch(reading, [record]))
        return
    source = reading.own_source
    if kit.order.strict or record.backfill:
        await reading.turn.come()
        reading.turn.end()  # later pages may join its commit, which keeps the order
    state = await load_source(kit.store, source.name)
    paper = Paper(state.title, state.link) if state else Paper()
    arrival = kit.arrival(record, made, source, reading.record, paper)
    await reading.commits.finish(ReadPage(reading.lease, arrival, made.features))


async def _is_worth_another(reading: Reading, fault: MillraceError) -> bool:
    """Whether to retry: an entry with a feed text a few times, one without for two weeks."""
    record = reading.record
    if record.raw is None or not record.raw.body_urls:
        # `millrace once` ends when all entries are settled: it does not wait for the network.
        waits = isinstance(fault, Unreachable) and not reading.kit.order.strict
        return record.attempts + 1 < (ATTEMPTS_TO_CONNECT if waits else ATTEMPTS)
    age = await reading.kit.store.now() - record.arrived.timestamp()
    return age < BODY_DAYS * 86_400


async def _give_up(reading: Reading) -> None:
    """Drop an entry whose only body could not be fetched: there is nothing to publish."""
    update = {"decision": Decision.FILTERED, "rule": "unreachable", "raw": None}
    await commit(reading.kit.store, _batch(reading, [reading.record.model_copy(update=update)]))


async def _try_again(reading: Reading, fault: MillraceError) -> None:
    """Retry after twice the last delay, or after the Retry-After of the host if that is longer."""
    record = reading.record.model_copy(update={"attempts": reading.record.attempts + 1})
    has_body = record.raw is not None and record.raw.body_urls
    cap = BODY_RETRY_CAP if has_body else CRASH_SECONDS
    wait = min(RETRY_SECONDS * 2.0 ** min(reading.record.attempts, 32), cap)
    if isinstance(fault, BadStatus) and fault.retry_after is not None:
        wait = max(wait, fault.retry_after)
    batch = _batch(reading, [record], waits=[PageWait(record.id, wait)])
    await commit(reading.kit.store, batch)


def _batch(reading: Reading, entries: list[EntryRecord], waits: Sequence[PageWait] = ()) -> Batch:
    return Batch(
        PAGES,
        [reading.lease],
        entries=entries,
        waits=waits,
        keep_seconds=reading.kit.keep_seconds(),
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
