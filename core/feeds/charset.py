"""Decode bytes: byte-order mark, then HTTP header, then prolog or meta, then detection.

A declared encoding is used if the bytes decode in it (labels: WHATWG Encoding Standard). Exceptions
are a byte-order mark, bytes that are invalid in it, and the common mistakes in `LIES`. Undeclared
encodings are detected. Each document is decoded once, here.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.feeds.charset_detection import BAD_SHARE, HEAD, LIES, detected

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# The WHATWG meaning of labels, by Python's name of the labelled encoding.
_MEANT = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874",
    "tis-620": "cp874", "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs",
    "cp950": "big5hkscs", "shift_jis": "cp932", "euc_kr": "cp949", "utf-16": "utf-16-le",
    "utf-7": "utf-8", "utf_8_sig": "utf-8", "utf-8-sig": "utf-8",
}  # fmt: skip
# Labels of the standard that Python does not have.
_LABELS = {
    "unicode-1-1-utf-8": "utf-8", "unicode11utf8": "utf-8", "unicode20utf8": "utf-8",
    "x-unicode20utf8": "utf-8", "csiso88596e": "iso8859-6", "csiso88596i": "iso8859-6",
    "iso-8859-6-e": "iso8859-6", "iso-8859-6-i": "iso8859-6", "sun_eu_greek": "iso8859-7",
    "csiso88598e": "iso8859-8", "iso-8859-8-e": "iso8859-8", "visual": "iso8859-8",
    "csiso88598i": "iso8859-8", "iso-8859-8-i": "iso8859-8", "logical": "iso8859-8",
    "csisolatin9": "iso8859-15", "koi": "koi8-r", "koi8": "koi8-r", "koi8-ru": "koi8-u",
    "csmacintosh": "mac-roman", "mac": "mac-roman", "x-mac-roman": "mac-roman",
    "dos-874": "cp874", "windows-874": "cp874", "cp819": "cp1252", "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-ukrainian": "mac-cyrillic", "gb_2312": "gb18030", "gb_2312-80": "gb18030",
    "csgb2312": "gb18030", "ksc_5601": "cp949", "cn-big5": "big5hkscs",
    "x-x-big5": "big5hkscs", "cseucpkdfmtjapanese": "euc_jp", "x-euc-jp": "euc_jp",
    "windows-31j": "cp932", "windows-949": "cp949", "csksc56011987": "cp949", "cseuckr": "cp949",
    "iso-ir-149": "cp949", "ks_c_5601-1989": "cp949", "csiso2022kr": "iso2022_kr",
    "unicode": "utf-16-le", "unicodefeff": "utf-16-le", "csunicode": "utf-16-le",
    "iso-10646-ucs-2": "utf-16-le", "ucs-2": "utf-16-le", "unicodefffe": "utf-16-be",
    "x-user-defined": "cp1252",
}  # fmt: skip
_ISO_WITHOUT_DASH = re.compile(r"^iso8859(\d{1,2})")
_PROLOG = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:+-]{1,40})["']""", re.I)
_META = re.compile(rb"""<meta\b[^>]{0,300}?charset\s*=\s*["']?\s*([\w.:+-]{1,40})""", re.I)
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([\w.:+-]{1,40})""", re.I)
_SHIFTING = frozenset(("hz", "iso2022_jp", "iso2022_kr"))
_FEED_ROOT = re.compile(rb"<(?:rss|feed|rdf:rdf)[\s>]", re.I)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a document; `sure` is False if characters may be wrong or were replaced."""

    text: str
    encoding: str
    sure: bool = True


def decode(data: bytes, *, content_type: str | None = None) -> Decoded:
    """Decode `data`; return the text, its encoding, and whether both are certain."""
    for bom, name in _BOMS:
        if data.startswith(bom):
            return _lenient(data[len(bom) :], name)
    wide = _wide(data)
    if wide:
        return _lenient(data, wide)
    declared = _declared(data, content_type)
    if data.isascii():
        return _seven_bit(data, declared)
    for here, name in enumerate(declared):
        decoded = _as_declared(data, name, declared[:here] + declared[here + 1 :])
        if decoded is not None:
            return decoded
    utf8 = None if "utf-8" in declared else _as_declared(data, "utf-8", ())
    return utf8 or _undeclared(data, declared)


def in_utf8(data: bytes, *, content_type: str | None = None) -> bytes:
    """The document in UTF-8; if it is declared as UTF-8, it is returned unchecked."""
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :]
    declared = _declared(data, content_type)
    if not declared or declared[0] == "utf-8":
        return data
    return decode(data, content_type=content_type).text.encode("utf-8", "ignore")


def encoding_of(label: str) -> str | None:
    """Python's name of the encoding for a label; None if the label is unknown."""
    label = _ISO_WITHOUT_DASH.sub(r"iso-8859-\1", label.strip().lower())
    for name in (label, label.removeprefix("x-")):
        try:
            found = _LABELS.get(name) or codecs.lookup(name).name
            b"a".decode(found, "ignore")  # fails for Python's bytes-to-bytes codecs
        except (LookupError, ValueError, UnicodeError):
            continue
        if found not in ("idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined"):
            return _MEANT.get(found, found)
    return None


def _wide(data: bytes) -> str | None:
    """Detect UTF-16 without a byte-order mark by the zero bytes around its first tag."""
    head = data[:4]
    if head in (b"<\0?\0", b"<\0!\0", b"<\0h\0", b"<\0r\0", b"<\0f\0", b"{\0\n\0", b'{\0"\0'):
        return "utf-16-le"
    return "utf-16-be" if head in (b"\0<\0?", b"\0<\0!", b"\0<\0h", b"\0<\0r") else None


def _seven_bit(data: bytes, declared: Sequence[str]) -> Decoded:
    """ASCII, or an encoding that uses escape sequences."""
    names = [name for name in declared if name in _SHIFTING]
    if b"\x1b$" in data:
        names.append("iso2022_jp")
    for name in names:
        try:
            return Decoded(data.decode(name), name)
        except UnicodeDecodeError:
            continue
    return Decoded(data.decode("ascii"), "ascii")


def _declared(data: bytes, content_type: str | None) -> list[str]:
    """The declared encodings of the document, most trusted first."""
    head = data[:HEAD]
    header = _HEADER.search(content_type) if content_type else None
    names = [header[1]] if header else []
    prolog = _PROLOG.search(head)
    if prolog:
        names.append(prolog[1].decode("ascii"))
    if not _FEED_ROOT.search(head):  # a feed may quote a page's meta element
        names += [match[1].decode("ascii") for match in [_META.search(head)] if match]
    meant = dict.fromkeys(filter(None, map(encoding_of, names)))
    # The declaration was read as ASCII, so the text is not UTF-16; UTF-8 is meant (WHATWG, HTML
    # 13.2.3.2).
    utf8 = ("utf-8" if name.startswith(("utf-16", "utf-32")) else name for name in meant)
    return list(dict.fromkeys(utf8))


def _as_declared(data: bytes, name: str, others: Sequence[str]) -> Decoded | None:
    """Decode with a declared encoding; None if the bytes are invalid in it."""
    for lie in LIES:
        meant = lie.meant(data, name, others)
        if meant is not None:
            return _lenient(data, meant)
    try:
        return Decoded(data.decode(name), name)
    except UnicodeDecodeError:
        pass
    if name == "utf-8":
        return _damaged_utf8(data)
    if name == "euc_jp":  # NEC characters such as ①, which the standard includes
        try:
            return Decoded(data.decode("euc_jis_2004"), name)
        except UnicodeDecodeError:
            pass
    text = data.decode(name, "replace")
    if text.count("\ufffd") <= len(text) // BAD_SHARE + 1:
        return Decoded(text, name, sure=False)
    return None


def _damaged_utf8(data: bytes) -> Decoded | None:
    """UTF-8 that was truncated inside a character or has a few invalid bytes."""
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = (len(data) - len(text)) // 2
    if bad <= 1 and good >= 8 and text[-1:] == "\ufffd":
        return Decoded(text[:-1], "utf-8")
    return Decoded(text, "utf-8", sure=False) if good >= max(8, 4 * bad) else None


def _undeclared(data: bytes, impossible: Sequence[str]) -> Decoded:
    name = detected(data, impossible=impossible)
    if name is not None:
        return _lenient(data, name)
    name = impossible[0] if impossible else "utf-8"
    return Decoded(data.decode(name, "replace"), name, sure=False)


def _lenient(data: bytes, name: str) -> Decoded:
    text = data.decode(name, "replace")
    return Decoded(text, name, sure="\ufffd" not in text[:-1])
