"""`millrace replay`: decides the kept entries again under other settings; changes nothing live.

Both sides, old and new settings, are decided again in temporary stores, one poll after the other.
So differences are due to the settings alone, and two runs give the same bytes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from core.config.file import with_overrides
from core.config.settings import DedupSettings
from core.dedup.copy import ArticleCopy
from core.dedup.decide import Arrival
from core.dedup.fingerprint import Features, features, fingerprint_of
from core.dedup.idf import Idf
from core.models import Article, Decision, EntryRecord
from core.urls import host_of
from millrace.commands.offline import Offline, Shelf
from millrace.process.config import read_config
from millrace.process.data_folder import running_store, throwaway_store
from millrace.process.logs import progress_bar
from store.connection import opened
from store.entries import kept_entries

_DECIDED = (Decision.PUBLISHED, Decision.MERGED, Decision.UPDATED)


class Decided(NamedTuple):
    """The decision of one pass about an entry."""

    decision: str
    story: str
    rule: str
    distance: int | None
    similarity: float | None


def replay_window(
    assignments: Sequence[str], *, config: str, data: Path, redis: str | None
) -> Iterator[bytes]:
    """One JSON line for each entry whose decision differs. Raises ConfigError or MillraceError."""
    settings = read_config(config)
    changed = with_overrides(settings, assignments, group="dedup")
    records = asyncio.run(_kept(data, redis))
    read = [features(r.title, r.article.text if r.article else "") for r in records]
    sites = {source.name: host_of(source.url) for source in settings.sources}
    before = asyncio.run(_decide_all(records, read, settings.dedup, sites, "as it is"))
    after = asyncio.run(_decide_all(records, read, changed.dedup, sites, "as it would be"))
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
    records: Sequence[EntryRecord],
    read: Sequence[Features],
    settings: DedupSettings,
    sites: Mapping[str, str],
    what: str,
) -> list[Decided]:
    async with throwaway_store() as url, opened(url) as store:
        idf = Idf.warm()
        with Shelf() as shelf, progress_bar() as progress:
            offline = Offline(store, idf, settings, shelf, sites.get)
            task = progress.add_task(what, total=len(records))
            for _, poll in groupby(zip(records, read, strict=True), key=_poll_of):
                together = list(poll)  # what came together is weighed together, as live
                arrivals = [_arrival(r, each, idf, sites.get(r.source)) for r, each in together]
                await offline.take(arrivals, [each for _, each in together])
                progress.advance(task, len(together))
            return [_decided(shelf.record(record.id)) for record in records]


def _poll_of(pair: tuple[EntryRecord, Features]) -> tuple[datetime, str]:
    return pair[0].arrived, pair[0].source


def _arrival(record: EntryRecord, read: Features, idf: Idf, site: str | None) -> Arrival:
    article = record.article or Article()
    weighed = fingerprint_of(article, idf, source=record.source, read=read)
    pending = record.model_copy(update={"decision": Decision.PENDING, "story": None})
    return Arrival(pending, weighed, 0, (), copy=ArticleCopy(article, record.source, site))


def _decided(record: EntryRecord | None) -> Decided:
    assert record is not None  # noqa: S101 - it was decided
    decision, story = record.decision.value, record.story or ""
    return Decided(decision, story, record.rule, record.distance, record.similarity)


def _difference(record: EntryRecord, before: Decided, after: Decided) -> dict[str, Any]:
    return {
        "id": record.id,
        "source": record.source,
        "title": record.title,
        "url": record.url,
        "before": before._asdict(),
        "after": after._asdict(),
    }
