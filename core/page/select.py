"""Which blocks of the page's part are the article: those of the found text, and what belongs to it.

Pictures, captions, tables, quotes and lists between two paragraphs stay although extractors drop
them; what stands before the first and after the last paragraph goes.
"""

from __future__ import annotations

from core.body.blocks import Block
from core.body.rules import is_prose
from core.text import squeeze

_MATCH = 0.8
_GRAM = 6
_LABEL = 30  # letters; a link as short may be a topic whose name occurs in the text
_ARTICLE = 800  # letters; excerpts of front pages are shorter
_TEASERS = 5  # fewer linked headlines with an excerpt below also stand in round-ups
_STRUCTURE = frozenset(("pre", "table", "embed", "hr"))


def select(blocks: list[Block], text: str) -> tuple[list[Block], list[Block]] | None:
    """The blocks that stay, and those with words that go; None for a front page.

    `text` is what the extractors found.
    """
    found = _Finder(text).all_of(blocks)
    if True not in found:
        return [], [block for block in blocks if _letters(block)]
    if _is_listing(blocks, found):
        return None
    inner = [here for here, block in enumerate(blocks) if block.core and found[here]]
    first, last = (inner[0], inner[-1]) if inner else (0, -1)
    kept, dropped = [], []
    for here, block in enumerate(blocks):
        inside = first < here < last
        if found[here] or (block.core and (_belongs if inside else _is_outer_picture)(block)):
            kept.append(block)
        elif _letters(block):
            dropped.append(block)
    return kept, dropped


def _is_listing(blocks: list[Block], found: list[bool]) -> bool:
    """Whether the page is a front page: each excerpt stands right under a linked headline.

    Linked headlines elsewhere are a side bar, and an article has text between them.
    """
    stretch = longest = prose = 0
    teasers: set[str] = set()
    headline = ""
    for block, is_found in zip(blocks, found, strict=True):
        if block.is_heading and all(line.is_linked for line in block.lines):
            headline, stretch = block.lines[0].links[0].partition("#")[0], 0
        elif is_found and _letters(block):
            teasers.add(headline)
            prose += 1
            headline = ""
            stretch += _letters(block)
            longest = max(longest, stretch)
    return len(teasers - {""}) >= max(_TEASERS, 0.5 * prose) and longest < _ARTICLE


class _Finder:
    """Tells which blocks the text holds; word for word first, by its pieces where that fails."""

    def __init__(self, text: str) -> None:
        self._wanted = squeeze(text)
        self._lines = {squeeze(line) for line in text.splitlines()}
        self._grams: set[str] = set()

    def all_of(self, blocks: list[Block]) -> list[bool]:
        return [not block.is_caption and self._holds(block) for block in blocks]

    def _holds(self, block: Block) -> bool:
        own = squeeze("".join(line.text for line in block.lines))
        if not own:
            return False
        if len(own) < _LABEL and all(line.is_linked for line in block.lines):
            return own in self._lines
        if own in self._wanted:
            return True
        if len(own) < 2 * _GRAM:
            return False
        if not self._grams:
            self._grams = set(_pieces(self._wanted))
        pieces = _pieces(own)
        return sum(piece in self._grams for piece in pieces) >= _MATCH * len(pieces)


def _pieces(text: str) -> list[str]:
    return [text[here : here + _GRAM] for here in range(len(text) - _GRAM + 1)]


def _belongs(block: Block) -> bool:
    """Whether a block between two paragraphs of the article is a part of it."""
    if block.is_caption or block.kind in _STRUCTURE or _is_picture(block):
        return True
    linked = sum(line.linked for line in block.lines)
    if linked > 0.5 * _letters(block):
        return False
    if block.is_heading or block.inside("li") or block.inside("blockquote") or block.inside("dd"):
        return True
    return any(is_prose(line) for line in block.lines)


def _is_picture(block: Block) -> bool:
    return any(line.images for line in block.lines) and not _letters(block)


def _is_outer_picture(block: Block) -> bool:
    """A lead picture with its caption; elsewhere linked pictures are teasers."""
    if block.is_caption:
        return True
    return _is_picture(block) and (
        block.inside("figure") or not any(line.links for line in block.lines)
    )


def _letters(block: Block) -> int:
    return sum(line.letters for line in block.lines)
