"""Input and result of a poll, the same for feeds, folders and listings; reading of documents.

A document is parsed and its new entries are cleaned in a child process, in one call where possible.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from core.config.settings import Source
from core.dates import SourceClock
from core.errors import DocumentError, NotAFeed, Overdue, ResourceLimit
from core.feeds.new_entries import SourceMemory, read_new_entries
from core.metrics import STEP_BUCKETS
from core.models import FeedEntry, ParsedFeed
from core.pipeline import (
    BATCH,
    ParsedDocument,
    Prepared,
    PreparedEntry,
    prepare,
    read_news,
    title_only,
)
from core.polling import PollingHints
from store.connection import Store
from store.entries import load_remembered
from store.monitoring import Counts
from store.sources import SourceState
from workers.http.client import Fetcher
from workers.http.response import Response
from workers.sandbox.pool import QUICK_SECONDS, Sandbox

NO_WISHES = PollingHints()
POISON_TRIES = 3  # by one version; then the document is skipped until it changes
PARSE_SECONDS = 5.0
_MOST_AT_ONCE = 2**19  # bytes; longer documents may exceed the time of a quick call
BATCH_SECONDS = 5.0
LEAST_SECONDS = 1.0  # for each entry, also when others of its batch used up their time


@dataclass(frozen=True)
class PollTools:
    """The tools of a poll."""

    store: Store
    fetcher: Fetcher
    sandbox: Sandbox
    reader: Reader
    now: float  # the store's clock
    version: str  # of Millrace: another version tries skipped documents again


@dataclass(frozen=True)
class Polled:
    """The result of one poll."""

    status: int  # 200, or 304 where nothing changed
    url: str  # after redirects
    feed: ParsedFeed | None  # None: nothing changed
    prepared: Prepared | None = None  # its new entries, when they were found while parsing
    etag: str | None = None  # byte-exact; None: the response had none
    last_modified: str | None = None
    body_hash: str | None = None
    permanent_redirect: str | None = None
    wishes: PollingHints = NO_WISHES
    seconds: float = 0.0  # until the last byte
    size: int = 0  # decoded bytes
    kind: str | None = None  # found by `kind: auto`
    found_at: str | None = None  # the address of a feed that a page named
    push: tuple[str, bytes] | None = None  # content type and body that a hub sent
    tree: bytes | None = None  # of a folder: its content, to be stored
    hub: str | None = None
    self_url: str | None = None
    notes: tuple[str, ...] = ()  # tolerated faults, shown to people
    whole: bool = False  # it was fetched without validators, to check responses of 304
    waiting: int = 0  # new entries beyond the daily limit of the store


def unchanged(answer: Response, wishes: PollingHints) -> Polled:
    """A result without news; its validators are kept, because servers change them at will."""
    return Polled(
        status=answer.status,
        url=answer.url,
        feed=None,
        etag=answer.etag,
        last_modified=answer.last_modified,
        wishes=wishes,
        seconds=answer.elapsed,
        size=len(answer.body),
    )


class Poisoned(ResourceLimit):
    """A document exceeded its limits; `body_hash` identifies it at the next poll."""

    def __init__(self, text: str, /, *, body_hash: str, **values: str) -> None:
        super().__init__(text, **values)
        self.body_hash = body_hash


def is_set_aside(state: SourceState, body_hash: str, version: str) -> bool:
    """Whether this document exceeded its limits too often under this version."""
    poison = state.poison
    return (
        poison is not None
        and (poison.body_hash, poison.version) == (body_hash, version)
        and poison.tries >= POISON_TRIES
    )


async def prepare_entries(
    sandbox: Sandbox,
    entries: Sequence[FeedEntry],
    source: Source,
    learned: bytes | None,
    counts: Counts,
) -> Prepared:
    """Clean `entries`; the result is in their order. Raises Overdue on an overloaded machine."""
    done: list[PreparedEntry] = []
    # From the end: the oldest entry is the last, and entries are cleaned by what older ones taught.
    for end in range(len(entries), 0, -BATCH):
        batch = entries[max(0, end - BATCH) : end]
        prepared = await _prepare(sandbox, batch, source, learned, counts, BATCH_SECONDS)
        done[:0] = prepared.entries
        learned = prepared.learned
    return Prepared(tuple(done), learned or b"")


async def _prepare(
    sandbox: Sandbox,
    batch: Sequence[FeedEntry],
    source: Source,
    learned: bytes | None,
    counts: Counts,
    seconds: float,
) -> Prepared:
    started = time.monotonic()
    try:
        prepared = await sandbox.run(
            prepare, batch, source, learned, timeout=seconds, on_behalf=source.url
        )
        each = (time.monotonic() - started) / len(batch)
        counts.observe("millrace_extract_seconds", each, STEP_BUCKETS)
        return prepared
    except (ResourceLimit, DocumentError) as fault:
        if len(batch) > 1:
            return await _one_by_one(sandbox, batch, source, learned, counts)
        if isinstance(fault, Overdue):  # a retry may succeed
            raise
    counts.add("millrace_killed_total", step="clean")
    return Prepared((title_only(batch[0], source),), learned or b"")


async def _one_by_one(
    sandbox: Sandbox,
    batch: Sequence[FeedEntry],
    source: Source,
    learned: bytes | None,
    counts: Counts,
) -> Prepared:
    done: list[PreparedEntry] = []
    spare = BATCH_SECONDS  # shared: one slow entry gets all of it, many do not
    for entry in reversed(batch):
        started = time.monotonic()
        seconds = max(LEAST_SECONDS, spare)
        prepared = await _prepare(sandbox, [entry], source, learned, counts, seconds)
        spare -= time.monotonic() - started
        done[:0] = prepared.entries
        learned = prepared.learned
    return Prepared(tuple(done), learned or b"")


class Reader:
    """Reads the documents of one poll."""

    def __init__(self, store: Store, sandbox: Sandbox, source: Source, counts: Counts) -> None:
        self._store = store
        self._sandbox = sandbox
        self._source = source
        self._counts = counts
        self._remembered: SourceMemory | None = None

    async def remembered(self) -> SourceMemory:
        """What the store remembers of the source, loaded once."""
        if self._remembered is None:
            self._remembered = await load_remembered(self._store, self._source.name)
        return self._remembered

    async def read(
        self,
        data: bytes,
        *,
        url: str,
        content_type: str | None,
        parse: Callable[..., ParsedFeed] | None = None,
        clock: SourceClock | None = None,
    ) -> ParsedDocument:
        """Parse `data` in a child: with `parse`, else as a feed without its known items.

        `clock` corrects dates that the source states by a wrong clock. Raises DocumentError or
        ResourceLimit.
        """
        known = (await self.remembered()).items
        parse = parse or partial(read_new_entries, known=known, clock=clock)
        parse = partial(parse, url=url, content_type=content_type)
        if len(data) <= _MOST_AT_ONCE:
            try:
                return await self._read_at_once(partial(parse, data))
            except NotAFeed:
                raise
            except (ResourceLimit, DocumentError):
                pass  # due to the document or to an entry in it: parsing alone shows which
        own = self._source.url
        parsed = await self._sandbox.run(parse, data, timeout=PARSE_SECONDS, on_behalf=own)
        return ParsedDocument(parsed, None)

    async def _read_at_once(self, parse: Callable[[], ParsedFeed]) -> ParsedDocument:
        seen, learned = (await self.remembered())[1:3]
        started = time.monotonic()
        read = await self._sandbox.run(
            read_news,
            parse,
            self._source,
            seen,
            learned,
            timeout=QUICK_SECONDS,
            on_behalf=self._source.url,
        )
        if read.prepared is not None and read.prepared.entries:
            each = (time.monotonic() - started) / len(read.prepared.entries)
            self._counts.observe("millrace_extract_seconds", each, STEP_BUCKETS)
        return read
