"""Wrong declarations of an encoding that are common enough to be read as what was meant.

Add a row to `LIES`, with an example, to teach another; everything else that decodes is believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from core.feeds.charset_detection import (
    LIKELY_CHINESE,
    SAMPLE,
    UNLIKELY_CHINESE,
    chinese,
    detected,
)

_HIGH_RUN = re.compile(rb"[\xa1-\xfe]{4,}")
_ASCII = bytes(range(0x80))
_C1 = re.compile(rb"[\x80-\x9f]")
_WESTERN = frozenset(("cp1252", "iso8859-15", "mac-roman"))
_MULTIBYTE = frozenset(("gb18030", "big5hkscs", "cp932", "euc_jp", "cp949"))
_WINDOWS_TWIN = {
    "iso8859-2": "cp1250", "iso8859-7": "cp1253", "iso8859-8": "cp1255", "iso8859-13": "cp1257",
    "iso8859-15": "cp1252",
}  # fmt: skip


class Lie(NamedTuple):
    """A kind of wrong declaration, with an example of it."""

    name: str
    label: str
    example: bytes
    meant: Callable[[bytes, str, Sequence[str]], str | None]  # of bytes, encoding, other labels


def _utf8_all_the_same(data: bytes, declared: str, _: Sequence[str]) -> str | None:
    """Text in another encoding is hardly ever valid as UTF-8; short Chinese text may be."""
    if declared == "utf-8":
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8" if len(data) - len(text) >= (8 if declared in _MULTIBYTE else 1) else None


def _windows_twin(data: bytes, declared: str, _: Sequence[str]) -> str | None:
    """No text holds the control characters that ISO 8859 has where Windows has letters."""
    twin = _WINDOWS_TWIN.get(declared)
    return twin if twin and _C1.search(data) else None


def _not_latin(data: bytes, declared: str, others: Sequence[str]) -> str | None:
    """Latin scripts have one to three letters beyond ASCII side by side, others whole words."""
    if declared not in _WESTERN:
        return None
    sample = data[:SAMPLE]
    runs = [run for run in _HIGH_RUN.findall(sample) if len(set(run)) > 2]
    whole = sum(map(len, runs))
    if whole < 12 or 2 * whole < len(sample.translate(None, _ASCII)):
        return None
    return others[0] if others else detected(data)


def _other_chinese(data: bytes, declared: str, _: Sequence[str]) -> str | None:
    """GB2312 over Big5, and the reverse, decode without an error, to characters of no text."""
    other = {"gb18030": "big5hkscs", "big5hkscs": "gb18030"}.get(declared)
    if other is None or chinese(data, declared) > UNLIKELY_CHINESE:
        return None
    return other if chinese(data, other) > LIKELY_CHINESE else None


def _half_width_kana(data: bytes, declared: str, _: Sequence[str]) -> str | None:
    """EUC-JP under the name of Shift_JIS shows as half-width katakana."""
    if declared != "cp932":
        return None
    text = data[:SAMPLE].decode("cp932", "replace")
    high = [char for char in text if char > "\x7f"]
    kana = sum(1 for char in high if "\uff61" <= char <= "\uff9f")
    euc = data[:SAMPLE].decode("euc_jp", "replace")
    return "euc_jp" if 2 * kana > len(high) and euc.count("\ufffd") <= 1 else None


LIES = (
    Lie(
        "UTF-8 under another label",
        "iso-8859-1",
        "<p>Où ? À côté.</p>".encode(),
        _utf8_all_the_same,
    ),
    Lie(
        "letters of Windows under the label of ISO 8859",
        "iso-8859-2",
        "<p>Škola “v Žilině”</p>".encode("cp1250"),
        _windows_twin,
    ),
    Lie(
        "a server's default (Apache: AddDefaultCharset) over a text that is not Latin",
        "iso-8859-1",
        '<meta charset="windows-1251"><p>Школа у реки ждёт учителей</p>'.encode("cp1251"),
        _not_latin,
    ),
    Lie(
        "Big5 called GB2312",
        "gb2312",
        "<p>這個學校的老師說時間還沒有到</p>".encode("big5"),
        _other_chinese,
    ),
    Lie(
        "EUC-JP called Shift_JIS",
        "shift_jis",
        "<p>これは図書館の開館時間についてのお知らせです</p>".encode("euc_jp"),
        _half_width_kana,
    ),
)
