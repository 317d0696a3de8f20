"""Convert a tree to blocks; drop hidden elements, widgets and scripts, unwrap unknown elements.

One pass without recursion, so that nesting depth costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import cast

from lxml import etree

from core.body import media
from core.body.blocks import HEADINGS, Block, Container, Line, is_credit, pair_captions
from core.body.html import (
    FromMarkup,
    holds_page,
    inner_text,
    note_author_and_date,
    spaced_text,
)
from core.body.junk import IN_LINE, is_slight, may_be_widget, widget_rule
from core.body.lines import LineBuilder, image_html, is_data_table, player_line, table_rows
from core.body.notation import code_of_table, code_text, formula, is_drawn_copy
from core.models import Removed
from core.text import collapse, count_letters
from core.urls import redirect_target, web_url

_INLINE = {
    "b": "b", "strong": "strong", "i": "i", "em": "em", "u": "u", "s": "s", "strike": "s",
    "del": "del", "ins": "ins", "sub": "sub", "sup": "sup", "small": "small", "mark": "mark",
    "code": "code", "kbd": "kbd", "samp": "samp", "var": "var", "tt": "code", "q": "q",
    "abbr": "abbr", "ruby": "ruby", "rt": "rt", "rp": "rp",
}  # fmt: skip
_BLOCKS = frozenset(
    "p div section article main header footer center address details summary hgroup body html tr td"
    " th table tbody thead tfoot caption form fieldset aside menu figure figcaption blockquote ul"
    " ol li dl dt dd h1 h2 h3 h4 h5 h6 legend".split()
)
_CONTAINERS = frozenset("blockquote ul ol li dl dt dd figure figcaption".split())
_GONE = frozenset(
    "script style template svg head link meta title base input select textarea canvas map"
    " dialog nav param datalist progress meter frameset applet".split()
)
_CONTROLS = frozenset(("noscript", "button"))  # their images are read if the elements are dropped
_DRAWING = frozenset(("span", "div", "img", "mjx-container"))
_EMBEDS = frozenset(("iframe", "video", "audio", "embed", "object"))
MOST_OF_ALL = 0.4  # share of the text; an element with more is the article, whatever its class


class Walker:
    """Converts one tree to blocks; collects dropped elements and metadata from markup.

    `judging=False` keeps elements that only their class, id or hiding marks as junk, except inside
    sentences. It is used for whole pages, whose blocks are selected later.
    """

    def __init__(self, base: str | None, *, judging: bool = True) -> None:
        self.blocks: list[Block] = []
        self.removed: list[Removed] = []
        self.from_markup: FromMarkup = {}
        self._base = base
        self._judging = judging
        self._line = LineBuilder()
        self._lines: list[Line] = []
        self._path: list[Container] = []
        # (element, class and id, whether it is in the path, text direction)
        self._stack: list[tuple[etree._Element, str, bool, str]] = []
        self._kind = "p"
        self._count = 0
        self._total = 0  # letters of the whole text counted so far
        self._uncounted: Iterator[str] = iter(())
        self._skipped: etree._Element | None = None

    def walk(self, root: etree._Element) -> list[Block]:
        """The blocks of the tree, in order."""
        walker = etree.iterwalk(root, events=("start", "end"))
        self._uncounted = cast("Iterator[str]", root.itertext())
        for event, element in walker:
            tag = element.tag
            if event == "end":
                self._leave_element(element, tag, is_root=element is root)
            elif isinstance(tag, str) and self._enter_element(element, tag):
                if text := element.text:
                    self._line.text(text)
            else:
                walker.skip_subtree()
                self._skipped = element
        self._end_block()
        pair_captions(self.blocks)
        return self.blocks

    def _leave_element(self, element: etree._Element, tag: str, *, is_root: bool) -> None:
        if self._skipped is element:
            self._skipped = None
        elif self._stack and self._stack[-1][0] is element:
            self._end_block()
            _, _, in_path, _ = self._stack.pop()
            if in_path:
                self._path.pop()
            if tag in HEADINGS:
                self._kind = "p"
        elif tag in _INLINE:
            self._line.close(_INLINE[tag])
        elif tag == "a":
            self._line.close("a")
        elif tag != "br" and tag != "img":
            self._line.dropped_edge()
        if not is_root and (tail := element.tail):
            self._line.text(tail)

    def _enter_element(self, element: etree._Element, tag: str) -> bool:
        """Enter an element; return whether to read its content."""
        if tag == "script" and (element.get("type") or "").startswith("math/"):
            self._line.text(element.text or "")
            return False
        if tag in _GONE or tag in _CONTROLS:
            if self._judging or not holds_page(element, tag):
                for found in element.iter("img") if tag in _CONTROLS else ():
                    if not media.is_fallback(element, self._base):
                        self._picture(found)
                return False
            return self._open_block(element, tag)
        if tag in _DRAWING and is_drawn_copy(element):
            return False
        judged = self._judging or tag in IN_LINE
        if judged and may_be_widget(element, tag) and self._is_dropped(element, tag):
            return False
        beside_picture = self._line.pictures and not self._line.has_words
        if tag in _BLOCKS or (beside_picture and is_credit(element, tag)):
            return self._open_block(element, tag)
        if tag in _INLINE:
            self._line.open(_INLINE[tag], f"<{_INLINE[tag]}>")
        elif tag == "a":
            return self._open_link(element)
        elif tag == "br":
            self._break()
        elif tag == "img" or tag == "amp-img":
            self._picture(element)
        else:
            return self._enter_other(element, tag)
        return True

    def _enter_other(self, element: etree._Element, tag: str) -> bool:
        if tag == "hr":
            self._end_block()
            self._add_block("hr", [])
        elif tag == "pre" or tag == "listing":
            self._end_block()
            self._add_code(code_text(element), element)
        elif tag in _EMBEDS or media.is_player(tag):
            self._embed(element, tag)
        elif tag == "math":
            self._line.text(formula(element))
        else:
            self._line.dropped_edge()
            before = element.getprevious()
            in_caption = self._path and self._path[-1][0] == "figcaption"
            if in_caption and before is not None and not before.tail:
                self._line.text("\n")  # text and credit, separated by a style sheet
            return True
        return False

    def _is_dropped(self, element: etree._Element, tag: str) -> bool:
        """Drop hidden elements and widgets, unless they contain a large part of the text."""
        rule = widget_rule(element, tag)
        if rule is None:
            return False
        if tag == "footer" and any(name == "blockquote" for name, _, _ in self._path):
            return False
        note_author_and_date(element, self.from_markup)
        text = spaced_text(element)
        if rule != "hidden" and not is_slight(element, text, kind=rule):
            return False
        size = count_letters(text)
        if self._is_large(size):
            return False
        if size:
            self.removed.append(Removed(rule=rule, text=text[:500]))
        return True

    def _is_large(self, size: int) -> bool:
        """Whether `size` letters are a large part of the text; counts only as far as needed."""
        while size > MOST_OF_ALL * self._total:
            text = next(self._uncounted, None)
            if text is None:
                return True
            self._total += count_letters(text)
        return False

    def _open_link(self, element: etree._Element) -> bool:
        """Open a link; return whether it has content: `¶` and `↩` only lead to anchors."""
        href = element.get("href")
        page, mark, _ = (href or "").partition("#")
        is_own = mark and self._base and page == self._base.partition("#")[0]
        if not href or href.startswith("#") or is_own:
            text = inner_text(element).strip() if href and len(element) < 2 else ""
            return not text or len(text) > 4 or count_letters(text) > 0
        found = redirect_target(web_url(href, self._base))
        if href[:7].lower() == "mailto:":
            found = href
        self._line.open("a", f'<a href="{escape(found)}">' if found else "", found or "")
        return True

    def _break(self) -> None:
        line = self._line.take()
        if line is not None:
            self._lines.append(line)
        elif self._lines:
            self._end_block()

    def _picture(self, element: etree._Element) -> None:
        stated = element.get("alt") or element.get("title") or element.get("aria-label")
        alt = collapse(stated or "").strip()[:300]
        if (words := media.text_instead(element, alt)) is not None:
            self._line.text(words)
            return
        address = media.picture(element, self._base)
        if address is None or self._is_shown(address):
            return
        if media.is_code(element, address, alt):
            self.removed.append(Removed(rule="qr-code", text=address[:500]))
            return
        markup = image_html(address, alt, element)
        self._line.image(address, markup)

    def _is_shown(self, address: str) -> bool:
        """Whether the image was shown just before: lazy loading writes it twice."""
        recent = [image for line in self._lines for image in line.images]
        recent += self._line.pictures
        if not recent and self.blocks:
            recent = [image for line in self.blocks[-1].lines for image in line.images]
        return any(media.same_picture(address, other) for other in recent[-2:])

    def _open_block(self, element: etree._Element, tag: str) -> bool:
        self._end_block()
        if tag == "table" and (code := code_of_table(element)):
            self._add_code(code, element)
            return False
        if tag == "table" and is_data_table(element):
            rows = table_rows(element, self._base)
            if rows:
                self._add_block("table", rows, owner=element)
            return False
        names = f"{element.get('class', '')} {element.get('id', '')}" if element.attrib else ""
        above = self._stack[-1][3] if self._stack else ""
        self._stack.append(
            (element, names, tag in _CONTAINERS, (element.get("dir") or above).lower())
        )
        if tag in _CONTAINERS:
            self._count += 1
            start = element.get("start", "") if tag == "ol" else ""
            self._path.append((tag, self._count, f' start="{start}"' if start.isdigit() else ""))
        elif tag in HEADINGS:
            self._kind = tag
        if media.is_background(element) and any(name == "figure" for name, _, _ in self._path):
            self._picture(element)
        return True

    def _end_block(self) -> None:
        line = self._line.take()
        if line is not None:
            self._lines.append(line)
        if self._lines:
            names = self._stack[-1][1] if self._stack else ""
            self._add_block(self._kind, self._lines, names)
            self._lines = []

    def _add_block(
        self,
        kind: str,
        lines: list[Line],
        names: str = "",
        owner: etree._Element | None = None,
    ) -> None:
        if owner is None and self._stack:
            owner = self._stack[-1][0]
        # `rtl` if the nearest ancestor with a direction states so.
        rtl = "rtl" if self._stack and self._stack[-1][3] == "rtl" else ""
        self.blocks.append(Block(kind, lines, tuple(self._path), names, owner, rtl))

    def _add_code(self, text: str, element: etree._Element) -> None:
        if text.strip():
            self._add_block("pre", [Line(escape(text, quote=False), text)], owner=element)

    def _embed(self, element: etree._Element, tag: str) -> None:
        played = player_line(element, tag, self._base)
        if played is None:
            return
        self._end_block()
        image = media.poster(element, self._base)
        if image and not self._is_shown(image):
            line = Line(html=image_html(image, "", element), text="", images=(image,))
            self._add_block("p", [line])
        self._add_block("embed", [played])
