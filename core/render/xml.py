"""Strings that are safe inside XML: escaped, and without the characters that XML forbids."""

from __future__ import annotations

import re

# XML 1.0, section 2.2; one of these in a title and every reader refuses the whole feed.
# The control characters from 7F to 9F are allowed, but mean nothing to anybody.
_ILLEGAL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;"}
)


def legal(text: str) -> str:
    """`text` without characters that XML forbids; JSON forbids the lone surrogates among them."""
    return _ILLEGAL.sub("", text)


def escaped(text: str) -> str:
    """`text` as the content of an element."""
    return legal(text).translate(_TEXT)


def plain(text: str) -> str:
    """`text` as the content of an element whose readers may take it for markup: RSS does not say.

    The RSS profile asks for these two references, which most readers take for text.
    """
    return legal(text).replace("&", "&#x26;").replace("<", "&#x3C;").replace(">", "&gt;")


def quoted(text: str) -> str:
    """`text` as an attribute's value, quotes included."""
    return f'"{legal(text).translate(_ATTRIBUTE)}"'


def cdata(text: str) -> str:
    """`text` as a CDATA section: a third smaller than escaped markup, and readable."""
    return f"<![CDATA[{legal(text).replace(']]>', ']]]]><![CDATA[>')}]]>"


def element(name: str, text: str | None, attributes: str = "") -> str:
    """`<name>text</name>`, or nothing where there is no text."""
    if not text:
        return ""
    space = " " if attributes else ""
    return f"<{name}{space}{attributes}>{escaped(text)}</{name}>"
