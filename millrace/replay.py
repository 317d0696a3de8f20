"""`millrace replay`: decides the kept entries again under other settings; changes nothing live.

Both sides are decided anew, in stores that are thrown away, one entry after the other: what differs
then differs because of the settings and of nothing else, and twice gives the same bytes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from core.dedupe import decide
from core.fingerprint import Features, features, fingerprint, taught
from core.idf import Idf
from core.merge import Claim
from core.models import Decision, EntryRecord
from core.overrides import with_overrides
from core.settings import DedupSettings
from core.urls import canonical_url
from millrace.config import read_config
from millrace.private import throwaway_store
from millrace.progress import progress_bar
from millrace.running import running_store
from store.archive import kept_entries
from store.connection import Store, opened
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
    async with throwaway_store() as url, opened(url) as store:
        idf = Idf.warm()
        decided = []
        with progress_bar() as progress:
            for record, each in progress.track(
                list(zip(records, read, strict=True)), description=what
            ):
                decided.append(await _decide(store, record, each, idf, settings))
    return decided


async def _decide(
    store: Store, record: EntryRecord, read: Features, idf: Idf, settings: DedupSettings
) -> Decided:
    """As a worker does it, for one entry at a time."""
    stated = (record.article.original_url, record.article.link) if record.article else ()
    urls = [canonical_url(url) for url in stated if url]
    weighed = fingerprint(read, idf, urls=urls, source=record.source)
    found = (await lookup(store, {record.id: weighed}, settings))[record.id]
    verdict = decide(weighed, found, settings)
    story = verdict.story or record.id
    seen = frozenset(candidate.entry for candidate in found)
    await claim(store, [Claim(record.id, story, weighed, seen)])
    if verdict.story is None:
        idf.learn(taught(read))
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
