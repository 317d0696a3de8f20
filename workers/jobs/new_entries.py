"""What a document holds that was not seen before, or not in this form, within the daily limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from core.config.settings import Source
from core.feeds.entry import only_decoded_otherwise
from core.feeds.new_entries import (
    Listed,
    Remembered,
    listed,
    under_another_guid,
)
from core.ids import entry_id
from core.models import EntryRecord, FeedEntry, ParsedFeed
from store.connection import Store
from store.curation import forgotten_among
from store.entries import load_entries
from store.sources import SourceState

_DAY = 86400


class DailyRoom:
    """What is left of a source's day, in UTC."""

    def __init__(self, state: SourceState, source: Source, *, now: float) -> None:
        self._limit = source.max_per_day
        self._day = int(now // _DAY)
        self._taken = state.day_entries if state.day == self._day else 0

    def take(self) -> bool:
        """Room for one more entry."""
        if self._limit is None:
            return True
        if self._taken >= self._limit:
            return False
        self._taken += 1
        return True

    def written_to(self, state: SourceState) -> SourceState:
        """The state with what was taken today."""
        if self._limit is None:
            return state
        return state.model_copy(update={"day": self._day, "day_entries": self._taken})


class News(NamedTuple):
    """The news of one document."""

    entries: list[FeedEntry]  # new and changed ones, in the document's order
    known: dict[str, EntryRecord]  # by entry id: what is remembered of the changed ones
    listed: list[tuple[str, bytes]]  # every guid of what was read, with its digest
    unchanged: Sequence[tuple[bytes, bytes]]  # the same of what was known: digests of both
    held_back: frozenset[str]  # ids of those entries that a person took out before


async def find_news(store: Store, source: str, feed: ParsedFeed, remembered: Remembered) -> News:
    """Compare a document with what its source listed before."""
    if feed.revised is not None:
        return await _told_news(store, source, feed, feed.revised, remembered)
    every = listed(feed.entries, remembered.seen)
    known = await _known(store, source, [each.entry for each in every if each.is_changed])
    every, known = await _part_reused_guids(store, source, every, known, remembered.seen)
    there_already = under_another_guid(every, feed.unchanged, remembered.seen.values())
    wanted = [
        each.entry
        for each in every
        if (each.is_new and each.digest not in there_already)
        # A changed entry whose record ran out was published long ago; it must not come again.
        or (each.is_changed and _really_changed(known.get(entry_id(source, each.entry.guid)), each))
    ]
    held_back = await _held_back(store, source, wanted, remembered)
    named = [(each.entry.guid, each.digest) for each in every]
    return News(wanted, known, named, feed.unchanged, held_back)


def _really_changed(before: EntryRecord | None, now: Listed) -> bool:
    return before is not None and not only_decoded_otherwise(before.raw, now.entry, now.seen)


async def _told_news(
    store: Store, source: str, feed: ParsedFeed, revised: frozenset[str], remembered: Remembered
) -> News:
    """The news of a source that itself tells new entries from revised ones.

    A revised entry without a record was never taken in or ran out; it must not come as news. A new
    one under a guid that was seen long ago is one that returned.
    """
    every = listed(feed.entries, remembered.seen)
    known = await _known(store, source, [each.entry for each in every])
    wanted = [
        each.entry
        for each in every
        if each.seen != each.digest
        and (each.entry.guid not in revised or entry_id(source, each.entry.guid) in known)
    ]
    held_back = await _held_back(store, source, wanted, remembered)
    return News(wanted, known, [(e.entry.guid, e.digest) for e in every], (), held_back)


async def _held_back(
    store: Store, source: str, wanted: list[FeedEntry], remembered: Remembered
) -> frozenset[str]:
    if not (remembered.forgotten and wanted):
        return frozenset()
    return await forgotten_among(store, source, wanted)


async def _known(store: Store, source: str, entries: Sequence[FeedEntry]) -> dict[str, EntryRecord]:
    records = await load_entries(store, [entry_id(source, entry.guid) for entry in entries])
    return {record.id: record for record in records if record is not None}


async def _part_reused_guids(
    store: Store,
    source: str,
    every: list[Listed],
    known: dict[str, EntryRecord],
    seen: Mapping[bytes, bytes],
) -> tuple[list[Listed], dict[str, EntryRecord]]:
    """An entry with another link and another title under an old guid is another entry."""
    reused = {
        each.entry.guid
        for each in every
        if (before := known.get(entry_id(source, each.entry.guid))) is not None
        and _is_another(before, each.entry)
    }
    if not reused:
        return every, known
    parted = [
        each.entry.model_copy(update={"guid": f"{each.entry.guid}#{each.entry.link}"})
        for each in every
        if each.entry.guid in reused
    ]
    fresh = listed(parted, seen)
    kept = [each for each in every if each.entry.guid not in reused]
    # The old entry stays listed under its guid, so that its next guise is held against it too.
    old = [
        each._replace(digest=each.seen or each.digest)
        for each in every
        if each.entry.guid in reused
    ]
    left = {key: record for key, record in known.items() if record.guid not in reused}
    again = [each.entry for each in fresh if each.is_changed]
    return [*fresh, *kept, *old], {**left, **await _known(store, source, again)}


def _is_another(before: EntryRecord, entry: FeedEntry) -> bool:
    if before.raw is None or not entry.link or not before.raw.link:
        return False
    return before.raw.link != entry.link and before.raw.title != entry.title
