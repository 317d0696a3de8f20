"""What an article is made of once its markup is understood: blocks of lines inside containers.

A block is a paragraph, heading, list item, table and so on; its lines are what `<br>` parts.
Rules look at lines, because mirrors put a whole footer into one paragraph. `LineBuilder` collects
the running text of one line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape

from lxml import etree

from core.text import collapse, joins, letters, only_letters, text_of

HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
Container = tuple[str, int, str]  # tag, a number that tells two lists apart, attributes


@dataclass(slots=True, eq=False)
class Line:
    """One line of a block; `rule` is set when a rule cut it."""

    html: str
    text: str
    linked: int = 0  # letters inside links
    links: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    rule: str | None = None
    prose: bool | None = None  # whether it is running text, once that was needed
    words: str = field(init=False)  # the letters and digits of the text alone
    letters: int = field(init=False)  # how many these are

    def __post_init__(self) -> None:
        self.words = only_letters(self.text)
        self.letters = len(self.words)

    @property
    def is_linked(self) -> bool:
        """Whether (nearly) every letter of the line is a link."""
        return bool(self.links) and self.linked >= 0.8 * self.letters

    def cut(self, rule: str) -> None:
        """Takes the line out; the first rule that cut it is the one that is reported."""
        if self.rule is None:
            self.rule = rule


@dataclass(slots=True, eq=False)
class Block:
    """A block in its containers (lists, quotes, figures), outermost first."""

    kind: str  # p, h1 to h6, pre, table, hr, embed
    lines: list[Line]
    path: tuple[Container, ...] = ()
    names: str = ""  # class and id of the elements it stands in
    owner: etree._Element | None = None  # the innermost block element that it stands in

    @property
    def is_heading(self) -> bool:
        """Whether it is a heading."""
        return self.kind in HEADINGS

    @property
    def is_caption(self) -> bool:
        """Whether it describes the picture beside it."""
        return self.inside("figcaption")

    def inside(self, tag: str) -> bool:
        """Whether one of its containers is a `tag`."""
        return bool(self.path) and any(name == tag for name, _, _ in self.path)


def text_of_blocks(blocks: list[Block]) -> str:
    """The text to read, blocks joined by an empty line; captions only where there is no more."""
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
    """Markup of the blocks."""
    out: list[str] = []
    open_path: tuple[Container, ...] = ()
    for block in blocks:
        entered = (
            _change_containers(out, open_path, block.path) if block.path != open_path else False
        )
        open_path = block.path
        # List items, captions and the like hold their first paragraph without a `p` around it.
        takes_text = block.kind == "p" and entered and block.path[-1][0] not in ("blockquote", "ul")
        out.append(_markup(block, bare=takes_text))
    _change_containers(out, open_path, ())
    return "".join(out)


def _change_containers(
    out: list[str], here: tuple[Container, ...], there: tuple[Container, ...]
) -> bool:
    """Closes and opens containers on the way; whether one was opened."""
    common = 0
    while common < min(len(here), len(there)) and here[common] == there[common]:
        common += 1
    out.extend(f"</{tag}>" for tag, _, _ in reversed(here[common:]))
    out.extend(f"<{tag}{attributes}>" for tag, _, attributes in there[common:])
    return len(there) > common


def _markup(block: Block, *, bare: bool) -> str:
    if block.kind == "hr":
        return "<hr>"
    if block.kind in ("table", "pre"):
        return f"<{block.kind}>{''.join([line.html for line in block.lines])}</{block.kind}>"
    inner = "<br>".join([line.html for line in block.lines])
    if bare or (block.inside("figure") and not block.is_caption):
        return inner
    tag = block.kind if block.kind != "embed" else "p"
    return f"<{tag}>{inner}</{tag}>"


def image_html(address: str, element_alt: str, width: str | None, height: str | None) -> str:
    """An `img` with nothing but its address, description and size."""
    size = "".join(
        f' {name}="{value.strip()}"'
        for name, value in (("width", width), ("height", height))
        if value and value.strip().isdigit()
    )
    return f'<img src="{escape(address)}" alt="{escape(element_alt)}"{size}>'


_SPACE = " \t\r\n\f\v\xa0"
_EMPTY = re.compile(
    r"<(a|b|strong|i|em|u|s|del|ins|sub|sup|small|mark|code|q|abbr|kbd)(?: [^<>]*)?> ?</\1>"
)
# Inline elements inside each other; every line opens them all again, so that thousands of unclosed
# `<b>` would cost the square of their number. The deepest of 177 public pages has four.
_DEEPEST = 12
_RULERS = "|·•—-–_*=~+#>│ \u3000"


class LineBuilder:
    """Builds one `Line` after the other; open inline elements reach over line ends."""

    def __init__(self) -> None:
        self._open: list[tuple[str, str]] = []  # tag, start tag
        self._hrefs: list[str] = []
        self._reset()

    def _reset(self) -> None:
        self._html: list[str] = [start for _, start in self._open]
        self._text: list[str] = []
        self._links: list[str] = list(self._hrefs)
        self._images: list[str] = []
        self._linked = 0
        self._last = ""
        self._edge = False
        self._gap = 0  # 0: none, 1: a space, 2: white space that a formatter may have left
        self._fresh = True  # nothing but white space was met since

    def text(self, raw: str) -> None:
        """Running text as it stands in the source."""
        core = raw.strip(_SPACE)
        soft, self._edge = self._edge, False
        if not core:
            if self._last:
                self._widen(raw, soft=soft)
            return
        before, _, after = raw.partition(core) if len(core) < len(raw) else ("", "", "")
        if before and self._last:
            self._widen(before, soft=soft)
        core = collapse(core)
        if not self._last:
            core = core.lstrip("\u3000") or core
        if self._gap:
            self._join(core[0])
        self._html.append(escape(core, quote=False))
        self._text.append(core)
        if self._hrefs:
            self._linked += letters(core)
        self._last = core[-1]
        if after:
            self._gap = 2 if "\n" in after else 1

    def _widen(self, white: str, *, soft: bool) -> None:
        if self._last != " ":
            self._gap = max(self._gap, 2 if soft or "\n" in white else 1)

    def _join(self, following: str) -> None:
        if self._gap and self._last and not (self._gap == 2 and joins(self._last, following)):
            self._html.append(" ")
            self._text.append(" ")
        self._gap = 0

    def dropped_edge(self) -> None:
        """A dropped element starts or ends here: a space beside it may be only its own."""
        self._edge, self._fresh = True, False
        if self._gap == 1:
            self._gap = 2

    def open(self, tag: str, start: str, href: str | None = None) -> None:
        """An inline element; with an empty `start` it only counts (a link that leads nowhere)."""
        if len(self._open) >= _DEEPEST:
            return
        self._fresh = False
        if self._gap == 1 and self._last:
            self._join("")
            self._last = " "
        self._open.append((tag, start))
        self._html.append(start)
        if href is not None:
            self._hrefs.append(href)
            self._links.append(href)

    def close(self, tag: str) -> None:
        """The end of an inline element, if it is open."""
        for depth in range(len(self._open) - 1, -1, -1):
            if self._open[depth][0] == tag:
                break
        else:
            return
        self._fresh = False
        reopened = self._open[depth + 1 :]
        self._html.extend(f"</{name}>" for name, start in reversed(self._open[depth:]) if start)
        del self._open[depth:]
        self._html.extend(start for _, start in reopened)
        self._open.extend(reopened)
        if tag == "a" and self._hrefs:
            self._hrefs.pop()

    def image(self, address: str, markup: str) -> None:
        """A picture inside the line."""
        self._join("")
        self._html.append(markup)
        self._images.append(address)
        self._last = ""

    @property
    def pictures(self) -> list[str]:
        """The addresses of the pictures of the line so far."""
        return self._images

    def take(self) -> Line | None:
        """The finished line, or None if there is nothing in it; the next one starts."""
        if not self._text and not self._images:
            if not self._fresh:
                self._reset()
            return None
        closing = [f"</{name}>" for name, start in reversed(self._open) if start]
        text = "".join(self._text).strip(" \u3000")
        line = Line(
            html=_without_empty_elements("".join(self._html + closing)),
            text=text,
            linked=self._linked,
            links=tuple(self._links),
            images=tuple(self._images),
        )
        self._reset()
        return line if line.images or line.letters or text.strip(_RULERS) else None


def _without_empty_elements(markup: str) -> str:
    """Inline elements that came out empty are taken away, with the space at the line's ends."""
    for _ in range(3 if "<" in markup else 0):
        shorter = _EMPTY.sub("", markup)
        if shorter == markup:
            break
        markup = shorter
    return markup.strip(" \u3000")
