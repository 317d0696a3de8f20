"""What the poll of a source needs and what it gives, whatever its kind: feed, folder or listing.

Its document is read and the new entries in it are cleaned in a child, in one trip where possible.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from core.config.settings import Source
from core.dates import SourceClock
from core.errors import DocumentError, NotAFeed, Overdue, ResourceLimit
from core.feeds.new_entries import Remembered, read_new_entries
from core.metrics import STEP_BUCKETS
from core.models import FeedEntry, ParsedFeed
from core.pipeline import BATCH, Prepared, PreparedEntry, Read, bare, prepare, read_news
from core.polling import Wishes
from store.connection import Store
from store.entries import load_remembered
from store.monitoring import Counts
from store.sources import SourceState
from workers.http.client import Fetcher
from workers.http.response import Response
from workers.sandbox.pool import QUICK_SECONDS, Sandbox

NO_WISHES = Wishes()
POISON_TRIES = 3  # by one version; then the document is set aside until it changes
PARSE_SECONDS = 5.0
_MOST_AT_ONCE = 2**19  # bytes; what is longer may well take more than a quick trip's time
BATCH_SECONDS = 5.0
LEAST_SECONDS = 1.0  # of each entry, where others of its batch used up their time


@dataclass(frozen=True)
class Asking:
    """What a poll works with."""

    store: Store
    fetcher: Fetcher
    sandbox: Sandbox
    reader: Reader
    now: float  # the store's clock
    version: str  # of Millrace: another one tries documents again that were set aside


@dataclass(frozen=True)
class Polled:
    """One answer of a source."""

    status: int  # 200, or 304 where nothing changed
    url: str  # where the answer came from in the end
    feed: ParsedFeed | None  # None: nothing changed
    prepared: Prepared | None = None  # what is new in it, where that was told when it was read
    etag: str | None = None  # to be kept byte-exact; None: none was given
    last_modified: str | None = None
    body_hash: str | None = None
    permanent_redirect: str | None = None
    wishes: Wishes = NO_WISHES
    seconds: float = 0.0  # until the last byte
    size: int = 0  # decoded bytes
    kind: str | None = None  # what `auto` found
    found_at: str | None = None  # the feed's own address, where another page led there
    push: tuple[str, bytes] | None = None  # what a hub sent, in place of an answer
    tree: bytes | None = None  # of a folder: what it held, to be remembered
    hub: str | None = None
    self_url: str | None = None
    notes: tuple[str, ...] = ()  # what was put up with, for people
    whole: bool = False  # it was fetched without validators after answers of 304


def unchanged(answer: Response, wishes: Wishes) -> Polled:
    """Nothing new; validators are taken over all the same, servers change them at will."""
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
    """A document that ran into its limits, with the hash by which it is known again."""

    def __init__(self, text: str, /, *, body_hash: str, **values: str) -> None:
        super().__init__(text, **values)
        self.body_hash = body_hash


def is_set_aside(state: SourceState, body_hash: str, version: str) -> bool:
    """Whether this very document was tried often enough by this very version."""
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
    """Clean `entries`; the result is in their order. Raises Overdue on a machine too busy."""
    done: list[PreparedEntry] = []
    # From the end, because the oldest entry stands last and teaches first.
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
        if isinstance(fault, Overdue):  # a later try may well read the body
            raise
    counts.add("millrace_killed_total", step="clean")
    return Prepared((bare(batch[0], source),), learned or b"")


async def _one_by_one(
    sandbox: Sandbox,
    batch: Sequence[FeedEntry],
    source: Source,
    learned: bytes | None,
    counts: Counts,
) -> Prepared:
    done: list[PreparedEntry] = []
    spare = BATCH_SECONDS  # one that takes long is given time, many are not
    for entry in reversed(batch):
        started = time.monotonic()
        seconds = max(LEAST_SECONDS, spare)
        prepared = await _prepare(sandbox, [entry], source, learned, counts, seconds)
        spare -= time.monotonic() - started
        done[:0] = prepared.entries
        learned = prepared.learned
    return Prepared(tuple(done), learned or b"")


class Reader:
    """What one poll reads documents with."""

    def __init__(self, store: Store, sandbox: Sandbox, source: Source, counts: Counts) -> None:
        self._store = store
        self._sandbox = sandbox
        self._source = source
        self._counts = counts
        self._remembered: Remembered | None = None

    async def remembered(self) -> Remembered:
        """What is remembered of the source, asked for once."""
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
    ) -> Read:
        """What `parse` makes of `data`, or else the feed that it is, without its known items.

        The dates of a feed are by our `clock`.

        Raises DocumentError, or ResourceLimit.
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
                pass  # of the document or of an entry in it: the next trip tells
        own = self._source.url
        parsed = await self._sandbox.run(parse, data, timeout=PARSE_SECONDS, on_behalf=own)
        return Read(parsed, None)

    async def _read_at_once(self, parse: Callable[[], ParsedFeed]) -> Read:
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
