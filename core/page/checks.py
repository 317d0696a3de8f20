"""What a choice of blocks is checked for: copies, what follows an article, front pages."""

from __future__ import annotations

import numpy as np
from lxml import etree

from core.body import junk
from core.body.blocks import Block
from core.page.features import PageBlocks
from core.page.head import Kind

_ONCE = 50  # weighed letters; shorter blocks may rightly come twice
_STORY = 300  # weighed letters before a heading that begins comments or a second article
_SECOND = 0.3  # of the chosen text at least stands before a second article
_COMMENTED = 0.1  # of the chosen text at least stands before comments
_THREAD = 3  # of `Kind.forum`: the page says that it is a thread
_TEASERS = 5  # fewer linked headlines with an excerpt below also stand in round-ups
_ARTICLE = 800  # letters without a linked headline between them; excerpts are shorter


def once(page: PageBlocks, chosen: np.ndarray) -> np.ndarray:
    """Without the second copy of a text, such as one for phones: two and more blocks in a row that
    stood in another place before. A line that comes again by itself stays.
    """
    places: dict[str, etree._Element | None] = {}
    once = chosen.copy()
    copies: list[int] = []
    for here in np.flatnonzero(chosen):
        if page.weights[here] < _ONCE:
            continue
        owner = page.blocks[here].owner
        place = None if owner is None else owner.getparent()
        if places.setdefault(page.letters[here], place) is place:
            copies = []
            continue
        copies.append(int(here))
        if len(copies) > 1:
            once[copies] = False
    return once


def start_of_others(page: PageBlocks, chosen: np.ndarray, kind: Kind) -> int:
    """Where comments or a second article begin below the first one; in a thread nowhere.

    The extractors swallow both where the names around them say nothing.
    """
    before, first, whole = 0.0, None, float(page.weights[chosen].sum())
    for here, block in enumerate(page.blocks):
        if before >= _STORY and kind.forum < _THREAD and block.is_heading:
            article = _article_of(block)
            is_second = block.kind == "h1" and article is not None and article is not first
            if is_second and before >= _SECOND * whole:
                return here
            rule = junk.line_rule(junk.fold(page.texts[here]))
            if rule == "comments" and before >= _COMMENTED * whole:
                return here
        if chosen[here]:
            before += float(page.weights[here])
            first = first if first is not None else _article_of(block)
    return len(page.blocks)


def _article_of(block: Block) -> etree._Element | None:
    if block.owner is None:
        return None
    return next((up for up in block.owner.iterancestors("article")), None)


def teasers_of_listing(page: PageBlocks, chosen: np.ndarray) -> list[int]:
    """The chosen blocks right under linked headlines, where most are and no longer text stands
    between them: the excerpts of a front page. Elsewhere none.

    Linked headlines elsewhere are a side bar, and an article has text between them.
    """
    stretch = longest = 0
    headlines: set[str] = set()
    teasers: list[int] = []
    headline = ""
    for here, block in enumerate(page.blocks):
        if block.is_heading and all(line.is_linked for line in block.lines):
            headline, stretch = block.lines[0].links[0].partition("#")[0], 0
        elif chosen[here]:
            if headline:
                teasers.append(here)
                headlines.add(headline)
                headline = ""
            stretch += sum(line.letters for line in block.lines)
            longest = max(longest, stretch)
    is_listing = len(headlines) >= max(_TEASERS, 0.5 * chosen.sum()) and longest < _ARTICLE
    return teasers if is_listing else []
