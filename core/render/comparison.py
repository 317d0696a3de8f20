"""One page that shows what was made of documents: original, kept and removed side by side.

For people who make rules. Self-contained and safe to open: nothing in it runs or is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from core.body.html import parse_page, sanitize
from core.body.walk import Walker
from core.feeds.charset import decode
from core.text import squeeze

_MOST_LINES = 2000  # of an original; the largest of 177 public pages has 1,900
_LEAST = 3  # letters; shorter lines stand in any text
_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>What was extracted</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 1rem; color: #222; background: #fff }
.sides { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 1rem }
.sides > div { border: 1px solid #ccc; padding: .5rem; overflow: auto; max-height: 90vh }
.kept { background: #dff5df } .cut { background: #fbdede } p { margin: .3rem 0 }
b { color: #a00 } dt { color: #555; font-size: .85em } dd { margin: 0 0 .4rem }
</style></head><body>
"""


class Compared(NamedTuple):
    """A document and what was made of it."""

    name: str
    original: bytes  # as it came; a page, a feed or the body of an entry
    title: str | None
    html: str  # what is kept
    text: str  # the same, as text
    removed: tuple[tuple[str, str], ...]  # rule and text
    note: str = ""  # such as a score, or why nothing was kept


def comparison_page(documents: Iterable[Compared]) -> str:
    """The whole page, one section a document."""
    return _HEAD + "".join(map(_section, documents)) + "</body></html>\n"


def _section(document: Compared) -> str:
    removed = "".join(
        f"<dt>{escape(rule)}</dt><dd>{escape(text)}</dd>" for rule, text in document.removed
    )
    heading = f"{escape(document.name)} <small>{escape(document.note)}</small>"
    return (
        f"<section><h2>{heading}</h2><div class=sides><div><h3>Original</h3>{_original(document)}"
        f"</div><div><h3>Kept</h3><h4>{escape(document.title or '')}</h4>{sanitize(document.html)}"
        f"</div><div><h3>Removed, with its rule</h3><dl>{removed}</dl></div></div></section>\n"
    )


def _original(document: Compared) -> str:
    """The lines of the original; those that are kept and those that a rule cut are marked."""
    root = parse_page(decode(document.original).text)[1]
    kept = squeeze(document.text)
    cut = {squeeze(text): rule for rule, text in document.removed}
    shown = []
    for block in Walker(None, judging=False).walk(root)[:_MOST_LINES]:
        for line in block.lines:
            key = squeeze(line.text)
            if rule := cut.get(key):
                mark = f"<p class=cut><b>{escape(rule)}</b> {escape(line.text)}</p>"
            else:
                name = " class=kept" if len(key) >= _LEAST and key in kept else ""
                mark = f"<p{name}>{escape(line.text)}</p>"
            shown.append(mark)
    return "".join(shown)
