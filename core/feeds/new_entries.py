"""Read the new entries of a feed document without parsing the known ones: `read_new_entries`.

An item whose bytes were read before is skipped. Invariant: a partial parse gives the entries of a
full parse minus the known ones, and the same feed around them (property test:
`tests/core/feeds/test_new_entries.py`). Only a plain document is parsed in part. It is plain if
expat finds its items exactly where their tags are, and nothing that feedparser carries over from
one element to the next (bases, languages, namespaces, unclosed tags).

Entries are then compared with earlier ones of the source (`identity.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple
from xml.parsers import expat

from core.dates import SourceClock, with_corrected_dates
from core.feeds.charset import in_utf8
from core.feeds.parse import LIMITS, parse_feed, parse_items, with_guid, with_guids
from core.feeds.steady import entry_digest
from core.feeds.xml_text import FeedItems, FeedText, feed_text, find_items
from core.ids import CONTENT_DIGEST, GUID_DIGEST, EntryIdentity, guid_digest, plain_guids
from core.models import ParsedFeed

_ITEM = 16  # bytes of the digest of an item
_GUID_END = _ITEM + GUID_DIGEST
_RECORD = _GUID_END + CONTENT_DIGEST

_ATOM = "http://www.w3.org/2005/Atom "
_XHTML = "http://www.w3.org/1999/xhtml"
_MEDIA = ("http://search.yahoo.com/mrss/ ", "http://search.yahoo.com/mrss ")
# By root element: the depth of the items, and their name.
_KINDS = {"rss": (2, "item"), _ATOM + "feed": (1, _ATOM + "entry")}
_CARRIED_OVER = frozenset(("base", "lang", "href", "lastmod"))
_CARRIED_OVER_INSIDE = frozenset(("base", "lang"))
_NO_PARTS = frozenset(
    "rss feed rdf channel item entry image textinput body svg math newlocation source chapters"
    " where".split()
)
_PERSONS = frozenset(_ATOM + name for name in ("author", "contributor"))
_TEXTS = frozenset(_ATOM + name for name in ("content", "summary", "title", "rights"))
_NO_MARKUP = frozenset(("body", "svg", "math"))
_HEAD_GROUPS = frozenset(
    "author contributor image textinput skiphours skipdays owner category".split()
)


class KnownItems(NamedTuple):
    """The items of a document whose guids were all derived in the same way."""

    named_by: Literal["guid", "link"]
    # Digest of an item's bytes -> digests of its guid and of its content.
    items: Mapping[bytes, tuple[bytes, bytes]]

    @classmethod
    def from_bytes(cls, stored: bytes) -> KnownItems:
        """Parse the output of `to_bytes`; empty for empty input."""
        starts = range(1, len(stored) - _RECORD + 1, _RECORD)
        records = (stored[at : at + _RECORD] for at in starts)
        items = {r[:_ITEM]: (r[_ITEM:_GUID_END], r[_GUID_END:]) for r in records}
        return cls("link" if stored[:1] == b"l" else "guid", items)

    def to_bytes(self) -> bytes:
        """The stored form: one letter, then 40 bytes per item."""
        records = (digest + guid + content for digest, (guid, content) in self.items.items())
        return self.named_by[:1].encode() + b"".join(records)


class SourceMemory(NamedTuple):
    """The stored state of a source that a new document is compared with."""

    items: bytes = b""  # `KnownItems` of its last document that are still valid
    seen: Mapping[bytes, bytes] = {}  # digest of a guid -> digest of the content last seen under it
    learned: bytes | None = None  # the source's boilerplate
    forgotten: bool = False  # whether `forget` has excluded any entry


def read_new_entries(
    data: bytes,
    *,
    url: str,
    content_type: str | None,
    known: bytes = b"",
    clock: SourceClock | None = None,
) -> ParsedFeed:
    """The feed in `data` without `known` entries; `known` is `items` of an earlier result.

    Known entries are returned as `unchanged`; dates are corrected by `clock`. Raises NotAFeed like
    `parse_feed`.
    """
    items = find_items(in_utf8(data, content_type=content_type))
    if items is not None and len(items.spans) <= LIMITS.entries:
        feed = _read_in_part(items, KnownItems.from_bytes(known), url)
        if feed is not None:
            return with_corrected_dates(feed, clock)
    return with_corrected_dates(parse_feed(data, url=url, content_type=content_type), clock)


def still_known(stored: bytes, seen: Mapping[bytes, bytes]) -> bytes:
    """`KnownItems` as bytes, without items whose content differs from what was `seen` last."""
    named_by, items = KnownItems.from_bytes(stored)
    kept = {at: (guid, was) for at, (guid, was) in items.items() if seen.get(guid) == was}
    return KnownItems(named_by, kept).to_bytes()


def _read_in_part(items: FeedItems, known: KnownItems, url: str) -> ParsedFeed | None:
    """Parse only the unknown items; None if the document could mean something else as a whole."""
    first = plain_document(items.only([0]))
    if first is None:
        return None
    around = first[2]
    digests = items.digests(around, url=url)
    fresh = [at for at, digest in enumerate(digests) if digest not in known.items]
    part = first if fresh == [0] else plain_document(items.only(fresh))
    if part is None or part[1:] != (len(fresh), around):
        return None
    head = items.only(()).decode("utf-8", "replace")
    feed, names = parse_items(part[0], fresh, head, url=url, limits=LIMITS)
    named = _plainly_named(feed, names, digests, fresh, known)
    return with_guids(feed, names) if named is None and len(fresh) == len(digests) else named


def _plainly_named(
    feed: ParsedFeed,
    names: Sequence[EntryIdentity],
    digests: Sequence[bytes],
    fresh: Sequence[int],
    known: KnownItems,
) -> ParsedFeed | None:
    """Assign guids to the partial feed; None if a guid depends on items that were not parsed."""
    found = plain_guids(names)
    if found is None or len(feed.entries) != len(fresh):
        return None
    named_by, guids = found
    unchanged = {digest: known.items[digest] for digest in digests if digest in known.items}
    read = zip(fresh, guids, feed.entries, strict=True)
    items = unchanged | {digests[at]: (guid_digest(g), entry_digest(e)) for at, g, e in read}
    alike = not unchanged or not fresh or named_by == known.named_by
    if not alike or len({guid for guid, _ in items.values()}) < len(digests):
        return None
    return feed.model_copy(
        update={
            "entries": tuple(map(with_guid, feed.entries, guids)),
            "unchanged": tuple(unchanged.values()),
            "items": KnownItems(named_by if fresh else known.named_by, items).to_bytes(),
        }
    )


def plain_document(data: bytes) -> tuple[FeedText, int, bytes] | None:
    """The repaired document, its number of items and the elements around; None if not plain."""
    try:
        document = feed_text(data.decode())
        check = _PlainCheck(document.text.encode())
        check.parser.Parse(check.data, True)
    except (UnicodeDecodeError, _NotPlain, expat.ExpatError):
        return None
    found = find_items(check.data)
    if tuple(check.spans) != (found.spans if found else ()):
        return None
    return document, len(check.spans), repr(check.around).encode("utf-8", "replace")


class _NotPlain(Exception):
    """An element may affect content outside its item."""


class _PlainCheck:
    """Follows the elements of a document. Raises _NotPlain if one may affect other items."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.spans: list[tuple[int, int]] = []
        self.around: list[object] = []
        self._depth = self._item_depth = 0
        self._item_name, self._end_name = "", b""
        self._item_start: int | None = None  # position of the current item's start tag
        self._part = ""  # current top-level element of the head
        self._holds = ""  # namespace allowed inside the item's current element; empty: text only
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartNamespaceDeclHandler = self._namespace
        parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, *_: object) -> None:
        raise _NotPlain

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if self._depth < self._item_depth or self._depth == 0:
            self.around.append((prefix, uri))
        elif prefix is not None or uri != _XHTML:
            raise _NotPlain

    def _start(self, name: str, attributes: list[str]) -> None:
        depth = self._depth
        self._depth = depth + 1
        if self._item_start is not None:
            self._item_element(depth - self._item_depth, name, attributes)
        elif depth < self._item_depth or depth == 0:
            self._container(depth, name, attributes)
        elif depth == self._item_depth and name == self._item_name:
            _check(attributes, _CARRIED_OVER)
            self._item_start = self.parser.CurrentByteIndex
            if self.spans and self.data[self.spans[-1][1] : self._item_start].strip():
                raise _NotPlain
        else:
            self._head_element(depth - self._item_depth, name, attributes)

    def _end(self, _: str) -> None:
        self._depth -= 1
        if self._item_start is not None and self._depth == self._item_depth:
            start = self.parser.CurrentByteIndex
            end = self.data.index(b">", start) + 1
            if self.data[start + 2 : end - 1].split(b":")[-1].strip() != self._end_name:  # <item/>
                raise _NotPlain
            self.spans.append((self._item_start, end))
            self._item_start = None

    def _container(self, depth: int, name: str, attributes: list[str]) -> None:
        """The root, or the single channel in it."""
        if depth == 0 and name in _KINDS:
            self._item_depth, self._item_name = _KINDS[name]
            self._end_name = _local(self._item_name).encode()
        elif depth == 0 or name != "channel" or "channel" in self.around:
            raise _NotPlain
        self.around += [name, *attributes]

    def _head_element(self, depth: int, name: str, attributes: list[str]) -> None:
        """An element of the head. None may follow the items: a partial document ends before it."""
        local = _local(name)
        if self.spans or local in ("item", "entry", "rss", "feed", "channel", "rdf"):
            raise _NotPlain
        _check(attributes, _CARRIED_OVER_INSIDE)
        if depth == 0:
            self._part = local
        elif self._part not in _HEAD_GROUPS:
            raise _NotPlain

    def _item_element(self, depth: int, name: str, attributes: list[str]) -> None:
        """An element of an item: texts, persons, media, and XHTML where Atom allows it."""
        _check(attributes, _CARRIED_OVER_INSIDE)
        local, holds = _local(name), self._holds
        deep = holds == _ATOM and depth > 2  # persons contain names, and these contain text
        if depth == 1:
            if local in _NO_PARTS and not (name == "source" and self._item_depth == 2):
                raise _NotPlain
            self._holds = _allowed_namespace(name, attributes)
        elif deep or not holds or not name.startswith(holds) or local in _NO_MARKUP:
            raise _NotPlain


def _allowed_namespace(name: str, attributes: list[str]) -> str:
    """The namespace allowed inside an element of an item; empty: text only."""
    if name in _PERSONS:
        return _ATOM
    if name in _TEXTS and "type" in attributes[::2]:
        kind = attributes[attributes.index("type") + 1]
        return _XHTML + " " if kind == "xhtml" else ""
    return next((media for media in _MEDIA if name.startswith(media)), "")


def _local(name: str) -> str:
    return name.rpartition(" ")[2].lower()


def _check(attributes: list[str], carried_over: frozenset[str]) -> None:
    if any(_local(name) in carried_over for name in attributes[::2]):
        raise _NotPlain
