"""Complete the selected text of a page with headings, list items, code, images and captions.

`select.py` selects the text block by block. Blocks without words have no probability; they are kept
if both neighbours are.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from lxml import etree

from core.body import junk
from core.body.blocks import Block, Line

# Effects were measured as word F1 on 246 public pages with the number changed. Minimum probability
# of a block between two selected ones of the same section: with 0 threads lose .0036, with
# .4 articles lose .0006, and without the rule .0010.
_LIKELY = 0.2
_CODE = 0.1  # minimum probability of code or a table after selected text; with 0 manuals lose .0028
_LABEL = 25  # letters beside an image, such as “Image” or “Photo 1 of 3”; 0 to 60 change .0002
_SENTENCE = 50  # letters; shorter linked lines with a full stop are headlines and calls to action
_ENDS = (".", "!", "?", "。", "！", "？")
_MOST_AT_END = 0.2  # share of the text; a longer list of links is what the page is about
_LONGEST_LABEL = 60  # letters of the line that announces links
_IMAGE = re.compile(r"<img [^<>]*>")
_INNER = frozenset("p h1 h2 h3 h4 h5 h6 li ul ol dl dt dd pre table blockquote".split())


def add_words(blocks: list[Block], is_kept: dict[int, bool], chances: dict[int, float]) -> None:
    """Add the headings, paragraphs and code between selected blocks."""
    worded = [
        block
        for block in blocks
        if id(block) in chances and not block.is_caption and not is_picture(block)
    ]
    run: list[Block] = []
    last: Block | None = None
    for block in worded:
        if not is_kept[id(block)]:
            run.append(block)
            continue
        if run and last is not None:
            if run[-1].is_heading and not is_linked(run[-1]):
                is_kept[id(run[-1])] = True
            if _is_one_run(last, run, block, chances):
                links_too = last.is_heading and not junk.is_related(junk.fold(_text_of(last)))
                for each in run:
                    is_kept[id(each)] = links_too or not _is_headline(each)
        run, last = [], block
    for before, block in pairwise(worded):
        if block.kind in ("pre", "table") and is_kept[id(before)]:
            is_kept[id(block)] |= chances[id(block)] >= _CODE


def _is_one_run(first: Block, run: list[Block], last: Block, chances: dict[int, float]) -> bool:
    """Whether a run between two selected blocks, single or in the same section, may be text."""
    parts = {_part_around(block) for block in (first, *run, last)}
    if len(run) == 1 and run[0].kind in ("pre", "table"):
        return len(parts) == 1
    total = sum(map(_letters, run))
    chance = sum(_letters(block) * chances[id(block)] for block in run)
    return (len(parts) == 1 or len(run) == 1) and chance >= _LIKELY * total


def _part_around(block: Block) -> etree._Element | None:
    """The element around a block and around its list or table."""
    place = block.owner
    while place is not None and place.tag in _INNER:
        place = place.getparent()
    return place


def links_at_end(kept: list[Block]) -> list[Block]:
    """Linked headlines after the last text, and the lines that announce them.

    On the two halves F1 of snippets gains .0036 and .0013; 39 typed pages are better, 12 worse.
    """
    end = len(kept)
    while end and (_is_headline(kept[end - 1]) or _is_label(kept[end - 1])):
        end -= 1
    size = sum(map(_letters, kept[end:]))
    return kept[end:] if size <= _MOST_AT_END * sum(map(_letters, kept)) else []


def _is_headline(block: Block) -> bool:
    return is_linked(block) and not _is_sentence(block)


def _is_label(block: Block) -> bool:
    if block.path or _letters(block) > _LONGEST_LABEL:
        return False
    return block.is_heading or _text_of(block).rstrip().endswith((":", "："))


def add_wordless(blocks: list[Block], is_kept: dict[int, bool]) -> None:
    """Add the images, captions, rulers and players that belong to selected text."""
    before, after = _kept_neighbours(blocks, is_kept), _kept_neighbours(blocks[::-1], is_kept)[::-1]
    for block, one, other in zip(blocks, before, after, strict=True):
        name = id(block)
        if block.is_caption:
            is_kept[name] = one is not None and other is not None
        elif is_picture(block):
            is_kept[name] = _keeps_picture(block, one, other)
        elif name not in is_kept:
            is_kept[name] = one is not None and (other is not None or block.kind == "embed")
    _pair_captions(blocks, is_kept)
    for block in reversed(blocks):
        if is_kept[id(block)] and not block.is_heading:
            break
        is_kept[id(block)] = False


def _kept_neighbours(blocks: list[Block], is_kept: dict[int, bool]) -> list[Block | None]:
    """For each block, the nearest block of words before it; None if that was not selected.

    Short labels between text and image, such as “Advertisement”, are ignored.
    """
    found: list[Block | None] = []
    last: Block | None = None
    for block in blocks:
        found.append(last)
        if id(block) not in is_kept or block.is_caption or is_picture(block):
            continue
        if is_kept[id(block)]:
            last = block
        elif _letters(block) > _LABEL or is_linked(block):
            last = None
    return found


def is_picture(block: Block) -> bool:
    """Whether the block is an image, with at most a label beside it."""
    return any(line.images for line in block.lines) and _letters(block) <= _LABEL


def _keeps_picture(block: Block, before: Block | None, after: Block | None) -> bool:
    """Images between selected text are kept; at the ends, linked ones are teasers."""
    beside = [each for each in (before, after) if each is not None]
    if len(beside) == 2 or block.inside("figure") or not any(line.links for line in block.lines):
        return bool(beside)
    return bool(block.path) and any(block.path[-1] in each.path for each in beside)


def without_label(block: Block) -> Block:
    """The block; an image without the label beside it, such as “Image” for screen readers."""
    if not is_picture(block) or block.is_caption or not _letters(block):
        return block
    lines = [
        Line(html="".join(_IMAGE.findall(line.html)), text="", images=line.images)
        for line in block.lines
        if line.images
    ]
    return replace(block, lines=lines)


def _pair_captions(blocks: list[Block], is_kept: dict[int, bool]) -> None:
    """Keep or drop a caption together with the images of its figure."""
    shown: dict[int, bool] = {}
    for block in blocks:
        number = _figure_number(block)
        if number and is_picture(block) and not block.is_caption:
            shown[number] = shown.get(number, False) or is_kept[id(block)]
    for block in blocks:
        number = _figure_number(block)
        if block.is_caption and number in shown:
            is_kept[id(block)] = shown[number]


def _figure_number(block: Block) -> int:
    return next((number for tag, number, _ in block.path if tag == "figure"), 0)


def article_of(block: Block) -> etree._Element | None:
    """The nearest `article` element around a block."""
    if block.owner is None:
        return None
    return next((up for up in block.owner.iterancestors("article")), None)


def _text_of(block: Block) -> str:
    return " ".join(line.text for line in block.lines)


def _is_sentence(block: Block) -> bool:
    """Whether a fully linked block is a sentence of the text; headlines have no full stop."""
    return _letters(block) >= _SENTENCE and _text_of(block).rstrip('"”’»)」』').endswith(_ENDS)


def _letters(block: Block) -> int:
    return sum(line.letters for line in block.lines)


def is_linked(block: Block) -> bool:
    """Whether all lines of the block are links."""
    return all(line.is_linked for line in block.lines)
