"""Convert a body in any format to one tree of HTML elements.

Input: HTML, markdown with inline HTML, front matter, JSON-escaped or double-escaped HTML, CDATA,
plain text. Output: a tree, the front matter, and the detected format. Nothing is cut here.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field

from lxml import etree

from core.body import markdown
from core.body.html import parse_markup
from core.body.markdown import TAG, Declared, Form, form_of, is_plainly_html
from core.text import repaired, strip_invisible, wide_share
from core.urls import host_of

MAX_CHARACTERS = 2 * 2**20  # per body; the largest of 177 public pages has 800,000 in total
# Most servers send markdown as plain text.
_TEXT_TYPES: dict[str, Declared] = {
    "text/markdown": "markdown", "text/x-markdown": "markdown", "text/plain": "auto",
}  # fmt: skip
_PAGE = re.compile(r"\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_FRONT = re.compile(r"\s*(---|\+\+\+)[ \t]*\n(.{0,20000}?)\n\1[ \t]*(?:\n|$)", re.DOTALL)
_UNOPENED_FRONT = re.compile(  # Hexo; up to an empty line: Pelican, MultiMarkdown
    r"()((?i:title|date|layout|tags|categories|author|permalink):[^\n]*\n"
    r"(?:(?:[A-Za-z_][\w-]{0,40}:|[ \t]+|- )[^\n]*\n){1,60}?)(?:---[ \t]*(?:\n|$)|[ \t]*\n)"
)
_LONGEST_FRONT = 20_000  # characters
_FIELD = re.compile(  # quoted, one line with continuation lines, or a list
    r"^([A-Za-z_][\w-]{0,40})[ \t]*[:=][ \t]*"
    r'("(?:[^"\\\n]|\\[^\n]|\\?\n(?=[ \t])){0,2000}"'
    r"|\S.*(?:\n[ \t]+(?!-[ \t]|[\w-]{1,40}[ \t]*[:=])\S.*){0,20}|(?:\n[ \t]*- [^\n]*){1,50})$",
    re.MULTILINE,
)
_BLOCK_MARK = re.compile(r"^[>|][+-]?[ \t]*\n")
# Escapes in double quotes of YAML and TOML. Python writes Chinese as escapes and folds at 80
# characters.
_QUOTED = re.compile(
    r'\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(["\\/ ])|\n[ \t]*)'
)
_JSON_FIELDS = re.compile(r'\s*("(?:title|date|layout|tags)".{0,20000}?)\n;;;[ \t]*\n', re.DOTALL)
_SHARED = re.compile(r'<a href="([^"<>\s]{1,2000})">\s*\[link\]\s*</a>')
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_COMMENT = re.compile(r"<!--[^<>]{0,300}-->")
_SHORTCODE = re.compile(r"\{\{[<%][^{}]{0,500}[>%]\}\}|\{%[^{}]{0,500}%\}")
# A URL in running text; includes paired brackets, excludes the punctuation of the sentence.
_ADDRESS = re.compile(
    r"https?://(?:[^\s<>()（）「」『』《》〈〉【】，。；：！？、“”\"]|\([^\s()<>]{0,200}\))+(?<![.,;:!?'\]])"
)
_CHAPTER = re.compile(r"[(\[]?(?:\d{1,2}:)?\d{1,2}:\d\d[)\]]?[ \t]*[-–—:|]?[ \t]*\S")
_SENTENCE_END = tuple('。！？”」』）.!?"’)…')
_JSON_ESCAPE = re.compile(r'\\u([0-9a-fA-F]{4})|\\(["/nrt\\])')
_JSON_CHARS = {"n": "\n", "r": "\r", "t": "\t"}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_ESCAPED_TAG = re.compile(
    r"&(?:amp;)?lt;(?:p|br|div|a|img|b|strong|em|i|ul|ol|li|h[1-6]|table|blockquote|span|figure"
    r"|section|article|iframe)\b.{0,2000}?&(?:amp;)?gt;",
    re.IGNORECASE | re.DOTALL,
)
_BLOCK = re.compile(
    r"</?(?:p|div|table|ul|ol|section|article|h[1-6]|blockquote|figure|pre|hr|center)\b[^>]*>",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class NormalizedBody:
    """A body as a tree. `front` is its front matter, `shape` its original format."""

    root: etree._Element
    front: dict[str, str] = field(default_factory=dict)
    shape: str = "html"


def normalize(raw: str, *, content_type: Declared = "auto") -> NormalizedBody:
    """Parse a body in any format; `content_type` is the declared one."""
    text = strip_invisible(repaired(raw[:MAX_CHARACTERS]))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    front, text = _front_matter(text, content_type)
    text, declared = _unescape(text, content_type)
    if front:
        text, declared = _SHORTCODE.sub("", text), "markdown"
    form = form_of(text, declared)
    return NormalizedBody(parse_markup(_markup(text, form, declared)), front, form)


def text_document(text: str, content_type: str | None) -> NormalizedBody | None:
    """Parse plain text or markdown (RFC 7763) by content type; None for HTML."""
    stated = (content_type or "").partition(";")[0].strip().lower()
    declared = _TEXT_TYPES.get(stated)
    if declared is None or _PAGE.match(text):
        return None
    return normalize(text, content_type=declared)


def with_shared_link(raw: str, page: str | None) -> str:
    """Prepend the shared link to a link post whose only text is `[link] [comments]`."""
    found = _SHARED.search(raw) if page and "[link]" in raw else None
    if found is None or host_of(found[1]) in ("", host_of(page or "")):
        return raw
    shown = found[1].partition("://")[2].rstrip("/")[:120]
    return f'<p><a href="{found[1]}">{shown}</a></p>{raw}'


def is_draft(text: str) -> bool:
    """Whether the front matter of a markdown file marks it as a draft (Hugo, Jekyll)."""
    front, _ = _front_matter(text.removeprefix("\ufeff").replace("\r\n", "\n"), "markdown")
    return front.get("draft", "").lower() == "true" or front.get("published", "").lower() == "false"


def _front_matter(text: str, declared: Declared) -> tuple[dict[str, str], str]:
    """Split a text into the fields of its YAML or TOML front matter, and the rest.

    In declared markdown also JSON (Hugo, Hexo), and YAML with only an end mark or none. Lists are
    joined with commas.
    """
    match = _FRONT.match(text)
    if declared == "markdown" and match is None:
        bare = _JSON_FIELDS.match(text)
        if bare:
            return _json_front_matter(f"{{{bare[1]}}}{text[bare.end() :]}")
        if text.startswith("{"):
            return _json_front_matter(text)
        match = _UNOPENED_FRONT.match(text)
    if match is None or not _FIELD.search(match[2]):
        return {}, text
    fields = {name.lower(): _one_line(value.strip()) for name, value in _FIELD.findall(match[2])}
    words = {n: _unquote(v) if n == "title" else _joined(v) for n, v in fields.items()}
    return words, text[match.end() :]


def _json_front_matter(text: str) -> tuple[dict[str, str], str]:
    try:
        fields, end = json.JSONDecoder().raw_decode(text[:_LONGEST_FRONT])
    except (ValueError, RecursionError):
        return {}, text
    if "title" not in fields and "date" not in fields:
        return {}, text
    stated = {name.lower(): value for name, value in fields.items()}
    lists = {n: ", ".join(map(str, v)) for n, v in stated.items() if isinstance(v, list)}
    words = {name: str(value) for name, value in stated.items() if isinstance(value, str | bool)}
    return lists | words, text[end:]


def _one_line(value: str) -> str:
    """Unfold a plain value with continuation lines, or a block value below `>-`."""
    if "\n" not in value or value.startswith(('"', "- ")):
        return value
    return " ".join(_BLOCK_MARK.sub("", value).split())


def _joined(value: str) -> str:
    if value.startswith("[") and value.endswith("]"):
        parts = value[1:-1].split(",")
    elif value.startswith("- "):
        parts = [part.strip().removeprefix("-") for part in value.split("\n")]
    else:
        return _unquote(value)
    return ", ".join(filter(None, (_unquote(part.strip()) for part in parts)))


def _unquote(value: str) -> str:
    if len(value) < 2 or value[0] != value[-1] or value[0] not in "\"'":
        return value
    if value[0] == "'":
        return value[1:-1]
    text = _SURROGATES.sub(_surrogate_pair, _QUOTED.sub(_quoted_char, value[1:-1]))
    return " ".join(line.strip() for line in text.split("\n")).encode(errors="ignore").decode()


def _quoted_char(match: re.Match[str]) -> str:
    code = int(match[1] or match[2] or match[3] or "0", 16)
    return (match[4] or "") if not code else chr(code) if code < 0x110000 else ""


def _unescape(text: str, declared: Declared) -> tuple[str, Declared]:
    """Remove superfluous escaping, up to two layers; also return the declared type.

    After unescaping, a declaration as text no longer applies: it referred to the escaped text.
    """
    if text.count("\\u003c") + text.count("\\u003C") >= 3 and not TAG.search(text):
        text = _SURROGATES.sub(_surrogate_pair, _JSON_ESCAPE.sub(_json_char, text))
        text, declared = strip_invisible(text), "auto"
    for _ in range(2):
        if TAG.search(text) or not _ESCAPED_TAG.search(text):
            break
        if declared == "text" and not is_plainly_html(html.unescape(text)):
            break
        text, declared = html.unescape(text), "auto" if declared == "text" else declared
    return text, declared


def _json_char(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _JSON_CHARS.get(match[2], match[2])


def _surrogate_pair(match: re.Match[str]) -> str:
    return match[0].encode("utf-16", "surrogatepass").decode("utf-16")


def _markup(text: str, form: Form, declared: Declared) -> str:
    """Convert a text in the given format to HTML."""
    if form == "text":
        return _paragraphs(text if declared == "text" else html.unescape(_without_marks(text)))
    text = _without_marks(text)
    if form == "markdown":
        return markdown.render(text)
    return text if declared == "html" else _split_edges(text)


def _without_marks(text: str) -> str:
    """Remove comments and CDATA marks left by a generator."""
    if "<![CDATA[" in text:
        text = _CDATA.sub("", text)
    return _COMMENT.sub("", text) if "<!--" in text else text


def _split_edges(text: str) -> str:
    """Turn plain lines before the first and after the last block into paragraphs."""
    first = _BLOCK.search(text)
    if first is None:
        return text if text.count("\n") < 2 else text.replace("\n", "<br>\n")
    last = list(_BLOCK.finditer(text, first.start()))[-1]
    head, body, tail = text[: first.start()], text[first.start() : last.end()], text[last.end() :]
    return _lines(head) + body + _lines(tail)


def _lines(text: str) -> str:
    if "\n" not in text.strip():
        return text
    return "".join(f"<p>{line}</p>" for line in text.split("\n") if line.strip())


def _paragraphs(text: str) -> str:
    """Plain text to HTML: empty lines separate paragraphs; single line breaks may count."""
    parts = [part for part in re.split(r"\n[ \t]*\n\s*", text.strip()) if part.strip()]
    return "".join(map(_paragraph, parts))


def _paragraph(part: str) -> str:
    lines = [line for each in part.split("\n") if (line := each.strip())]
    chapters = _chapters(lines)
    if chapters:
        head, lines = lines[: len(lines) - chapters], lines[len(lines) - chapters :]
        listed = "".join(f"<li>{_linked(line)}</li>" for line in lines)
        return (f"<p>{_broken_lines(head)}</p>" if head else "") + f"<ul>{listed}</ul>"
    return f"<p>{_broken_lines(lines)}</p>"


def _chapters(lines: list[str]) -> int:
    """Number of lines at the end that are episode chapters: (00:00) Intro, 1:02:03 - Bread."""
    count = next((n for n, line in enumerate(reversed(lines)) if not _CHAPTER.match(line)), None)
    count = len(lines) if count is None else count
    return count if count >= 2 else 0


def _broken_lines(lines: list[str]) -> str:
    # Lines as long as a paragraph that end with a full sentence.
    whole = [
        line
        for line in lines
        if len(line) * (1 + wide_share(line)) >= 100 and line.endswith(_SENTENCE_END)
    ]
    if len(whole) >= max(2, 0.3 * len(lines)):
        return "</p><p>".join(map(_linked, lines))
    longest = max(len(line) for line in lines)
    # Lines of equal length were wrapped by software, not by the author.
    even = sum(len(line) >= 0.75 * longest for line in lines[:-1]) >= 0.8 * (len(lines) - 1)
    wrapped = len(lines) > 2 and longest <= 100 and even
    return ("\n" if wrapped else "<br>").join(map(_linked, lines))


def _linked(line: str) -> str:
    """A plain line as HTML, with links for its URLs."""
    line = html.escape(line, quote=False)
    return _ADDRESS.sub(_link, line) if "://" in line else line


def _link(found: re.Match[str]) -> str:
    return f'<a href="{found[0].replace(chr(34), "%22")}">{found[0]}</a>'
