"""Repair the text of a feed document so that an XML parser accepts it.

Removes characters that XML forbids and anything around the feed, and drops surplus entries. Nothing
is parsed here: items are found by their tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import unescape
from html.entities import html5
from typing import NamedTuple
from xml.sax.saxutils import escape

import xxhash

from core.dates import parse_date

ENTRIES_KEPT = 2000  # per document; each entry takes 0.3 ms or more to parse

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_CONTROLS = bytes((*range(9), 11, 12, *range(14, 32)))
_FORBIDDEN_REFERENCE = re.compile(
    r"&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01])|[xX]0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]|[fF]{3}[eEfF]));"
)
# References to surrogates (JavaScript writes an emoji as two) or to values beyond Unicode.
_UNFIT = (
    r"&#(?:[xX]0*(?:[dD][89a-fA-F][0-9a-fA-F]{2}|[0-9a-fA-F]{6,})|0*(?:5[5-7]\d{3}|\d{7,}))"
    r"(?:;|(?![0-9a-fA-F]))"
)
_UNFIT_REFERENCE = re.compile(_UNFIT)
# Inside a CDATA section, references are plain text.
_UNFIT_RUN = re.compile(rf"<!\[CDATA\[.*?(?:\]\]>|\Z)|(?:{_UNFIT})+", re.DOTALL)
_NAMED = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z]\w{1,31});")
_PROLOG = re.compile(r"\s*<\?xml\b[^>]{0,500}\?>")
_ROOT = re.compile(r"<([A-Za-z_][\w.:-]{0,100})")
_LATE_START = re.compile(r"<\?xml\b|<(?:rss|feed|rdf:RDF)[\s>]", re.IGNORECASE)
_WRAPPED = re.compile(
    r"<(?:rss\s[^>]{0,2000}version\s*=|feed\s[^>]{0,2000}xmlns|rdf:RDF\s)", re.IGNORECASE
)
_ESCAPED = re.compile(r"&lt;(?:\?xml\b|rss\b|feed\s|rdf:RDF\s)", re.IGNORECASE)
_JSON_START = re.compile(r'\{\s*"(?:version|title|items|home_page_url|feed_url|description)"\s*:')
_ENTRY = re.compile(r"<(/?)(?:[A-Za-z]\w{0,20}:)?(?:item|entry)(?:\s[^>]{0,2000})?>", re.IGNORECASE)
_END = re.compile(r"</\s*(?:\w{1,20}:)?(?:rss|feed|rdf|channel)\s*>", re.IGNORECASE)
_DATE = re.compile(
    r"(?:pubDate|date|published|updated|issued)>(?:<!\[CDATA\[)?([^<\]]{6,60})", re.IGNORECASE
)
_COMPARED = 9  # entries at each end of a long feed; one of them may be pinned


_FIRST_ITEM = re.compile(rb"<((?:[\w.-]{1,40}:)?(?:item|entry))[\s>]")
_SPACE = re.compile(rb"\s*")


class FeedText(NamedTuple):
    """A feed document that is ready to be parsed."""

    text: str  # without prolog
    root: str  # name of the first element in lower case, or empty
    complete: bool  # the end tag of the feed was found
    cut: bool  # entries beyond the limit were dropped


def feed_text(text: str, *, entries: int = ENTRIES_KEPT) -> FeedText:
    """Repair a feed document; keep at most `entries` of its newest entries."""
    text = _without_preamble(_without_forbidden(text))
    if text[:1] in ("{", "["):  # `&` needs no repair in JSON
        return FeedText(text, root="", complete=True, cut=False)
    if "&" in text:
        if "&#" in text:
            text = _FORBIDDEN_REFERENCE.sub("", text)
            if _UNFIT_REFERENCE.search(text):
                text = _UNFIT_RUN.sub(_joined_halves, text)
        if "<!ENTITY" not in _head(text):
            text = _NAMED.sub(_character, text)
    complete = _END.search(text, max(0, len(text) - 4096)) is not None
    kept = _newest_entries(text, entries)
    return FeedText(kept, root_name(kept), complete, cut=kept is not text)


def _without_forbidden(text: str) -> str:
    """Remove characters that XML forbids. Bytes are checked four times as fast as characters."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return _FORBIDDEN.sub("", text)
    clean = len(data.translate(None, _CONTROLS)) == len(data)
    if clean and not any(sign in data for sign in (b"\xef\xbf\xbe", b"\xef\xbf\xbf")):
        return text
    return _FORBIDDEN.sub("", text)


def _head(text: str) -> str:
    """The text before the first entry: an entry may quote a declaration."""
    first = _ENTRY.search(text)
    return text[: first.start()] if first else text


def root_name(text: str) -> str:
    """Name of the first element without prefix, in lower case; comments are skipped."""
    at = 0
    while (start := text.find("<", at)) >= 0:
        if text.startswith("<!--", start):
            at = text.find("-->", start)
            if at < 0:
                return ""
            continue
        found = _ROOT.match(text, start)
        if found is not None:
            return found[1].rpartition(":")[2].lower()
        at = start + 1
    return ""


def _without_preamble(text: str) -> str:
    """Remove the XML prolog and any output of a broken generator before it."""
    text = _without_prolog(text)
    root = root_name(text)
    if root == "html":
        return _feed_in_page(text)
    if root in ("rss", "feed", "rdf") or text[:1] in ("{", "["):
        return text
    late = _LATE_START.search(text, 0, 8192)
    if late is None:
        json = _JSON_START.search(text, 0, 8192)  # after warnings, `)]}'` or the name of a callback
        return text[json.start() :] if json else _unescaped(text)
    return _without_prolog(text[late.start() :])


def _feed_in_page(text: str) -> str:
    """The feed embedded in an HTML page; without one, the text itself."""
    start = _WRAPPED.search(text, 0, 8192)
    if start is None:
        return _unescaped(text)
    ends = list(_END.finditer(text, start.end()))
    return text[start.start() : ends[-1].end() if ends else len(text)]


def _unescaped(text: str) -> str:
    """The feed that a server or a browser's source view escaped; else the text itself."""
    start = _ESCAPED.search(text, 0, 8192)
    if start is None:
        return text
    end = text.find("</pre", start.start())
    document = unescape(text[start.start() : end if end > 0 else len(text)])
    return _without_prolog(document)


def _without_prolog(text: str) -> str:
    prolog = _PROLOG.match(text)
    return text[prolog.end() if prolog else 0 :].lstrip()


def _joined_halves(match: re.Match[str]) -> str:
    """Replace references to surrogates by the characters they form; drop unpaired ones."""
    if match[0].startswith("<"):
        return match[0]
    digits = [each.strip(";").lstrip("0") for each in match[0].lower().split("&#")[1:]]
    numbers = [int(n[1:], 16) if n[:1] == "x" else int(n) for n in digits if len(n) < 20]
    halves = "".join(chr(number) for number in numbers if number <= 0x10FFFF)
    return escape(halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore"))


def _character(match: re.Match[str]) -> str:
    """The character for an entity that is defined in HTML but not in XML."""
    char = html5.get(match[1] + ";")
    return match[0] if char is None else escape(char)


def _newest_entries(text: str, entries: int) -> str:
    """Keep only the newest entries of a text that has more than `entries`."""
    lowered = text.lower()
    if lowered.count("item") + lowered.count("entry") <= entries:  # counting tags is more expensive
        return text
    starts, ends = [], []
    for tag in _ENTRY.finditer(text):
        if tag[1]:
            ends.append(tag.end())
        else:
            starts.append(tag.start())
    if len(starts) <= entries or len(ends) < len(starts):
        return text if len(starts) <= entries else text[: starts[entries]]
    first, last = (_median_date(text, some) for some in (starts[:_COMPARED], starts[-_COMPARED:]))
    if first and last and first < last:
        return text[: starts[0]] + text[starts[-entries] :]
    return text[: starts[entries]] + text[ends[-1] :]


def _median_date(text: str, starts: Sequence[int]) -> datetime | None:
    """The median date of the entries that begin at these positions."""
    stated = (_DATE.search(text, start, start + 20_000) for start in starts)
    dates = sorted(date for each in stated if each and (date := parse_date(each[1])))
    return dates[len(dates) // 2] if dates else None


class FeedItems(NamedTuple):
    """A document in UTF-8 and the spans of its items, from start tag to end tag."""

    data: bytes
    spans: tuple[tuple[int, int], ...]

    def digests(self, around: bytes, *, url: str) -> list[bytes]:
        """A digest of each item: of its bytes, the elements around it, and the document's URL."""
        place = xxhash.xxh3_64_intdigest(around + url.encode("utf-8", "replace"))
        data = memoryview(self.data)
        return [xxhash.xxh3_128_digest(data[start:end], place) for start, end in self.spans]

    def only(self, wanted: Iterable[int]) -> bytes:
        """The document with only the items at these indexes."""
        parts = (self.data[slice(*self.spans[at])] for at in wanted)
        return b"".join((self.data[: self.spans[0][0]], *parts, self.data[self.spans[-1][1] :]))


def find_items(data: bytes) -> FeedItems | None:
    """Find consecutive items by their tags, without parsing; None if there are none."""
    first = _FIRST_ITEM.search(data)
    if first is None:
        return None
    begin, end = b"<" + first[1], b"</" + first[1] + b">"
    spans, at = [], first.start()
    while data.startswith(begin, at):
        stop = data.find(end, at)
        if stop < 0:
            return None
        spans.append((at, stop + len(end)))
        at = _SPACE.match(data, stop + len(end)).end()  # type: ignore[union-attr]  # always matches
    return FeedItems(data, tuple(spans))
