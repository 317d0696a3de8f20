"""The new entries of a feed document, at the cost of the new ones: `read_new_entries`.

An item whose bytes were read before is not parsed again. The invariant: reading in part gives the
entries of a whole reading without the known ones, and the same feed around them (a property test:
`tests/core/feeds/test_new_entries.py`). A document of which that cannot be shown is read whole. It
can be shown of a plain one: expat finds its items where its tags show them, and meets nothing that
feedparser carries over from one element to the next (bases, languages, namespaces, unclosed tags).

Entries are then compared with what their source listed before (`identity.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple
from xml.parsers import expat

from core.dates import SourceClock, on_our_clock
from core.feeds.charset import in_utf8
from core.feeds.parse import LIMITS, parse_feed, parse_items, under, with_guids
from core.feeds.steady import entry_digest
from core.feeds.xml_text import FeedItems, FeedText, feed_text, find_items
from core.ids import CONTENT_DIGEST, GUID_DIGEST, Named, guid_digest, plain_guids
from core.models import ParsedFeed

_ITEM = 16  # bytes of the digest of an item
_GUID_END = _ITEM + GUID_DIGEST
_RECORD = _GUID_END + CONTENT_DIGEST

_ATOM = "http://www.w3.org/2005/Atom "
_XHTML = "http://www.w3.org/1999/xhtml"
_MEDIA = ("http://search.yahoo.com/mrss/ ", "http://search.yahoo.com/mrss ")
# By the root of a document: the depth of its items, and their name.
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
    """The items of a document in which all were told apart in the same way."""

    named_by: Literal["guid", "link"]
    # By the digest of an item's bytes: the digests of its guid and of its content.
    items: Mapping[bytes, tuple[bytes, bytes]]

    @classmethod
    def from_bytes(cls, stored: bytes) -> KnownItems:
        """What `to_bytes` wrote; from nothing nothing is known."""
        starts = range(1, len(stored) - _RECORD + 1, _RECORD)
        records = (stored[at : at + _RECORD] for at in starts)
        items = {r[:_ITEM]: (r[_ITEM:_GUID_END], r[_GUID_END:]) for r in records}
        return cls("link" if stored[:1] == b"l" else "guid", items)

    def to_bytes(self) -> bytes:
        """For the store: a letter, then 40 bytes an item."""
        records = (digest + guid + content for digest, (guid, content) in self.items.items())
        return self.named_by[:1].encode() + b"".join(records)


class Remembered(NamedTuple):
    """What is remembered of a source, with which a document is compared."""

    items: bytes = b""  # `KnownItems` of its last document, as far as they still hold
    seen: Mapping[bytes, bytes] = {}  # digest of a guid -> of what was last seen under it
    learned: bytes | None = None  # the boilerplate of its source
    forgotten: bool = False  # whether `forget` keeps anything out at all


def read_new_entries(
    data: bytes,
    *,
    url: str,
    content_type: str | None,
    known: bytes = b"",
    clock: SourceClock | None = None,
) -> ParsedFeed:
    """The feed in `data`, without entries that are `known`: `items` of an earlier reading.

    Known entries come as `unchanged`, dates by our `clock`. Raises NotAFeed as `parse_feed` does.
    """
    items = find_items(in_utf8(data, content_type=content_type))
    if items is not None and len(items.spans) <= LIMITS.entries:
        feed = _read_in_part(items, KnownItems.from_bytes(known), url)
        if feed is not None:
            return on_our_clock(feed, clock)
    return on_our_clock(parse_feed(data, url=url, content_type=content_type), clock)


def still_known(stored: bytes, seen: Mapping[bytes, bytes]) -> bytes:
    """`KnownItems` as bytes, without items that are no longer what was `seen` under their guid."""
    named_by, items = KnownItems.from_bytes(stored)
    kept = {at: (guid, was) for at, (guid, was) in items.items() if seen.get(guid) == was}
    return KnownItems(named_by, kept).to_bytes()


def _read_in_part(items: FeedItems, known: KnownItems, url: str) -> ParsedFeed | None:
    """The items that are not known; None unless the document means the same without the others."""
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
    names: Sequence[Named],
    digests: Sequence[bytes],
    fresh: Sequence[int],
    known: KnownItems,
) -> ParsedFeed | None:
    """The feed with its guids; None where one depends on the items that were not read."""
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
            "entries": tuple(map(under, feed.entries, guids)),
            "unchanged": tuple(unchanged.values()),
            "items": KnownItems(named_by if fresh else known.named_by, items).to_bytes(),
        }
    )


def plain_document(data: bytes) -> tuple[FeedText, int, bytes] | None:
    """The repaired document, its count of items and what is around them; None if not plain."""
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
    """Something in the document could reach beyond its item."""


class _PlainCheck:
    """Follows the elements of a document; raises _NotPlain at what could reach beyond its item."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.spans: list[tuple[int, int]] = []
        self.around: list[object] = []
        self._depth = self._item_depth = 0
        self._item_name, self._end_name = "", b""
        self._begun: int | None = None  # where the item that is open starts
        self._part = ""  # the element of the head that is open
        self._holds = ""  # the namespace of what the item's open element may hold; empty: text
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
        if self._begun is not None:
            self._inside(depth - self._item_depth, name, attributes)
        elif depth < self._item_depth or depth == 0:
            self._container(depth, name, attributes)
        elif depth == self._item_depth and name == self._item_name:
            _check(attributes, _CARRIED_OVER)
            self._begun = self.parser.CurrentByteIndex
            if self.spans and self.data[self.spans[-1][1] : self._begun].strip():
                raise _NotPlain
        else:
            self._beside(depth - self._item_depth, name, attributes)

    def _end(self, _: str) -> None:
        self._depth -= 1
        if self._begun is not None and self._depth == self._item_depth:
            start = self.parser.CurrentByteIndex
            end = self.data.index(b">", start) + 1
            if self.data[start + 2 : end - 1].split(b":")[-1].strip() != self._end_name:  # <item/>
                raise _NotPlain
            self.spans.append((self._begun, end))
            self._begun = None

    def _container(self, depth: int, name: str, attributes: list[str]) -> None:
        """The root, or the one channel in it."""
        if depth == 0 and name in _KINDS:
            self._item_depth, self._item_name = _KINDS[name]
            self._end_name = _local(self._item_name).encode()
        elif depth == 0 or name != "channel" or "channel" in self.around:
            raise _NotPlain
        self.around += [name, *attributes]

    def _beside(self, depth: int, name: str, attributes: list[str]) -> None:
        """The head; nothing may follow the items, for a document in part would end before it."""
        local = _local(name)
        if self.spans or local in ("item", "entry", "rss", "feed", "channel", "rdf"):
            raise _NotPlain
        _check(attributes, _CARRIED_OVER_INSIDE)
        if depth == 0:
            self._part = local
        elif self._part not in _HEAD_GROUPS:
            raise _NotPlain

    def _inside(self, depth: int, name: str, attributes: list[str]) -> None:
        """Elements of an item: texts, persons, media, and XHTML where Atom has its place."""
        _check(attributes, _CARRIED_OVER_INSIDE)
        local, holds = _local(name), self._holds
        deep = holds == _ATOM and depth > 2  # persons hold names, and these hold text
        if depth == 1:
            if local in _NO_PARTS and not (name == "source" and self._item_depth == 2):
                raise _NotPlain
            self._holds = _held(name, attributes)
        elif deep or not holds or not name.startswith(holds) or local in _NO_MARKUP:
            raise _NotPlain


def _held(name: str, attributes: list[str]) -> str:
    """The namespace of what an element of an item may hold; empty: text only."""
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
