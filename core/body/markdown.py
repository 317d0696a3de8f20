"""Detect whether a body is HTML, markdown or plain text; convert markdown to HTML.

Sources put any format into any element, so both the declared type and the text count. Text declared
as plain is plain unless it clearly is something else (RFC 4287 3.1.1.1). Text declared as HTML is
HTML unless there is markdown outside its elements.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from html import escape
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

from core.text import is_wide

Declared = Literal["html", "text", "markdown", "auto"]
Form = Literal["html", "text", "markdown"]

LONGEST_MARKDOWN = 400_000  # longer texts are not parsed: markdown-it takes seconds for them
_SAMPLE = 60_000  # characters; enough to detect the format, and matching costs time
BLOCK_TAG = re.compile(r"<(?:p|div|table|ul|ol|section|article|h[1-6]|blockquote)\b", re.I)
TAG = re.compile(r"<(?:/[a-zA-Z]|[a-zA-Z][\w:-]*(?:\s[^<>]*)?/?>)")
# Signs of markdown: weak ones count together; without a declaration, one strong sign suffices.
_STRONG_SIGNS = r"^ {0,3}#{1,6}[ \t]+\S|\]\((?:https?:/|[./#\w])|^```|!\[[^\]\n]{0,200}\]\("
_STRONG_SIGN = re.compile(_STRONG_SIGNS, re.MULTILINE)
_SIGN = re.compile(
    rf"{_STRONG_SIGNS}|^ {{0,3}}(?:-{{3,}}|={{3,}}|\*{{3,}})[ \t]*$|\*\*[^\s*][^*\n]{{0,300}}\*\*"
    r"|^ {0,3}(?:[-*+]|\d{1,2}\.)[ \t]+\S[^\n]*\n {0,3}(?:[-*+]|\d{1,2}\.)[ \t]"
    r"|^ {0,3}>[ \t]?\S",
    re.MULTILINE,
)
# A link or image with a URL, which only authors of markdown write.
_ADDRESSED = re.compile(
    r"!?\[[^\[\]\n]{0,300}\]\((?:https?://|\.{0,2}/|#)[^\s()<>]{0,2000}(?:\([^\s()<>]{0,200}\))?[^\s()<>]{0,200}"
    r"(?:[ \t]+\"[^\"\n]{0,200}\")?\)"
)
# Elements that contain code, or markup of another kind.
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
    """The format of `text`, considering the declared one."""
    plain: Form = "html" if TAG.search(text) else "text"
    if declared == "markdown":
        return "markdown" if len(text) <= LONGEST_MARKDOWN else plain
    if declared == "text":
        if _ADDRESSED.search(text, 0, _SAMPLE) and len(text) <= LONGEST_MARKDOWN:
            return "markdown"
        return "html" if is_plainly_html(text) else "text"
    if _is_markdown(text, declared):
        return "markdown"
    return plain


def is_plainly_html(text: str) -> bool:
    """Whether a text is HTML markup, rather than text that mentions an element.

    It has a block element with start and end tag, or links. `<b>no markup</b> meant` has neither.
    """
    if "<" not in text:
        return False
    opened = {name.lower() for name in _OPENED.findall(text, 0, _SAMPLE)}
    blocks = any(name.lower() in opened for name in _CLOSED.findall(text, 0, _SAMPLE))
    return (blocks and _OPENS_WITH.match(text) is not None) or (
        len(_WITH_ADDRESS.findall(text, 0, _SAMPLE)) + blocks >= 2
    )


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
            unclosed.add(name)  # search each only once, however many are open
            continue
        kept.append(text[at : start.start()])
        at = end
    return "".join([*kept, text[at:]])


def _between_blocks(text: str) -> str:
    """The text outside block elements, or after an empty line inside them.

    Only there markdown is parsed (CommonMark 4.6); in `<p># 1 [x](y)</p>` it is text.
    """
    parts = re.split(r"\n[ \t]*\n", text)
    return "\n\n".join(_BLOCK_LINE.sub("", part) for part in parts)


_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n)+")
_HTML_START = re.compile(
    r"\n* {0,3}</?(?:article|aside|blockquote|body|center|dd|details|div|dl|dt|figcaption|figure"
    r"|footer|form|h[1-6]|header|hr|html|iframe|li|main|nav|ol|p|section|table|tbody|td|tfoot|th"
    r"|thead|tr|ul)(?=[\s/>])",
    re.IGNORECASE,
)
# Headings as mirrors write them: only words and links, no parser needed.
_PLAIN = r"[^\[\]\\*_`<>!~\n]"
_HEADING_LINK = re.compile(rf"\[({_PLAIN}*)\]\(([^\s()<>\\]+)\)")
_SIMPLE_HEADING = re.compile(
    rf" {{0,3}}(#{{1,6}})[ \t]+((?:\[{_PLAIN}*\]\([^\s()<>\\]+\)|{_PLAIN}++)++)"
)
_RULER = re.compile(r"-{3,}[ \t]*")
# Fences and `pre` extend across empty lines; link definitions apply to the whole text.
_REACHES_FAR = ("```", "~~~", "<pre", "]:")
_LINE_IS_MARKUP = re.compile(r"\s*(?:[#>|<]|[-*+] |\d+[.)] |```|={3,}|-{3,}|$| {4}|\t)")
_LINE_IS_OBJECT = re.compile(r"\s*!?\[[^\]]*\]\([^)]*\)\s*$|\s*\*[^*]+\*\s*$|\s*https?://\S+\s*$")
_SENTENCE_END = tuple("。！？；：.!?;:”」』）)…】*")
_FENCED = re.compile(r"(^(?:```|~~~).*?^(?:```|~~~)[ \t]*$)", re.MULTILINE | re.DOTALL)
_STRONG = re.compile(r"(`+)[^`\n]*\1|(?<![\\*])\*\*(?![*\s])([^*\n]{1,500})(?<![\\\s])\*\*(?!\*)")
_WIKI_LINK = re.compile(r"(!?)\[\[(?!\s)([^\[\]\n]{1,200})\]\](?!\()")
_MODULE_LINE = re.compile(r"^(?:import|export)\s[^\n]*\n", re.MULTILINE)
_COMPONENT = re.compile(r"</?[A-Z][\w.]*(?:\s[^<>]{0,500})?/?>")


def render(text: str) -> str:
    """Convert markdown with inline HTML to HTML.

    A text with block elements is split at empty lines, because CommonMark treats a block that
    begins with a block element as HTML up to the next empty line. HTML and simple headings bypass
    the parser. Neighbouring parts that need it are parsed together, because lists continue across
    empty lines.
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
    """The markdown of an MDX file, without imports, exports and component tags."""
    return _COMPONENT.sub("", _MODULE_LINE.sub("", text))


def _strong_in_wide_text(text: str) -> str:
    """Convert strong text that CommonMark ignores in text without spaces: `**甲：**乙`.

    CommonMark opens and closes it by adjacent spaces and punctuation, which assumes spaces between
    words: https://talk.commonmark.org/t/2528
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
    """Convert a part that has only simple headings and rulers; None for others."""
    found = []
    for line in part.split("\n"):
        heading = _SIMPLE_HEADING.fullmatch(line)
        if heading:
            level = len(heading[1])
            words = _HEADING_LINK.sub(_link, heading[2].strip())
            found.append(f"<h{level}>{words}</h{level}>")
        elif _RULER.fullmatch(line):
            found.append("<hr>")
        elif line:
            return None
    return "\n".join(found)


def _parsed(parts: list[str]) -> list[str]:
    text = "\n\n".join(parts)
    return [str(_parser(mixed=True).render(_keep_line_ends(text)))] if parts else []


def _link(match: re.Match[str]) -> str:
    return f'<a href="{escape(match[2])}">{match[1]}</a>'


@cache
def _parser(mixed: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    # Keep URLs as written; they are cleaned elsewhere, in one place.
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    parser.inline.ruler.before("link", "wiki_link", _wiki_link)
    return parser.disable("code") if mixed else parser


def _wiki_link(state: StateInline, silent: bool) -> bool:
    """`[[Page]]` and `[[Page|words]]` as their words, last but in GitHub's wikis; `![[a]]` goes."""
    match = _WIKI_LINK.match(state.src, state.pos)
    if match and not silent and not match[1]:
        target, *label = match[2].split("|")
        is_address = label and re.search(r"[/#]|\.\w{2,5}$|^\w+-[\w-]+$", label[-1])
        state.push("text", "", 0).content = [target, *label][0 if is_address else -1].strip()
    state.pos = match.end() if match else state.pos
    return match is not None


def _keep_line_ends(text: str) -> str:
    """Add two trailing spaces to intended line breaks inside a paragraph."""
    lines = text.split("\n")
    for here, line in enumerate(lines[:-1]):
        if line and not line.endswith("  ") and _ends_line(line, lines[here + 1]):
            lines[here] = line.rstrip() + "  "
    return "\n".join(lines)


def _is_apart(line: str) -> bool:
    """Whether a line is an image, or cannot be part of a Latin sentence."""
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
    # A link alone on a line of wrapped text is part of its sentence.
    if all(objects) or (any(objects) and (_is_apart(line) or _is_apart(following))):
        return True
    if is_wide(stripped[-1]) or is_wide(following.lstrip()[0]):
        return stripped.endswith(_SENTENCE_END) or len(stripped) < 24
    return False
