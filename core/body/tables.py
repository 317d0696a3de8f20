"""Tables that hold figures stay tables; tables that only lay out a page are unwrapped."""

from __future__ import annotations

from html import escape

from lxml import etree

from core.body import media
from core.body.blocks import Line, LineBuilder, image_html
from core.body.html import inner_text
from core.text import letters
from core.urls import web_url

_LAYOUT = ("table", "h1", "h2", "h3", "form", "blockquote", "article", "section", "pre", "figure")
_MAX_CELLS = 5000  # the largest table of 177 public pages has 150; each cell costs a walk
_INLINE = frozenset("b strong i em sub sup code small u s".split())


def is_data_table(table: etree._Element) -> bool:
    """Whether the table has rows and columns of short cells, and not an article inside."""
    if next(table.iterdescendants(*_LAYOUT), None) is not None:
        return False
    rows = [_cells(row) for row in table.iter("tr")]
    columns = max((len(row) for row in rows), default=0)
    if columns < 2 or sum(len(row) for row in rows) > _MAX_CELLS:
        return False
    if len(rows) < 2 and next(table.iter("th"), None) is None:
        return False
    sizes = [letters(inner_text(cell)) for row in rows for cell in row]
    return max(sizes) < 0.6 * sum(sizes) + 60 and sum(sizes) > 0


def table_rows(table: etree._Element, base: str | None) -> list[Line]:
    """The rows, each one a line whose text is its cells parted by tabs."""
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
            markup = image_html(address, alt, element.get("width"), element.get("height"))
            builder.image(address, markup)
    elif tag in ("br", "p", "div", "li"):
        builder.text(" ")
