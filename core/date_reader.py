"""Parse a date and a time from a short text in any format that sources write.

The parts are searched in order: numeric day, clock, zone, month name. An ambiguous text gives no
date. Words come from Unicode CLDR through dateparser (`date_words.json`), zones from the IANA
database. No library parses the text itself: of 40 formats from public bug reports dateparser read
27, in 3 ms each, and python-dateutil 11 (13 wrongly), which fills missing parts with today's date.
"""

from __future__ import annotations

import html
import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from core.date_words import (
    ENGLISH_MONTHS,
    ERAS,
    PERSIAN_MONTHS,
    ZONES,
    goes_with_dates,
    month_named,
    read_clock,
    words_of,
)

LONGEST = 120  # characters


class StatedDate(NamedTuple):
    """A parsed date: a day, with time and zone if the text states them."""

    day: date
    clock: time | None = None
    zone: tzinfo | None = None
    language: str = ""  # implied by the format itself: 年 is Chinese or Japanese
    rest: tuple[str, ...] = ()  # words outside the date


_DAY_FIRST_ENGLISH = frozenset(
    f"en-{land}" for land in "gb uk ie au nz za in sg hk my ng ke".split()
)
_NUMERALS = {numeral: at for at, numeral in enumerate("〇一二三四五六七八九")} | {"零": 0, "○": 0}
_ZONE_INSIDE = r"(?:gmt|utc) ?[+-]|[+-]\d|[a-z]{4,12}/[a-z_]{3,20}$"  # the last one is an IANA name
_HOUR_ALONE = re.compile(r"((?<!\d)\d{4}-\d\d-\d\d[Tt]\d\d)(?=$|[Zz]|[+-]\d\d:?\d\d)")
_LABEL_COLON = re.compile(r"(?<=[^\W\d_]):(?=\d)")  # 發佈時間：2026/01/05
_DATE_INSIDE = re.compile(r"\d{4}\D\d|\d\D\d{4}")
_EPOCH = re.compile(r"(?:/Date\()?(\d{10})(?:\d{3}){0,2}(?:\.\d+)?(?:[+-]\d{4})?(?:\)/)?")
_WEEK = re.compile(r"\d{4}-?W\d\d(?:-?\d)?")
_DAY_OF_YEAR = re.compile(r"^\d{4}-[0-3]\d\d(?=$|[T ])")  # ISO 8601
_SHORT_MONTHS = "|".join(name[:3] for name in ENGLISH_MONTHS)
_GLUED = re.compile(  # 7Mar2023, and 2023T09:12
    rf"(?<=\d)(?={_SHORT_MONTHS}|T\d\d:)|(?<={_SHORT_MONTHS})(?=\d)", re.IGNORECASE
)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY = re.compile(rf"\b({'|'.join(_WEEKDAYS)})[a-z]{{0,6}}\b", re.IGNORECASE)
_ISO = re.compile(
    r"(?<!\d)(\d{4})(-?)(\d\d)\2(\d\d)(?:[Tt ]?(\d\d)(\d\d)(\d\d)?(?=\D|$)|[Tt](?=\d)|(?=\D|$))"
)
_EAST = re.compile(r"(\d{2,4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日號号일]?")
_NUMBERS = re.compile(
    r"(?<![\d/:-])(\d{1,4})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{1,2})(?![\d/:]|[.-]\d)"
)
_VIETNAMESE = re.compile(r"\bth(?:(?:áng|g)\.?\s?)?(\d{1,2})\b(?:\s?năm\b)?", re.IGNORECASE)
_ERA_IN_LETTERS = re.compile(r"\b([RHS])\.?(\d{1,2})(?=[./-]\d)")  # R5.3.7
_ABBREVIATED = re.compile(r"(?<!\w)([^\W\d_])\.\s?([^\W\d_])\.?(?!\w)")  # a.m., π.μ.
_PART = re.compile(r"[^\s,;/|\\()\[\]{}«»\"“”،·•–—‑\-:@_+]+")
_NUMBER_PART = re.compile(
    r"(\d+)\.?(?:st|nd|rd|th|er|re|º|ª|°|e|eme|ème|a|o|an|as|en|ad|ste|de|月)?\.?"
)


@lru_cache(maxsize=2048)  # dates of one document share a format and often repeat
def read_date(value: str, language: str = "") -> StatedDate | None:
    """Parse `value`; None if it states no day. `language` is that of its source, if known."""
    text = _normalized(value[:LONGEST])
    if not any(char.isdigit() for char in text):
        return None
    try:
        return _parse_standard(text) or _parse_parts(text, language.lower())
    except (ValueError, OverflowError):
        return None


def _normalized(text: str) -> str:
    """One line without invisible marks, with ASCII digits and Chinese numerals as numbers."""
    text = html.unescape(text) if "&" in text else text  # double-escaped entities
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("İ", "i")
    text = "".join(
        str(unicodedata.digit(char)) if char > "\x7f" and char.isdigit() else char
        for char in text
        if unicodedata.category(char) != "Cf" or char == "\u200c"
    )
    text = _LABEL_COLON.sub(" ", text)
    if "年" in text:
        numerals = "[〇○零一二三四五六七八九十百廿]+(?=[年月日號号时時点點分])"
        text = re.sub(numerals, lambda found: _number(found[0]), text)
        text = re.sub("(民[國国]|令和|平成|昭和)\\s?(\\d{1,3}|元)\\s?年", _year_of_era, text)
    return " ".join(text.split())


def _number(numeral: str) -> str:
    """A Chinese number below 200, or a year written digit by digit, in ASCII digits."""
    numeral = numeral.replace("廿", "二十")
    if "百" in numeral:  # a year of the Republic: 一百一十五
        return str(100 + int(_number(numeral.partition("百")[2] or "零")))
    if "十" not in numeral:
        return "".join(str(_NUMERALS[char]) for char in numeral)
    tens, _, ones = numeral.partition("十")
    return str(10 * _NUMERALS.get(tens or "一", 1) + _NUMERALS.get(ones or "零", 0))


def _year_of_era(found: re.Match[str]) -> str:
    return f"{ERAS[found[1]] + (1 if found[2] == '元' else int(found[2]))}年"


def _parse_standard(text: str) -> StatedDate | None:
    """Parse a text that is only a standard date without a clock, or a Unix time."""
    epoch = _EPOCH.fullmatch(text)
    if epoch:
        moment = datetime.fromtimestamp(int(epoch[1]), UTC)
        return StatedDate(moment.date(), moment.time(), UTC)
    if _WEEK.fullmatch(text):
        return StatedDate(date.fromisoformat(text))
    if re.fullmatch(r"\d{4}-\d\d", text):  # W3CDTF
        return StatedDate(date.fromisoformat(text + "-01"))
    return None


def _parse_parts(text: str, language: str) -> StatedDate | None:
    text = _ABBREVIATED.sub(r"\1\2", _without_comments(text))
    text = _DAY_OF_YEAR.sub(lambda d: str(datetime.strptime(d[0], "%Y-%j").date()), text)
    if language[:2] == "ja":
        text = _ERA_IN_LETTERS.sub(lambda era: f"{ERAS[era[1]] + int(era[2])}", text)
    text = _HOUR_ALONE.sub(r"\1:00", text)
    day, own, rest = _numeric_day(text, language)
    language = language or own
    if day is None:
        rest = _GLUED.sub(" ", rest)
        rest = _VIETNAMESE.sub(lambda found: f" {ENGLISH_MONTHS[int(found[1]) - 1]} ", rest)
    clock = read_clock(rest, language, has_day=day is not None)
    words = _PART.findall(clock.rest if clock else rest)
    if day is None:
        day, words = _worded_day(words, language)
    if day is None:
        return None
    if clock is None:
        return StatedDate(day, language=own, rest=tuple(words))
    day += timedelta(days=clock.next_day)
    return StatedDate(day, clock.at, clock.zone, own, tuple(words))


def _without_comments(text: str) -> str:
    """Remove bracketed parts except zones and dates: `GMT+0800 (China Standard Time)`."""

    def kept(found: re.Match[str]) -> str:
        inside = found[1].strip()
        zone = inside.lower() in ZONES or re.match(_ZONE_INSIDE, inside, re.IGNORECASE)
        return f" {inside} " if zone or _DATE_INSIDE.search(inside) else " "

    return (
        re.sub(r"[(（\[【]([^()（）\[\]【】]*)[)）\]】]", kept, text)
        if "(" in text or "[" in text or "【" in text
        else text
    )


# A day in numbers.


def _numeric_day(text: str, language: str) -> tuple[date | None, str, str]:
    """The day, the language that its format implies, and the rest of the text."""
    east = _EAST.search(text)
    if east:
        own = "ko" if "년" in east[0] else "zh"
        day = _day(_year(east[1]), int(east[2]), int(east[3]), language or own)
        return day, own, f"{text[: east.start()]} {text[east.end() :]}"
    iso = _ISO.search(text)
    if iso:
        day = _day(int(iso[1]), int(iso[3]), int(iso[4]), language)
        clock = ":".join(part for part in iso.group(5, 6, 7) if part)
        return day, "", f"{text[: iso.start()]} {clock}{text[iso.end() :]}"
    found = _NUMBERS.search(text)
    if found:
        weekday = _WEEKDAY.search(text)
        order = _order_on(weekday[1], found) if weekday else ""
        day = _ordered_day(found[1], found[3], found[4], found[2], language, order)
        return day, "", f"{text[: found.start()]} {text[found.end() :]}"
    return None, "", text


def _order_on(weekday: str, found: re.Match[str]) -> str:
    """The order of day and month, if only one reading falls on the stated weekday; else empty."""
    a, b, year = int(found[1]), int(found[3]), _year(found[4])
    if max(a, b) > 12 or min(a, b) < 1:
        return ""
    wanted = _WEEKDAYS.index(weekday.lower())
    fits = [date(year, *numbers).weekday() == wanted for numbers in ((a, b), (b, a))]
    return {(True, False): "MDY", (False, True): "DMY"}.get((fits[0], fits[1]), "")


def _ordered_day(first: str, second: str, third: str, sign: str, language: str, order: str) -> date:
    """Order three numbers by their size or by the language's convention; raise if ambiguous."""
    a, b, c = int(first), int(second), int(third)
    year = _year(third)
    order = order or _order(language)
    if len(first) > 2 or a > 31:
        return _day(_year(first), b, c, language)
    if len(third) == 1:
        raise ValueError("a year of one digit")
    if len(third) == 2 and order == "YMD":
        return _day(_year(first), b, c, language)
    if a > 12 or sign == "." or a == b or (b <= 12 and order == "DMY"):
        return _day(year, b, a, language)
    if b > 12 or order == "MDY":
        return _day(year, a, b, language)
    raise ValueError("it has two readings")


def _order(language: str) -> str:
    if language in _DAY_FIRST_ENGLISH:
        return "DMY"
    words = words_of(language.partition("-")[0])
    return words.order if words and language != "en-ca" else ""


def _year(digits: str) -> int:
    """A year; two digits mean 1970 to 2069."""
    return int(digits) + (0 if len(digits) > 2 else 1900 if int(digits) >= 70 else 2000)


def _day(year: int, month: int, day: int, language: str) -> date:
    """A Gregorian date; Buddhist, Persian and Minguo years are detected by their range."""
    if 80 < year < 200 and language[:2] == "zh":  # 115/11/27: Taiwan counts years from 1912
        year += ERAS["民國"]
    if 2400 < year < 2700:
        year -= 543
    # 15 ม.ค. 67: the last digits of a Buddhist year
    if language[:2] == "th" and 50 <= year % 100 < 90:
        year = 2500 - 543 + year % 100
    if 1300 < year < 1500:
        if language[:2] not in ("fa", "ps"):
            raise ValueError("a year of another calendar")
        return _persian_day(year, month, day)
    return date(year, month, day)


def _persian_day(year: int, month: int, day: int) -> date:
    """Convert from the Persian calendar by its 33-year cycle, which holds from 1925 to 2088."""
    past = year - 1
    days = 365 * past + (8 * past + 29) // 33  # leap years before this one
    days += 31 * (month - 1) if month < 8 else 30 * (month - 1) + 6
    return date(622, 3, 21) + timedelta(days=days + day - 1)


def _worded_day(words: list[str], language: str) -> tuple[date | None, list[str]]:
    """The day with the month by name, and the words outside it."""
    at, length, month, persian = _month_among(words, language)
    if not length:
        return None, words
    numbers = _numbers(words)
    years = [here for here, number, digits in numbers if digits == 4]
    before = [here for here, _, digits in numbers if here < at and digits < 3]
    after = [here for here, _, digits in numbers if here > at and digits < 3]
    days = before[-1:] + after  # the day is next to the month; a two-digit year follows both
    if not days or (not years and len(days) < 2):
        return None, words
    used = {days[0], years[0] if years else days[1], *range(at, at + length)}
    values = {here: number for here, number, _ in numbers}
    year = values[years[0]] if years else _year(f"{values[days[1]]:02d}")
    rest = [word for here, word in enumerate(words) if here not in used]
    return _day(year, month, values[days[0]], "fa" if persian else language), rest


def _month_among(words: list[str], language: str) -> tuple[int, int, int, bool]:
    """Index of the month, the number of its words, its value, and whether it is Persian."""
    found = []
    for at in range(len(words)):
        for length in (2, 1):
            name = " ".join(words[at : at + length])
            month = month_named(name, language)
            if month or name in PERSIAN_MONTHS:
                found.append((at, length, month or PERSIAN_MONTHS.index(name) + 1, not month))
                break
    if len(found) > 1:  # mar. is a weekday in "mar., 01 déc."
        found = [each for each in found if not goes_with_dates(words[each[0]])] or found[-1:]
    return found[0] if found else (0, 0, 0, False)


def _numbers(words: list[str]) -> list[tuple[int, int, int]]:
    """Indexes of numbers, with their values and numbers of digits."""
    found = []
    for here, word in enumerate(words):
        number = _NUMBER_PART.fullmatch(word.lower().lstrip("'’"))
        if number and len(number[1]) <= 4:
            found.append((here, int(number[1]), len(number[1])))
    return found
