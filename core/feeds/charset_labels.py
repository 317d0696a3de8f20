"""The encoding that a label names, by the WHATWG Encoding Standard, as Python calls it."""

from __future__ import annotations

import codecs
import re

# What a label means by the WHATWG Encoding Standard, by Python's name for the encoding.
_MEANT = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874",
    "tis-620": "cp874", "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs",
    "cp950": "big5hkscs", "shift_jis": "cp932", "euc_kr": "cp949", "utf-16": "utf-16-le",
    "utf-7": "utf-8", "utf_8_sig": "utf-8", "utf-8-sig": "utf-8",
}  # fmt: skip
# The standard's labels that Python does not know.
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


def encoding_of(label: str) -> str | None:
    """Python's name of the encoding that a label means; None for an unknown label."""
    label = _ISO_WITHOUT_DASH.sub(r"iso-8859-\1", label.strip().lower())
    for name in (label, label.removeprefix("x-")):
        try:
            found = _LABELS.get(name) or codecs.lookup(name).name
            b"a".decode(found, "ignore")  # Python also lists codecs between bytes and bytes
        except (LookupError, ValueError, UnicodeError):
            continue
        if found not in ("idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined"):
            return _MEANT.get(found, found)
    return None
