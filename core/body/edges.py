"""Cut what stands before the first and behind the last line of an article's text.

Lines about the page (`about.py`), credits, labels with nothing behind them, menus, and lines
without words after the first line of a footer.
"""

from __future__ import annotations

from core.body import about
from core.body.blocks import Block, Line
from core.body.rules import Place, about_page_rank, is_address

# After a line cut by one of these rules, trailing lines without words are cut too.
_MARKERS = frozenset(
    ("share", "qr-code", "original-address", "more-feeds", "navigation", "promo", "disclaimer",
     "related", "follow", "site-link", "subscribe", "about-page")
)  # fmt: skip

_MENU = 6  # letters of an entry of a menu or list of tags: “无障碍”, “English”
_SHORT = 12  # letters of a label or heading with nothing behind it
_NEUTRAL = 4  # lines without text, between an end and such a line


def cut_ends(spots: list[Place], blocks: list[Block]) -> None:
    """Cut lines before the first and behind the last line of text, if there is text.

    `blocks` are all of the text: a label before its last table, code or player announces it.
    """
    last = next((block for block in reversed(blocks) if block.kind != "hr"), None)
    is_left = last is not None and last.kind in ("table", "pre", "embed")
    cut = _edge(spots, is_end=False) + _edge(spots[::-1], is_end=True, left=int(is_left))
    chosen = {id(spot) for spot, _ in cut}
    if any(_is_left(spot) and id(spot) not in chosen for spot in spots):
        for spot, rule in cut:
            spot.line.cut(rule)
    _cut_behind_markers(spots)


def _edge(spots: list[Place], *, is_end: bool, left: int = 0) -> list[tuple[Place, str]]:
    cut: list[tuple[Place, str]] = []
    likely: list[tuple[Place, str]] = []  # cut if a line further inside is about the page
    between, menu = 0, []
    for spot in spots:
        line = spot.line
        if line.rule is not None or not line.letters:
            continue
        if line.letters <= _MENU and (line.is_linked or spot.block.inside("li")):
            menu.append(spot)
            continue
        is_label = line.text[-1] in ":：】"
        is_last = is_end and not left + len(menu)
        is_about = about_page_rank(spot, is_end=is_end)
        if about.is_credits(spot.folded):
            cut.append((spot, "stated"))
        elif is_last and line.letters <= _SHORT and (is_label or _is_open_heading(spot)):
            cut.append((spot, "about-page"))  # nothing is left behind the label
        elif is_address(line) and not spot.block.inside("li") and _is_home(line):
            cut.append((spot, "site-link"))  # in a list it is a source
        elif about.is_topics(line.text) or (is_about == 2 and not (is_label and between)):
            cut += [*likely, (spot, "about-page")]
            likely = []
        elif is_about and not spot.is_text and len(likely) < _NEUTRAL:
            (cut if cut else likely).append((spot, "about-page"))
        elif is_end and line.letters <= _MENU and line.text.isalpha() and len(likely) < _NEUTRAL:
            likely.append((spot, "about-page"))  # a label of a box that is cut further inside
        elif spot.is_text or between == _NEUTRAL:
            break
        else:
            between, left = between + (not line.is_linked), left + 1
    if sum(spot.line.is_linked for spot in menu) >= max(2, len(menu) / 2):
        cut += [(spot, "navigation") for spot in menu]
    return cut


def _is_open_heading(spot: Place) -> bool:
    return spot.block.is_heading and spot.line.text[-1] not in "。！？!?.…”」"


def _is_home(line: Line) -> bool:
    return not any(address.partition("//")[2].partition("/")[2] for address in line.text.split())


def _is_left(spot: Place) -> bool:
    return spot.line.rule is None and spot.is_text


def _cut_behind_markers(spots: list[Place]) -> None:
    last = max((here for here, spot in enumerate(spots) if _is_left(spot)), default=-1)
    marker: str | None = None
    for spot in spots[last + 1 :]:
        if spot.line.rule in _MARKERS:
            marker = spot.line.rule
        elif spot.line.rule is None:
            line = spot.line
            has_no_words = line.is_linked or not line.letters or is_address(line)
            if marker == "about-page" and spot.block.inside("li"):  # sources below “参考”
                has_no_words = False
            # In an item without text, the images are its content.
            if marker and has_no_words and (last >= 0 or not line.images):
                spot.line.cut(marker)
            else:
                marker = None
