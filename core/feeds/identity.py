"""Recognize entries that their source listed before under another guid or link.

An entry with an unknown guid is an old one if its source dropped the old guid in the same document.
Both must have the same content, or the same date and a common alias (`Aliases`). Without dates,
equal words count only if the source changes its guids regularly. Entries of one document are never
identified with each other here.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from core.dates import moment
from core.feeds.folder import is_same_article
from core.feeds.new_entries import KnownItems
from core.feeds.steady import (
    entry_digest,
    link_key,
    stated_digest,
    steady_text,
    steady_title,
)
from core.ids import CONTENT_DIGEST, guid_digest
from core.models import Article, EntryRecord, FeedEntry, ParsedFeed
from core.text import letters_only

_WORDS_COMPARED = 1000  # characters of a body whose words distinguish entries of one source
_PREFIX, _KINDS = 7, (b"l", b"w")  # an alias is stored with the start of a guid and its kind
_LATER = b"\0now"  # prefix of the key for an entry's latest guid
_LEAST_WORDS = 6  # letters: “Photo” or “No content” identifies no entry without link or date
# This many known entries under new guids in one poll, and half of all new guids, show a habit.
# Matches by words alone need more: a site may post an open thread and a job thread every week.
_HABIT, _HABIT_OF_WORDS = 2, 3
_WHOLE_ARTICLE = 400  # characters that no two entries of a source share by chance, figures included

_DIGITS = re.compile(r"\d+")


class Aliases(NamedTuple):
    """Digests that identify an entry besides its guid."""

    link: bytes | None  # of link, title, and date; without a date, of its words
    words: bytes | None  # of title, words and date

    @classmethod
    def of(cls, entry: FeedEntry) -> Aliases:
        """The aliases of one entry; none if it has neither title nor text."""
        title = letters_only(html.unescape(steady_title(entry)))
        text = steady_text(entry.content or entry.summary)[:_WORDS_COMPARED]
        words = _DIGITS.sub("", text)
        date = entry.published.isoformat() if entry.published else ""
        link = link_key(entry.link) if title or words else ""
        enough = len(title) + len(words) >= _LEAST_WORDS
        identifying = words if date else text  # draws of two weeks differ in numbers only
        return cls(
            guid_digest(f"link\0{link}\0{title}\0{date or words}") if link else None,
            guid_digest(f"words\0{title}\0{identifying}\0{date}") if enough else None,
        )

    def without(self, shared: Collection[bytes]) -> Aliases:
        """The aliases that are not `shared` with other entries of the document."""
        return Aliases(*(None if alias in shared else alias for alias in self))


NO_ALIASES = Aliases(None, None)


class Listed(NamedTuple):
    """An entry of a document, with its state at earlier polls."""

    entry: FeedEntry
    digest: bytes
    seen: bytes | None  # digest of the content last seen; None if the entry is new
    aliases: Aliases
    stated: bytes  # digest of the guid that the source states now
    was: bytes | None = None  # digest of the guid it was first seen under, if different

    @property
    def is_new(self) -> bool:
        """Whether it was never seen before."""
        return self.seen is None

    @property
    def is_changed(self) -> bool:
        """Whether its content has changed since it was last seen."""
        if self.seen in (None, self.digest, self.entry.former):
            return False
        return self.seen != stated_digest(self.entry)

    @property
    def guid(self) -> bytes:
        """Digest of the guid that it is stored under."""
        return self.was or guid_digest(self.entry.guid)

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """The rows to store: guid -> content digest, and alias -> guid.

        If the source changed the guid, the latest one is stored too, in a row that is overwritten
        each time.
        """
        yield self.guid, self.digest
        if self.stated != self.guid:
            yield _later_key(self.guid), self.stated[:CONTENT_DIGEST]
        for kind, alias in zip(_KINDS, self.aliases, strict=True):
            if alias is not None:
                yield alias, self.guid[:_PREFIX] + kind


def listed(
    entries: Sequence[FeedEntry],
    seen: Mapping[bytes, bytes],
    unchanged: Sequence[tuple[bytes, bytes]] = (),
    items: bytes = b"",
) -> list[Listed]:
    """The entries of a document with their earlier state in `seen`, whatever their guid was.

    `unchanged`: digests of guid and content of further entries, which were not parsed again.
    `items`: the document's `KnownItems`, whose digests are reused.
    """
    later = _later_guids(seen)
    digests = dict(KnownItems.from_bytes(items).items.values())
    every = [_with_history(entry, seen, later, digests) for entry in entries]
    counts = Counter(alias for each in every for alias in each.aliases if alias).items()
    shared = {alias for alias, count in counts if count > 1}
    here = {guid[:_PREFIX] for guid, _ in unchanged} | {each.guid[:_PREFIX] for each in every}
    kept: set[bytes] = set()
    every = [_as_twin(each, shared, kept, seen, here) for each in every]
    if not seen or not every:
        return every
    if any(each.is_new for each in every):
        every = _recognized(every, unchanged, seen)
    # Keep the first aliases of an entry: one that changes at each poll would add rows without end.
    first: dict[bytes, bytes] = {v: k for k, v in seen.items() if v[_PREFIX:] in _KINDS}
    return [
        each._replace(
            aliases=Aliases(
                *(
                    first.get(each.guid[:_PREFIX] + k, a)
                    for k, a in zip(_KINDS, each.aliases, strict=True)
                )
            )
        )
        for each in every
    ]


def match_feed(feed: ParsedFeed, seen: Mapping[bytes, bytes]) -> list[Listed]:
    """The entries of a parsed feed with their earlier state in `seen`."""
    return listed(feed.entries, seen, feed.unchanged, feed.items)


def plain_news(feed: ParsedFeed, seen: Mapping[bytes, bytes]) -> list[FeedEntry] | None:
    """The new entries; None if any entry changed or stored records are needed to decide."""
    every = match_feed(feed, seen)
    if any(each.is_changed for each in every):
        return None
    return [each.entry for each in every if each.is_new]


def _with_history(
    entry: FeedEntry,
    seen: Mapping[bytes, bytes],
    later: Mapping[bytes, bytes],
    digests: Mapping[bytes, bytes],
) -> Listed:
    stated = guid_digest(entry.guid)
    was = None if stated in seen else later.get(stated[:CONTENT_DIGEST])
    digest, aliases = digests.get(stated) or entry_digest(entry), Aliases.of(entry)
    return Listed(entry, digest, seen.get(was or stated), aliases, stated, was)


def _as_twin(
    each: Listed,
    shared: Collection[bytes],
    kept: set[bytes],
    seen: Mapping[bytes, bytes],
    here: Collection[bytes],
) -> Listed:
    """Without `shared` aliases; marked if one `here` in the document has the same words.

    Such entries are several, like open threads of two weeks: their source lists both. The words of
    the first remain, so that the thread of the next week finds them.
    """
    words, entry = each.aliases.words, each.entry
    own = each.aliases.without(shared)
    if words and not entry.published:
        twin = seen.get(words, b"")[:_PREFIX]
        if each.is_new and (words in shared or (twin in here and twin != each.guid[:_PREFIX])):
            entry = entry.model_copy(update={"has_twin": True})
        if words in shared and words not in kept:
            kept.add(words)
            own = own._replace(words=words)
    return each._replace(aliases=own, entry=entry)


def _later_guids(seen: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Start of the latest guid of an entry -> the guid it is stored under."""
    kept = {key[len(_LATER) :]: value for key, value in seen.items() if key.startswith(_LATER)}
    return {kept[guid[: -len(_LATER)]]: guid for guid in seen if guid[: -len(_LATER)] in kept}


def _later_key(guid: bytes) -> bytes:
    return _LATER + guid[: -len(_LATER)]


def rows_of_unchanged(
    unchanged: Sequence[tuple[bytes, bytes]], seen: Mapping[bytes, bytes]
) -> list[tuple[bytes, bytes]]:
    """The rows of entries that were not parsed again, with their aliases."""
    there = {guid[:_PREFIX] for guid, _ in unchanged}
    later = {_later_key(guid) for guid, _ in unchanged}
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


def is_another(before: EntryRecord, entry: FeedEntry) -> bool:
    """Whether an entry only reuses the guid of the one that was taken in under it `before`."""
    raw, article = before.raw, before.article
    if raw is None:
        return False
    unnamed = entry.guid.startswith("sha256:")  # its source states neither guid nor link
    if unnamed and article is not None and entry.published != moment(article.published):
        one, other = ({f.url.partition("?")[0] for f in e.enclosures} for e in (entry, article))
        return bool(one and other) and one.isdisjoint(other)
    if not (entry.link or raw.link) and article is not None:
        was = Article(title=raw.title, text=article.text)
        now = Article(title=entry.title, text=steady_text(entry.content or entry.summary))
        return not is_same_article(was, now, in_place=True)
    if not (entry.link and raw.link) or link_key(raw.link) == link_key(entry.link):
        return False
    return letters_only(raw.title or "") != letters_only(entry.title or "")


def _has_own_address(entry: FeedEntry) -> bool:
    """Whether link and words together distinguish the entry from others of its source."""
    if entry.enclosures:
        return any(file.url == entry.link for file in entry.enclosures)
    return not entry.published or bool(urlsplit(entry.link or "").path.strip("/"))


def _recognized(
    every: Sequence[Listed], unchanged: Sequence[tuple[bytes, bytes]], seen: Mapping[bytes, bytes]
) -> list[Listed]:
    """`every`, with the new entries replaced that were listed before under dropped guids."""
    now = {guid for guid, _ in unchanged} | {each.guid for each in every if not each.is_new}
    stated = {guid for guid, _ in unchanged} | {each.stated for each in every}
    digests_now = {content for _, content in unchanged} | {e.digest for e in every if not e.is_new}
    by_prefix = {guid[:_PREFIX]: guid for guid in seen if guid not in now}
    by_content = {content: guid for guid, content in seen.items() if guid not in now}
    certain, by_link, by_words = (dict[bytes, int]() for _ in range(3))  # guid -> index in `every`
    links = Counter(each.entry.link for each in every)
    fresh = [(at, each) for at, each in enumerate(every) if each.is_new]
    for at, each in fresh:
        link, words = (
            by_prefix.get(seen.get(alias, b"")[:_PREFIX]) if alias else None
            for alias in each.aliases
        )
        same = None if each.digest in digests_now else by_content.get(each.digest)
        # A few equal words may belong to the next hour's news; different numbers, to another draw.
        whole = len(each.entry.content or each.entry.summary) >= _WHOLE_ARTICLE
        sure = (link or words if each.entry.published or whole else None) or (
            same if _has_own_address(each.entry) else None
        )
        if sure is not None:
            certain.setdefault(sure, at)
        elif (known := same or (link if links[each.entry.link] == 1 else None)) is not None:
            by_link.setdefault(known, at)
        elif words is not None:
            by_words.setdefault(words, at)
    # An entry is listed under its first guid again after another one: two hosts alternate.
    in_turn = any(_later_key(guid) in seen for guid in now & stated)
    for likely, least in ((by_words | by_link, _HABIT_OF_WORDS), (by_link, _HABIT)):
        if (len(likely) >= least and 2 * len(likely) >= len(fresh)) or in_turn:
            certain = likely | certain
            break
    was = {at: guid for guid, at in certain.items()}
    return [
        each._replace(was=was[at], seen=seen[was[at]]) if at in was else each
        for at, each in enumerate(every)
    ]
