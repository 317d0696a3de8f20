"""Compute the features of each block of a page, from which the trees decide.

The order of columns is part of the model: after a change it must be trained again
(`benchmarks/training/blocks.py`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from core.body import junk
from core.body.blocks import HEADINGS, Block
from core.page.kind import Kind, is_forum_post
from core.text import wide_share

Numbers = NDArray[np.floating[Any]]
_KINDS = {"li": 1, "td": 3, "th": 3, "pre": 4, "table": 5, "blockquote": 6, "figcaption": 7,
          "dd": 8, "dt": 8, "embed": 9}  # fmt: skip
_KIND_COUNT = 11
# Flags of a block, by the names of the elements around it.
_BY_TAG = {"nav": 0, "menu": 0, "footer": 1, "header": 2, "aside": 3, "form": 4, "article": 5,
           "main": 6, "figcaption": 7, "figure": 7, "table": 8, "ul": 9, "ol": 9, "pre": 10,
           "blockquote": 11}  # fmt: skip
_BY_ROLE = {"navigation": 0, "complementary": 3, "main": 6, "article": 5, "dialog": 19,
            "alertdialog": 19}  # fmt: skip
_BY_NAME = (
    (12, r"\b(?:nav|navbar|navigation|menu|breadcrumbs?|footer|masthead|topbar|toolbar|pagination"
         r"|pager|skip|toc|table-of-contents|sitenav|header)\b|nav-|-nav|menu|breadcrumb|footer"
         r"|pagina"),
    (13, r"sidebar|side-bar|aside|widget|related|recommend|similar|popular|trending"
         r"|more-(?:from|on|stories)|read-?more|also-like|teaser|promo|sponsor|advert|\bads?\b"
         r"|banner|newsletter|subscri|sign-?up|cookie|consent|gdpr|popup|modal|overlay|share"
         r"|sharing|social|follow|outbrain|taboola|recirc|latest|most-read|\btags?\b|tag-?list"
         r"|categor|author-?(?:bio|box|info)|about-author|byline|meta\b|copyright|disclaimer|login"
         r"|search"),
    (14, r"comment|disqus|respond|replies|discussion|kommentar|\breply\b"),
    (15, r"article|\bpost|entry|content|story|\bbody\b|main|message|text"),
    (18, r"comment(?!ary)|disqus|kommentare"),  # matches no opinion piece
    (19, r"popover|popup\b|\bmodal\b|\bdialog\b|(?<![a-z])(?:cta|bio)(?![a-z])|call-?to-?action"
         r"|author[-_]*(?:bio|box|info|card|desc)|about-?(?:the-?)?author|byline|disclaimer"),
    (20, r"signature|(?:^|[\s_-])sig\d*(?:$|[\s_-])|postprofile|userinfo-?extra|userextra"
         r"|user-?stats|author-?stats|authorpane_stats|profile-(?:posts|joined|custom)|expandlink"),
)  # fmt: skip
_NAMES = tuple((flag, re.compile(pattern, re.IGNORECASE)) for flag, pattern in _BY_NAME)
_HIDDEN, _POST, _FLAG_COUNT = 16, 17, 18  # flags from 18 on are not columns
COMMENT, BOX, POSTER = 18, 19, 20
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_LONGEST_NAME = 400  # characters of id and class; 82 of 103,673 on public pages are longer
_NAMES_KEPT = 4096  # cache size; most elements of a page, and most pages of a site, share names
_SENTENCE = re.compile(r"[.!?…。！？:;；：][\"'”’»)\]」』]*(?:\s|$|(?=[\u2e80-\u9fff]))")
_WORD = re.compile(r"\w+")
_ENDS = frozenset('.!?…。！？"”:：」』')
_UP = 6  # ancestors of a block that are considered
_MOST_FOLDED = 200  # characters; longer blocks match no fixed rule
_MOST_WORDS = 150  # letters; longer blocks do not repeat the headline


class PageBlocks:
    """The blocks of a page and the values that columns are computed from."""

    def __init__(self, blocks: list[Block], root: etree._Element, title: str) -> None:
        self.blocks = blocks
        self.root = root
        self.title = title
        self.letters = ["".join(line.words for line in block.lines).lower() for block in blocks]
        self.texts = [" ".join(line.text for line in block.lines) for block in blocks]
        self.weights = np.array(
            [len(own) * (1 + 1.5 * wide_share(own)) for own in self.letters], np.float32
        )
        self.linked = np.array(
            [sum(line.linked for line in block.lines) for block in blocks], np.float32
        ) / np.maximum(1, np.array([len(own) for own in self.letters], np.float32))
        self._flags: dict[etree._Element, frozenset[int]] = {}
        self.flags = [self._flags_of(block.owner) for block in blocks]
        owners = [root if block.owner is None else block.owner for block in blocks]
        self.chains = [[owner, *islice(owner.iterancestors(), _UP - 1)] for owner in owners]
        # Posts, comments and cards of a page share one form.
        self.forms = [
            (block.kind, *((up.tag, up.get("class", "")) for up in chain[:3]))
            for block, chain in zip(blocks, self.chains, strict=True)
        ]
        self.posts = sum(1 for found in self._flags if is_forum_post(found))

    def _flags_of(self, owner: etree._Element | None) -> frozenset[int]:
        chain = []
        while owner is not None and owner not in self._flags:
            chain.append(owner)
            owner = owner.getparent()
        known = self._flags[owner] if owner is not None else frozenset[int]()
        for element in reversed(chain):
            own = _own_flags(element)
            known = known | own if own - known else known
            self._flags[element] = known
        return known


def _own_flags(element: etree._Element) -> set[int]:
    tag = str(element.tag)
    found = {_BY_TAG[tag]} if tag in _BY_TAG else set()
    if not element.attrib:
        return found
    role = element.get("role")
    if role in _BY_ROLE:
        found.add(_BY_ROLE[role])
    if element.get("itemprop") == "articleBody":
        found.add(5)
    if tag not in ("body", "html"):
        names = f"{element.get('id', '')} {element.get('class', '')}"[:_LONGEST_NAME]
        if names != " ":
            found |= _flags_of_names(names)
        if "signature" in (element.get("data-role") or "").lower():
            found.add(POSTER)
        if is_forum_post(element):
            found.add(_POST)
    if (
        element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or _HIDING.search(element.get("style") or "")
    ):
        found.add(_HIDDEN)
    return found


@lru_cache(maxsize=_NAMES_KEPT)
def _flags_of_names(names: str) -> frozenset[int]:
    return frozenset(flag for flag, pattern in _NAMES if pattern.search(names))


def features(page: PageBlocks, voted: list[Numbers | None], kind: Kind) -> Numbers:
    """One row per block. Votes of an extractor that is not installed are None, and -1 here."""
    missing = np.full(len(page.blocks), -1, np.float32)
    votes = np.stack([missing if vote is None else vote for vote in voted], 1)
    known = votes[:, votes[0] >= 0]
    mean = known.mean(1)
    own = _own_columns(page)
    return np.concatenate(
        [
            own,
            votes,
            *(_shifted(mean, by)[:, None] for by in (1, -1, 2, -2)),
            *(_shifted(own[:, -11:-9], by) for by in (1, -1)),
            *(
                _mean_around(page.weights, values, reach)[:, None]
                for values, reach in ((mean, 3), (mean, 8), (page.linked, 5))
            ),
            _columns_of_words(page),
            _columns_of_elements(page, mean),
            _columns_of_page(page, votes, known, kind),
        ],
        1,
    ).astype(np.float32)


def _own_columns(page: PageBlocks) -> Numbers:
    count = len(page.blocks)
    total = max(1.0, float(page.weights.sum()))
    columns = np.zeros((count, _KIND_COUNT + _FLAG_COUNT + 11), np.float32)
    title = set(_WORD.findall(page.title.lower()))
    heading = next((here for here, block in enumerate(page.blocks) if block.kind == "h1"), 0)
    for here, block in enumerate(page.blocks):
        row, text = columns[here], page.texts[here]
        row[_kind_column(block)] = 1
        for flag in page.flags[here]:
            if flag < _FLAG_COUNT:
                row[_KIND_COUNT + flag] = 1
        weight = float(page.weights[here])
        same = len(title & set(_WORD.findall(text.lower()))) if weight < _MOST_WORDS else 0
        row[_KIND_COUNT + _FLAG_COUNT :] = (
            math.log1p(weight),
            page.linked[here],
            here / count,
            min(5, len(_SENTENCE.findall(text[:2000]))),
            text[-1:] in _ENDS,
            here < heading,
            same / max(1, len(title)),
            min(len(block.path), 10),
            min(page.posts, 50),
            math.log1p(total),
            weight / total,
        )
    return columns


def _kind_column(block: Block) -> int:
    if block.kind in HEADINGS:
        return 2
    if block.kind in _KINDS:
        return _KINDS[block.kind]
    for name, _, _ in reversed(block.path):
        if name in _KINDS:
            return _KINDS[name]
    if block.owner is not None:
        if block.owner.tag == "p":
            return 0
        return _KINDS.get(str(block.owner.tag), 10)
    return 10


def _shifted(values: Numbers, by: int) -> Numbers:
    """The values of the block `by` positions earlier; of a later block if negative."""
    moved = np.zeros_like(values)
    if 0 < by < len(values):
        moved[by:] = values[:-by]
    elif -len(values) < by < 0:
        moved[:by] = values[-by:]
    return moved


def _mean_around(weights: Numbers, values: Numbers, reach: int) -> Numbers:
    """The weighted mean of the values within `reach` blocks."""

    def sums(numbers: Numbers) -> Numbers:
        """For each block, the sum over the blocks at most `reach` away."""
        running = np.concatenate([[0], np.cumsum(numbers, dtype=np.float64)])
        at = np.arange(len(numbers))
        return np.asarray(
            running[np.minimum(len(numbers), at + reach + 1)] - running[np.maximum(0, at - reach)]
        )

    return np.asarray(sums(weights * values) / np.maximum(1, sums(weights)))


def _columns_of_words(page: PageBlocks) -> Numbers:
    """The fixed rule that matches a short block, and the distance from the last announcement."""
    rows = []
    announced, since = "", 0
    for here, block in enumerate(page.blocks):
        text = page.texts[here]
        folded = junk.fold(text) if len(text) <= _MOST_FOLDED else ""
        rule = junk.line_rule(folded, linked=bool(page.linked[here])) if folded else None
        related = bool(folded) and junk.is_related(folded)
        if related or rule == "comments":
            announced, since = "related" if related else "comments", 0
        elif block.is_heading and page.linked[here] < 0.5:
            announced = ""
        since += 1
        digits = sum(map(str.isdecimal, page.letters[here][:_MOST_FOLDED]))
        rows.append(
            (
                rule is not None,
                related,
                min(since, 50) if announced == "related" else 0,
                min(since, 50) if announced == "comments" else 0,
                digits / max(1, min(len(text), _MOST_FOLDED)),
                sum(len(line.links) for line in block.lines),
                sum(len(line.images) for line in block.lines),
                len(block.lines),
            )
        )
    return np.array(rows, np.float32)


def _columns_of_elements(page: PageBlocks, mean: Numbers) -> Numbers:
    """Sums over the elements around a block, and over all similar elements."""
    weights = page.weights.astype(np.float64)
    values = np.stack([weights, weights * mean, weights * page.linked], 1)
    numbers: dict[object, int] = {}
    chains = [[numbers.setdefault(up, len(numbers)) for up in chain] for chain in page.chains]
    owners = np.repeat(np.arange(len(chains)), list(map(len, chains)))
    inside = _sums_by(np.concatenate(chains), values[owners])
    forms = [numbers.setdefault(form, len(numbers)) for form in page.forms]
    alike = _sums_by(forms, np.stack([weights, values[:, 1], np.ones(len(weights))], 1))
    columns: list[Numbers] = []
    for level in (0, 1, 2, 3):
        weight, vote, linked = inside[[chain[min(level, len(chain) - 1)] for chain in chains]].T
        columns += [vote / np.maximum(1, weight), linked / np.maximum(1, weight)]
        columns += [np.log1p(weight), vote / max(1.0, values[:, 1].sum())]
    weight, vote, count = alike[forms].T
    copies = Counter(page.letters)
    columns += [vote / np.maximum(1, weight), np.log1p(weight), count]
    columns.append(np.array([copies[own] for own in page.letters]))
    return np.stack(columns, 1).astype(np.float32)


def _sums_by(groups: NDArray[np.int64] | list[int], values: Numbers) -> Numbers:
    """The sums of each column of values in each group."""
    return np.stack([np.bincount(groups, column) for column in values.T], 1)


def _columns_of_page(page: PageBlocks, votes: Numbers, known: Numbers, kind: Kind) -> Numbers:
    count = len(page.blocks)
    shares = (page.weights[:, None] * votes).sum(0) / max(1.0, float(page.weights.sum()))
    constant = np.tile([*shares, kind.forum, kind.manual, kind.article], (count, 1))
    believed = np.flatnonzero(known.sum(1) >= known.shape[1] / 2)
    ends = np.zeros((count, 2))
    if len(believed):
        at = np.arange(count)
        ends = np.clip(np.stack([at - believed[0], believed[-1] - at], 1), -20, 20)
    return np.concatenate([constant, ends], 1)
