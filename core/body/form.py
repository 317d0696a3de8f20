"""What form a body has, found in the body: HTML, markdown with or without HTML, or plain text.

Sources put any of them into any element, so the declared type is one witness and the text itself
the other: a declaration of plain text is believed unless the text plainly is something else
(RFC 4287 3.1.1.1), one of HTML unless there is markdown outside of its elements.
"""

from __future__ import annotations

import re
from typing import Literal

Declared = Literal["html", "text", "markdown", "auto"]
Form = Literal["html", "text", "markdown"]

LONGEST_MARKDOWN = 400_000  # longer texts are taken as they are: markdown-it takes seconds for them
_SAMPLE = 60_000
BLOCK_TAG = re.compile(r"<(?:p|div|table|ul|ol|section|article|h[1-6]|blockquote)\b", re.I)
TAG = re.compile(r"<(?:/[a-zA-Z]|[a-zA-Z][\w:-]*(?:\s[^<>]*)?/?>)")
# Signs of markdown: weak ones count together, a strong one alone where nothing is declared.
_STRONG = r"^ {0,3}#{1,6}[ \t]+\S|\]\((?:https?:/|[./#\w])|^```|!\[[^\]\n]{0,200}\]\("
_STRONG_SIGN = re.compile(_STRONG, re.MULTILINE)
_SIGN = re.compile(
    rf"{_STRONG}|^ {{0,3}}(?:-{{3,}}|={{3,}}|\*{{3,}})[ \t]*$|\*\*[^\s*][^*\n]{{0,300}}\*\*"
    r"|^ {0,3}(?:[-*+]|\d{1,2}\.)[ \t]+\S[^\n]*\n {0,3}(?:[-*+]|\d{1,2}\.)[ \t]"
    r"|^ {0,3}>[ \t]?\S",
    re.MULTILINE,
)
# Written only by authors who mean markdown: a link or a picture with its address.
_LINK = re.compile(
    r"!?\[[^\[\]\n]{0,300}\]\((?:https?://|\.{0,2}/|#)[^\s()<>]{0,2000}(?:\([^\s()<>]{0,200}\))?[^\s()<>]{0,200}"
    r"(?:[ \t]+\"[^\"\n]{0,200}\")?\)"
)
# What is in these is a program, or markup of another kind.
_VERBATIM = re.compile(r"<(pre|code|script|style|textarea|svg|math|!--)", re.IGNORECASE)
_OPENS_WITH = re.compile(
    r"\s*<(?:!doctype|html|body|p|div|section|article|figure|h[1-6]|ul|ol|table|blockquote|img|a|br"
    r"|span|strong|b|em|i|center|iframe|video|audio)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_OPENED = re.compile(
    r"<(p|div|section|article|h[1-6]|ul|ol|table|blockquote|figure)\b[^<>]*>", re.IGNORECASE
)
_CLOSED = re.compile(
    r"</(p|div|section|article|h[1-6]|ul|ol|table|blockquote|figure)\s*>", re.IGNORECASE
)
_WITH_ADDRESS = re.compile(
    r"<a\s[^<>]{0,300}?href\s*=[^<>]*>[^<>]{0,2000}</a\s*>|<img\s[^<>]{0,500}?src\s*=[^<>]*>", re.I
)

_BLOCK_LINE = re.compile(
    r"</?(?:p|div|table|ul|ol|li|td|th|section|article|h[1-6]|blockquote|figure)\b.*",
    re.IGNORECASE | re.DOTALL,
)


def form_of(text: str, declared: Declared) -> Form:
    """What `text` is, given what it was declared to be."""
    if declared == "markdown":
        return "markdown" if len(text) <= LONGEST_MARKDOWN else _plain_or_html(text)
    if declared == "text":
        if _LINK.search(text, 0, _SAMPLE) and len(text) <= LONGEST_MARKDOWN:
            return "markdown"
        return "html" if is_plainly_html(text) else "text"
    if _is_markdown(text, declared):
        return "markdown"
    return _plain_or_html(text)


def is_plainly_html(text: str) -> bool:
    """Whether a text is markup, and not one that only names an element.

    `<p>` opens and closes something, or an address is linked: `<b>no markup</b> meant` does not.
    """
    if "<" not in text:
        return False
    opened = {name.lower() for name in _OPENED.findall(text, 0, _SAMPLE)}
    blocks = any(name.lower() in opened for name in _CLOSED.findall(text, 0, _SAMPLE))
    return (blocks and _OPENS_WITH.match(text) is not None) or (
        len(_WITH_ADDRESS.findall(text, 0, _SAMPLE)) + blocks >= 2
    )


def _plain_or_html(text: str) -> Form:
    return "html" if TAG.search(text) else "text"


def _is_markdown(text: str, declared: Declared) -> bool:
    strong = any(sign in text for sign in ("#", "](", "```"))  # far faster than the expressions
    if len(text) > LONGEST_MARKDOWN:
        return False
    if declared == "auto":
        if strong and _STRONG_SIGN.search(text) is not None:
            return True
        return ("\n" in text or "](" in text or "**" in text) and (
            len(_SIGN.findall(text, 0, _SAMPLE)) >= 2
        )
    if not strong:
        return False
    outside = _without_verbatim(text[:_SAMPLE])
    if BLOCK_TAG.search(outside) is None:
        return len(_STRONG_SIGN.findall(outside)) >= 2
    between = _between_blocks(outside)
    return _STRONG_SIGN.search(between) is not None and len(_SIGN.findall(between)) >= 2


def _without_verbatim(text: str) -> str:
    lowered, kept, at = text.lower(), [], 0
    unclosed: set[str] = set()
    for start in _VERBATIM.finditer(text):
        name = start[1].lower()
        if start.start() < at or name in unclosed:
            continue
        end = lowered.find("-->" if name == "!--" else f"</{name}", start.end())
        if end < 0:
            unclosed.add(name)  # each is looked for once, however many open
            continue
        kept.append(text[at : start.start()])
        at = end
    return "".join([*kept, text[at:]])


def _between_blocks(text: str) -> str:
    """The text outside of block elements, or after an empty line inside of them.

    There markdown is read as markdown (CommonMark 4.6); in `<p># 1 [x](y)</p>` it is text.
    """
    parts = re.split(r"\n[ \t]*\n", text)
    return "\n\n".join(_BLOCK_LINE.sub("", part) for part in parts)
