"""`millrace replay`: decides the kept entries again under other settings; changes nothing live.

Both sides are decided again, in temporary stores, one poll after the other: what differs
then differs because of the settings and of nothing else, and twice gives the same bytes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from core.config.overrides import with_overrides
from core.config.settings import DedupSettings
from core.dedup.decide import decide
from core.dedup.fingerprint import Features, Fingerprint, features, fingerprint, taught
from core.dedup.idf import Idf
from core.dedup.merge import Claim
from core.models import Decision, EntryRecord
from core.urls import canonical_url
from millrace.process.config import read_config
from millrace.process.data_folder import running_store, throwaway_store
from millrace.process.progress import progress_bar
from store.connection import Store, opened
from store.entries import kept_entries
from store.index import claim, lookup

_DECIDED = (Decision.PUBLISHED, Decision.MERGED, Decision.UPDATED)


class Decided(NamedTuple):
    """What one pass decided about an entry."""

    decision: str
    story: str
    rule: str
    distance: int | None
    similarity: float | None


def replay_window(
    assignments: Sequence[str], *, config: str, data: Path, redis: str | None
) -> Iterator[bytes]:
    """One JSON line for each entry that is decided otherwise. Raises ConfigError, MillraceError."""
    settings = read_config(config)
    changed = with_overrides(settings, assignments, group="dedup")
    records = asyncio.run(_kept(data, redis))
    read = [features(r.title, r.article.text if r.article else "") for r in records]
    before = asyncio.run(_decide_all(records, read, settings.dedup, "as it is"))
    after = asyncio.run(_decide_all(records, read, changed.dedup, "as it would be"))
    differing = 0
    for record, one, other in zip(records, before, after, strict=True):
        if one != other:
            differing += 1
            yield orjson.dumps(_difference(record, one, other))
    print(f"{len(records)} entries, {differing} decided otherwise", file=sys.stderr)


async def _kept(data: Path, redis: str | None) -> list[EntryRecord]:
    async with running_store(data=data, redis=redis) as store:
        kept = [r async for r in kept_entries(store) if r.decision in _DECIDED and r.article]
    return sorted(kept, key=lambda r: (r.arrived, r.source, r.order, r.id))


async def _decide_all(
    records: Sequence[EntryRecord], read: Sequence[Features], settings: DedupSettings, what: str
) -> list[Decided]:
    decided: list[Decided] = []
    async with throwaway_store() as url, opened(url) as store:
        idf = Idf.warm()
        with progress_bar() as progress:
            task = progress.add_task(what, total=len(records))
            for _, poll in groupby(zip(records, read, strict=True), key=_poll_of):
                found = await _decide_poll(store, list(poll), idf, settings)
                decided += found
                progress.advance(task, len(found))
    return decided


def _poll_of(pair: tuple[EntryRecord, Features]) -> tuple[datetime, str]:
    return pair[0].arrived, pair[0].source


async def _decide_poll(
    store: Store, poll: Sequence[tuple[EntryRecord, Features]], idf: Idf, settings: DedupSettings
) -> list[Decided]:
    """As a worker does it: what came together is weighed together, and teaches afterwards."""
    weighed = {record.id: _weighed(record, read, idf) for record, read in poll}
    decided = [await _decide(store, entry, each, settings) for entry, each in weighed.items()]
    for (_, read), verdict in zip(poll, decided, strict=True):
        if verdict.decision == Decision.PUBLISHED.value:
            idf.learn(taught(read), alone=True)
    return decided


def _weighed(record: EntryRecord, read: Features, idf: Idf) -> Fingerprint:
    stated = (record.article.original_url, record.article.link) if record.article else ()
    urls = [canonical_url(url) for url in stated if url]
    return fingerprint(read, idf, urls=urls, source=record.source)


async def _decide(
    store: Store, entry: str, weighed: Fingerprint, settings: DedupSettings
) -> Decided:
    found = (await lookup(store, {entry: weighed}, settings))[entry]
    verdict = decide(weighed, found, settings)
    story = verdict.story or entry
    seen = frozenset(candidate.entry for candidate in found)
    await claim(store, [Claim(entry, story, weighed, seen)])
    decision = Decision.PUBLISHED if verdict.story is None else Decision.MERGED
    return Decided(decision.value, story, verdict.rule, verdict.distance, verdict.similarity)


def _difference(record: EntryRecord, before: Decided, after: Decided) -> dict[str, Any]:
    return {
        "id": record.id,
        "source": record.source,
        "title": record.title,
        "url": record.url,
        "before": before._asdict(),
        "after": after._asdict(),
    }
