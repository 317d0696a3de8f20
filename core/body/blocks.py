"""The parsed form of an article: blocks of lines inside containers.

A block is a paragraph, heading, list item, table and so on; `<br>` separates its lines. Rules match
lines, because mirrors put a whole footer into one paragraph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from core.models import ENCLOSURES_KEPT, Enclosure
from core.text import only_letters, text_of
from core.urls import type_by_name

HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
Container = tuple[str, int, str]  # (tag, a number to distinguish adjacent lists, attributes)


@dataclass(slots=True, eq=False)
class Line:
    """One line of a block; `rule` is set when a rule cuts it."""

    html: str
    text: str
    linked: int = 0  # letters inside links
    links: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    is_played: bool = False  # a link in place of an audio or video
    rule: str | None = None
    prose: bool | None = None  # cache of `is_prose`
    words: str = field(init=False)  # only the letters and digits of the text
    letters: int = field(init=False)  # length of `words`

    def __post_init__(self) -> None:
        self.words = only_letters(self.text)
        self.letters = len(self.words)

    @property
    def is_linked(self) -> bool:
        """Whether at least 80 % of the letters are inside links."""
        return bool(self.links) and self.linked >= 0.8 * self.letters

    def cut(self, rule: str) -> None:
        """Cut the line; the first rule that cuts it is the reported one."""
        if self.rule is None:
            self.rule = rule


@dataclass(slots=True, eq=False)
class Block:
    """A block and its containers (lists, quotes, figures), outermost first."""

    kind: str  # p, h1 to h6, pre, table, hr, embed
    lines: list[Line]
    path: tuple[Container, ...] = ()
    names: str = ""  # class and id of the enclosing element
    owner: etree._Element | None = None  # innermost enclosing block element
    direction: str = ""  # `rtl` for right-to-left text

    @property
    def is_heading(self) -> bool:
        """Whether the block is a heading."""
        return self.kind in HEADINGS

    @property
    def is_caption(self) -> bool:
        """Whether the block is the caption of an image."""
        return self.inside("figcaption")

    def inside(self, tag: str) -> bool:
        """Whether one of its containers is a `tag`."""
        return bool(self.path) and any(name == tag for name, _, _ in self.path)


def text_of_blocks(blocks: list[Block]) -> str:
    """The text, with blocks joined by an empty line; captions only if they are longer than it."""
    body = [block for block in blocks if not block.is_caption and block.kind != "embed"]
    captions = [block for block in blocks if block.is_caption]
    if _letters(body) < _letters(captions):
        body += captions
    return text_of([_text(block) for block in body])


def _letters(blocks: list[Block]) -> int:
    return sum(line.letters for block in blocks for line in block.lines)


def _text(block: Block) -> str:
    return "\n".join([line.text for line in block.lines if line.text])


def to_html(blocks: list[Block]) -> str:
    """The HTML of the blocks."""
    out: list[str] = []
    open_path: tuple[Container, ...] = ()
    for block in blocks:
        entered = (
            _change_containers(out, open_path, block.path) if block.path != open_path else False
        )
        open_path = block.path
        # The first paragraph in a list item or caption has no `p` around it.
        takes_text = entered and block.path[-1][0] not in ("blockquote", "ul")
        takes_text = takes_text and block.kind == "p" and not block.direction
        out.append(_markup(block, bare=takes_text))
    _change_containers(out, open_path, ())
    return "".join(out)


def _change_containers(
    out: list[str], here: tuple[Container, ...], there: tuple[Container, ...]
) -> bool:
    """Close and open containers; return whether one was opened."""
    common = 0
    while common < min(len(here), len(there)) and here[common] == there[common]:
        common += 1
    out.extend(f"</{tag}>" for tag, _, _ in reversed(here[common:]))
    out.extend(f"<{tag}{attributes}>" for tag, _, attributes in there[common:])
    return len(there) > common


def _markup(block: Block, *, bare: bool) -> str:
    if block.kind == "hr":
        return "<hr>"
    start = f'{block.kind} dir="rtl"' if block.direction else block.kind
    if block.kind in ("table", "pre"):
        return f"<{start}>{''.join([line.html for line in block.lines])}</{block.kind}>"
    inner = "<br>".join([line.html for line in block.lines])
    if bare or (block.inside("figure") and not block.is_caption):
        return inner
    if block.kind == "embed":
        return f"<p>{inner}</p>"
    return f"<{start}>{inner}</{block.kind}>"


def pictures_of(blocks: list[Block]) -> tuple[str, ...]:
    """Unique URLs of the remaining images, in order."""
    return tuple(
        dict.fromkeys(image for block in blocks for line in block.lines for image in line.images)
    )


def links_of(blocks: list[Block]) -> tuple[str, ...]:
    """Unique URLs of the remaining links, in order."""
    return tuple(
        dict.fromkeys(
            link for block in blocks for line in block.lines for link in line.links if link
        )
    )


def with_played(stated: tuple[Enclosure, ...], blocks: list[Block]) -> tuple[Enclosure, ...]:
    """The stated files, followed by media files that the text plays."""
    known = {file.url for file in stated}
    lines = (line for block in blocks for line in block.lines if line.is_played)
    played = {address: type_by_name(address) for line in lines for address in line.links}
    added = [
        Enclosure(url=address, type=kind)
        for address, kind in played.items()
        if address not in known and kind.startswith(("audio/", "video/"))
    ]
    return (*stated, *added[: max(0, ENCLOSURES_KEPT - len(stated))])


def without_cut_lines(blocks: list[Block]) -> list[Block]:
    """The blocks with their uncut lines; rulers only between blocks."""
    kept: list[Block] = []
    for block in blocks:
        if block.kind == "hr":
            if kept and kept[-1].kind != "hr":
                kept.append(block)
            continue
        block.lines = [line for line in block.lines if line.rule is None]
        if block.lines:
            kept.append(block)
    while kept and kept[-1].kind == "hr":
        kept.pop()
    return kept


_CAPTION = re.compile(
    r"(?:^|[-_ ])(?:(?:(?:img|image|photo|pic|media|figure|thumb|wp)[-_]?)?"
    r"(?:caption|legend|credits?|attribution)"
    r"|(?:img|image|photo|pic|picture|figure)[-_]?(?:desc(?:r|ription)?|note|text))(?:$|[-_ ])",
    re.IGNORECASE,
)

_CREDIT = re.compile(
    r"^(?:图为|圖為|图说|圖說|资料图)"
    r"|^(?:图像来源|圖像來源|图像加注文字|圖像加註文字|Image (?:source|caption))[,，]"
    r"|[（(](?:摄影|攝影|图|圖)(?:片来源)?[/／]?[:：][^（()）。]{1,30}[)）]$"
    r"|(?:摄|攝|供图|供圖|截图|截圖|图源.{0,20}|图片来源.{0,30}|圖片來源.{0,30}|资料图片?|資料圖片?"
    r"|示意图|示意圖|\s[图圖])[)）\]】。.]?$"
    r"|[（(][^（()）]{0,60}(?:Getty|AFP|Reuters|AP|EPA|Shutterstock|Photo|Foto|Image|Flickr|图片|圖片"
    r"|法新社|路透社?|美联社|美聯社|新华社|中央社)[^（()）]{0,40}[)）]\s*$"
    r"|(?:Photo|Foto|Image|Picture|Bild|Credit|Quelle|Crédit photo)s?\s*[:：/]\s*[^.:]{2,50}$"
    r"|^(?:Photo|Image|Picture|Foto|Bild|Credit|图|圖|图片)\s*(?:credit|by|courtesy)?\s*[:：/／]",
)
_LONGEST_CREDITED = 160  # characters; half of 46 captions of public pages have under 51


def pair_captions(blocks: list[Block]) -> None:
    """Combine an image and the caption after it (by class or credit) into a figure."""
    for here in range(1, len(blocks)):
        block, before = blocks[here], blocks[here - 1]
        if not block.kind == before.kind == "p" or before.path != block.path:
            continue
        is_picture = all(line.images and not line.text for line in before.lines)
        if is_picture and _describes(block):
            figure: Container = ("figure", -here, "")
            before.path = (*before.path, figure)
            block.path = (*block.path, figure, ("figcaption", -here, ""))


def is_credit(element: etree._Element, tag: str) -> bool:
    """Whether an inline element directly after an image is its caption or credit."""
    named = tag in ("span", "em", "i") and _CAPTION.search(element.get("class") or "")
    return tag == "small" or bool(named)


def _describes(block: Block) -> bool:
    """Whether a block is a caption by its class, or a short line with an image credit."""
    if block.names and _CAPTION.search(block.names):
        return True
    if block.owner is not None and block.owner.tag == "small":
        return True
    if len(block.lines) != 1 or len(block.lines[0].text) > _LONGEST_CREDITED:
        return False
    return _CREDIT.search(block.lines[0].text) is not None
