"""Which elements are no part of an article, by what their markup says; and what by-lines state."""

from __future__ import annotations

import re
from itertools import islice

from lxml import etree

from core.body import junk
from core.body.html import inner_text
from core.text import collapse, letters, wide_share

Spoken = dict[str, str]
_NEVER = frozenset(("html", "body", "main", "article", "br", "tr", "tbody"))
IN_LINE = frozenset(
    "a abbr b bdi bdo big cite code data dfn em font i ins kbd label mark q s small span strong sub"
    " sup time tt u var".split()
)
# Paragraphs: what a class says of them weighs less than that they hold sentences.
_PARAGRAPHS = frozenset("p li dd dt blockquote h1 h2 h3 h4 h5 h6 td th".split())
_NEIGHBOURS = 8  # on either side are looked at; somebody may put thousands into one paragraph
_PROSE = 80  # letters; shorter sentences are also calls to subscribe
_UNSEEN = re.compile(
    r"(?:^|[-_ ])(?:sr-only|screen-reader-text|visually-?hidden)(?:$|[-_ ])", re.IGNORECASE
)
_NAMED_BY_ID = frozenset(("div", "aside", "ul", "ol", "table", "form", "footer", "header"))
_GUARDED = frozenset(("aside", "footer", "form"))
_TELLING = frozenset(("style", "hidden", "class", "id"))  # attributes
_SENTENCE = re.compile(r"[\u4e00-\u9fff]{4}[。！？]|[^\W\d_]{3,}[.!?](?:\s|$)")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_AUTHOR = re.compile(
    r"(?:^|[-_ ])(?:author(?:-?name)?|byline(?:-?name)?)(?:$|[-_ ])", re.IGNORECASE
)


def may_be_widget(element: etree._Element, tag: str) -> bool:
    """Whether `widget_rule` can find anything: most elements have no attributes that tell."""
    return tag in _GUARDED or "-" in tag or not _TELLING.isdisjoint(element.keys())


def widget_rule(element: etree._Element, tag: str) -> str | None:
    """`hidden`, `widget` or `bar` where the element's markup says that it is no article text."""
    style = element.get("style")
    if (style and _HIDDEN.search(style)) or element.get("hidden") is not None:
        return "hidden"
    if tag in _GUARDED:
        return "widget"
    if tag in _NEVER or element.get("itemprop") == "articleBody":
        return None
    if tag in IN_LINE and _is_in_sentence(element):
        return "hidden" if _UNSEEN.search(element.get("class") or "") else None
    if tag in _PARAGRAPHS and _is_prose(element):
        return None
    # The id of a heading or a section is made from its words: “Related work” is no widget.
    named = element.get("id") if tag in _NAMED_BY_ID else None
    names = " ".join(filter(None, (element.get("class"), named)))
    if "-" in tag:
        names += " " + tag
    return junk.widget_kind(names) if names else None


def _is_in_sentence(element: etree._Element) -> bool:
    """Whether words stand beside an inline element, up to the edges of its paragraph."""
    while element.tag in IN_LINE:
        around = element.getparent()
        if around is None:
            return False
        before = list(islice(element.itersiblings(preceding=True), _NEIGHBOURS))
        after = list(islice(element.itersiblings(), _NEIGHBOURS))
        pieces = [element.tail, *(each.tail for each in before + after)]
        if len(before) < _NEIGHBOURS:
            pieces.append(around.text)
        if any(piece and letters(piece) for piece in pieces):
            return True
        element = around
    return False


def _is_prose(element: etree._Element) -> bool:
    """Whether a paragraph holds a sentence of some length that is no link."""
    text = inner_text(element)
    size = letters(text) * (1 + 1.6 * wide_share(text))
    if size < _PROSE or not _SENTENCE.search(text):
        return False
    return sum(letters(inner_text(link)) for link in element.iter("a")) < 0.4 * size


def is_slight(element: etree._Element, text: str, *, kind: str) -> bool:
    """Whether what a widget holds may go: little text, or mostly links; no sentences in a bar."""
    size = letters(text)
    linked = sum(letters(inner_text(link)) for link in element.iter("a"))
    if linked >= 0.4 * size:
        return True
    if kind == "bar" and size >= 20 and linked < 0.2 * size and _SENTENCE.search(text):
        return False
    return size <= 300


def listen(element: etree._Element, spoken: Spoken) -> None:
    """Notes the author and the date that a by-line element states."""
    for found in element.iter("a", "time", "span", "p", "div", "address"):
        names = f"{found.get('class', '')} {found.get('itemprop', '')}"
        if found.tag == "time":
            if found.get("datetime") and "updated" not in names:
                spoken.setdefault("published", found.get("datetime", ""))
        elif "author" in (found.get("rel") or "").split() or _is_name(found, names):
            name = collapse(inner_text(found)).strip()
            if 1 < len(name) <= 60:
                spoken.setdefault("author", name)


def _is_name(element: etree._Element, names: str) -> bool:
    return "author" in names and len(element) == 0 and _AUTHOR.search(names) is not None
