"""Where in a page a text stands: the smallest element that holds nine tenths of it."""

from __future__ import annotations

from lxml import etree

SHARE = 0.9
_LEAST = 6  # characters; shorter pieces stand anywhere
_SILENT = frozenset(("script", "style", "noscript", "template", "head", "svg"))


def subtree_of(root: etree._Element, text: str) -> etree._Element | None:
    """The element of the page that holds the text; None where hardly any of it is found."""
    wanted = " ".join(text.split())
    if not wanted:
        return None
    held: dict[etree._Element, int] = {}
    order = [element for element in root.iter() if isinstance(element.tag, str)]
    for element in order:
        held[element] = _found(element, wanted)
    for element in reversed(order):
        parent = element.getparent()
        if parent is not None and parent in held:
            held[parent] += held[element]
    total = held[order[0]]
    if total < 0.3 * len(wanted):
        return None
    return _descend(order[0], held, SHARE * total)


def _found(element: etree._Element, wanted: str) -> int:
    """Characters of the text that stand directly in the element."""
    if element.tag in _SILENT:
        return 0
    count = 0
    for piece in (element.text, *(child.tail for child in element)):
        if piece and not piece.isspace():
            words = " ".join(piece.split())
            if len(words) >= _LEAST and words in wanted:
                count += len(words)
    return count


def _descend(
    element: etree._Element, held: dict[etree._Element, int], least: float
) -> etree._Element:
    while True:
        best = max(
            (child for child in element if child in held), key=lambda c: held[c], default=None
        )
        if best is None or held[best] < least:
            return element
        element = best
