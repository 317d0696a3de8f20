"""Text of code and formulas, where line breaks and symbols carry the meaning.

Syntax highlighters wrap each line of code in an element and add line numbers. Formulas are MathML,
TeX in a script, or drawn with spans beside either; each formula is read once.
"""

from __future__ import annotations

import re
from itertools import islice

from lxml import etree

from core.body.html import inner_text
from core.text import collapse

_LINE_TAGS = frozenset("div p li tr".split())
_LINE_NAMES = re.compile(r"(?:^|[-_ ])line(?:$| )", re.IGNORECASE)
_BLOCK_STYLE = re.compile(r"display\s*:\s*(?:block|flex|table-row)")
_GUTTER = re.compile(
    r"gutter|line-?num|lineno|(?:^|[-_ ])(?:ln|num)(?:$|[-_ ])|blob-num", re.IGNORECASE
)
_CODE = re.compile(r"code|highlight|syntax|blob", re.IGNORECASE)
_DRAWN = re.compile(r"(?:^| )(?:katex-html|MathJax(?:_\w+)?|mjx-chtml)")
# Siblings of a drawing, and elements inside these, searched for its formula.
_BESIDE, _INSIDE = 2, 20
_DEEPEST = 40  # nesting depth of formula elements; the deepest seen has 12
_HIGH = str.maketrans("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ")
_LOW = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
_RAISED, _LOWERED = frozenset("0123456789+-−=()ni"), frozenset("0123456789+-−=()")


def code_text(element: etree._Element) -> str:
    """The text of preformatted code, line by line; empty for a column of line numbers."""
    if any(map(_is_gutter, (element, *_table_cell_of(element)))):
        return ""
    parts: list[str] = []
    walker = etree.iterwalk(element, events=("start", "end"))
    for event, each in walker:
        if event == "start":
            if each is not element and _is_gutter(each):
                walker.skip_subtree()
            else:
                parts.append(each.text or "")
            continue
        if each is element:
            break
        if each.tag == "br":
            before = each.getprevious()  # if a line element ends here, it already ended the line
            ended = before is not None and not before.tail and _is_line(before)
            parts.append("" if ended else "\n")
        elif _is_line(each) and not "".join(parts[-2:]).endswith("\n"):
            parts.append("\n")
        parts.append(_tail_of(each))
    return "".join(parts).strip("\n").rstrip()


def _is_gutter(element: etree._Element) -> bool:
    """Whether an element contains only line numbers; Prism gives code such a class too."""
    named = _GUTTER.search(element.get("class") or "") is not None
    return named and not any(map(str.isalpha, inner_text(element)))


def _table_cell_of(element: etree._Element) -> list[etree._Element]:
    cell = element.getparent()
    return [cell] if cell is not None and cell.tag in ("td", "th") else []


def _is_line(element: etree._Element) -> bool:
    if element.tag in _LINE_TAGS or _BLOCK_STYLE.search(element.get("style") or ""):
        return True
    return element.tag == "span" and bool(_LINE_NAMES.search(element.get("class") or ""))


def _tail_of(element: etree._Element) -> str:
    """The text after an element, without the line break that ends the element's line."""
    tail = element.tail or ""
    return tail[1:] if tail.startswith("\n") and _is_line(element) else tail


def code_of_table(table: etree._Element) -> str | None:
    """The code of a table with rows of (line number, code); None for other tables."""
    if not _CODE.search(table.get("class") or ""):
        return None
    lines = []
    for at, row in enumerate(table.iter("tr"), 1):
        cells = [cell for cell in row if cell.tag in ("td", "th")]
        if len(cells) != 2 or inner_text(cells[0]).strip() not in ("", str(at)):
            return None
        lines.append(inner_text(cells[1]).strip("\n").rstrip())
    return "\n".join(lines) if len(lines) >= 2 else None


def is_drawn_copy(element: etree._Element) -> bool:
    """Whether an element only draws a formula that a sibling contains as MathML or TeX."""
    if not _DRAWN.search(element.get("class") or ""):
        return False
    beside = [
        *islice(element.itersiblings(preceding=True), _BESIDE),
        *islice(element.itersiblings(), _BESIDE),
    ]
    return any(_holds_formula(inner) for each in beside for inner in islice(each.iter(), _INSIDE))


def _holds_formula(element: etree._Element) -> bool:
    return element.tag == "math" or (
        element.tag == "script" and "math/" in (element.get("type") or "")
    )


def formula(element: etree._Element, depth: int = 0) -> str:
    """A MathML formula on one line: x², a/(b + c), √(x)."""
    tag = etree.QName(element).localname if isinstance(element.tag, str) else ""
    if tag.startswith("annotation") or depth > _DEEPEST:
        return ""
    inner = [formula(child, depth + 1) for child in element]
    if not len(element):
        text = collapse(element.text or "")
        return text if tag == "mtext" else text.strip()
    if tag in ("msup", "msub", "mover", "munder") and len(inner) == 2:
        raised = tag in ("msup", "mover")
        return inner[0] + (_raise(inner[1]) if raised else _lower(inner[1]))
    if tag in ("msubsup", "munderover") and len(inner) == 3:
        return inner[0] + _lower(inner[1]) + _raise(inner[2])
    if tag == "mfrac" and len(inner) == 2:
        return f"{_grouped(inner[0])}/{_grouped(inner[1])}"
    if tag == "msqrt":
        return f"√{_grouped(''.join(inner))}"
    if tag == "mroot" and len(inner) == 2:
        return f"{_raise(inner[1])}√{_grouped(inner[0])}"
    return ("; " if tag == "mtable" else " " if tag == "mtr" else "").join(inner)


def _raise(text: str) -> str:
    return text.translate(_HIGH) if _RAISED.issuperset(text) else f"^{_grouped(text)}"


def _lower(text: str) -> str:
    return text.translate(_LOW) if _LOWERED.issuperset(text) else f"_{_grouped(text)}"


def _grouped(text: str) -> str:
    return text if len(text) <= 1 or text.isalnum() else f"({text})"
