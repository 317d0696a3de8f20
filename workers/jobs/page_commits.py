"""Decides upon pages that were read at about the same moment, and writes them in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from core.dedup.fingerprint import Features
from core.dedup.outcome import Arrival, Outcome
from core.errors import StoreError
from core.models import Decision
from store.commit import Batch
from store.connection import Together
from store.counters import Counts
from store.schedule import PAGES, Lease
from store.sources import Taken, count_taken
from workers.context import Kit, count_entries, count_merging
from workers.settle import LeaseLost


@dataclass(frozen=True)
class ReadPage:
    """A pending entry that is complete now."""

    lease: Lease
    arrival: Arrival
    features: Features


async def finish_page(kit: Kit, page: ReadPage) -> None:
    """Settle a page, with others that are read at about this moment; raises LeaseLost."""
    place = await kit.company.gather()
    if kit.finishing is None:
        kit.finishing = Together(partial(_finish_in_order, kit))
    try:
        written = await kit.finishing.ask((place, page))
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - what trips over another's page must not cost ours
        (written,) = await finish_pages(kit, [page])
    if not written:
        raise LeaseLost(frozenset([page.lease.name]))


async def _finish_in_order(kit: Kit, placed: Sequence[tuple[int, ReadPage]]) -> list[bool]:
    order = sorted(range(len(placed)), key=lambda here: placed[here][0])
    written = await finish_pages(kit, [placed[here][1] for here in order])
    by_place = dict(zip(order, written, strict=True))
    return [by_place[here] for here in range(len(placed))]


async def finish_pages(kit: Kit, pages: Sequence[ReadPage]) -> list[bool]:
    """Settle `pages`; of each whether it was written: False when its lease is no longer ours."""
    ours = list(pages)
    while ours:
        try:
            outcome = await _settle(kit, ours)
        except LeaseLost as lost:
            ours = [page for page in ours if page.lease.name not in lost.names]
            continue
        kit.learn({page.arrival.record.id: page.features for page in ours}, outcome)
        await _count(kit, outcome)
        break
    kept = {page.lease.token for page in ours}
    return [page.lease.token in kept for page in pages]


async def _settle(kit: Kit, pages: Sequence[ReadPage]) -> Outcome:
    leases = [page.lease for page in pages]

    def batch_for(_: Outcome) -> Batch:
        return Batch(PAGES, leases, keep_seconds=kit.keep_seconds())

    return await kit.settle([page.arrival for page in pages], batch_for)


async def _count(kit: Kit, outcome: Outcome) -> None:
    counts = Counts()
    now = await kit.store.now()
    count_merging(counts, outcome)
    for record in outcome.entries:
        count_entries(counts, record.source, [record], now=now)
    await count_taken(kit.store, _taken(outcome))
    kit.tell(counts)


def _taken(outcome: Outcome) -> dict[str, Taken]:
    """What the pages brought each source, as a poll counts its own entries."""
    decisions: dict[str, list[Decision]] = {}
    for record in outcome.entries:
        if record.revised is None:
            decisions.setdefault(record.source, []).append(record.decision)
    return {
        source: Taken(len(made), made.count(Decision.PUBLISHED), made.count(Decision.MERGED))
        for source, made in decisions.items()
    }
