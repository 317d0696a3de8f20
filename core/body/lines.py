"""Collects the running text of one line: markup that is kept, white space that belongs, links.

Where an element is dropped its text stays in the sentence, and the white space that only stood
around the element goes with it between Chinese characters.
"""

from __future__ import annotations

import re
from html import escape

from core.body.blocks import Line
from core.text import collapse, joins, letters

_SPACE = " \t\r\n\f\v\xa0"
_EMPTY = re.compile(
    r"<(a|b|strong|i|em|u|s|del|ins|sub|sup|small|mark|code|q|abbr|kbd)(?: [^<>]*)?> ?</\1>"
)
_DEEPEST = 12  # inline elements inside each other; every line opens them all again
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
            html=_tidy("".join(self._html + closing)),
            text=text,
            linked=self._linked,
            links=tuple(self._links),
            images=tuple(self._images),
        )
        self._reset()
        return line if line.images or line.letters or text.strip(_RULERS) else None


def _tidy(markup: str) -> str:
    """Inline elements that came out empty are taken away, with the space at the line's ends."""
    for _ in range(3 if "<" in markup else 0):
        shorter = _EMPTY.sub("", markup)
        if shorter == markup:
            break
        markup = shorter
    return markup.strip(" \u3000")
