"""Date words of 60 languages, and the parser for clock, am/pm and zone in a short text.

Months, weekdays and the order of numbers come from Unicode CLDR as packaged by dateparser, through
`date_words.json` (made by `tests/core/date_words.py`): importing dateparser takes 0.6 s.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, time, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

# By abbreviation, in its usual meaning in feeds; hours from UTC.
ZONES = {
    "z": 0, "utc": 0, "gmt": 0, "ut": 0, "uct": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1,
    "cest": 2, "mez": 1, "mesz": 2, "met": 1, "mest": 2, "eet": 2, "eest": 3, "msk": 3, "msd": 4,
    "мск": 3, "trt": 3, "samt": 4, "yekt": 5, "omst": 6, "novt": 7, "krat": 7, "irkt": 8, "yakt": 9,
    "vlat": 10, "ist": 5.5, "pkt": 5, "npt": 5.75, "irst": 3.5, "idt": 3, "gst": 4, "hkt": 8,
    "sgt": 8, "myt": 8, "pht": 8, "ict": 7, "wib": 7, "wita": 8, "wit": 9, "jst": 9, "kst": 9,
    "awst": 8, "acst": 9.5, "acdt": 10.5, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13,
    "cat": 2, "sast": 2, "eat": 3, "wat": 1, "brt": -3, "art": -3, "clt": -4, "clst": -3,
    "cot": -5, "pet": -5, "ast": -4, "adt": -3, "est": -5, "edt": -4, "cst": -6, "cdt": -5,
    "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "akst": -9, "akdt": -8, "hst": -10, "nst": -3.5,
    "ndt": -2.5,
}  # fmt: skip
ZONES_BY_SEASON = {
    "et": "America/New_York", "ct": "America/Chicago", "mt": "America/Denver",
    "pt": "America/Los_Angeles",
}  # fmt: skip
ZONES_OF_SOURCE = {
    ("cst", "zh"): 8, ("ist", "he"): 2, ("ist", "ga"): 1, ("bst", "bn"): 6, ("pst", "fi"): 8,
}  # fmt: skip
ZONES_IN_WORDS = {
    "北京时间": 8, "北京時間": 8, "台灣時間": 8, "台湾时间": 8, "香港時間": 8, "日本時間": 9,
    "한국시간": 9,
}  # fmt: skip
# Hour below which twelve hours are added to a clock beside the word.
HALVES = {
    "am": 0, "pm": 12, "noon": 12, "midnight": 0,
    "上午": 0, "凌晨": 0, "清晨": 0, "早上": 0, "早晨": 0, "午前": 0, "오전": 0,
    "下午": 12, "傍晚": 12, "晚上": 12, "晚间": 12, "晚間": 12, "午後": 12, "오후": 12, "中午": 9,
    "πμ": 0, "μμ": 12, "पूर्वाह्न": 0, "अपराह्न": 12, "এএম": 0, "পিএম": 12,
    "صباحا": 0, "مساء": 12,  # without their vowel signs
}  # fmt: skip
ERAS = {  # the year before
    "令和": 2018, "平成": 1988, "昭和": 1925, "R": 2018, "H": 1988, "S": 1925, "民國": 1911,
    "民国": 1911,
}  # fmt: skip
PERSIAN_MONTHS = (
    "فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن",
    "اسفند",
)  # fmt: skip
ENGLISH_MONTHS = (
    "january february march april may june july august september october november december".split()
)
# Month names missing in CLDR: of the Levant, the Maghreb and Austria, and abbreviations.
_MORE_MONTHS = {
    "كانون الثاني": 1, "شباط": 2, "آذار": 3, "نيسان": 4, "أيار": 5, "حزيران": 6, "تموز": 7, "آب": 8,
    "أيلول": 9, "تشرين الأول": 10, "تشرين الثاني": 11, "كانون الأول": 12, "جانفي": 1, "فيفري": 2,
    "أفريل": 4, "ماي": 5, "جوان": 6, "جويلية": 7, "أوت": 8, "jänner": 1, "feber": 2, "agt": 8,
    "ags": 8, "des": 12, "okt": 10, "gen": 1, "sett": 9, "ott": 10, "dic": 12, "noi": 11,
}  # fmt: skip
_CLOCK = re.compile(
    r"(?<![\d:.])(\d{1,2})\s?(?:(?::|h(?=\s?\d\d))\s?(\d{1,2})(?!\d)|(?:[時时点點시]|giờ)\s?(\d{1,2})?)"
    r"(?:\s?(?::|[分분]|m(?=\s?\d))\s?(?:(\d{1,2})(?!\d)(?:[.,:]\d+)?\s?[秒초]?)?)?",
    re.IGNORECASE,
)
_BARE_HOUR = re.compile(r"(?<![\d:.])(\d{1,2})(?=\s?(?:[ap]m|noon|midnight)\b)", re.IGNORECASE)
_DOTTED_CLOCK = re.compile(r"(?<![\d.])([012]?\d)\.([0-5]\d)(?:\.([0-5]\d)(?:\.\d+)?)?(?![\d.])")
_AFTER_DOTTED = re.compile(r"\s?(?:[ap]m|gmt|bst|utc)\b", re.IGNORECASE)  # 08.30 GMT
_DOT_IN_CLOCKS = frozenset("da et fi id is it ms nb nn no sv".split())
_OFFSET = re.compile(
    r"[\s,]*(?:(?:gmt|utc|ut|z)\s*)?([+\-–])\s?(?:(\d\d?):(\d\d)|(\d\d?)(\d\d)|(\d\d?))(?!\d)",
    re.IGNORECASE,
)
_OFFSET_WITHOUT_PLUS = re.compile(r" (\d\d):(\d\d)$")  # a `+` that URL decoding turned into a space
_IANA = re.compile(r"\b[A-Z][A-Za-z]+(?:/[A-Z][A-Za-z_]+(?:-[A-Z][a-z]+|[+-]\d\d?)*){1,2}\b")
# “9:12 AM Eastern Standard Time”: the first letters are the zone's short name.
_ZONE_IN_FULL = re.compile(
    r"\s*(?:(Eastern|Central|Mountain|Pacific)(?: (Standard|Daylight))?(?: (Time))?"
    r"|(Greenwich|British|Japan|Indian?|Central European) (Standard|Mean|Summer)? ?(Time))\b",
    re.IGNORECASE,
)
_AFTER_YEAR = re.compile(r"(?:19|20|25)\d\d\D{1,10}$")  # 7. září 2023, 9.12
_LETTERS = r"[^\W\d_](?:[^\W\d_]|[\u0900-\u0dff])*"  # with the vowel signs of Indian scripts
_WORD = re.compile(rf"\s*({_LETTERS})")
_LAST_WORD = re.compile(rf"({_LETTERS})\s*$")


class Words(NamedTuple):
    """Date words of one language."""

    order: str  # of day, month and year in numeric dates
    months: dict[str, int]
    halves: dict[str, int]
    beside: frozenset[str]


@cache
def _all_words() -> dict[str, Words]:
    raw = json.loads((Path(__file__).parent / "date_words.json").read_text(encoding="utf-8"))
    return {
        code: Words(
            each["order"],
            {name: at for at, names in enumerate(each["months"], 1) for name in names},
            {word: hour for half, hour in (("am", 0), ("pm", 12)) for word in each[half]},
            frozenset(each["beside"]),
        )
        for code, each in raw.items()
    }


def words_of(language: str) -> Words | None:
    """The words of a language (ISO 639 code); None if it is not supported."""
    return _all_words().get({"no": "nb", "iw": "he", "tl": "fil"}.get(language, language))


@lru_cache(maxsize=1024)
def month_named(word: str, language: str) -> int | None:
    """The month number of a name in the language, in English, or in all languages that have it."""
    word = word.lower().strip("'’").replace(".", "")  # мар., มี.ค.
    if len(word) > 30 or word.isdigit():
        return None
    if word[:2] in ("d'", "d’"):
        word = word[2:]
    numbered = re.fullmatch(r"(\d{1,2})[月월]", word)
    if numbered:
        return int(numbered[1])
    for code in (language.partition("-")[0], "en"):
        words = words_of(code)
        if words and (month := words.months.get(word) or _in_part(word, words)):
            return month
    if word in _MORE_MONTHS:
        return _MORE_MONTHS[word]
    named = {words.months[word] for words in _all_words().values() if word in words.months}
    return named.pop() if len(named) == 1 and len(word) > 2 else None


def _in_part(word: str, words: Words) -> int | None:
    """The month of a name without its accents (ΜΑΡΤΙΟΥ), or of the beginning of one (břez.)."""
    plain = _without_accents(word)
    names = {_without_accents(name): month for name, month in words.months.items()}
    begun = {month for name, month in names.items() if len(word) > 2 and name.startswith(plain)}
    return names.get(plain) or (begun.pop() if len(begun) == 1 else None)


def _without_accents(word: str) -> str:
    return re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", word))


def goes_with_dates(word: str) -> bool:
    """Whether the word is a weekday or accompanies dates, in any language."""
    return any(word.lower().strip(".'’") in words.beside for words in _all_words().values())


class Clock(NamedTuple):
    """A time, its zone if stated, and the rest of the text."""

    at: time
    zone: tzinfo | None
    rest: str
    next_day: bool  # it is 24:00


class UnknownZone(ValueError):
    """The clock has an unknown zone, so the text gives no exact time."""


def read_clock(text: str, language: str, *, has_day: bool) -> Clock | None:
    """The first clock in a text; `has_day`: the day was found and its numbers are already cut."""
    found = _CLOCK.search(text) or _dotted_clock(text, language, has_day=has_day)
    found = found or _BARE_HOUR.search(text)
    if found is None:
        return None
    numbers = [int(number) for number in found.groups() if number]
    before, after = text[: found.start()], text[found.end() :]
    half, before, after = _half(before, after, language)
    hour = numbers[0]
    if half is not None:
        hour = hour + 12 if hour < half else hour * (half > 0 or hour != 12)
    if hour > 24:
        raise ValueError("no hour of a day")
    minute, second = (*numbers[1:], 0, 0)[:2]
    zone, after = _zone(after, language)
    if zone is None:
        zone = next((_fixed(h) for word, h in ZONES_IN_WORDS.items() if word in text), None)
    at = time(hour % 24, minute, min(second, 59))  # datetime supports no leap seconds
    return Clock(at, zone, f"{before} {after}", next_day=hour == 24)


def _dotted_clock(text: str, language: str, *, has_day: bool) -> re.Match[str] | None:
    """Match 13.06 as a clock only if unambiguous: beside a date, or in languages that write it."""
    found = _DOTTED_CLOCK.search(text)
    if found is None or has_day or language[:2] in _DOT_IN_CLOCKS:
        return found
    if _AFTER_YEAR.search(text, 0, found.start()):
        return found
    return found if _AFTER_DOTTED.match(text, found.end()) else None


def _half(before: str, after: str, language: str) -> tuple[int | None, str, str]:
    """The hour below which twelve are added, and the text before and after the clock."""
    words = words_of(language.partition("-")[0])
    halves = HALVES | (words.halves if words else {})
    for found, text in ((_WORD.match(after), after), (_LAST_WORD.search(before), before)):
        if found is None:
            continue
        word = found[1].lower()
        named = word if word in halves else next((h for h in halves if _ends(word, h)), None)
        if named is not None:
            cut = text[: found.start(1)] + " " + text[found.end(1) :]
            return halves[named], *((before, cut) if text is after else (cut, after))
    return None, before, after


def _ends(word: str, half: str) -> bool:
    return len(half) > 1 and half[0] > "\u2e7f" and word.endswith(half)


def _zone(text: str, language: str) -> tuple[tzinfo | None, str]:
    """The zone directly after a clock, or by name further on, and the rest of the text."""
    offset = _OFFSET.match(text)
    if offset:
        numbers = [int(number) for number in offset.groups()[1:] if number]
        hours = numbers[0] + (numbers[1] / 60 if len(numbers) > 1 else 0)
        if hours < 15:
            return _fixed(-hours if offset[1] != "+" else hours), text[offset.end() :]
    bare = _OFFSET_WITHOUT_PLUS.match(text)
    if bare:
        return _fixed(int(bare[1]) + int(bare[2]) / 60), ""
    iana = _IANA.search(text)
    if iana:
        return _region(iana[0]), text[: iana.start()] + text[iana.end() :]
    in_full = _ZONE_IN_FULL.match(text)
    if in_full:
        short = "".join(word[0] for word in in_full[0].removesuffix("Time").split()) + "T"
        text = f" {short.upper()}{text[in_full.end() :]}"
    return _named_zone(text, language)


def _region(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown zone, or a folder of zones
        raise UnknownZone(name) from error


def _named_zone(text: str, language: str) -> tuple[tzinfo | None, str]:
    for at, found in enumerate(re.finditer("[A-Za-zА-я]+", text)):
        name = found[0].lower()
        direct = at == 0 and not text[: found.start()].strip(" ,.")
        if not (found[0].isupper() or (direct and name in ("utc", "gmt", "z", "мск"))):
            continue
        rest = text[: found.start()] + " " + text[found.end() :]
        hours = ZONES_OF_SOURCE.get((name, language[:2]), ZONES.get(name))
        if hours is not None:
            return _fixed(hours), rest
        if direct and name in ZONES_BY_SEASON:
            return ZoneInfo(ZONES_BY_SEASON[name]), rest
        if (
            direct
            and 2 <= len(name) <= 5
            and month_named(name, language) is None
            and not goes_with_dates(name)
        ):
            raise UnknownZone(found[0])
    return None, text


def _fixed(hours: float) -> timezone:
    return UTC if not hours else timezone(timedelta(hours=hours))
