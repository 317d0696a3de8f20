"""Where in a page a text stands: the smallest elements that hold nine tenths and nearly all."""

from __future__ import annotations

from collections import defaultdict

from lxml import etree

SHARE = 0.9
WHOLE = 0.99  # a standfirst or a last part may stand outside the element of the text
_LEAST = 6  # characters; shorter pieces stand anywhere
_SILENT = frozenset(("script", "style", "noscript", "template", "head", "title", "svg", "option"))
_Held = dict[etree._Element, int]


def subtrees_of(root: etree._Element, text: str) -> tuple[etree._Element, etree._Element] | None:
    """The element that holds the text, and the one around it that holds all of the text.

    None where hardly any of it is found.
    """
    wanted = " ".join(text.split())
    if not wanted:
        return None
    held = _held(root, wanted)
    if held[root] < 0.3 * len(wanted):
        return None
    around = _descend(root, held, WHOLE * held[root])
    return _descend(around, held, SHARE * held[root]), around


def _held(root: etree._Element, wanted: str) -> _Held:
    """Characters of the text that stand in each element, those inside it included."""
    held: _Held = defaultdict(int)
    words = frozenset(wanted.split(" "))
    for element in root.iter():
        for piece, inside in ((element.text, True), (element.tail, False)):
            if piece is None or piece.isspace():
                continue
            owner = element if inside else element.getparent()
            count = 0 if owner is None or owner.tag in _SILENT else _found(piece, wanted, words)
            if count:
                _add(held, owner, count)
    return held


def _found(piece: str, wanted: str, known: frozenset[str]) -> int:
    words = piece.split()
    if len(words) > 2 and words[1] not in known:  # most of what is no article ends here
        return 0
    text = " ".join(words)
    return len(text) if len(text) >= _LEAST and text in wanted else 0


def _add(held: _Held, owner: etree._Element | None, count: int) -> None:
    while owner is not None:
        held[owner] += count
        owner = owner.getparent()


def _descend(element: etree._Element, held: _Held, least: float) -> etree._Element:
    while True:
        children = [child for child in element if child in held]
        best = max(children, key=lambda child: held[child], default=None)
        if best is None or held[best] < least:
            return element
        element = best
