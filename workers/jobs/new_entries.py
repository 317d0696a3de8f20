"""Finds the new and changed entries of a document, and sorts them by what is done with them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from core.dates import moment
from core.dedup.decide import Arrival
from core.dedup.fingerprint import Features
from core.feeds.identity import (
    NO_ALIASES,
    Listed,
    agrees,
    is_another,
    listed,
    match_feed,
    rows_of_unchanged,
)
from core.feeds.new_entries import SourceMemory
from core.ids import entry_id, guid_digest
from core.models import Decision, EntryRecord, FeedEntry, ParsedFeed
from core.pipeline import Prepared, PreparedEntry
from store.commit import Batch, PageWait, SourceWrite
from store.connection import Store
from store.curation import forgotten_among
from store.entries import entries_by_url, load_entries
from store.schedule import SOURCES
from workers.context import FeedInfo, Poll
from workers.jobs.source_state import DailyRoom

# Documents of this many letters are compared in a thread: 10 MB take a second, in which no lease
# would be renewed. A row of a seen entry takes as long as some twenty letters.
_LARGE, _LETTERS_A_ROW = 2**18, 20


class News(NamedTuple):
    """The new and changed entries of one document."""

    entries: list[FeedEntry]  # in the document's order
    known: dict[str, EntryRecord]  # by entry id: the records of the changed entries
    # (digest of a guid, digest of its entry) of all listed entries, and rows of their aliases
    # (core/feeds/identity.py).
    listed: list[tuple[bytes, bytes]]
    held_back: frozenset[str]  # ids of entries that a person removed before
    waiting: int  # new entries beyond the daily limit: the next poll finds them new again


async def find_news(
    store: Store, source: str, feed: ParsedFeed, remembered: SourceMemory, room: DailyRoom
) -> News:
    """Compare a document with what its source listed before. Reads records, writes nothing."""
    if feed.revised is not None:
        return await _told_news(store, source, feed, remembered, room)
    seen = remembered.seen
    every = await _listed(feed, seen)
    every = [await _under_old_guid(store, source, each, seen) for each in every]
    known = await _known(store, source, [each.entry for each in every if each.is_changed])
    every, known = await _part_reused_guids(store, source, every, known, remembered, feed)
    admitted = [each for each in every if not each.is_new or room.admit(each.entry)]
    wanted = [
        each.entry
        for each in admitted
        # A changed entry whose record expired was published long ago: it must not come again.
        if each.is_new or (each.is_changed and entry_id(source, each.entry.guid) in known)
    ]
    held_back = await forgotten_among(store, source, wanted if remembered.forgotten else ())
    rows = [row for each in admitted for row in each.rows()]
    rows += rows_of_unchanged(feed.unchanged, seen)
    return News(wanted, known, rows, held_back, len(every) - len(admitted))


async def _listed(feed: ParsedFeed, seen: Mapping[bytes, bytes]) -> list[Listed]:
    """The entries of a document, each with what was seen of it before."""
    letters = sum(len(entry.content) + len(entry.summary) for entry in feed.entries)
    if letters + _LETTERS_A_ROW * len(seen) < _LARGE:
        return match_feed(feed, seen)
    return await asyncio.to_thread(match_feed, feed, seen)


async def _under_old_guid(
    store: Store, source: str, each: Listed, seen: Mapping[bytes, bytes]
) -> Listed:
    """A changed entry whose source gave it another guid, under its first guid.

    Its record is found by its address. If the address changed too, an entry that agrees with what
    was seen counts as unchanged, any other as new: its source reuses the guid.
    """
    if each.was is None or not each.is_changed:
        return each
    for record in await entries_by_url(store, each.entry.link) if each.entry.link else ():
        if record.source == source and guid_digest(record.guid) == each.was:
            entry = each.entry.model_copy(update={"guid": record.guid})
            return each._replace(entry=entry, was=None)
    if agrees(each.entry, each.was, seen):
        return each._replace(digest=each.seen or each.digest)
    return each._replace(seen=None, was=None)


async def _told_news(
    store: Store, source: str, feed: ParsedFeed, remembered: SourceMemory, room: DailyRoom
) -> News:
    """The news of a source that states which entries are new and which revised (a folder).

    A revised entry without a record was filtered, or its record expired; it is not news. A new
    entry under a guid seen long ago has returned.
    """
    every, revised = listed(feed.entries, remembered.seen), feed.revised or ()
    known = await _known(store, source, [each.entry for each in every])
    admitted = [each for each in every if not each.is_new or room.admit(each.entry)]
    wanted = [
        each.entry
        for each in admitted
        if each.seen != each.digest
        and (each.entry.guid not in revised or entry_id(source, each.entry.guid) in known)
    ]
    held_back = await forgotten_among(store, source, wanted if remembered.forgotten else ())
    rows = [(guid_digest(each.entry.guid), each.digest) for each in admitted]
    return News(wanted, known, rows, held_back, len(every) - len(admitted))


async def _known(store: Store, source: str, entries: Sequence[FeedEntry]) -> dict[str, EntryRecord]:
    records = await load_entries(store, [entry_id(source, entry.guid) for entry in entries])
    return {record.id: record for record in records if record is not None}


async def _part_reused_guids(
    store: Store,
    source: str,
    every: list[Listed],
    known: dict[str, EntryRecord],
    remembered: SourceMemory,
    feed: ParsedFeed,
) -> tuple[list[Listed], dict[str, EntryRecord]]:
    """Give a guid of its own to an entry that replaced another one under a reused guid.

    Such an entry has another title and another link; without links, another text.
    """
    reused = {
        each.entry.guid
        for each in every
        if (before := known.get(entry_id(source, each.entry.guid))) is not None
        and is_another(before, each.entry)
    }
    if not reused:
        return every, known
    replaced = [each for each in every if each.entry.guid in reused]
    parted = [
        each.entry.model_copy(
            update={"guid": f"{each.entry.guid}#{each.entry.link or each.digest.hex()}"}
        )
        for each in replaced
    ]
    kept = [each for each in every if each.entry.guid not in reused]
    others = [*feed.unchanged, *((each.guid, each.digest) for each in kept)]
    fresh = [
        await _under_old_guid(store, source, each, remembered.seen)
        for each in listed(parted, remembered.seen, others)
    ]
    # The old entry stays listed under its guid, so that the next replacement is noticed too.
    old = [e._replace(digest=e.seen or e.digest, aliases=NO_ALIASES) for e in replaced]
    left = {key: record for key, record in known.items() if record.guid not in reused}
    again = [each.entry for each in fresh if each.is_changed]
    return [*fresh, *kept, *old], {**left, **await _known(store, source, again)}


_PLACED = ("arrived", "place", "order", "backfill")  # kept when an entry changes
_JOINED = ("rule", "story", "distance", "similarity", "compared_with", "revised")


@dataclass(frozen=True)
class SortedOut:
    """New and changed entries by what is done with them."""

    arrivals: list[Arrival]  # compared with stories now
    aside: list[EntryRecord]  # filtered, or waiting for their page
    new_aside: list[EntryRecord]  # those of `aside` that were not known before
    features: dict[str, Features]

    def batch(self, poll: Poll, write: SourceWrite) -> Batch:
        """Everything that is written together with the decision on the arrivals."""
        return Batch(
            SOURCES,
            [poll.lease],
            entries=self.aside,
            fresh=frozenset(record.id for record in self.new_aside),
            waits=[PageWait(record.id, 0.0) for record in self.aside],
            source=write,
            keep_seconds=poll.context.keep_seconds(),
        )


def sort_out(
    poll: Poll, news: News, prepared: Prepared, room: DailyRoom, info: FeedInfo
) -> SortedOut:
    """Sort the news into arrivals, filtered entries, and entries that wait for their page."""
    arrivals, aside, read = [], [], {}
    for entry, made in zip(news.entries, prepared.entries, strict=True):
        known = news.known.get(entry_id(poll.source.name, entry.guid))
        record = _record(poll, entry, made, known)
        if record.id in news.held_back:
            aside.append(_filtered(record, "forgotten"))
        elif known is None and made.filtered is None and not room.take():
            aside.append(_filtered(record, "max_per_day"))
        elif entry.body_urls:  # filters need its body, which is not fetched yet
            aside.append(record)
        elif made.filtered is not None:
            aside.append(_filtered(record, made.filtered))
        elif made.article.needs_page and made.article.link:
            aside.append(record)
        else:
            read[record.id] = made.features
            arrivals.append(poll.context.arrival(record, made, poll.source, known, info))
    new_aside = [record for record in aside if record.id not in news.known]
    return SortedOut(arrivals, aside, new_aside, read)


def _record(
    poll: Poll, entry: FeedEntry, made: PreparedEntry, known: EntryRecord | None
) -> EntryRecord:
    """The record of an entry; a known entry keeps its place and its story."""
    record = _new_record(poll, entry, made)
    if known is None:
        return record
    kept = [*_PLACED, *(_JOINED if known.story else ())]
    update = {name: getattr(known, name) for name in kept}
    if entry.body_urls and known.article is not None:
        # A file that states no date keeps the date of its first commit.
        came = moment(known.article.published)
        update["raw"] = entry.model_copy(update={"updated": came})
    return record.model_copy(update=update)


def _new_record(poll: Poll, entry: FeedEntry, made: PreparedEntry) -> EntryRecord:
    now = datetime.fromtimestamp(poll.context.sequencer.moment(poll.now), UTC)
    published = moment(made.article.published)
    first = not poll.state.first_poll_done
    return EntryRecord(
        id=entry_id(poll.source.name, entry.guid),
        source=poll.source.name,
        guid=entry.guid,
        url=made.article.link,
        title=made.article.title,
        arrived=now,
        place=min(published, now) if first and published else now,
        order=entry.position,
        decision=Decision.PENDING,
        rule="page",
        raw=entry,
        article=made.article,
        backfill=first,
    )


def _filtered(record: EntryRecord, rule: str) -> EntryRecord:
    return record.model_copy(update={"decision": Decision.FILTERED, "rule": rule, "raw": None})
