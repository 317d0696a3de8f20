"""Select the body among an entry's texts: by the meaning of their elements, then by length.

An entry may contain its article, a teaser, a tagline and image captions. The body is the longest
text of the entry itself, never a text of a file or of the channel.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from core.body.markdown import Declared
from core.feeds.elements import Element, Entry
from core.text import count_letters

Meaning = Literal["article", "text", "teaser", "caption"]


class ElementRole(NamedTuple):
    """The meaning of an element, and whether its text may be the body."""

    meaning: Meaning
    may_be_body: Literal["yes", "if alone", "if alone, of a video or audio"]


_ARTICLE = ElementRole("article", "yes")  # the whole article, or as much as the source provides
_TEXT = ElementRole("text", "yes")  # the article in some feeds, a summary in others
_TEASER = ElementRole("teaser", "if alone")  # short by definition
_CAPTION = ElementRole("caption", "if alone, of a video or audio")  # such as YouTube's descriptions

# By element name; earlier ones win among equals. Other elements are not texts of the entry.
MEANINGS: dict[str, ElementRole] = {
    "content:encoded": _ARTICLE,  # RSS 1.0 content module
    "content": _ARTICLE,  # Atom under RSS's names
    "atom:content": _ARTICLE,  # RFC 4287 4.1.3
    "encoded": _ARTICLE,  # content:encoded without its namespace
    "content_html": _ARTICLE,  # JSON Feed
    "content_text": _ARTICLE,  # JSON Feed
    "xhtml:body": _ARTICLE,  # RSS 1.0 and 2.0, before content:encoded
    "body": _ARTICLE,
    "xhtml:div": _ARTICLE,
    "yandex:full-text": _ARTICLE,  # Yandex News
    "turbo:content": _ARTICLE,  # Yandex Turbo
    "rambler:fulltext": _ARTICLE,
    "full-text": _ARTICLE,
    "fulltext": _ARTICLE,
    "description": _TEXT,  # RSS
    "atom:summary": _TEXT,  # RFC 4287 4.2.13
    "summary": _TEXT,  # JSON Feed
    "itunes:summary": _TEXT,  # show notes
    "googleplay:description": _TEXT,  # show notes
    "dc:description": _TEXT,
    "dcterms:description": _TEXT,
    "dcterms:abstract": _TEASER,
    "excerpt:encoded": _TEASER,  # WordPress
    "prism:teaser": _TEASER,
    "teaser": _TEASER,
    "source:markdown": ElementRole("article", "if alone"),  # the body as its author typed it
    "itunes:subtitle": _TEASER,  # tagline
    "googleplay:subtitle": _TEASER,
    "media:description": _CAPTION,  # alt text, if of an image
    "media:text": _CAPTION,  # a transcript
}
_ORDER = {name: at for at, name in enumerate(MEANINGS)}
_OWN = {name: _ORDER[name] for name, row in MEANINGS.items() if row.may_be_body == "yes"}
_SHORT = {name: _ORDER[name] for name, row in MEANINGS.items() if row.may_be_body == "if alone"}
_OF_FILES = {name: _ORDER[name] for name, row in MEANINGS.items() if row.meaning == "caption"}

_TAGS = re.compile(r"<[^<>]{0,2000}>|&(?:nbsp|#160|#xa0|amp);|\\u00a0", re.IGNORECASE)
_MEASURED = 4000  # characters: enough to distinguish an article from a stub of any size
# An article's element may be slightly shorter than a description that repeats it and adds a line.
_ALMOST = 0.9
_OCTETS = "application/octet-stream"
_TYPES: dict[str, Declared] = {
    "": "text", "text": "text", "text/plain": "text", "html": "html", "text/html": "html",
    "xhtml": "html", "application/xhtml+xml": "html", "application/xml": "html",
    "text/xml": "html", _OCTETS: "auto", "text/markdown": "markdown", "text/x-markdown": "markdown",
}  # fmt: skip


class Text(NamedTuple):
    """A text of an entry, the name of its element and its declared type."""

    name: str
    value: str
    declared: Declared = "auto"
    base: str | None = None


class Texts(NamedTuple):
    """The body of an entry, and another of its texts as summary."""

    body: Text | None
    summary: str


def texts_of(entry: Entry, *, longest: int, has_film: bool, channel: Collection[str]) -> Texts:
    """The body and summary of an entry; texts that repeat those of the `channel` are ignored.

    `has_film`: the entry has a video or audio file. `longest`: characters of one text.
    """
    own = _texts_in(entry, _OWN, longest, channel)
    short = _texts_in(entry, _SHORT, longest, channel)
    if own or short or not has_film:
        return choose(own, short)
    return choose([], _texts_in(entry, _OF_FILES, longest, channel))


def choose(own: list[Text], short: list[Text]) -> Texts:
    """The longest of `own` is the body, else the longest of `short`; the summary is another one."""
    body = _longest_text(own) or _longest_text(short)
    if body is None:
        return Texts(None, "")
    others = [text for text in (*own, *short) if text.value != body.value]
    if MEANINGS[body.name].meaning == "article":
        summaries = [text for text in others if MEANINGS[text.name].meaning != "article"]
    else:  # next to a stub, a longer text is no summary, and the stub is no summary of the text
        summaries = [text for text in others if MEANINGS[text.name].meaning == "teaser"]
    return Texts(body, summaries[0].value if summaries else "")


def _texts_in(
    entry: Entry, names: Mapping[str, int], longest: int, channel: Collection[str]
) -> list[Text]:
    found = []
    for element in entry.among(names):
        declared = _declared(element)
        value = _value(element)[:longest].strip() if declared else ""
        if declared and value and value not in channel:
            found.append(Text(element.name, value, declared, entry.base(element)))
    return found


def _value(element: Element) -> str:
    """The content of an element; decodes Atom's base64 (RFC 4287 4.1.3.3)."""
    encoded = element.get("mode") == "base64" or element.get("type") == _OCTETS
    if not encoded or not element.name.startswith("atom:"):
        return element.markup
    try:
        return b64decode(element.text, validate=False).decode()
    except ValueError:
        return ""


def _declared(element: Element) -> Declared | None:
    """The declared type of an element's text; None if it is not text (images, links)."""
    prefix = element.name.partition(":")[0]
    stated = element.get("type").lower()
    if prefix == "media":
        return "html" if stated in ("html", "text/html") else "text"
    if prefix != "atom":
        return "markdown" if element.name == "source:markdown" else "auto"
    if element.get("src"):
        return None
    if len(element.node):
        return "html"
    return _TYPES.get(stated) or ("auto" if stated.startswith("text/") else None)


def _longest_text(texts: list[Text]) -> Text | None:
    """The longest text; an article's own element wins unless another is clearly longer."""
    if len(texts) < 2:
        return texts[0] if texts else None
    sizes = [_size(text.value) for text in texts]
    most = max(sizes)
    return next(text for text, size in zip(texts, sizes, strict=True) if size >= _ALMOST * most)


def _size(value: str) -> int:
    """Visible letters in the beginning, plus the length of the rest."""
    seen = count_letters(_TAGS.sub(" ", value[:_MEASURED]))
    return seen + max(0, len(value) - _MEASURED)
