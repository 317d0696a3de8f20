"""A feed document cut into its items without reading them, if it is plain enough for that.

Tags show where items seem to be. That they are there, and mean the same with and without the items
around them, a parser says of as much of the document as is to be read: what it was said of before
need not be looked at again. feedparser carries some things over from one element to the next
(bases, languages, namespaces, what it takes for unclosed), so a document that could make it do so
is not plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from xml.parsers import expat

import xxhash

ITEM_DIGEST = 16  # bytes

_FIRST = re.compile(rb"<((?:[\w.-]{1,40}:)?(?:item|entry))[\s>]")
_SPACE = re.compile(rb"\s*")
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
    """A document in UTF-8 and where its items seem to be, each from start tag to end tag."""

    data: bytes
    spans: tuple[tuple[int, int], ...]

    def digests(self, around: bytes, *, url: str) -> list[bytes]:
        """What tells each item apart: its bytes, what it stands in, where it came from."""
        place = xxhash.xxh3_64_intdigest(around + url.encode("utf-8", "replace"))
        data = memoryview(self.data)
        return [xxhash.xxh3_128_digest(data[start:end], place) for start, end in self.spans]

    def only(self, wanted: Iterable[int]) -> bytes:
        """The document with the items at these places, without the others."""
        parts = (self.data[slice(*self.spans[at])] for at in wanted)
        first, last = self.spans[0][0], self.spans[-1][1]
        return b"".join((self.data[:first], *parts, self.data[last:]))


def find_items(data: bytes) -> FeedItems | None:
    """The items of a document as its tags show them, one behind the other; None without any."""
    first = _FIRST.search(data)
    if first is None:
        return None
    begin, end = b"<" + first[1], b"</" + first[1] + b">"
    spans, at = [], first.start()
    while data.startswith(begin, at):
        stop = data.find(end, at)
        if stop < 0:
            return None
        spans.append((at, stop + len(end)))
        at = _SPACE.match(data, stop + len(end)).end()  # type: ignore[union-attr]  # matches none, too
    return FeedItems(data, tuple(spans))


class Frame(NamedTuple):
    """What a plain document is beside its items."""

    items: int  # how many it holds
    around: bytes  # what they stand in, without what is said beside them


def plain_frame(data: bytes) -> Frame | None:
    """The frame of a well-formed document whose items are where their tags show them, if plain."""
    found = find_items(data)
    cutter = _Cutter(data)
    try:
        cutter.parser.Parse(data, True)
    except (_Unusual, expat.ExpatError):
        return None
    if tuple(cutter.spans) != (found.spans if found else ()):
        return None
    return Frame(len(cutter.spans), repr(cutter.around).encode("utf-8", "replace"))


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
