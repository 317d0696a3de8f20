"""A poll's document read and its new entries cleaned in a child, in one trip where possible."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from core.config.settings import Source
from core.errors import DocumentError, NotAFeed, Overdue, ResourceLimit
from core.feeds.new_entries import Remembered, read_new_entries
from core.feeds.source_clock import SourceClock
from core.metrics import STEP_BUCKETS
from core.models import FeedEntry, ParsedFeed
from core.pipeline import BATCH, Prepared, PreparedEntry, Read, bare, prepare, read_news
from store.connection import Store
from store.entries import load_remembered
from store.monitoring import Counts
from workers.sandbox.pool import QUICK_SECONDS, Sandbox

BATCH_SECONDS = 5.0
LEAST_SECONDS = 1.0  # of each entry, where others of its batch used up their time


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
        prepared = await sandbox.run(prepare, batch, source, learned, timeout=seconds)
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


PARSE_SECONDS = 5.0
_MOST_AT_ONCE = 2**19  # bytes; what is longer may well take more than a quick trip's time


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
        return Read(await self._sandbox.run(parse, data, timeout=PARSE_SECONDS), None)

    async def _read_at_once(self, parse: Callable[[], ParsedFeed]) -> Read:
        seen, learned = (await self.remembered())[1:3]
        started = time.monotonic()
        read = await self._sandbox.run(
            read_news, parse, self._source, seen, learned, timeout=QUICK_SECONDS
        )
        if read.prepared is not None and read.prepared.entries:
            each = (time.monotonic() - started) / len(read.prepared.entries)
            self._counts.observe("millrace_extract_seconds", each, STEP_BUCKETS)
        return read
