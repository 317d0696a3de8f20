"""Cleans a batch of entries in a child; an entry that runs into a limit costs only its own body."""

from __future__ import annotations

import time
from collections.abc import Sequence

from core.config.settings import Source
from core.errors import DocumentError, Overdue, ResourceLimit
from core.metrics import STEP_BUCKETS
from core.models import FeedEntry
from core.pipeline import BATCH, Prepared, PreparedEntry, bare, prepare
from store.counters import Counts
from workers.sandbox.pool import Sandbox

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
