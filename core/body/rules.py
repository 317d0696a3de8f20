"""Apply the fixed rules to the lines of an article: words (`core/body/junk.py`) and shapes.

Shapes are patterns of mirrors and feeds: bars of links, links to bare IP addresses, and lines
without words after the first line of a footer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from core.body import junk
from core.body.blocks import Block, Line
from core.text import count_letters, wide_share
from core.urls import canonical_url, host_of

# Lines at each end. None of 177 public pages has 5,000 elements, so articles are checked in full.
MOST_AT_ENDS = 2500
_NUMERIC_HOST = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]")
_REPOSITORY_FILE = re.compile(r"/(?:blob|tree|raw)/|\.md(?:[?#]|$)|/wiki/?$|/README\b", re.I)
_ADDRESSES = re.compile(r"https?://\S+")
_ADDRESS_ONLY = re.compile(r"^\W*(?:(?:https?://|www\.)\S+\s*)+$")
_CODE = (".png", ".jpg", ".gif", ".svg")
_STROKE = re.compile(r"[|｜│]|\s[·•»]\s")
_AD_IMAGE = re.compile(
    r"/(?:ads?|adv|banners?|promo)/|(?:^|[/._-])(?:728x90|468x60|300x250|970x90|320x50|160x600)\b"
    r"|[/._-](?:banner|subscribe|donate|membership)[._-]",
    re.IGNORECASE,
)
# After a line cut by one of these rules, trailing lines without words are cut too.
_MARKERS = frozenset(
    ("share", "qr-code", "original-address", "more-feeds", "navigation", "promo", "disclaimer",
     "related", "follow", "site-link", "subscribe")
)  # fmt: skip

# A Chinese line at either end of an article that is mostly words about the page: its calls, rights
# and makers. Of what this cuts in 3,276 Chinese articles, read line by line, all is such.
_PAGE_SHARE = 0.6
_PAGE_SHARE_LINKED = 0.4  # of a line with links; from reading the same 3,276 articles
_MOST_OF_PAGE = 300  # characters; the longest statement of a platform on 34 public pages has 180
_LITTLE = 4  # letters: a button, “分享”
_SHORT = 12  # letters: a label with a name, “点击阅读原文”
_MENU = 6  # letters of an entry of a menu or list of tags: “无障碍”, “English”
_NEUTRAL = 4  # lines without text, between an end and such a line
_EDGES = {name: "|".join(map(re.escape, sorted(words.split(), key=len, reverse=True)))
          for name, words in junk.RULES["edges"].items()}  # fmt: skip
_WORDS = re.compile(rf"(?P<page>{_EDGES['page']})|(?P<manner>{_EDGES['manner']})|[\u3400-\u9fff]")
_NAMES = re.compile(r"《[^《》]{1,30}》|https?://\S+|[\w.+-]+@[\w.-]+")
# What is said inside a text, a line of a list or of verse, a caption, and the end of a broadcast.
_SPOKEN = re.compile(r"[“「][^“”「」]{12,}[”」]|图片?来源|节目|今天|收看|观看|^\d+[.、]|[，、]$")
_LABELLED = re.compile(
    rf"(?:(?:(?:{_EDGES['before']})?(?:{_EDGES['makers']})|文|图文|文图)(?:\s?[:：|｜丨/／]\s*"
    r"[^\s，。；:：|｜丨（(]{1,16}(?:[（(][^（）()]{1,20}[)）])?|\s+[一-龥]{2,4})[\s，、；;|｜]*){1,6}"
)
_MARKS_ONLY = re.compile(r"(?:#[^#\s]{1,20}#?\s*){2,}|\d{20,}")  # topics; numbers of pages


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
    return size >= 80 or size * (1 + 1.6 * wide_share(line.text)) >= 80


def apply_fixed(spots: list[Place], *, markdown: bool) -> None:
    """Cut the lines that match rules for words or shapes."""
    for spot in spots:
        if spot.line.rule is None:
            rule = spot.word_rule or _shape_rule(spot, markdown=markdown)
            if rule:
                spot.line.cut(rule)
    _cut_related(spots)
    _cut_edges(spots)
    _cut_behind_markers(spots)


def _shape_rule(spot: Place, *, markdown: bool) -> str | None:
    line = spot.line
    if line.images and not line.letters:
        return _picture_rule(line)
    if markdown and _is_address(line) and _REPOSITORY_FILE.search(line.text):
        return "site-link"
    if (len(line.links) >= 3 or (line.links and spot.block.is_heading)) and _is_bar(spot):
        return "navigation"
    if not line.links or not line.is_linked:
        return None
    if any(_NUMERIC_HOST.fullmatch(host_of(link)) for link in line.links):
        return "promo"
    if spot.block.inside("li"):
        return None
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


def _last_text(spots: list[Place]) -> int:
    """Index of the last uncut line of text, or -1."""
    here = len(spots) - 1
    while here >= 0 and not _is_left(spots[here]):
        here -= 1
    return here


def _is_left(spot: Place) -> bool:
    return spot.line.rule is None and spot.is_text


def is_about_page(spot: Place) -> bool:
    """Whether a Chinese line is mostly words about the page: at an article's end no part of it."""
    text = spot.line.text
    is_chinese = wide_share(re.sub(r"\d", "", text)) >= 0.3
    if len(text) > _MOST_OF_PAGE or spot.block.is_caption or not is_chinese or _SPOKEN.search(text):
        return False
    folded = junk.fold(_NAMES.sub("", text))
    words = [match for match in _WORDS.finditer(folded) if not match[0].isspace()]
    size = sum(len(match[0]) for match in words)
    known = {match[0]: match.lastgroup for match in words if match.lastgroup}
    kinds = Counter(known.values())
    share = sum(len(match[0]) for match in words if match.lastgroup) / max(size, 1)
    if size <= _LITTLE:
        return share == 1.0 and kinds["page"] > 0
    points = 2 * kinds["page"] + kinds["manner"]
    least = _PAGE_SHARE if not spot.line.links else _PAGE_SHARE_LINKED
    return share >= least and kinds["page"] > 0 and points >= (4 if size <= _SHORT else 6)


def _cut_edges(spots: list[Place]) -> None:
    """Lines about the page before the first and behind the last line of text, if there is text."""
    cut: list[tuple[Place, str]] = []
    for order in (spots, spots[::-1]):
        between, menu = 0, []
        for spot in order:
            line = spot.line
            if line.rule is not None or not line.letters:
                continue
            if line.letters <= _MENU and (line.is_linked or spot.block.inside("li")):
                menu.append(spot)
                continue
            if _LABELLED.fullmatch(spot.folded):
                cut.append((spot, "stated"))
            elif _MARKS_ONLY.fullmatch(line.text) or (
                is_about_page(spot) and not (line.text[-1] in ":：" and (between or order is spots))
            ):
                cut.append((spot, "about-page"))
            elif spot.is_text or between == _NEUTRAL:
                break
            else:
                between += not line.is_linked
        if sum(spot.line.is_linked for spot in menu) >= max(2, len(menu) / 2):
            cut += [(spot, "navigation") for spot in menu]
    chosen = {id(spot) for spot, _ in cut}
    if any(_is_left(spot) and id(spot) not in chosen for spot in spots):
        for spot, rule in cut:
            spot.line.cut(rule)


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


def _cut_behind_markers(spots: list[Place]) -> None:
    last = _last_text(spots)
    marker: str | None = None
    for spot in spots[last + 1 :]:
        if spot.line.rule in _MARKERS:
            marker = spot.line.rule
        elif spot.line.rule is None:
            line = spot.line
            has_no_words = line.is_linked or not line.letters or _is_address(line)
            # In an item without text, the images are its content.
            if marker and has_no_words and (last >= 0 or not line.images):
                spot.line.cut(marker)
            else:
                marker = None


def _is_address(line: Line) -> bool:
    text = line.text
    return ("//" in text or "www." in text) and _ADDRESS_ONLY.match(text) is not None


def cut_own_address(spots: list[Place], own: str, title: str) -> None:
    """Cut a line that is only the entry's URL, and the title above it: a licence box."""
    for here, spot in enumerate(spots):
        text = spot.line.text.strip()
        if text[:4] == "http" and len(text) < 500 and canonical_url(text) == own:
            spot.line.cut("stated")
            if here and spots[here - 1].line.words.lower() == title:
                spots[here - 1].line.cut("title")
