"""Characters and white space: letters, joins, plain titles, language, XML escaping.

Chinese and Japanese are written without spaces. White space between two such characters, left by a
formatter or a dropped element, does not belong to the text.
"""

from __future__ import annotations

import html
import re
from functools import cache
from importlib import resources
from typing import Literal

from opencc import OpenCC

WIDE = "\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
_WIDE = re.compile(f"[{WIDE}]+")
_SAMPLE = 600  # characters, enough to detect a text's script
_CERTAIN = 12  # UTF-8 sequences; no text in a Latin language contains this many by chance
_SPECIAL = bytes(b for b in range(0x80, 0xA0) if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D))
_BYTES = {ord(sign): byte for sign, byte in zip(_SPECIAL.decode("cp1252"), _SPECIAL, strict=True)}
_HIGH = re.compile("[\x80-\xff" + _SPECIAL.decode("cp1252") + "]+")
_DOUBLE = re.compile("[\xc3-\xf4][\x80-\xbf" + _SPECIAL.decode("cp1252") + "]{1,3}")
_NEUTRAL = frozenset("-–—―~·•‧…“”‘’()/:\"'#")
_SPACES = re.compile(r"[ \t\r\n\f\v\xa0]+")
_BROKEN_WIDE = re.compile(f"(?<=[{WIDE}])[ \\t\\xa0]*[\\r\\n]\\s*(?=[{WIDE}])")
_ASCII_OTHERS = bytes(sign for sign in range(128) if not chr(sign).isalnum())
# Without `+`: a quantifier is retried at every letter and takes 50 % longer.
_NOT_LETTERS = re.compile(r"[\W_]")
# Characters that XML forbids, and invisible ones that break searching and comparing.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\ufeff\ufff9-\uffff\ud800-\udfff]"
)
_ORDINARY = bytes([9, 10, 13, *range(32, 127)])
_FORMATTING = (
    "a|abbr|b|big|br|cite|code|del|em|font|i|ins|mark|p|q|s|small|span|strike|strong|sub|sup|tt|u"
    "|wbr"
)
_FORMATTING_TAG = re.compile(  # attributes have values: in `a<b and b>c` there is no tag
    rf"</?(?:{_FORMATTING})(?:\s[^<>=]{{0,2000}}+=[^<>]{{0,2000}}+)?\s*/?>", re.IGNORECASE
)
_TAG_IN_USE = re.compile(  # has attributes, or has an end tag, or is one
    r"<([a-zA-Z][\w-]{0,30})[^<>]{0,2000}>(?=.*</\1\s*>)|</[a-zA-Z][^<>]{0,200}>"
    r"|<[a-zA-Z][^<>\s]{0,60}(?:[\s/][^<>]{0,2000})?=[^<>]{0,2000}(?:>|$)|<!--.{0,2000}?(?:-->|$)",
    re.IGNORECASE | re.DOTALL,
)
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,2000}>")
# “How to use the <video> element”: a tag name in brackets without an end tag is a word of the
# title. Only the name is kept: a reader that renders titles as HTML would hide the rest, or run it.
_ACTING = (
    "img|script|style|svg|iframe|object|math|form|input|body|html|marquee|title|base|link|meta|embed"
    "|textarea|select|template|frame|frameset|plaintext|xmp|noscript|noembed|applet"
)
_LONE_TAG = re.compile(rf"<({_ACTING})\s*/?>", re.IGNORECASE)
# A tag that is left after all others went, as in `<script src=//a.example?<b>`.
_OPEN_TAG = re.compile(rf"<(?=(?:{_ACTING})[\s/][^>]*=)", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{2,7}|#[xX][0-9a-fA-F]{2,6}|[a-zA-Z]{2,12});")
# In titles declared as plain text, brackets that are still escaped stay as written.
_ENTITY_IN_TEXT = re.compile(
    r"&(?!(?:lt|gt|LT|GT|#0*6[02]|#[xX]0*3[cCeE]);)(?:#\d{2,7}|#[xX][0-9a-fA-F]{2,6}|[a-zA-Z]{2,12});"
)


def is_wide(char: str) -> bool:
    """Whether the character is written without spaces around it (Chinese, Japanese)."""
    return char > "\u2e7f" and _WIDE.match(char) is not None


def is_formatting_space(before: str, after: str) -> bool:
    """Whether white space between these two characters comes from formatting, not the text."""
    if is_wide(before):
        return is_wide(after) or after in _NEUTRAL
    return before in _NEUTRAL and is_wide(after)


def collapse(text: str) -> str:
    """Collapse white space as a browser does; remove line breaks inside Chinese text."""
    if "  " not in text and text.isprintable():  # only single spaces
        return text
    if "\n" in text or "\r" in text:
        text = _BROKEN_WIDE.sub("", text)
    return _SPACES.sub(" ", text)


def count_letters(text: str) -> int:
    """Count the letters and digits of any script."""
    if text.isascii():  # translate() is twenty times as fast as the expression
        return len(text.encode().translate(None, _ASCII_OTHERS))
    return len(_NOT_LETTERS.sub("", text))


def only_letters(text: str) -> str:
    """Keep only letters and digits."""
    if text.isascii():
        return text.encode().translate(None, _ASCII_OTHERS).decode()
    return _NOT_LETTERS.sub("", text)


def letters_only(text: str) -> str:
    """Only letters and digits, in lower case: the form in which texts are compared."""
    return only_letters(text).lower()


def repaired(text: str) -> str:
    """Repair UTF-8 that was decoded as Latin-1 or Windows-1252.

    Only if it is certain: at least a dozen sequences, all of them valid.
    """
    if text.isascii() or len(_DOUBLE.findall(text, 0, 20_000)) < _CERTAIN:
        return text
    try:
        return _HIGH.sub(lambda run: run[0].translate(_BYTES).encode("latin-1").decode(), text)
    except UnicodeError:
        return text


def strip_invisible(text: str) -> str:
    """Remove control characters and other invisible ones."""
    # Most text is plain ASCII; translate() checks it in a fifth of the expression's time.
    rest = text.encode("utf-8", "surrogatepass").translate(None, _ORDINARY)
    if not rest or not _INVISIBLE.search(rest.decode("utf-8", "surrogatepass")):
        return text
    return _INVISIBLE.sub("", text)


def wide_share(text: str) -> float:
    """Share of Chinese and Japanese characters among the letters."""
    sample = text[:_SAMPLE]
    if sample.isascii():
        return 0.0
    total = count_letters(sample)
    return (len(sample) - len(_WIDE.sub("", sample))) / total if total else 0.0


def plain_title(
    title: str | None, declared: Literal["html", "text", "auto"] = "auto"
) -> str | None:
    """A title as one line of plain text without entities and tags; None if nothing is left.

    Feeds escape titles once, twice or not at all, so entities are decoded up to three times. If a
    title is declared as HTML or text, the brackets that remain after decoding are text.
    """
    if not title:
        return None
    title = title[:4000]
    if declared == "html":
        title = html.unescape(_ANY_TAG.sub("", title))
    entity = _ENTITY if declared == "auto" else _ENTITY_IN_TEXT
    for _ in range(3):
        if not entity.search(title):
            break
        title = entity.sub(lambda found: html.unescape(found[0]), title)
    for _ in range(3):  # the rest may form a tag again: <ifr<b>ame>
        if "<" not in title:
            break
        title = _TAG_IN_USE.sub("", _LINE_BREAK.sub(" ", title))
        if declared == "auto":
            title = _FORMATTING_TAG.sub("", title)
        title = _LONE_TAG.sub(r"\1", title)
    title = collapse(strip_invisible(_OPEN_TAG.sub("", title))).strip(" \u3000")
    return title or None


def text_in(value: object, longest: int) -> str | None:
    """`value` cut to `longest` characters, if it is text and not blank; else None."""
    if not isinstance(value, str):
        return None
    return value[:longest].strip() or None


def text_of(blocks: list[str]) -> str:
    """The text of an article: its blocks joined by an empty line."""
    return "\n\n".join(block for block in blocks if block)


def converter(configuration: str) -> OpenCC:
    """The converter of Chinese characters for a packaged configuration, such as `t2s`.

    `OpenCC("t2s")` prefers a file `t2s.json` in the working directory, which another user may have
    put there; an absolute path prevents that.
    """
    packaged = resources.files("opencc") / "clib" / "share" / "opencc" / f"{configuration}.json"
    return OpenCC(str(packaged))


def simplified(text: str) -> str:
    """The text with Traditional characters as Simplified ones, one for one."""
    return text if text.isascii() else text.translate(_characters())


class _Characters(dict[int, str]):
    """Each character in its Simplified form, found once."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        self[code] = found = str(_to_simplified().convert(sign)) if is_wide(sign) else sign
        return found


@cache
def _to_simplified() -> OpenCC:
    return converter("t2s")


@cache
def _characters() -> _Characters:
    return _Characters({0xFE55: ":"})  # the small colon of papers in Hong Kong


# XML 1.0, section 2.2: one of these in a title and every reader rejects the whole feed. The control
# characters 7F to 9F are allowed but have no meaning.
_ILLEGAL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;"}
)


def without_illegal_xml(text: str) -> str:
    """`text` without characters that XML forbids, nor lone surrogates, which JSON forbids."""
    return _ILLEGAL.sub("", text)


def escaped(text: str) -> str:
    """`text` as the content of an element."""
    return without_illegal_xml(text).translate(_TEXT)


def quoted(text: str) -> str:
    """`text` as an attribute value, including the quotes."""
    return f'"{without_illegal_xml(text).translate(_ATTRIBUTE)}"'


# Frequent characters that exist in only one of the two scripts.
_SIMPLIFIED = re.compile("[这来个们国说为时会学对后发经头长动样现将进实点种声话儿报导记闻务员区]")
_TRADITIONAL = re.compile("[這來個們國說為時會學對後發經頭長動樣現將進實點種聲話兒報導記聞務員區]")
_KANA = re.compile("[\u3041-\u30ff]+")
_HANGUL = re.compile("[\uac00-\ud7a3]+")
_HAN = re.compile("[\u4e00-\u9fff]+")
_CYRILLIC = re.compile("[\u0400-\u04ff]+")
_LATIN = re.compile("[a-z]{2,}")
_WORDS = {
    "en": frozenset("the of and to in is that for it was with as on".split()),
    "de": frozenset("der die und das ist nicht mit ein den von auf für".split()),
    "fr": frozenset("le la les des et est une dans que pour qui sur".split()),
    "es": frozenset("el los las que una por con para del es en su".split()),
    "it": frozenset("il che di una per con del della non sono gli nel".split()),
    "pt": frozenset("os que uma para com do da não em no na mais".split()),
    "nl": frozenset("het een van en dat niet op met voor zijn aan ook".split()),
}
_LANGUAGES = {
    word: [tag for tag, known in _WORDS.items() if word in known]
    for word in frozenset().union(*_WORDS.values())
}
_LANGUAGE_SAMPLE = 800


def language_of(text: str, stated: str | None = None) -> str | None:
    """A BCP 47 tag: by script, else as stated, else by the most frequent words."""
    sample = text[:_LANGUAGE_SAMPLE]
    if not sample.isascii():
        script = _by_script(sample)
        if script:
            return script
    return stated or _by_words(sample.lower())


def _by_script(sample: str) -> str | None:
    han = _count(_HAN, sample)
    if han >= 8 and han > 0.15 * len(sample):
        if _count(_KANA, sample) > 0.1 * han:
            return "ja"
        more = _count(_TRADITIONAL, sample) > _count(_SIMPLIFIED, sample)
        return "zh-Hant" if more else "zh-Hans"
    least = 0.2 * max(len(sample), 40)
    if _count(_HANGUL, sample) > least:
        return "ko"
    return "ru" if _count(_CYRILLIC, sample) > 2 * least else None


def _count(characters: re.Pattern[str], text: str) -> int:
    """Count matching characters; removing them is faster than listing them."""
    return len(text) - len(characters.sub("", text))


def _by_words(lowered: str) -> str | None:
    words = _LATIN.findall(lowered)
    if len(words) < 20:
        return None
    counts = dict.fromkeys(_WORDS, 0)
    for word in words:
        for tag in _LANGUAGES.get(word, ()):
            counts[tag] += 1
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] >= 0.08 * len(words) else None
