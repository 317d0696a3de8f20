"""The entries of a feed document as trees; elements have one name in any namespace.

feedparser maps several elements to one key (`description`, `media:description` and `itunes:summary`
all become the summary) and keeps the last of most, so the meaning of an element is decided by its
own name. lxml reads an entry in a tenth of feedparser's time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin

from lxml import etree

from core.text import without_illegal_xml

# Namespace URIs without scheme, in lower case, without trailing `/` or `#`; "" is RSS itself. Only
# those with several prefixes: in 5,000 public feed documents all others have one.
_PREFIXES = {
    "www.w3.org/2005/atom": "atom",
    "purl.org/atom/ns": "atom",
    "purl.org/rss/1.0": "",
    "purl.org/net/rss1.1": "",
    "backend.userland.com/rss2": "",
    "my.netscape.com/rdf/simple/0.9": "",
    "purl.org/rss/1.0/modules/content": "content",
    "purl.org/dc/elements/1.1": "dc",
    "purl.org/dc/terms": "dcterms",
    "search.yahoo.com/mrss": "media",
    "www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "podcastindex.org/namespace/1.0": "podcast",
    "prismstandard.org/namespaces/basic/2.0": "prism",
    "prismstandard.org/namespaces/1.2/basic": "prism",
    "www.w3.org/1999/xhtml": "xhtml",
    "www.w3.org/1999/02/22-rdf-syntax-ns": "rdf",
}
_SCHEME = re.compile(r"^https?://")
_ENTRY_NAMES = frozenset(("item", "atom:entry", "entry", "atom:item"))
MOST_OF_A_NAME = 100  # elements of one name per entry; a gallery has dozens
_CDATA = re.compile(rb"(<!\[CDATA\[(?:.*?\]\]>|.*))", re.DOTALL)  # unclosed: to the end
_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});)")
_XML = "{http://www.w3.org/XML/1998/namespace}"
_ATOM = "{http://www.w3.org/2005/Atom}"
_CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
_MRSS = "{http://search.yahoo.com/mrss/}"
_NO_TEXT = ("image/", "audio/", "video/", "application/pdf", "application/octet")
_GROUPS = ("media:group", "media:content")  # their children belong to a file


class Element:
    """One element: its name, such as `content:encoded`, its attributes and its text."""

    __slots__ = ("name", "node")

    def __init__(self, name: str, node: etree._Element) -> None:
        self.name = name
        self.node = node

    def get(self, attribute: str) -> str:
        """The attribute's value, stripped; empty if it is missing."""
        return (self.node.get(attribute) or "").strip()

    @property
    def text(self) -> str:
        """All text inside the element, without tags."""
        node = self.node
        return ("".join(node.itertext()) if len(node) else node.text or "").strip()  # type: ignore[arg-type]

    @property
    def markup(self) -> str:
        """The content of the element; child elements are serialized as HTML."""
        node = self.node
        if not len(node):
            return (node.text or "").strip()
        if len(node) == 1 and local_name(node[0]) == "div" and not (node.text or "").strip():
            node = node[0]  # the div around Atom's xhtml is not content (RFC 4287 3.1.1.3)
        copy = etree.Element("div")
        copy.text = node.text
        copy.extend(deepcopy(part) for part in node)
        for part in copy.iterdescendants():
            if isinstance(part.tag, str):
                part.tag = part.tag.rpartition("}")[2].rpartition(":")[2]
        etree.cleanup_namespaces(copy)
        written = etree.tostring(copy, encoding="unicode", method="html")
        return written.removeprefix("<div>").removesuffix("</div>").strip()


class Entry:
    """The elements of one entry by name. Elements inside media groups are included."""

    def __init__(self, node: etree._Element, *, has_bases: bool = False) -> None:
        self.node = node
        self._has_bases = has_bases
        self._named: dict[str, list[Element]] = defaultdict(list)
        for element in _children(node):
            named = self._named[element.name]
            if len(named) < MOST_OF_A_NAME:
                named.append(element)

    def all(self, *names: str) -> list[Element]:
        """The elements with these names, in the order of the names."""
        return [element for name in names for element in self._named.get(name, ())]

    def among(self, names: Mapping[str, int]) -> list[Element]:
        """The elements with these names, lower numbers first."""
        there = self._named.keys() & names.keys()
        return [each for name in sorted(there, key=names.__getitem__) for each in self._named[name]]

    def base(self, element: Element | None = None) -> str | None:
        """The `xml:base` that applies to an element, or to the entry; None if none is stated."""
        if not self._has_bases:
            return None
        node = element.node if element else self.node
        stated = [each.get(_XML + "base") for each in (node, *node.iterancestors())]
        base = None
        for address in reversed([each for each in stated if each]):
            base = urljoin(base, address) if base else address
        return base

    def text(self, *names: str) -> str:
        """The first non-empty text under one of these names, or empty."""
        return next((text for element in self.all(*names) if (text := element.text)), "")


def read_entries(document: bytes) -> list[Entry] | None:
    """The entries of a feed document in UTF-8, in order; None if it is not well-formed.

    A bare `&`, the most common error, is repaired. Unclosed tags are not: lxml's recovery would put
    the following content into the wrong element, so feedparser's result is used (`loose_entry`).
    """
    root = _tree(document)
    if root is None and b"<!ENTITY" not in document:
        parts = _CDATA.split(document)  # `&` is an ordinary character in CDATA
        parts[::2] = [_AMPERSAND.sub(b"&amp;", part) for part in parts[::2]]
        root = _tree(b"".join(parts))
    if root is None:
        return None
    has_bases = b"xml:base" in document
    nodes = (n for n in root.iter("{*}item", "{*}entry") if _name_of(n) in _ENTRY_NAMES)
    return [Entry(node, has_bases=has_bases) for node in nodes]


def loose_entry(raw: Any) -> Entry:
    """An entry as parsed by feedparser, converted to elements with the matching names."""
    node = etree.Element("item")
    _add(node, "title", raw.get("title"))
    for part in raw.get("content", ()):
        if not (part.get("type") or "").startswith(_NO_TEXT):
            _add(node, _CONTENT + "encoded", part.get("value"))
    _add(node, "description", raw.get("summary"))
    link, guid = raw.get("link"), raw.get("id") or ""
    if link != guid or guid.lower().startswith(("http://", "https://")):
        _add(node, "link", link)
    for each in raw.get("links", ()):
        _add(node, _ATOM + "link", None, each, ("rel", "type", "href", "hreflang", "length"))
    for person in raw.get("authors", ()):
        _add(node, _DC + "creator", person.get("name"))
    _add(node, "author", raw.get("author"))
    _add(node, "pubDate", dict.get(raw, "published"))
    _add(node, _ATOM + "updated", dict.get(raw, "updated"))
    for each in raw.get("media_content", ()):
        names = ("url", "type", "medium", "width", "duration", "filesize")
        _add(node, _MRSS + "content", None, each, names)
    for each in raw.get("media_thumbnail", ()):
        _add(node, _MRSS + "thumbnail", None, each, ("url", "width"))
    _add(node, "image", None, raw.get("image") or {}, ("href",))
    _add(node, _ITUNES + "duration", raw.get("itunes_duration"))
    return Entry(node)


def _add(
    node: etree._Element,
    name: str,
    text: object,
    attributes: Any = None,
    wanted: tuple[str, ...] = (),
) -> None:
    found = {key: attributes.get(key) for key in wanted}
    stated = {
        key: without_illegal_xml(value) for key, value in found.items() if isinstance(value, str)
    }
    if stated or (isinstance(text, str) and text):
        etree.SubElement(node, name, stated).text = (
            without_illegal_xml(text) if isinstance(text, str) else None
        )


def repaired(document: bytes) -> bytes:
    """A document in UTF-8, with its tags closed and matched by lxml; empty if it has none.

    GML elements (places) are removed: feedparser fails if one is not nested as it expects.
    """
    parser = etree.XMLParser(recover=True, no_network=True, encoding="utf-8")
    root = etree.fromstring(document, parser)
    if root is None:
        return b""
    etree.strip_elements(root, "{http://www.opengis.net/gml}*", with_tail=False)
    return etree.tostring(root, encoding="utf-8")


def _tree(document: bytes) -> etree._Element | None:
    """The root of a well-formed document; undeclared prefixes are tolerated."""
    parser = etree.XMLParser(
        recover=True, no_network=True, remove_comments=True, remove_pis=True, encoding="utf-8"
    )
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError:
        return None
    faults = (fault for fault in parser.error_log if fault.domain_name != "NAMESPACE")
    return root if next(faults, None) is None else None


def local_name(node: etree._Element) -> str:
    """The local name without namespace and prefix, in lower case."""
    return str(node.tag).rpartition("}")[2].rpartition(":")[2].lower()


def _children(node: etree._Element) -> Iterator[Element]:
    for child in node:
        if not isinstance(child.tag, str):
            continue
        name = _name_of(child)
        yield Element(name, child)
        if name in _GROUPS:
            yield from _children(child)


def _name_of(node: etree._Element) -> str:
    return _name(str(node.tag), node.prefix)


@lru_cache(maxsize=1024)
def _name(tag: str, prefix: str | None) -> str:
    """`content:encoded` for any prefix; unknown namespaces keep the prefix as written."""
    uri, _, local = tag.rpartition("}")
    if not uri:
        return local.lower()  # the prefix of an undeclared namespace is part of the name
    key = _SCHEME.sub("", uri.lower().lstrip("{")).rstrip("/#")
    known = _PREFIXES.get(key, prefix)
    return f"{known}:{local}".lower() if known else local.lower()
