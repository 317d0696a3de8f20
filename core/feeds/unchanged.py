"""What of a document is new, held against what its source listed before.

A guid is what tells entries apart. What it was last seen with tells whether its entry has changed;
what became of an entry is not looked at here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from core.ids import entry_digest, guid_digest
from core.models import FeedEntry, ParsedFeed


class Remembered(NamedTuple):
    """What a document is held against."""

    items: bytes = b""  # of its last document, as far as they still hold: `seen_items.py`
    seen: Mapping[bytes, bytes] = {}  # digest of a guid -> of what was last seen under it
    learned: bytes | None = None  # the boilerplate of its source
    forgotten: bool = False  # whether `forget` keeps anything out at all


class Listed(NamedTuple):
    """An entry of a document."""

    entry: FeedEntry
    digest: bytes
    seen: bytes | None  # the digest when it was seen last

    @property
    def is_new(self) -> bool:
        """Whether its guid was never seen."""
        return self.seen is None

    @property
    def is_changed(self) -> bool:
        """Whether something else was seen under its guid."""
        return self.seen not in (None, self.digest, self.entry.former)


def only_decoded_otherwise(before: FeedEntry | None, now: FeedEntry, seen: bytes | None) -> bool:
    """Whether an entry changed only because its document was decoded wrongly before.

    What is ASCII is then the same, and each other character stands for one other.
    """
    if before is None or before.reading >= now.reading or entry_digest(before) != seen:
        return False
    old, new = (f"{each.title}{each.content}{each.summary}" for each in (before, now))
    both = (old.encode("ascii", "ignore"), new.encode("ascii", "ignore"))
    return len(old) == len(new) and both[0] == both[1] and len(both[0]) < len(old)


def listed(entries: Sequence[FeedEntry], seen: Mapping[bytes, bytes]) -> list[Listed]:
    """The entries with what was seen of them before."""
    return [Listed(e, entry_digest(e), seen.get(guid_digest(e.guid))) for e in entries]


def plain_news(feed: ParsedFeed, seen: Mapping[bytes, bytes]) -> list[FeedEntry] | None:
    """The entries that are new, if none changed: of those, what became of them decides."""
    every = listed(feed.entries, seen)
    if any(each.is_changed for each in every):
        return None
    there_already = under_another_guid(every, feed.standing, seen.values())
    return [each.entry for each in every if each.is_new and each.digest not in there_already]


def under_another_guid(
    every: Sequence[Listed],
    standing: Sequence[tuple[bytes, bytes]],
    before: Collection[bytes],
) -> set[bytes]:
    """Digests of new guids that the source listed before under guids it does not list now."""
    fresh = {each.digest for each in every if each.is_new}
    if not fresh:
        return fresh
    listed_now = {content for _, content in standing}
    listed_now |= {each.digest for each in every if not each.is_new}
    return fresh.intersection(before) - listed_now
