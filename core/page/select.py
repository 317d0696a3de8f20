"""Which blocks of a page are its article: small trees choose the text, checks correct the choice.

Each block is judged by its place, its words, the names around it and the votes of extractors
(`features.py`). A choice is checked against what was thrown away: a fragment never stands for a
longer text that an extractor found. Copies, what follows an article and front pages go. What
belongs to the chosen text (`structure.py`) is added last.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from core.body import junk
from core.body.blocks import Block
from core.page.extractors import votes
from core.page.features import PageBlocks, features
from core.page.kind import Kind, kind_of_page
from core.page.structure import add_wordless, add_words, article_of, without_label

# How the trees score beside the extractors: `docs/cleaning.md`. What a number moves was measured as
# word F1 on 246 public pages (articles, threads, manuals; they trained the trees too).
CHOSEN = 0.45  # probability; from .35 to .55 articles move by .0012 and threads by .0026
_FRAGMENT = 0.2  # of an extractor's text: less is a teaser or a caption; one page falls under it
_SAYS_ARTICLE = 1  # of `Kind.article`: the page is marked as one, whatever it lists below
# Weighed letters; shorter blocks may rightly come twice. Without the rule threads lose .0018, and
# articles gain .0014.
_LEAST_COPIED = 50
# Weighed letters before a heading that begins comments or a second article, and the shares of the
# chosen text before each. Without the rule two pages are worse and none better; shares from 0
# to .4, and sizes up to 1,000, give the same.
_LEAST_BEFORE = 300
_BEFORE_SECOND = 0.3
_BEFORE_COMMENTS = 0.1
_THREAD = 3  # of `Kind.forum`: the page is marked as a thread; without it threads lose .028
# Fewer linked headlines with an excerpt below also stand in round-ups, and excerpts have fewer
# letters. 3 to 8, and 400 to 1,600, change nothing on those pages: none of them is a front page.
_LEAST_TEASERS = 5
_LONGEST_EXCERPT = 800
_ROWS_AT_ONCE = 256  # of 300 trees: half a megabyte for each list of nodes
_LINES_BEFORE, _LINES_BEHIND = 8, 4  # blocks beside the text that may name who wrote it
_LONGEST_BESIDE = 60  # characters
_FILE = Path(__file__).with_name("blocks.json")


@dataclass(slots=True)
class Choice:
    """The blocks of the article, in order, and those with words that are none of it."""

    kept: list[Block] = field(default_factory=list)
    dropped: list[Block] = field(default_factory=list)
    is_front_page: bool = False
    beside: list[str] = field(default_factory=list)  # short lines right before and behind the text


def choose(blocks: list[Block], page: PageBlocks, markup: str, texts: list[str | None]) -> Choice:
    """The article among all blocks of a page. `page` holds those with words; `texts` are what the
    extractors found, None where one is missing; `markup` is the page itself.
    """
    if not page.blocks:
        return Choice()
    voted = [None if text is None else votes(page.blocks, page.letters, text) for text in texts]
    kind = kind_of_page(markup, page.root, page.posts)
    likely = stored_trees().probabilities(features(page, voted, kind))
    chosen = without_copies(page, likely >= CHOSEN)
    for vote in voted:
        if vote is not None and _weight(page, chosen) < _FRAGMENT * _weight(page, vote > 0):
            chosen = without_copies(page, vote > 0)
    teasers = teasers_of_listing(page, chosen)
    if teasers and kind.article < _SAYS_ARTICLE and kind.forum < _THREAD:
        return Choice(dropped=page.blocks, is_front_page=True)
    chosen[teasers] = False
    chosen[start_of_others(page, chosen, kind) :] = False
    chances = dict(zip(map(id, page.blocks), likely, strict=True))
    is_kept = {id(block): bool(here) for block, here in zip(page.blocks, chosen, strict=True)}
    add_words(blocks, is_kept, chances)
    add_wordless(blocks, is_kept)
    kept = [without_label(block) for block in blocks if is_kept[id(block)]]
    dropped = [block for block in page.blocks if not is_kept[id(block)]]
    return Choice(kept, dropped, beside=_lines_beside(page, is_kept))


def _lines_beside(page: PageBlocks, is_kept: dict[int, bool]) -> list[str]:
    """Lines that may name reporter, editor or date, which are cut before the rules see them."""
    kept = [here for here, block in enumerate(page.blocks) if is_kept[id(block)]]
    if not kept:
        return []
    near = [*range(max(0, kept[0] - _LINES_BEFORE), kept[0])]
    near += range(kept[-1] + 1, min(len(page.blocks), kept[-1] + 1 + _LINES_BEHIND))
    texts = [line.text for here in near for line in page.blocks[here].lines]
    return [text for text in texts if 1 < len(text) <= _LONGEST_BESIDE]


def _weight(page: PageBlocks, chosen: np.ndarray) -> float:
    return float(page.weights[chosen].sum())


def without_copies(page: PageBlocks, chosen: np.ndarray) -> np.ndarray:
    """Without the second copy of a text, such as one for phones: two and more blocks in a row that
    stood in another place before. A line that comes again by itself stays.
    """
    places: dict[str, etree._Element | None] = {}
    kept = chosen.copy()
    copies: list[int] = []
    for here in np.flatnonzero(chosen):
        if page.weights[here] < _LEAST_COPIED:
            continue
        owner = page.blocks[here].owner
        place = None if owner is None else owner.getparent()
        if places.setdefault(page.letters[here], place) is place:
            copies = []
            continue
        copies.append(int(here))
        if len(copies) > 1:
            kept[copies] = False
    return kept


def start_of_others(page: PageBlocks, chosen: np.ndarray, kind: Kind) -> int:
    """Where comments or a second article begin below the first one; in a thread nowhere.

    Extractors include both where the names around them give no sign.
    """
    before, first, whole = 0.0, None, float(page.weights[chosen].sum())
    for here, block in enumerate(page.blocks):
        if before >= _LEAST_BEFORE and kind.forum < _THREAD and block.is_heading:
            article = article_of(block)
            is_second = block.kind == "h1" and article is not None and article is not first
            if is_second and before >= _BEFORE_SECOND * whole:
                return here
            rule = junk.line_rule(junk.fold(page.texts[here]))
            if rule == "comments" and before >= _BEFORE_COMMENTS * whole:
                return here
        if chosen[here]:
            before += float(page.weights[here])
            first = first if first is not None else article_of(block)
    return len(page.blocks)


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
    is_listing = (
        len(headlines) >= max(_LEAST_TEASERS, 0.5 * chosen.sum()) and longest < _LONGEST_EXCERPT
    )
    return teasers if is_listing else []


class Trees:
    """Trees over columns of numbers; missing values do not occur.

    Each tree is five lists over its nodes: column, threshold, node for values up to the threshold,
    node for greater ones, and the leaf's value. A leaf has
    0 for both nodes.
    """

    def __init__(self, stored: dict[str, Any]) -> None:
        self.columns = int(stored["columns"])
        # All trees in one list of nodes, so that one step takes all rows down all trees: one tree
        # after the other cost most of the time of small pages. A leaf leads to itself.
        sizes = [len(tree[0]) for tree in stored["trees"]]
        self._roots = np.cumsum([0, *sizes[:-1]])
        joined = [np.concatenate(parts) for parts in zip(*stored["trees"], strict=True)]
        self._column = joined[0].astype(np.intp)
        self._threshold, self._value = joined[1].astype(np.float32), joined[4].astype(np.float32)
        start, own = np.repeat(self._roots, sizes), np.arange(sum(sizes))
        self._left, self._right = (
            np.where(joined[2] > 0, start + side, own).astype(np.intp) for side in joined[2:4]
        )

    def probabilities(self, rows: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The probability that each row is text of the article."""
        if rows.shape[1] != self.columns:
            raise ValueError(f"the model has {self.columns} columns, the page {rows.shape[1]}")
        total = np.zeros(len(rows))
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[first : first + _ROWS_AT_ONCE]
            every = np.arange(len(some))
            at = np.repeat(self._roots[:, None], len(some), axis=1)
            while True:
                below = some[every, self._column[at]] <= self._threshold[at]
                following = np.where(below, self._left[at], self._right[at])
                if np.array_equal(following, at):
                    break
                at = following
            total[first : first + len(some)] = self._value[at].sum(axis=0, dtype=np.float64)
        return np.asarray(1 / (1 + np.exp(-total)))


@cache
def stored_trees() -> Trees:
    """The trees that come with Millrace."""
    return Trees(json.loads(_FILE.read_text(encoding="utf-8")))
