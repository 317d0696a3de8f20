"""Select the blocks of a page that are its article, with a model of small trees and checks.

The trees judge each block by its position, words, names around it and the votes of extractors
(`features.py`). The selection is then compared with the rejected text: if an extractor found a much
longer text, that is used. Copies, content after the article and front pages are dropped.
`structure.py` finally adds blocks that belong to the selected text.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from lxml import etree

from core.body import junk
from core.body.blocks import Block
from core.page.extractors import votes
from core.page.features import BOX, COMMENT, POSTER, Numbers, PageBlocks, features
from core.page.kind import Kind, kind_of_page
from core.page.structure import (
    add_wordless,
    add_words,
    article_of,
    links_at_end,
    without_label,
)
from core.page.surroundings import add_written
from core.page.trees import stored_trees
from core.text import letters_only

# Scores of the trees and the extractors: `docs/cleaning.md`. Effects were measured as word F1 on
# 246 public pages (articles, threads, manuals), which also trained the trees.
_FRAGMENT = 0.2  # share of an extractor's text: less is a teaser or a caption; one page is below it
_SAYS_ARTICLE = 1  # of `Kind.article`: the page is marked as an article, whatever it lists below
# Share of the selected text. On 1,044 public pages articles gain .0023 and threads .014 on average;
# with .2 four pages of filler text lose a third of it.
_COPIED = 0.3
_LEAST_COPIED = 50  # weighted letters; shorter blocks may legitimately repeat
# Weighted letters before a heading that begins comments or a second article, and the shares of the
# selected text before each. Without the rule two pages are worse and none better; shares from 0 to
# .4, and sizes up to 1,000, give the same result.
_LEAST_BEFORE = 300
_BEFORE_SECOND = 0.3
_BEFORE_COMMENTS = 0.1
# Of `Kind.forum`: below this, comments (by name) are dropped. On the two halves articles gain .0025
# and .0016; with 1.5 a thread loses .3.
_PERHAPS_THREAD = 1
# Share of the selected text: with more, and little text beside, it is the page itself.
_MOST_BOXED = 0.4
_LONGEST_ANCHOR = 20_000  # characters; excerpts are shorter, and each block is searched for in it
_BEGIN = 40  # letters of an anchor; shorter texts also occur in menus
# Blocks of one form, and the weight of their mean. On the two halves threads gain .0035 and .0013;
# with .5 .0022 and .0006, with .85 .0040 and .0007.
_LEAST_ALIKE = 5
_SHARED = 0.7
_THREAD = 3  # of `Kind.forum`: the page is marked as a thread; without the check threads lose .028
_MANUAL = 1  # of `Kind.manual`: chapters often end with a list of their parts
# Linked headlines with an excerpt; fewer also occur in round-ups, and excerpts have fewer letters.
# 3 to 8, and 400 to 1,600, change nothing on those pages: none of them is a front page.
_LEAST_TEASERS = 5
_LONGEST_EXCERPT = 800
_LINES_BEFORE, _LINES_BEHIND = 8, 4  # blocks beside the text that may contain the author
_LONGEST_BESIDE = 60  # characters


@dataclass(slots=True)
class Choice:
    """The selected blocks in order, and the rejected blocks with words."""

    kept: list[Block] = field(default_factory=list)
    dropped: list[Block] = field(default_factory=list)
    is_front_page: bool = False
    beside: list[str] = field(default_factory=list)  # short lines directly before and after it


def choose(
    blocks: list[Block],
    page: PageBlocks,
    markup: str,
    texts: list[str | None],
    anchor: str = "",
    base: str | None = None,
) -> Choice:
    """Select the article among all blocks of a page.

    `page` holds the blocks with words, `markup` is the page itself. `texts` are the results of the
    extractors, None for those not installed. `anchor` is a part of the article, such as the feed's
    excerpt of it.
    """
    if not page.blocks:
        return Choice()
    voted = [None if text is None else votes(page.blocks, page.letters, text) for text in texts]
    kind = kind_of_page(markup, page.root, page.posts)
    likely: Numbers = stored_trees().probabilities(features(page, voted, kind))
    if kind.forum >= _THREAD:
        likely = averaged_by_form(page, likely)
    likely[anchored(page, anchor)] = 1
    chosen = most_likely(page.weights, likely)
    chosen = without_fragment(page, chosen, voted, kind)
    copies = copies_on(page, chosen)
    chosen[copies] = False
    likely[copies] = 0
    teasers = teasers_of_listing(page, chosen)
    if teasers and kind.article < _SAYS_ARTICLE and kind.forum < _THREAD:
        return Choice(dropped=page.blocks, is_front_page=True)
    chosen[teasers] = False
    chosen[start_of_others(page, chosen, kind) :] = False
    others = comments_below(page, chosen, kind) + boxes_on(page, chosen, kind)
    chosen[others] = False
    likely[others] = 0
    is_kept = _completed(blocks, page, chosen, likely, kind, base)
    kept = [without_label(block) for block in blocks if is_kept[id(block)]]
    dropped = [block for block in page.blocks if not is_kept[id(block)]]
    return Choice(kept, dropped, beside=_lines_beside(page, is_kept))


def _completed(
    blocks: list[Block],
    page: PageBlocks,
    chosen: np.ndarray,
    likely: Numbers,
    kind: Kind,
    base: str | None,
) -> dict[int, bool]:
    """For each block, by identity, whether it is kept, with the blocks that belong to the text."""
    chances = dict(zip(map(id, page.blocks), likely, strict=True))
    is_kept = {id(block): bool(here) for block, here in zip(page.blocks, chosen, strict=True)}
    add_words(blocks, is_kept, chances)
    if kind.forum < _THREAD and kind.manual < _MANUAL:
        for block in links_at_end([block for block in page.blocks if is_kept[id(block)]]):
            is_kept[id(block)] = False
    if kind.forum < _THREAD and any(is_kept.values()):
        add_written(page, is_kept, base)
    add_wordless(blocks, is_kept)
    return is_kept


def most_likely(weights: Numbers, likely: Numbers) -> np.ndarray:
    """The blocks from the most likely one down for which the expected F1 is highest.

    On the halves not trained on, against a fixed probability of .45, the exact share of articles
    gains .005 and .008, F1 of snippets .0013 and .0018; threads and manuals stay within .001.
    """
    order = np.argsort(-likely, kind="stable")
    right = np.cumsum((weights * likely)[order], dtype=np.float64)
    f1 = 2 * right / np.maximum(1e-9, np.cumsum(weights[order], dtype=np.float64) + right[-1])
    return np.asarray(likely >= likely[order[int(f1.argmax())]])


def without_fragment(
    page: PageBlocks, chosen: np.ndarray, voted: list[Numbers | None], kind: Kind
) -> np.ndarray:
    """The selection, or that of an extractor of which it is a fragment.

    Comments below an article do not count: they may be far longer.
    """
    counted = np.ones(len(chosen), bool)
    if kind.forum < _PERHAPS_THREAD and _weight(page, chosen) >= _LEAST_BEFORE:
        counted = np.array([COMMENT not in flags for flags in page.flags])
    for vote in voted:
        held = chosen if vote is None else (vote > 0) & counted
        if _weight(page, chosen) < _FRAGMENT * _weight(page, held):
            chosen = held
    return chosen


def anchored(page: PageBlocks, anchor: str) -> list[int]:
    """The blocks that the text contains, and those that begin with its first letters."""
    begin = letters_only(anchor)[:_BEGIN]
    if len(begin) < _BEGIN:
        return []
    held = votes(page.blocks, page.letters, anchor[:_LONGEST_ANCHOR]) > 0
    held |= [own.startswith(begin) for own in page.letters]
    return list(map(int, np.flatnonzero(held & (page.weights >= _LEAST_COPIED))))


def averaged_by_form(page: PageBlocks, likely: Numbers) -> Numbers:
    """The probabilities, mixed with the mean of all blocks of one form, such as posts."""
    alike: defaultdict[object, list[int]] = defaultdict(list)
    for here, form in enumerate(page.forms):
        alike[form].append(here)
    shared = likely.copy()
    for group in alike.values():
        if len(group) >= _LEAST_ALIKE:
            shared[group] += _SHARED * (likely[group].mean() - likely[group])
    return shared


def _lines_beside(page: PageBlocks, is_kept: dict[int, bool]) -> list[str]:
    """Rejected lines beside the text that may contain reporter, editor or date."""
    kept = [here for here, block in enumerate(page.blocks) if is_kept[id(block)]]
    if not kept:
        return []
    near = [*range(max(0, kept[0] - _LINES_BEFORE), kept[0])]
    near += range(kept[-1] + 1, min(len(page.blocks), kept[-1] + 1 + _LINES_BEHIND))
    texts = [line.text for here in near for line in page.blocks[here].lines]
    return [text for text in texts if 1 < len(text) <= _LONGEST_BESIDE]


def _weight(page: PageBlocks, chosen: np.ndarray) -> float:
    return float(page.weights[chosen].sum())


def copies_on(page: PageBlocks, chosen: np.ndarray) -> list[int]:
    """Indexes of selected blocks that repeat an earlier block at another place, if they are a copy.

    They are a copy if they make up a large part of the selection (such as a version for phones, or
    in `noscript`), or if several follow each other. A single repeated line is kept.
    """
    places: dict[str, etree._Element | None] = {}
    again: list[int] = []
    rows: list[int] = []
    row: list[int] = []
    for here in map(int, np.flatnonzero(chosen)):
        owner = page.blocks[here].owner
        place = None if owner is None else owner.getparent()
        is_copy = places.setdefault(page.letters[here], place) is not place
        if is_copy:
            again.append(here)
        if page.weights[here] >= _LEAST_COPIED:
            row = [*row, here] if is_copy else []
            if len(row) > 1:
                rows += row[-2:]
    copied = float(page.weights[again].sum())
    return again if copied >= _COPIED * _weight(page, chosen) else rows


def start_of_others(page: PageBlocks, chosen: np.ndarray, kind: Kind) -> int:
    """Index at which comments or a second article begin; in a thread, the end.

    Extractors include both if the names around them do not reveal them.
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


def comments_below(page: PageBlocks, chosen: np.ndarray, kind: Kind) -> list[int]:
    """Blocks inside elements named as comments, below an article; none in a thread."""
    comment_blocks = [here for here, flags in enumerate(page.flags) if COMMENT in flags]
    if kind.forum >= _PERHAPS_THREAD or not chosen[comment_blocks].any():
        return []
    first = next(here for here in comment_blocks if chosen[here])
    before = float(page.weights[:first][chosen[:first]].sum())
    below_article = before >= max(_LEAST_BEFORE, _BEFORE_COMMENTS * _weight(page, chosen))
    return comment_blocks if below_article else []


def boxes_on(page: PageBlocks, chosen: np.ndarray, kind: Kind) -> list[int]:
    """Blocks inside dialogs, calls to action, and notes on author or liability, by element's name.

    In a thread also signatures and details of the poster. Of the boxes selected on 889 articles
    and manuals 29 of 32 (one half) and 32 of 35 (the other) are no part of the text.
    """
    names = {BOX, POSTER} if kind.forum >= _PERHAPS_THREAD else {BOX}
    inside = [here for here, flags in enumerate(page.flags) if not names.isdisjoint(flags)]
    boxed = float(page.weights[inside][chosen[inside]].sum())
    whole = _weight(page, chosen)
    return inside if boxed <= _MOST_BOXED * whole or whole - boxed >= _LEAST_BEFORE else []


def teasers_of_listing(page: PageBlocks, chosen: np.ndarray) -> list[int]:
    """The excerpts of a front page: selected blocks directly below linked headlines.

    Empty unless most selected blocks are such excerpts and no longer text is between them:
    otherwise the linked headlines are a sidebar.
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
