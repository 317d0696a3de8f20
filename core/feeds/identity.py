"""Which entries of a document its source listed before, whatever it did to their guids and links.

An entry under a guid that was never seen is an old one when its source dropped the old guid with
the same document, and both say the same or agree in a date and what `Aliases` names. Without dates
their words tell only where the source changes its guids as a habit. Entries of one document are
never taken for one another here.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from core.feeds.new_entries import KnownItems
from core.feeds.steady import (
    earlier_digests,
    entry_digest,
    link_key,
    steady_text,
    steady_title,
    strict_digest,
)
from core.ids import CONTENT_DIGEST, guid_digest
from core.models import FeedEntry, ParsedFeed
from core.text import squeeze

_WORDS_COMPARED = 1000  # characters of a body whose words tell an entry from others of its source
_PREFIX, _KINDS = 7, (b"l", b"w")  # an alias leads to the beginning of a guid, with its own kind
_LATER = b"\0now"  # begins the key under which the last guid of an entry is kept
_LEAST_WORDS = 6  # letters: “Photo”, “No content” say which entry it is only with a link or date
# Known entries under new guids in one poll, and half of all new guids, are a habit. Without a link
# that is theirs it takes more of them: a site may have an open thread and one about jobs each week.
_HABIT, _HABIT_OF_WORDS = 2, 3

_DIGITS = re.compile(r"\d+")


class Aliases(NamedTuple):
    """Digests of what an entry is known by beside its guid."""

    link: bytes | None  # its link and title, with its date or, where it states none, its words
    words: bytes | None  # its title, words and date

    @classmethod
    def of(cls, entry: FeedEntry) -> Aliases:
        """Those of one entry: none of one without title and text."""
        title = squeeze(steady_title(entry))
        text = steady_text(entry.content or entry.summary)[:_WORDS_COMPARED]
        words = _DIGITS.sub("", text)
        date = entry.published.isoformat() if entry.published else ""
        link = link_key(entry.link) if title or words else ""
        enough = len(title) + len(words) >= _LEAST_WORDS
        told_by = words if date else text  # draws of two weeks differ in their figures alone
        return cls(
            guid_digest(f"link\0{link}\0{title}\0{date or words}") if link else None,
            guid_digest(f"words\0{title}\0{told_by}\0{date}") if enough else None,
        )

    def without(self, shared: Collection[bytes]) -> Aliases:
        """Those that are not `shared` with other entries of the document."""
        return Aliases(*(None if alias in shared else alias for alias in self))


NO_ALIASES = Aliases(None, None)


class Listed(NamedTuple):
    """An entry of a document."""

    entry: FeedEntry
    digest: bytes
    seen: bytes | None  # the digest when it was seen last
    aliases: Aliases
    stated: bytes  # digest of the guid that its source gives it now
    was: bytes | None = None  # digest of the guid under which it was seen, where it is another one

    @property
    def is_new(self) -> bool:
        """Whether it was never seen."""
        return self.seen is None

    @property
    def is_changed(self) -> bool:
        """Whether it said something else when it was seen."""
        if self.seen in (None, self.digest, self.entry.former):
            return False
        return self.seen not in earlier_digests(self.entry)

    @property
    def guid(self) -> bytes:
        """Digest of the guid that it is remembered under."""
        return self.was or guid_digest(self.entry.guid)

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """What is remembered of it: under its guid what it says, under its aliases its guid.

        Of the guids that its source gave it later the last is remembered, in one row that each new
        one overwrites.
        """
        yield self.guid, self.digest
        if self.stated != self.guid:
            yield _LATER + self.guid[: -len(_LATER)], self.stated[:CONTENT_DIGEST]
        for kind, alias in zip(_KINDS, self.aliases, strict=True):
            if alias is not None:
                yield alias, self.guid[:_PREFIX] + kind


def listed(
    entries: Sequence[FeedEntry],
    seen: Mapping[bytes, bytes],
    unchanged: Sequence[tuple[bytes, bytes]] = (),
    items: bytes = b"",
) -> list[Listed]:
    """The entries of a document with what was `seen` of them before, under whatever guid.

    `unchanged`: guids and contents of others in the document, which were not read again. `items`:
    its `KnownItems`, whose digests are not made again.
    """
    later = _later_guids(seen)
    digests = dict(KnownItems.from_bytes(items).items.values())
    every = [_listed(entry, seen, later, digests) for entry in entries]
    counts = Counter(alias for each in every for alias in each.aliases if alias).items()
    shared = {alias for alias, count in counts if count > 1}
    every = [each._replace(aliases=each.aliases.without(shared)) for each in every]
    if not seen or not every:
        return every
    if any(each.is_new for each in every):
        every = _recognized(every, unchanged, seen)
    # The first aliases of an entry stay: one that changes at each poll would add to what is kept.
    first = _aliases_by_guid(seen)
    return [
        each._replace(
            aliases=Aliases(
                *(known.get(k) or own for k, own in zip(_KINDS, each.aliases, strict=True))
            )
        )
        if (known := first.get(each.guid[:_PREFIX]))
        else each
        for each in every
    ]


def listed_in(feed: ParsedFeed, seen: Mapping[bytes, bytes]) -> list[Listed]:
    """The entries of a whole document with what was `seen` of them before."""
    return listed(feed.entries, seen, feed.unchanged, feed.items)


def plain_news(feed: ParsedFeed, seen: Mapping[bytes, bytes]) -> list[FeedEntry] | None:
    """The entries that are new; None where one changed, or records of a store must be looked at."""
    every = listed_in(feed, seen)
    changed = any(each.is_changed for each in every)
    if changed or without_aliases(seen, every, feed.unchanged):
        return None
    return [each.entry for each in every if each.is_new]


def _listed(
    entry: FeedEntry,
    seen: Mapping[bytes, bytes],
    later: Mapping[bytes, bytes],
    digests: Mapping[bytes, bytes],
) -> Listed:
    stated = guid_digest(entry.guid)
    was = None if stated in seen else later.get(stated[:CONTENT_DIGEST])
    digest, aliases = digests.get(stated) or entry_digest(entry), Aliases.of(entry)
    return Listed(entry, digest, seen.get(was or stated), aliases, stated, was)


def _later_guids(seen: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The beginning of the last guid of an entry -> the guid it was taken in with."""
    kept = {key[len(_LATER) :]: value for key, value in seen.items() if key.startswith(_LATER)}
    return {kept[guid[: -len(_LATER)]]: guid for guid in seen if guid[: -len(_LATER)] in kept}


def rows_of_unchanged(
    unchanged: Sequence[tuple[bytes, bytes]], seen: Mapping[bytes, bytes]
) -> list[tuple[bytes, bytes]]:
    """What is remembered of entries that were not read again, with their aliases."""
    there = {guid[:_PREFIX] for guid, _ in unchanged}
    later = {_LATER + guid[: -len(_LATER)] for guid, _ in unchanged}
    others = (
        (key, value)
        for key, value in seen.items()
        if (value[_PREFIX:] in _KINDS and value[:_PREFIX] in there) or key in later
    )
    return [*unchanged, *others]


def agrees(entry: FeedEntry, guid: bytes, seen: Mapping[bytes, bytes]) -> bool:
    """Whether an alias of the entry leads to the guid."""
    return any(
        alias is not None and seen.get(alias, b"")[:_PREFIX] == guid[:_PREFIX]
        for alias in Aliases.of(entry)
    )


def without_aliases(
    seen: Mapping[bytes, bytes], every: Sequence[Listed], unchanged: Sequence[tuple[bytes, bytes]]
) -> set[bytes]:
    """Guids that are not listed now and of which no alias is known, as before there were any."""
    if not any(each.is_new and each.entry.link and each.entry.published for each in every):
        return set()
    known = {value[:_PREFIX] for value in seen.values() if value[_PREFIX:] in _KINDS}
    now = {guid for guid, _ in unchanged} | {each.guid for each in every}
    return {
        guid
        for guid, value in seen.items()
        if value[_PREFIX:] not in _KINDS and guid[:_PREFIX] not in known and guid not in now
    }


def _aliases_by_guid(seen: Mapping[bytes, bytes]) -> dict[bytes, dict[bytes, bytes]]:
    """By the beginning of a guid's digest, its aliases by kind."""
    found: dict[bytes, dict[bytes, bytes]] = defaultdict(dict)
    for alias, value in seen.items():
        if value[_PREFIX:] in _KINDS:
            found[value[:_PREFIX]][value[_PREFIX:]] = alias
    return found


def _recognized(
    every: Sequence[Listed], unchanged: Sequence[tuple[bytes, bytes]], seen: Mapping[bytes, bytes]
) -> list[Listed]:
    """`every`, those that were listed before under guids that are not listed now as such."""
    now = {guid for guid, _ in unchanged} | {each.guid for each in every if not each.is_new}
    said_now = {content for _, content in unchanged} | {e.digest for e in every if not e.is_new}
    by_prefix = {guid[:_PREFIX]: guid for guid in seen if guid not in now}
    by_content = {content: guid for guid, content in seen.items() if guid not in now}
    surely: dict[bytes, int] = {}  # guid -> place of the entry
    by_link: dict[bytes, int] = {}
    by_words: dict[bytes, int] = {}
    links = Counter(each.entry.link for each in every)
    fresh = [(at, each) for at, each in enumerate(every) if each.is_new]
    for at, each in fresh:
        link, words = (
            by_prefix.get(seen.get(alias, b"")[:_PREFIX]) if alias else None
            for alias in each.aliases
        )
        digests = () if each.digest in said_now else (each.digest, strict_digest(each.entry))
        same = next(filter(None, map(by_content.get, digests)), None)
        # The same words may be of the next hour's news, other figures of another draw.
        dated = each.entry.published is not None
        sure = link or words if dated else None if each.entry.enclosures else same
        if sure is not None:
            surely.setdefault(sure, at)
        elif (known := same or (link if links[each.entry.link] == 1 else None)) is not None:
            by_link.setdefault(known, at)
        elif words is not None:
            by_words.setdefault(words, at)
    for likely, least in ((by_words | by_link, _HABIT_OF_WORDS), (by_link, _HABIT)):
        if len(likely) >= least and 2 * len(likely) >= len(fresh):
            surely = likely | surely
            break
    was = {at: guid for guid, at in surely.items()}
    return [
        each._replace(was=was[at], seen=seen[was[at]]) if at in was else each
        for at, each in enumerate(every)
    ]
