"""Run public extractors on a page; their texts are votes on its blocks, never the output.

Extractors lose structure: trafilatura captions and the order of lists, readability tables. Their
texts only locate the article; its markup is taken from the page.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Callable
from copy import deepcopy
from functools import cache

import numpy as np
from htmldate import find_date
from lxml import etree
from lxml.html import HtmlElement, fromstring
from numpy.typing import NDArray
from trafilatura import bare_extraction
from trafilatura.readability_lxml import Document
from trafilatura.settings import Extractor
from trafilatura.utils import load_html

from core.body.blocks import Block
from core.body.html import spaced_text
from core.text import letters_only

_GRAM = 4  # letters: shorter pieces occur in any text, longer ones break at each edited word
_MOST_LETTERS = 200_000  # that are compared; five times the longest text of 777 public articles
# jusText, trafilatura's last resort, is quadratic in paragraphs: 5,000 short ones take ten seconds.
# One page in a hundred has more tags than this.
_MOST_TAGS = 10_000
_VOTE_GRAM = 5  # letters: a block is compared with a whole page, where four occur by chance
_NEARLY = 0.85  # share of a block's pieces; extractors lose a footnote mark or a link's label
_LEAST = 15  # letters; a shorter block occurs by chance, so it must equal a line of the text
_PIECED = 30  # letters; pieces of shorter blocks occur by chance
_LABEL = 30  # letters; a linked block this short may be a topic whose name occurs in the text
_NO_END = "2199-12-31"  # same as in `core/dates.py`; otherwise htmldate reads the clock
_LEAVES = ("p", "li", "h2", "h3", "h4", "h5", "pre", "blockquote", "td")
# Created once: each instance reads the whole configuration.
_FAST = Extractor(output_format="python", comments=False, fast=True)
_THOROUGH = Extractor(output_format="python", comments=False)
# A page with this start needs none of the repairs of `load_html`, which scans all of it.
_SOUND = re.compile(r"\s*<(?:!doctype[^<>/]*>\s*<)?html(?:\s[^<>]*[^/<>]|\s*)>", re.IGNORECASE)
# The tree may be ten times as deep as trafilatura's parser allows, which would take seconds.
_TOO_DEEP = etree.XPath(f"boolean({'/*' * 256})")
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


def extracted_texts(page: str, root: etree._Element, *, fast: bool) -> list[str | None]:
    """The texts of trafilatura, readability and resiliparse, one block per line.

    An empty text means nothing was found; None means not installed. `fast` skips the passes that
    trafilatura makes if its first one finds little.
    """
    needs_no_repair = _SOUND.match(page) and not _TOO_DEEP(root)
    tree = root if needs_no_repair else load_html(page)
    if tree is None:
        return ["", "", ""]
    fast = fast or page.count("<") > _MOST_TAGS
    first = _trafilatura(tree, _FAST if fast else _THOROUGH)
    third = _resiliparse_extract()
    return [
        first,
        _readability(tree),
        None if third is None else third(page, main_content=True, list_bullets=False),
    ]


def votes(blocks: list[Block], letters: list[str], text: str) -> NDArray[np.float32]:
    """1 for each block that `text` contains, else 0; `letters` are those of the blocks."""
    found = np.zeros(len(blocks), np.float32)
    whole = letters_only(text)
    if not whole:
        return found
    lines: set[str] = set()
    for line in text.splitlines():  # trafilatura separates table cells by `|`
        lines |= {letters_only(line), *(map(letters_only, line.split("|")) if "|" in line else ())}
    pieces: set[str] = set()
    for here, (block, own) in enumerate(zip(blocks, letters, strict=True)):
        if own in lines:
            found[here] = bool(own)
        elif len(own) < _LEAST or (
            len(own) < _LABEL and all(line.is_linked for line in block.lines)
        ):
            continue
        elif own in whole:
            found[here] = 1
        elif len(own) >= _PIECED:
            pieces = pieces or set(_pieces(whole))
            own_pieces = _pieces(own)
            held = sum(piece in pieces for piece in own_pieces)
            found[here] = held >= _NEARLY * len(own_pieces)
    return found


def _pieces(text: str) -> list[str]:
    return [text[at : at + _VOTE_GRAM] for at in range(len(text) - _VOTE_GRAM + 1)]


def four_grams(text: str) -> set[str]:
    """The four-letter pieces of a text; only letters and digits."""
    letters = letters_only(text[:_MOST_LETTERS])
    return {letters[here : here + _GRAM] for here in range(len(letters) - _GRAM + 1)}


def common_share(part: set[str], whole: set[str]) -> float:
    """The share of `part` that `whole` contains."""
    return len(part & whole) / len(part) if part else 1.0


def _trafilatura(tree: HtmlElement, options: Extractor) -> str:
    try:
        found = bare_extraction(tree, options=options)
    # Hostile trees make it raise various errors; each failure only loses one vote.
    except Exception:  # noqa: BLE001
        return ""
    return str(getattr(found, "text", None) or "")


def _readability(tree: HtmlElement) -> str:
    """The text by the readability port inside trafilatura, three times as fast as the package."""
    try:
        root = fromstring(Document(deepcopy(tree)).summary())
    except Exception:  # noqa: BLE001 - as with trafilatura: one vote less
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


def guessed_date(tree: etree._Element) -> str | None:
    """The day found by htmldate in the markup of a page that states none in the usual places.

    The extensive search is off: it returned a date for 85 of 93 pages without one.
    """
    try:
        return find_date(tree, original_date=True, extensive_search=False, max_date=_NO_END)
    except Exception:  # noqa: BLE001 - as with trafilatura
        return None


@cache
def _resiliparse_extract() -> Callable[..., str] | None:
    """The extractor of resiliparse, if installed; wheels exist for Linux (glibc), macOS in part."""
    try:
        module = importlib.import_module("resiliparse.extract.html2text")
    except ImportError:
        return None
    return module.extract_plain_text  # type: ignore[no-any-return]
