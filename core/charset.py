"""Bytes to text: byte-order mark, then HTTP header, then prolog or meta, then what the bytes say.

Declarations are believed only as far as the bytes agree: GBK is declared as GB2312 or UTF-8,
windows-1252 as latin-1, UTF-8 under any other name. A document is decoded once, here.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# The WHATWG mapping: the name that is declared, and the superset that is meant.
_MEANT = {
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030",
    "gb18030": "gb18030", "cp936": "gb18030", "hz-gb-2312": "hz", "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs", "big5hkscs": "big5hkscs", "x-x-big5": "big5hkscs",
    "cp950": "big5hkscs", "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252",
    "us-ascii": "cp1252", "ascii": "cp1252", "windows-1252": "cp1252", "iso-8859-9": "cp1254",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932",
    "windows-31j": "cp932", "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "tis-620": "cp874",
    "iso-8859-11": "cp874", "utf8": "utf-8", "unicode": "utf-8", "unicode-1-1-utf-8": "utf-8",
    "utf-16": "utf-16-le", "utf-7": "utf-8",
}  # fmt: skip
_GUESSES = ("gb18030", "big5hkscs", "cp932", "euc_jp", "cp949", "cp1251", "koi8_r", "cp1252")
_PROLOG = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})["']""", re.I)
_META = re.compile(rb"""<meta\b[^>]{0,300}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.I)
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.I)
_SAMPLE = 65_536
# The characters that make up a third of any running Chinese text, both scripts; then Russian.
_FREQUENT = frozenset(
    "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可"
    "她里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三"
    "已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女"
    "問力機給等幾很業最間新什打便位因重被走電四第門相次東政海口使教西再平真聽世氣信北少關並內加化由"
    "卻代軍產入先山五太水萬市眼體別處總才場師書比住員九笑性通目華報立馬命張活難神數件安表原車白應路"
    "這來國個說們為時會著過學對後麼裡還發當開經頭長動樣現將與進實點種聲話兒報道记者新闻报导"
)
_RUSSIAN = frozenset("оеаинтсрвлкмдпу")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a document; `sure` is False where characters may be wrong or were replaced."""

    text: str
    encoding: str
    sure: bool = True


def decode(data: bytes, *, content_type: str | None = None) -> Decoded:
    """The text of `data`, with the encoding that was found and whether it can be trusted."""
    for bom, name in _BOMS:
        if data.startswith(bom):
            return _lenient(data[len(bom) :], name)
    wide = _wide(data)
    if wide:
        return _lenient(data, wide)
    if data.isascii() and not (b"\x1b" in data and b"\x1b$" in data):
        return Decoded(data.decode("ascii"), "ascii")
    declared = _declared(data, content_type)
    as_utf8 = _as_utf8(data, declared)
    if as_utf8 is not None:
        return as_utf8
    return _best(data, declared)


def in_utf8(data: bytes, *, content_type: str | None = None) -> bytes:
    """The document in UTF-8; what is said to be UTF-8 is taken at its word."""
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :]
    declared = _declared(data, content_type)
    if "utf-8" in declared or not declared:
        return data
    return decode(data, content_type=content_type).text.encode("utf-8", "ignore")


def _wide(data: bytes) -> str | None:
    """UTF-16 without a byte-order mark shows in the zero bytes around its first tag."""
    head = data[:4]
    if head in (b"<\0?\0", b"<\0!\0", b"<\0h\0", b"<\0r\0", b"<\0f\0"):
        return "utf-16-le"
    return "utf-16-be" if head in (b"\0<\0?", b"\0<\0!", b"\0<\0h", b"\0<\0r") else None


def _declared(data: bytes, content_type: str | None) -> list[str]:
    """The encodings the document is said to have, most trusted first."""
    head = data[:4096]
    found = [_HEADER.search(content_type)] if content_type else []
    names = [match[1] for match in found if match]
    names += [m[1].decode("ascii") for m in (_PROLOG.search(head), _META.search(head)) if m]
    meant = [_MEANT.get(name.lower(), name.lower()) for name in names]
    return [name for name in dict.fromkeys(meant) if _is_known(name)]


def _is_known(name: str) -> bool:
    try:
        b"".decode(name)
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return name.lower() not in ("idna", "punycode", "raw_unicode_escape", "unicode_escape")


def _as_utf8(data: bytes, declared: list[str]) -> Decoded | None:
    """UTF-8 proves itself: other text is hardly ever valid as UTF-8 by chance."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _damaged_utf8(data, declared)
    wide_chars = len(data) - len(text)
    first = declared[0] if declared else "utf-8"
    if first == "utf-8" or wide_chars >= 8 or "utf-8" in declared:
        return Decoded(text, "utf-8")
    return None


def _damaged_utf8(data: bytes, declared: list[str]) -> Decoded | None:
    """UTF-8 that was cut inside a character or has a few bad bytes is still UTF-8."""
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = (len(data) - len(text)) // 2
    if bad <= 1 and good >= 8 and text[-1:] == "\ufffd":
        return Decoded(text[:-1], "utf-8", sure=True)
    if good >= 50 * bad:
        return Decoded(text, "utf-8", sure=False)
    return None


def _best(data: bytes, declared: list[str]) -> Decoded:
    """The candidate whose text looks most like a language; a declaration counts as a bonus."""
    candidates = list(dict.fromkeys([*declared, *_GUESSES]))
    scores = {name: _score(data, name) + 0.1 * (name in declared) for name in candidates}
    for name in sorted(candidates, key=lambda n: -scores[n]):
        if scores[name] < 0:
            break
        try:
            return Decoded(data.decode(name), name, sure=scores[name] > 0.12)
        except UnicodeDecodeError:
            text = data.decode(name, "replace")
            if text.count("\ufffd") <= len(text) // 500 + 1:
                return Decoded(text, name, sure=False)
    name = declared[0] if declared else "utf-8"
    return Decoded(data.decode(name, "replace"), name, sure=False)


def _score(data: bytes, name: str) -> float:
    """How much the text looks like the language the encoding was made for: 0 to 1, -1 is none."""
    text = data[:_SAMPLE].decode(name, "replace")
    high = [char for char in text if char > "\x7f"]
    if not high:
        return 0.0
    bad = sum(
        1 for c in high if c == "\ufffd" or "\x80" <= c <= "\x9f" or "\ue000" <= c <= "\uf8ff"
    )
    if bad * 20 > len(high) + 20:
        return -1.0
    return _likeness(high, name) - 2 * bad / len(high) - (0.3 if bad else 0.0)


def _likeness(high: list[str], name: str) -> float:
    total = len(high)
    if name in ("gb18030", "big5hkscs", "hz"):
        return sum(1 for c in high if c in _FREQUENT or c in "，。、“”") / total
    if name in ("cp932", "euc_jp"):
        return sum(1 for c in high if "\u3041" <= c <= "\u30fc") / total
    if name == "cp949":
        return 0.8 * sum(1 for c in high if "\uac00" <= c <= "\ud7a3") / total
    if name in ("cp1251", "koi8_r"):
        return 0.7 * sum(1 for c in high if c in _RUSSIAN) / total
    # Western text has single accented letters between plain ones, others have runs of them.
    letters = sum(1 for c in high if c.isalpha() or c in "‘’“”–—…«»°€£©®·¿¡ \xa0")
    return 0.3 * letters / total


def _lenient(data: bytes, name: str) -> Decoded:
    text = data.decode(name, "replace")
    return Decoded(text, name, sure="\ufffd" not in text[:-1])
