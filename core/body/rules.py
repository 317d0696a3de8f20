"""Apply the fixed rules to the lines of an article: words (`core/body/junk.py`) and shapes.

Shapes are patterns of mirrors and feeds: bars of links, links to bare IP addresses, and lines
without words after the first line of a footer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.body import about, junk
from core.body.blocks import Block, Line
from core.text import count_letters, wide_share
from core.urls import canonical_url, host_of

# Lines at each end. None of 177 public pages has 5,000 elements, so articles are checked in full.
MOST_AT_ENDS = 2500
_NUMERIC_HOST = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]")
_REPOSITORY_FILE = re.compile(r"/(?:blob|tree|raw)/|\.md(?:[?#]|$)|/wiki/?$|/README\b", re.I)
_ADDRESSES = re.compile(r"https?://\S+")
_ADDRESS_ONLY = re.compile(r"^\W*(?:(?:https?://|www\.)\S+\s*)+$")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_CODE = (".png", ".jpg", ".gif", ".svg")
_STROKE = re.compile(r"[|｜│]|\s[·•»]\s")
_AD_IMAGE = re.compile(
    r"/(?:ads?|adv|banners?|promo)/|(?:^|[/._-])(?:728x90|468x60|300x250|970x90|320x50|160x600)\b"
    r"|[/._-](?:banner|subscribe|donate|membership)[._-]",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Place:
    """A line with its block, and the cached results of rules."""

    block: Block
    line: Line
    _folded: str | None = None
    _word_rule: str | None = ""

    @property
    def folded(self) -> str:
        """The folded text for matching; empty if the line is too long for every rule."""
        if self._folded is None:
            text = self.line.text
            self._folded = junk.fold(text) if len(text) <= junk.LONGEST + 20 else ""
        return self._folded

    @property
    def word_rule(self) -> str | None:
        """The name of the rule that the line's words match."""
        if self._word_rule == "":
            self._word_rule = junk.line_rule(self.folded, linked=bool(self.line.links))
        return self._word_rule

    @property
    def is_text(self) -> bool:
        """Whether the line is running text of the article: not a headline or caption."""
        return not self.block.is_caption and not self.block.is_heading and is_prose(self.line)


def lines_to_judge(blocks: Iterable[Block]) -> list[Place]:
    """The lines that rules may cut: all except tables, code and players.

    Of extremely long documents only both ends are returned.
    """
    lines = [
        (block, line)
        for block in blocks
        if block.kind not in ("table", "pre", "embed", "hr")
        for line in block.lines
    ]
    if len(lines) > 2 * MOST_AT_ENDS:
        lines = lines[:MOST_AT_ENDS] + lines[-MOST_AT_ENDS:]
    return [Place(block, line) for block, line in lines]


def head_spots(lines: list[str]) -> list[Place]:
    """Wrap lines outside the body, for rules that only read them."""
    made = [Line(html="", text=text) for text in lines]
    return [Place(Block("p", [line]), line) for line in made]


def is_prose(line: Line) -> bool:
    """Whether the line is running text: long enough, and not mainly links."""
    if line.prose is None:
        line.prose = _is_prose(line)
    return line.prose


def _is_prose(line: Line) -> bool:
    size = line.letters
    if size >= 30 and "://" in line.text:
        size = count_letters(_ADDRESSES.sub("", line.text))
    if size < 30 or line.linked > 0.5 * size:
        return False
    dense = wide_share(line.text) + len(_HANGUL.findall(line.text)) / size
    return size >= 80 or size * (1 + 1.6 * dense) >= 80


def apply_fixed(spots: list[Place], *, markdown: bool) -> None:
    """Cut the lines that match rules for words or shapes."""
    for spot in spots:
        if spot.line.rule is None:
            rule = spot.word_rule or _shape_rule(spot, markdown=markdown)
            if rule:
                spot.line.cut(rule)
    _cut_related(spots)


def _shape_rule(spot: Place, *, markdown: bool) -> str | None:
    line = spot.line
    if line.images and not line.letters:
        return _picture_rule(line)
    if markdown and is_address(line) and _REPOSITORY_FILE.search(line.text):
        return "site-link"
    if (len(line.links) >= 3 or (line.links and spot.block.is_heading)) and _is_bar(spot):
        return "navigation"
    if not line.links or not line.is_linked:
        return None
    if any(_NUMERIC_HOST.fullmatch(host_of(link)) for link in line.links):
        return "promo"
    if spot.block.inside("li"):
        return None
    if is_about_page(spot):
        return "about-page"
    if (
        markdown
        and spot.block.is_heading
        and all(_REPOSITORY_FILE.search(link) for link in line.links)
    ):
        return "promo"
    return None


def _is_bar(spot: Place) -> bool:
    """Whether the line consists of links with separators and hardly any other word."""
    line = spot.line
    strokes = len(_STROKE.findall(line.text))
    return (
        strokes >= len(line.links) - 1 > 0
        and not _STROKE.match(line.text)
        and line.letters - line.linked <= 8
        and not spot.block.inside("li")
    )


def _picture_rule(line: Line) -> str | None:
    for image in line.images:
        # The QR code of a mirror links to its own image file.
        if any(
            link and image.startswith(link) and image[len(link) :] in _CODE for link in line.links
        ):
            return "qr-code"
        if line.links and _AD_IMAGE.search(image):
            return "advertisement"
    return None


def is_about_page(spot: Place) -> bool:
    """Whether a line before the text is about the page, and no part of the text."""
    return about_page_rank(spot, is_end=False) == 2


def about_page_rank(spot: Place, *, is_end: bool) -> int:
    """`about_page` for a line at the beginning or end of a text; its label decides for links."""
    line = spot.line
    if spot.block.is_caption:
        return 0
    label, colon, _ = line.text.partition("：" if "：" in line.text else ":")
    if colon and line.links and line.linked >= 0.4 * line.letters:  # 更多新聞請看：…
        return about.about_page(label, is_end=is_end)
    return about.about_page(line.text, links=line.links, is_end=is_end)


def is_address(line: Line) -> bool:
    """Whether the line consists of URLs."""
    text = line.text
    return ("//" in text or "www." in text) and _ADDRESS_ONLY.match(text) is not None


def _cut_related(spots: list[Place]) -> None:
    """Cut lines that announce other articles, with the links that follow."""
    for here, spot in enumerate(spots):
        if spot.line.rule is not None or not junk.is_related(spot.folded):
            continue
        if spot.line.links and spot.line.linked >= 0.5 * spot.line.letters:
            spot.line.cut("related")
            continue
        followers = _linked_run(spots, here + 1)
        if followers or here == len(spots) - 1:
            for member in (spot, *followers):
                member.line.cut("related")


def _linked_run(spots: list[Place], start: int) -> list[Place]:
    run = []
    for spot in spots[start:]:
        if not spot.line.is_linked and (spot.line.letters or spot.line.images):
            break
        run.append(spot)
    return run


def cut_own_address(spots: list[Place], own: str, title: str) -> None:
    """Cut a line that is only the entry's URL, and the title above it: a licence box."""
    for here, spot in enumerate(spots):
        text = spot.line.text.strip()
        if text[:4] == "http" and len(text) < 500 and canonical_url(text) == own:
            spot.line.cut("stated")
            if here and spots[here - 1].line.words.lower() == title:
                spots[here - 1].line.cut("title")
