"""Reads the document of one poll and cleans what is new in it, in one trip to a child if that does.

A document that runs into a limit so is read alone: what is then wrong with one of its entries is
held against that entry, not against the document.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from core.config.settings import Source
from core.errors import DocumentError, NotAFeed, ResourceLimit
from core.feeds.parse import parse_feed
from core.feeds.unchanged import Remembered
from core.metrics import STEP_BUCKETS
from core.models import ParsedFeed
from core.pipeline import Read, read_news
from store.connection import Store
from store.counters import Counts
from store.entries import load_remembered
from workers.sandbox.pool import QUICK_SECONDS, Sandbox

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
    ) -> Read:
        """What `parse` makes of `data`, or else the feed that it is, without its known items.

        Raises DocumentError, or ResourceLimit.
        """
        parse = parse or partial(parse_feed, known=(await self.remembered()).items)
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
