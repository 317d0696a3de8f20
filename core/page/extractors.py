"""What text of a page is the article: one extractor says it; where that is in doubt, two or three.

Of several the medoid wins, the candidate that agrees most with the others: a mistake is rarely made
twice. Where the first two agree the third is not asked. The texts only say where the article is;
its markup is then taken from the page.
"""

from __future__ import annotations

import logging
import re
from copy import deepcopy

from lxml import etree
from lxml.html import HtmlElement, fromstring
from trafilatura import bare_extraction
from trafilatura.readability_lxml import Document
from trafilatura.settings import Extractor
from trafilatura.utils import load_html

from core.body.html import spaced_text
from core.text import letters, squeeze

AGREE = 0.9
_GRAM = 4
_MOST_LETTERS = 200_000
_LEAVES = ("p", "li", "h2", "h3", "h4", "h5", "pre", "blockquote", "td")
# Made once: each reads the whole configuration.
_FAST = Extractor(output_format="python", comments=False, fast=True)
_THOROUGH = Extractor(output_format="python", comments=False)
_PRECISE = Extractor(output_format="python", comments=False, precision=True)
# A page that begins so needs none of the repairs that `load_html` looks through all of it for.
_SOUND = re.compile(r"\s*<(?:!doctype[^<>/]*>\s*<)?html(?:\s[^<>]*[^/<>]|\s*)>", re.IGNORECASE)
# Our tree may be ten times as deep as theirs, which their parser cuts off: seconds go into that.
_TOO_DEEP = etree.XPath(f"boolean({'/*' * 256})")
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


class Opinions:
    """The extractors' opinions of one page, asked one after another."""

    def __init__(self, page: str, root: etree._Element) -> None:
        ours_will_do = _SOUND.match(page) and not _TOO_DEEP(root)
        self._tree = root if ours_will_do else load_html(page)

    def first(self) -> str:
        """What the quickest finds, its blocks one a line; empty where it finds no article."""
        return "" if self._tree is None else _trafilatura(self._tree, _FAST)

    def middle(self, first: str) -> str:
        """The middle one of two or three, of which the first is known."""
        if self._tree is None:
            return first
        second = _readability(self._tree)
        if _agree(first, second):
            return first
        return medoid([first, _trafilatura(self._tree, _PRECISE), second])

    def last(self) -> str:
        """The longer of what trafilatura and readability find when they try everything."""
        if self._tree is None:
            return ""
        return max(_trafilatura(self._tree, _THOROUGH), _readability(self._tree), key=letters)


def _agree(one: str, other: str) -> bool:
    """Whether two texts are nearly one; most are line for line, which is cheap to see."""
    ours, theirs = _lines(one), _lines(other)
    common = sum(map(len, ours & theirs))
    if common and 2 * common >= AGREE * (sum(map(len, ours)) + sum(map(len, theirs))):
        return True
    return agreement(four_grams(one), four_grams(other)) >= AGREE


def _lines(text: str) -> set[str]:
    return {squeeze(line) for line in text[:_MOST_LETTERS].splitlines()}


def medoid(candidates: list[str]) -> str:
    """The candidate that agrees most with the others; the first of equals."""
    grams = [four_grams(text) for text in candidates]
    shares = [
        sum(agreement(own, other) for there, other in enumerate(grams) if there != here)
        for here, own in enumerate(grams)
    ]
    return candidates[shares.index(max(shares))]


def four_grams(text: str) -> set[str]:
    """The four-letter pieces of a text, letters and digits only."""
    letters = squeeze(text[:_MOST_LETTERS])
    return {letters[here : here + _GRAM] for here in range(len(letters) - _GRAM + 1)}


def agreement(one: set[str], other: set[str]) -> float:
    """How much two texts share, 0 to 1."""
    if not one or not other:
        return 0.0
    return 2 * len(one & other) / (len(one) + len(other))


def cover(part: set[str], whole: set[str]) -> float:
    """The share of `part` that `whole` holds."""
    return len(part & whole) / len(part) if part else 1.0


def _trafilatura(tree: HtmlElement, options: Extractor) -> str:
    try:
        found = bare_extraction(tree, options=options)
    # It works on any tree strangers can make; whatever it trips over is one opinion less.
    except Exception:  # noqa: BLE001
        return ""
    return str(getattr(found, "text", None) or "")


def _readability(tree: HtmlElement) -> str:
    """Readability's choice, by the port inside trafilatura: a third of the time of the package."""
    try:
        root = fromstring(Document(deepcopy(tree)).summary())
    except Exception:  # noqa: BLE001 - as with trafilatura: one opinion less
        return ""
    leaves = [
        leaf
        for leaf in root.iter(*_LEAVES)
        if not any(True for _ in leaf.iter("p", "li")) or leaf.tag == "p"
    ]
    texts = [spaced_text(leaf) for leaf in leaves]
    whole = spaced_text(root)
    if len("".join(texts)) < 0.7 * len(whole):
        texts = [whole]
    return "\n".join(texts)
