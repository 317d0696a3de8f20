"""What a document holds that was not seen before, or not in this form.

A guid is what tells entries apart, but some sources change the guids of their entries, and some
give every entry the same one in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from core.ids import content_digest, entry_digest, entry_id
from core.models import EntryRecord, FeedEntry, ParsedFeed
from store.connection import Store
from store.entries import load_entries, load_remembered, load_seen
from store.forgotten import forgotten_among


class News(NamedTuple):
    """The news of one document."""

    entries: list[FeedEntry]  # new and changed ones, in the document's order
    known: dict[str, EntryRecord]  # by entry id: what is remembered of the changed ones
    listed: list[tuple[str, bytes]]  # every guid of what was read, with its digest
    standing: Sequence[tuple[bytes, bytes]]  # the same of what was known: digests of both
    held_back: frozenset[str]  # ids of those entries that a person took out before
    learned: bytes | None  # the boilerplate of their source


class _Listed(NamedTuple):
    entry: FeedEntry
    digest: bytes
    seen: bytes | None  # the digest when it was seen last


async def find_news(store: Store, source: str, feed: ParsedFeed) -> News:
    """Compare a document with what its source listed before."""
    if not feed.entries:
        return News([], {}, _beside(feed), feed.standing, frozenset(), None)
    remembered = await load_remembered(store, source, [entry.guid for entry in feed.entries])
    listed = _listed(feed.entries, remembered.seen)
    changed = [each for each in listed if each.seen not in (None, each.digest)]
    known = await _known(store, source, [each.entry for each in changed])
    listed, known = await _part_reused_guids(store, source, listed, known)
    standing = {content for _, content in feed.standing}
    there_already = _under_another_guid(listed, standing, remembered.digests)
    wanted = [
        each.entry
        for each in listed
        if (each.seen is None and each.digest not in there_already)
        # A changed entry whose record ran out was published long ago; it must not come again.
        or (each.seen not in (None, each.digest) and entry_id(source, each.entry.guid) in known)
    ]
    every = [(each.entry.guid, each.digest) for each in listed] + _beside(feed)
    held_back = frozenset[str]()
    if remembered.forgotten and wanted:
        held_back = await forgotten_among(store, source, wanted)
    return News(wanted, known, every, feed.standing, held_back, remembered.learned)


def _beside(feed: ParsedFeed) -> list[tuple[str, bytes]]:
    """What the document names beside its entries, with digests."""
    return [(guid, content_digest(version)) for guid, version in feed.listed]


async def _look_up(store: Store, source: str, entries: Sequence[FeedEntry]) -> list[_Listed]:
    return _listed(entries, await load_seen(store, source, [entry.guid for entry in entries]))


def _listed(entries: Sequence[FeedEntry], seen: Sequence[bytes | None]) -> list[_Listed]:
    return [_Listed(e, entry_digest(e), s) for e, s in zip(entries, seen, strict=True)]


async def _known(store: Store, source: str, entries: Sequence[FeedEntry]) -> dict[str, EntryRecord]:
    records = await load_entries(store, [entry_id(source, entry.guid) for entry in entries])
    return {record.id: record for record in records if record is not None}


async def _part_reused_guids(
    store: Store, source: str, listed: list[_Listed], known: dict[str, EntryRecord]
) -> tuple[list[_Listed], dict[str, EntryRecord]]:
    """An entry with another link and another title under an old guid is another entry."""
    reused = {
        each.entry.guid
        for each in listed
        if (before := known.get(entry_id(source, each.entry.guid))) is not None
        and _is_another(before, each.entry)
    }
    if not reused:
        return listed, known
    parted = [
        each.entry.model_copy(update={"guid": f"{each.entry.guid}#{each.entry.link}"})
        for each in listed
        if each.entry.guid in reused
    ]
    anew = iter(await _look_up(store, source, parted))
    kept = [each for each in listed if each.entry.guid not in reused]
    # The old entry stays listed under its guid, so that its next guise is held against it too.
    old = [
        each._replace(digest=each.seen or each.digest)
        for each in listed
        if each.entry.guid in reused
    ]
    left = {key: record for key, record in known.items() if record.guid not in reused}
    fresh = list(anew)
    again = [each.entry for each in fresh if each.seen not in (None, each.digest)]
    return [*fresh, *kept, *old], {**left, **await _known(store, source, again)}


def _is_another(before: EntryRecord, entry: FeedEntry) -> bool:
    if before.raw is None or not entry.link or not before.raw.link:
        return False
    return before.raw.link != entry.link and before.raw.title != entry.title


def _under_another_guid(
    listed: list[_Listed], standing: set[bytes], before: set[bytes]
) -> set[bytes]:
    """Digests of new guids that the source listed before under guids it does not list now."""
    fresh = {each.digest for each in listed if each.seen is None}
    standing = standing | {each.digest for each in listed if each.seen is not None}
    return (fresh & before) - standing
