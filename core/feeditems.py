"""A feed document cut into its items without reading them, if it is plain enough for that.

What comes out can be read in part: each item means the same with and without the items around it.
feedparser carries some things over from one element to the next (bases, languages, namespaces,
what it takes for unclosed), so a document that could make it do so is not cut at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple
from xml.parsers import expat

ITEM_DIGEST = 16  # bytes

_ATOM = "http://www.w3.org/2005/Atom "
_XHTML = "http://www.w3.org/1999/xhtml"
_MEDIA = ("http://search.yahoo.com/mrss/ ", "http://search.yahoo.com/mrss ")
# Where the items of a document are: its root, how deep they lie in it, what they are called.
_KINDS = {"rss": (2, "item"), _ATOM + "feed": (1, _ATOM + "entry")}
_CARRIED_OVER = frozenset(("base", "lang", "href", "lastmod"))
_CARRIED_OVER_INSIDE = frozenset(("base", "lang"))
_NO_PARTS = frozenset(
    "rss feed rdf channel item entry image textinput body svg math newlocation source chapters"
    " where".split()
)
_PERSONS = frozenset(_ATOM + name for name in ("author", "contributor"))
_TEXTS = frozenset(_ATOM + name for name in ("content", "summary", "title", "rights"))
_HEAD_GROUPS = frozenset(
    "author contributor image textinput skiphours skipdays owner category".split()
)


class FeedItems(NamedTuple):
    """A document in UTF-8 and where its items are, each from start tag to end tag."""

    data: bytes
    spans: tuple[tuple[int, int], ...]
    around: bytes  # what the items stand in, without what is said beside them

    def digests(self, *, url: str) -> list[bytes]:
        """What tells each item apart: its bytes, what it stands in, where it came from."""
        place = hashlib.blake2b(self.around + url.encode("utf-8", "replace"), digest_size=32)
        return [
            hashlib.blake2b(
                self.data[start:end], key=place.digest(), digest_size=ITEM_DIGEST
            ).digest()
            for start, end in self.spans
        ]

    def only(self, wanted: Iterable[int]) -> bytes:
        """The document with the items at these places, without the others."""
        if not self.spans:
            return self.data
        parts = (self.data[slice(*self.spans[at])] for at in wanted)
        first, last = self.spans[0][0], self.spans[-1][1]
        return b"".join((self.data[:first], *parts, self.data[last:]))

    def head(self) -> bytes:
        """What the document says beside its items."""
        return self.only(())


def cut_items(data: bytes) -> FeedItems | None:
    """The items of a well-formed, plain document in UTF-8; None where it is anything else."""
    cutter = _Cutter(data)
    try:
        cutter.parser.Parse(data, True)
    except (_Unusual, expat.ExpatError):
        return None
    return FeedItems(data, tuple(cutter.spans), repr(cutter.around).encode("utf-8", "replace"))


class _Unusual(Exception):
    """The document is not plain."""


class _Cutter:
    """Follows the elements of a document; raises _Unusual at what could reach beyond its item."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.spans: list[tuple[int, int]] = []
        self.around: list[object] = []
        self._depth = 0
        self._item_depth = 0
        self._item_name = ""
        self._end_name = b""
        self._begun: int | None = None  # where the item that is open starts
        self._part = ""  # the element of the item, or of the head, that is open
        self._takes = ""  # what that element may hold
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartNamespaceDeclHandler = self._namespace
        parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, *_: object) -> None:
        raise _Unusual

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if self._depth < self._item_depth or self._depth == 0:
            self.around.append((prefix, uri))
        elif prefix is not None or uri != _XHTML:
            raise _Unusual

    def _start(self, name: str, attributes: list[str]) -> None:
        depth = self._depth
        self._depth = depth + 1
        if self._begun is not None:
            self._inside(depth - self._item_depth, name, attributes)
        elif depth < self._item_depth or depth == 0:
            self._container(depth, name, attributes)
        elif depth == self._item_depth and name == self._item_name:
            self._begin(attributes)
        else:
            self._beside(depth - self._item_depth, name, attributes)

    def _end(self, _: str) -> None:
        self._depth -= 1
        if self._begun is not None and self._depth == self._item_depth:
            start = self.parser.CurrentByteIndex
            end = self.data.index(b">", start) + 1
            if self.data[start + 2 : end - 1].split(b":")[-1].strip() != self._end_name:  # <item/>
                raise _Unusual
            self.spans.append((self._begun, end))
            self._begun = None

    def _container(self, depth: int, name: str, attributes: list[str]) -> None:
        """The root, or the one channel in it."""
        if depth == 0 and name in _KINDS:
            self._item_depth, self._item_name = _KINDS[name]
            self._end_name = _local(self._item_name).encode()
        elif depth == 0 or name != "channel" or "channel" in self.around:
            raise _Unusual
        self.around += [name, *attributes]

    def _begin(self, attributes: list[str]) -> None:
        _check(attributes, _CARRIED_OVER)
        self._begun = self.parser.CurrentByteIndex
        if self.spans and self.data[self.spans[-1][1] : self._begun].strip():
            raise _Unusual

    def _beside(self, depth: int, name: str, attributes: list[str]) -> None:
        """What the head says; nothing may follow the items, for they would have passed it."""
        local = _local(name)
        if self.spans or local in ("item", "entry", "rss", "feed", "channel", "rdf"):
            raise _Unusual
        _check(attributes, _CARRIED_OVER_INSIDE)
        if depth == 0:
            self._part = local
        elif self._part not in _HEAD_GROUPS:
            raise _Unusual

    def _inside(self, depth: int, name: str, attributes: list[str]) -> None:
        """Elements of an item: texts, persons, media, and XHTML where Atom has its place."""
        _check(attributes, _CARRIED_OVER_INSIDE)
        if depth == 1:
            if _local(name) in _NO_PARTS and not (name == "source" and self._item_depth == 2):
                raise _Unusual
            self._part, self._takes = name, _takes(name, attributes)
        elif not self._is_taken(depth, name):
            raise _Unusual

    def _is_taken(self, depth: int, name: str) -> bool:
        if not self._takes or not name.startswith(self._takes):
            return False
        deep = self._takes == _ATOM and depth > 2
        return not deep and _local(name) not in ("body", "svg", "math")


def _takes(name: str, attributes: list[str]) -> str:
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
    for name in attributes[::2]:
        if _local(name) in carried_over:
            raise _Unusual
