"""Markdown to HTML by markdown-it (CommonMark), with what mirrors' half-HTML files need.

Indented code is off where HTML is mixed in, because pretty-printed HTML is indented; a line end
stays a line end where the author plainly meant one.
"""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt

from core.text import is_wide

_SIGN = re.compile(
    r"^ {0,3}#{1,6}[ \t]+\S|^ {0,3}(?:-{3,}|={3,}|\*{3,})[ \t]*$|\]\((?:https?:/|[./#\w])|^```"
    r"|\*\*[^\s*][^*\n]{0,300}\*\*"
    r"|^ {0,3}(?:[-*+]|\d{1,2}\.)[ \t]+\S[^\n]*\n {0,3}(?:[-*+]|\d{1,2}\.)[ \t]"
    r"|^ {0,3}>[ \t]?\S|!\[[^\]\n]{0,200}\]\(",
    re.MULTILINE,
)
_STRONG_SIGN = re.compile(
    r"^ {0,3}#{1,6}[ \t]+\S|\]\((?:https?:/|[./#\w])|^```|!\[[^\]\n]{0,200}\]\(", re.MULTILINE
)
_BLOCK_TAG = re.compile(r"<(?:p|div|table|ul|ol|section|article|h[1-6]|blockquote)\b", re.I)
_LINE_IS_MARKUP = re.compile(r"\s*(?:[#>|<]|[-*+] |\d+[.)] |```|={3,}|-{3,}|$| {4}|\t)")
_LINE_IS_OBJECT = re.compile(r"\s*!?\[[^\]]*\]\([^)]*\)\s*$|\s*\*[^*]+\*\s*$|\s*https?://\S+\s*$")
_SENTENCE_END = tuple("。！？；：.!?;:”」』）)…】*")
_MAX = 400_000  # longer texts are taken as they are; markdown-it is linear but dear


def is_markdown(text: str, *, likely: bool) -> bool:
    """Whether the text is markdown; `likely` says that nothing declared it to be HTML."""
    if len(text) > _MAX:
        return False
    if likely:
        return _STRONG_SIGN.search(text) is not None or len(_SIGN.findall(text, 0, 60_000)) >= 2
    if _BLOCK_TAG.search(text):
        return False
    return len(_STRONG_SIGN.findall(text, 0, 60_000)) >= 2


def render(text: str) -> str:
    """HTML of a markdown text, inline HTML passed on."""
    mixed = _BLOCK_TAG.search(text) is not None
    return str(_parser(mixed).render(_keep_line_ends(text)))


@cache
def _parser(mixed: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    # Addresses stay as they were written; ours are cleaned in one place.
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    return parser.disable("code") if mixed else parser


def _keep_line_ends(text: str) -> str:
    """Marks the line ends inside a paragraph that are meant, by the two spaces of markdown."""
    lines = text.split("\n")
    for here, line in enumerate(lines[:-1]):
        if line and not line.endswith("  ") and _ends_line(line, lines[here + 1]):
            lines[here] = line.rstrip() + "  "
    return "\n".join(lines)


def _ends_line(line: str, following: str) -> bool:
    if line.startswith("> ") and following.startswith("> "):
        line, following = line[2:], following[2:]
    if not line.strip() or not following.strip():
        return False
    if _LINE_IS_MARKUP.match(line) or _LINE_IS_MARKUP.match(following):
        return False
    if _LINE_IS_OBJECT.match(line) or _LINE_IS_OBJECT.match(following):
        return True
    stripped = line.rstrip()
    if is_wide(stripped[-1]) or is_wide(following.lstrip()[0]):
        return stripped.endswith(_SENTENCE_END) or len(stripped) < 24
    return False
