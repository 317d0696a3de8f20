"""Build the lines of a block from markup: running text, and the rows of tables.

`LineBuilder` collects the running text of one line. Tables with data remain tables; the walker
unwraps layout tables.
"""

from __future__ import annotations

import re
from html import escape

from lxml import etree

from core.body import media
from core.body.blocks import Line
from core.body.html import inner_text
from core.text import collapse, count_letters, is_formatting_space
from core.urls import web_url

_SPACE = " \t\r\n\f\v\xa0"
_EMPTY = re.compile(
    r"<(a|b|strong|i|em|u|s|del|ins|sub|sup|small|mark|code|q|abbr|kbd)(?: [^<>]*)?> ?</\1>"
)
# Nesting depth of inline elements. Every line reopens them all, so thousands of unclosed `<b>`
# would have quadratic cost. The deepest of 177 public pages has four.
_DEEPEST = 12
_RULERS = "|·•—-–_*=~+#>│ \u3000"


class LineBuilder:
    """Builds one `Line` after another; inline elements stay open across line breaks."""

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
        self._gap = 0  # 0: none, 1: a space, 2: white space that may be formatting
        self._fresh = True  # only white space since the last reset

    def text(self, raw: str) -> None:
        """Add running text as written in the source."""
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
            self._linked += count_letters(core)
        self._last = core[-1]
        if after:
            self._gap = 2 if "\n" in after else 1

    def _widen(self, white: str, *, soft: bool) -> None:
        if self._last != " ":
            self._gap = max(self._gap, 2 if soft or "\n" in white else 1)

    def _join(self, following: str) -> None:
        if (
            self._gap
            and self._last
            and not (self._gap == 2 and is_formatting_space(self._last, following))
        ):
            self._html.append(" ")
            self._text.append(" ")
        self._gap = 0

    def dropped_edge(self) -> None:
        """Mark the start or end of a dropped element; a space beside it may belong to it."""
        self._edge, self._fresh = True, False
        if self._gap == 1:
            self._gap = 2

    def open(self, tag: str, start: str, href: str | None = None) -> None:
        """Open an inline element; an empty `start` adds no markup (a link without target)."""
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
        """Close an inline element, if it is open."""
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
        """Add an image to the line."""
        self._join("")
        self._html.append(markup)
        self._images.append(address)
        self._last = ""

    @property
    def has_words(self) -> bool:
        """Whether the current line contains text."""
        return bool(self._text)

    @property
    def pictures(self) -> list[str]:
        """URLs of the images in the current line."""
        return self._images

    def take(self) -> Line | None:
        """Return the finished line, or None if it is empty, and start the next one."""
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
    """Remove empty inline elements, and white space at both ends."""
    for _ in range(3 if "<" in markup else 0):
        shorter = _EMPTY.sub("", markup)
        if shorter == markup:
            break
        markup = shorter
    return markup.strip(" \u3000")


def image_html(address: str, alt: str, element: etree._Element) -> str:
    """An `img` with only URL, alternative text, size and referrer policy."""
    stated = ((name, (element.get(name) or "").strip()) for name in ("width", "height"))
    size = "".join(f' {name}="{value}"' for name, value in stated if value.isdigit())
    hides = ' referrerpolicy="no-referrer"' if _NO_REFERRER.search(_policy(element)) else ""
    return f'<img src="{escape(address)}" alt="{escape(alt)}"{size}{hides}>'


def _policy(element: etree._Element) -> str:
    return f"{element.get('referrerpolicy') or ''} {element.get('rel') or ''}"


def player_line(element: etree._Element, tag: str, base: str | None) -> Line | None:
    """A link in place of a player; None if the player has no content."""
    found = media.played_address(element, base)
    if found is None:
        return None
    address, label = found
    return Line(
        html=f'<a href="{escape(address)}">▶ {escape(label)}</a>',
        text=label,
        links=(address,),
        linked=count_letters(label),
        is_played=media.is_played(element, tag.removeprefix("amp-")),
    )


_NO_REFERRER = re.compile(r"\b(?:no-?referrer|same-origin)\b", re.IGNORECASE)
_LAYOUT = ("table", "h1", "h2", "h3", "form", "blockquote", "article", "section", "pre", "figure")
_MAX_CELLS = 5000  # the largest table of 177 public pages has 150; each cell costs a tree walk
_INLINE = frozenset("b strong i em sub sup code small u s".split())


def is_data_table(table: etree._Element) -> bool:
    """Whether the table contains data in rows and columns, rather than a page layout."""
    if next(table.iterdescendants(*_LAYOUT), None) is not None:
        return False
    rows = [_cells(row) for row in table.iter("tr")]
    columns = max((len(row) for row in rows), default=0)
    if columns < 2 or sum(len(row) for row in rows) > _MAX_CELLS:
        return False
    if len(rows) < 2 and next(table.iter("th"), None) is None:
        return False
    sizes = [count_letters(inner_text(cell)) for row in rows for cell in row]
    return max(sizes) < 0.6 * sum(sizes) + 60 and sum(sizes) > 0


def table_rows(table: etree._Element, base: str | None) -> list[Line]:
    """The rows as lines; the text of a line is its cells, separated by tabs."""
    lines = []
    for row in table.iter("caption", "tr"):
        if row.tag == "caption":
            cells = [_cell(row, base)]
            markup = f"<caption>{cells[0].html}</caption>"
        else:
            named = [(str(cell.tag), cell) for cell in _cells(row)]
            cells = [_cell(cell, base) for _, cell in named]
            parts = [
                f"<{tag}{_spans(cell)}>{line.html}</{tag}>"
                for (tag, cell), line in zip(named, cells, strict=True)
            ]
            markup = f"<tr>{''.join(parts)}</tr>"
        text = "\t".join(line.text for line in cells)
        if text.strip() or any(line.images for line in cells):
            lines.append(_row(markup, text, cells))
    return lines


def _row(markup: str, text: str, cells: list[Line]) -> Line:
    return Line(
        html=markup,
        text=text,
        linked=sum(line.linked for line in cells),
        links=tuple(link for line in cells for link in line.links),
        images=tuple(image for line in cells for image in line.images),
    )


def _cells(row: etree._Element) -> list[etree._Element]:
    return [cell for cell in row if cell.tag in ("td", "th")]


def _spans(cell: etree._Element) -> str:
    return "".join(
        f' {name}="{value}"'
        for name in ("colspan", "rowspan")
        if (value := cell.get(name, "")).isdigit() and value != "1"
    )


def _cell(cell: etree._Element, base: str | None) -> Line:
    builder = LineBuilder()
    walker = etree.iterwalk(cell, events=("start", "end"))
    for event, element in walker:
        tag = element.tag
        if not isinstance(tag, str):
            continue
        if event == "start" and tag in ("script", "style", "noscript"):
            walker.skip_subtree()
        elif event == "start":
            _open(builder, element, tag, base)
            builder.text(element.text or "")
        else:
            if tag in _INLINE or tag == "a":
                builder.close(tag)
            if element is not cell:
                builder.text(element.tail or "")
    return builder.take() or Line("", "")


def _open(builder: LineBuilder, element: etree._Element, tag: str, base: str | None) -> None:
    if tag == "a":
        found = web_url(element.get("href"), base)
        if found:
            builder.open("a", f'<a href="{escape(found)}">', found)
    elif tag in _INLINE:
        builder.open(tag, f"<{tag}>")
    elif tag == "img":
        address = media.picture(element, base)
        if address:
            alt = (element.get("alt") or "")[:300]
            markup = image_html(address, alt, element)
            builder.image(address, markup)
    elif tag in ("br", "p", "div", "li"):
        builder.text(" ")
