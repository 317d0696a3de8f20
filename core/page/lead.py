"""What stands in front of an article's text on its page: lead picture, by-line, date.

Extractors find the text; the picture above it and the line that names the author usually stand
beside the element that holds it.
"""

from __future__ import annotations

from collections import defaultdict

from lxml import etree

from core.body.blocks import Block
from core.body.html import spaced_text
from core.body.junk import FromMarkup, note_author_and_date
from core.body.walk import Walker
from core.text import collapse

_MOST_LEVELS = 6  # elements up from the text; further up are the site's header and menus
_MOST_LINES = 40  # in front of the text that may name author or date; menus have hundreds
_LONGEST_LINE = 90  # characters; “By …”, a date and a source together are shorter
_SMALLEST = 150  # pixels; smaller pictures in front of a text are portraits and icons
_ARTICLE = ("article", "main")
_SHARE = 0.9  # of the letters: a standfirst or a last part may stand outside


def part_of(blocks: list[Block], root: etree._Element) -> etree._Element:
    """The smallest element that holds nine tenths of the blocks' letters."""
    held: defaultdict[etree._Element, int] = defaultdict(int)
    whole = 0
    for block in blocks:
        size = sum(line.letters for line in block.lines)
        whole += size
        place = block.owner
        while place is not None:
            held[place] += size
            place = place.getparent()
    part = root
    while True:
        best = max((child for child in part if child in held), key=held.__getitem__, default=None)
        if best is None or held[best] < _SHARE * whole:
            return part
        part = best


def lead_blocks(part: etree._Element, base: str | None) -> list[Block]:
    """The picture, with its caption, that stands between the headline and the text."""
    for element in _elements_before(part):
        if next(element.iter("img", "amp-img"), None) is None:
            continue
        if element.tag != "figure" and next(element.iter("a"), None) is not None:
            continue
        blocks = [block for block in Walker(base).walk(element) if _is_lead(block)]
        if any(line.images for block in blocks for line in block.lines):
            return blocks[:3]
    return []


def head_lines(part: etree._Element) -> tuple[list[str], FromMarkup]:
    """Short texts in front of the article, and what their markup states, for the metadata."""
    from_markup: FromMarkup = {}
    lines: list[str] = []
    for element in reversed(_elements_before(part)):
        note_author_and_date(element, from_markup)
        texts = [collapse(str(text)).strip() for text in element.itertext()]
        if len(texts) > 1:
            texts.append(spaced_text(element))
        lines += [text for text in texts if 1 < len(text) <= _LONGEST_LINE]
    return lines[-_MOST_LINES:], from_markup


def _elements_before(part: etree._Element) -> list[etree._Element]:
    """Elements in front of the text, nearest first, up to the article's start or its headline."""
    found: list[etree._Element] = []
    element = part
    for _ in range(_MOST_LEVELS):
        for sibling in element.itersiblings(preceding=True):
            if not isinstance(sibling.tag, str) or sibling.tag in ("nav", "script", "style"):
                continue
            found.append(sibling)
            if sibling.tag == "h1" or next(sibling.iter("h1"), None) is not None:
                return found
        parent = element.getparent()
        if parent is None or element.tag in _ARTICLE or parent.tag == "body":
            break
        element = parent
    return found


def _is_lead(block: Block) -> bool:
    if block.is_caption:
        return True
    return any(
        line.images and not line.letters and not _has_small_size(line.html) for line in block.lines
    )


def _has_small_size(markup: str) -> bool:
    for name in (' width="', ' height="'):
        at = markup.find(name)
        if at >= 0:
            value = markup[at + len(name) :].partition('"')[0]
            if value.isdigit() and int(value) < _SMALLEST:
                return True
    return False
