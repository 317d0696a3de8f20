"""Markdown to HTML by markdown-it (CommonMark), with what mirrors' half-HTML files need.

Indented code is off where HTML is mixed in, because pretty-printed HTML is indented; a line end
stays a line end where the author plainly meant one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from html import escape

from markdown_it import MarkdownIt

from core.body.form import BLOCK_TAG
from core.text import is_wide

_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n)+")
_HTML_START = re.compile(
    r"\n* {0,3}</?(?:article|aside|blockquote|body|center|dd|details|div|dl|dt|figcaption|figure"
    r"|footer|form|h[1-6]|header|hr|html|iframe|li|main|nav|ol|p|section|table|tbody|td|tfoot|th"
    r"|thead|tr|ul)(?=[\s/>])",
    re.IGNORECASE,
)
# The headings of mirrors: words and links, nothing that needs a parser.
_PLAIN = r"[^\[\]\\*_`<>!~\n]"
_LINK = re.compile(rf"\[({_PLAIN}*)\]\(([^\s()<>\\]+)\)")
_SIMPLE_HEADING = re.compile(
    rf" {{0,3}}(#{{1,6}})[ \t]+((?:\[{_PLAIN}*\]\([^\s()<>\\]+\)|{_PLAIN}++)++)"
)
_RULER = re.compile(r"-{3,}[ \t]*")
# Fences and `pre` reach over empty lines, and definitions of links over the whole text.
_REACHES_FAR = ("```", "~~~", "<pre", "]:")
_LINE_IS_MARKUP = re.compile(r"\s*(?:[#>|<]|[-*+] |\d+[.)] |```|={3,}|-{3,}|$| {4}|\t)")
_LINE_IS_OBJECT = re.compile(r"\s*!?\[[^\]]*\]\([^)]*\)\s*$|\s*\*[^*]+\*\s*$|\s*https?://\S+\s*$")
_SENTENCE_END = tuple("。！？；：.!?;:”」』）)…】*")
_FENCED = re.compile(r"(^(?:```|~~~).*?^(?:```|~~~)[ \t]*$)", re.MULTILINE | re.DOTALL)
_STRONG = re.compile(r"(`+)[^`\n]*\1|(?<![\\*])\*\*(?![*\s])([^*\n]{1,500})(?<![\\\s])\*\*(?!\*)")
_MODULE_LINE = re.compile(r"^(?:import|export)\s[^\n]*\n", re.MULTILINE)
_COMPONENT = re.compile(r"</?[A-Z][\w.]*(?:\s[^<>]{0,500})?/?>")


def render(text: str) -> str:
    """HTML of a markdown text, inline HTML passed on.

    Where HTML is mixed in, the text is cut at empty lines into what needs the parser, and what is
    HTML or headings: by CommonMark a block that starts with a block element is HTML up to the next
    empty line. Neighbours that need the parser stay together, for lists go on over empty lines.
    """
    text = _strong_in_wide_text(text)
    mixed = BLOCK_TAG.search(text) is not None
    if not mixed or any(sign in text for sign in _REACHES_FAR):
        return str(_parser(mixed).render(_keep_line_ends(text)))
    found: list[str] = []
    parsed: list[str] = []
    for part in _EMPTY_LINES.split(text):
        known = part if _HTML_START.match(part) else _headings(part)
        if known is None:
            parsed.append(part)
            continue
        found += _parsed(parsed)
        found.append(known)
        parsed = []
    return "\n".join([*found, *_parsed(parsed)])


def without_components(text: str) -> str:
    """The markdown of an MDX file: without imports, exports and the tags of components."""
    return _COMPONENT.sub("", _MODULE_LINE.sub("", text))


def _strong_in_wide_text(text: str) -> str:
    """Strong text as HTML where CommonMark sees none: `**甲：**乙` in text without spaces.

    Its marks open and close by the spaces and punctuation beside them, which presumes spaces
    between words: https://talk.commonmark.org/t/2528
    """
    if "**" not in text:
        return text
    parts = _FENCED.split(text)
    parts[::2] = [_STRONG.sub(_strong, part) for part in parts[::2]]
    return "".join(parts)


def _strong(match: re.Match[str]) -> str:
    inner = match[2]
    if inner is None:  # code
        return match[0]
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    hidden = (_is_mark(inner[0]) and _is_word(before)) or (_is_mark(inner[-1]) and _is_word(after))
    wide = any(is_wide(each) for each in (before, after, inner[0], inner[-1]) if each)
    return f"<strong>{inner}</strong>" if hidden and wide else match[0]


def _is_mark(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "PS"


def _is_word(sign: str) -> bool:
    return bool(sign) and not sign.isspace() and not _is_mark(sign)


def _headings(part: str) -> str | None:
    """HTML of lines that are all simple headings and rulers; None for any other text."""
    found = []
    for line in part.split("\n"):
        heading = _SIMPLE_HEADING.fullmatch(line)
        if heading:
            level = len(heading[1])
            found.append(f"<h{level}>{_LINK.sub(_link, heading[2].strip())}</h{level}>")
        elif _RULER.fullmatch(line):
            found.append("<hr>")
        elif line:
            return None
    return "\n".join(found)


def _parsed(parts: list[str]) -> list[str]:
    if not parts:
        return []
    return [str(_parser(mixed=True).render(_keep_line_ends("\n\n".join(parts))))]


def _link(match: re.Match[str]) -> str:
    return f'<a href="{escape(match[2])}">{match[1]}</a>'


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


def _is_apart(line: str) -> bool:
    """A picture, or a line that is no piece of a Latin sentence."""
    stripped = line.strip()
    if stripped.startswith("![") or stripped.endswith(_SENTENCE_END):
        return True
    return is_wide(stripped[0]) or is_wide(stripped[-1])


def _ends_line(line: str, following: str) -> bool:
    if line.startswith("> ") and following.startswith("> "):
        line, following = line[2:], following[2:]
    if not line.strip() or not following.strip():
        return False
    if _LINE_IS_MARKUP.match(line) or _LINE_IS_MARKUP.match(following):
        return False
    objects = [_LINE_IS_OBJECT.match(each) is not None for each in (line, following)]
    stripped = line.rstrip()
    # A link alone on a line of wrapped prose is still a part of its sentence.
    if all(objects) or (any(objects) and (_is_apart(line) or _is_apart(following))):
        return True
    if is_wide(stripped[-1]) or is_wide(following.lstrip()[0]):
        return stripped.endswith(_SENTENCE_END) or len(stripped) < 24
    return False
