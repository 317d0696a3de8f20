"""The clock in a short text, the half of the day beside it and the zone behind it."""

from __future__ import annotations

import re
from datetime import UTC, time, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from core.date_words import (
    HALVES,
    ZONES,
    ZONES_BY_SEASON,
    ZONES_IN_WORDS,
    ZONES_OF_SOURCE,
    goes_with_dates,
    month_named,
    words_of,
)

_CLOCK = re.compile(
    r"(?<![\d:.])(\d{1,2})\s?(?:(?::|h(?=\s?\d\d))\s?(\d{1,2})(?!\d)|(?:[時时点點시]|giờ)\s?(\d{1,2})?)"
    r"(?:\s?(?::|[分분]|m(?=\s?\d))\s?(?:(\d{1,2})(?!\d)(?:[.,:]\d+)?\s?[秒초]?)?)?",
    re.IGNORECASE,
)
_BARE_HOUR = re.compile(r"(?<![\d:.])(\d{1,2})(?=\s?[ap]m\b)", re.IGNORECASE)
_DOTTED_CLOCK = re.compile(r"(?<![\d.])([012]?\d)\.([0-5]\d)(?:\.([0-5]\d))?(?![\d.])")
_DOT_IN_CLOCKS = frozenset("da et fi id is it ms nb nn no sv".split())
_OFFSET = re.compile(
    r"[\s,]*(?:(?:gmt|utc|ut|z)\s*)?([+\-–])\s?(?:(\d\d?):(\d\d)|(\d\d?)(\d\d)|(\d\d?))(?!\d)",
    re.IGNORECASE,
)
_OFFSET_WITHOUT_PLUS = re.compile(r" (\d\d):(\d\d)$")  # that an address took for a space
_IANA = re.compile(r"\b[A-Z][A-Za-z]+(?:/[A-Z][A-Za-z_]+(?:-[A-Z][a-z]+)*){1,2}\b")
_WORD = re.compile(r"\s*([^\W\d_]+)")
_LAST_WORD = re.compile(r"([^\W\d_]+)\s*$")


class Clock(NamedTuple):
    """A time, with its zone where one is stated, and the text without either."""

    at: time
    zone: tzinfo | None
    rest: str
    next_day: bool  # it says 24:00


class UnknownZone(ValueError):
    """The clock is of a zone that is not known: the moment is not stated."""


def read_clock(text: str, language: str, *, has_day: bool) -> Clock | None:
    """The first clock in a text; `has_day`: the day was found, and its numbers are cut out."""
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
    at = time(hour % 24, minute, min(second, 59))  # datetime has no leap seconds
    return Clock(at, zone, f"{before} {after}", next_day=hour == 24)


def _dotted_clock(text: str, language: str, *, has_day: bool) -> re.Match[str] | None:
    """13.06, where it can be nothing else: beside a whole date, or where clocks are written so."""
    found = _DOTTED_CLOCK.search(text)
    if found is None or has_day or language[:2] in _DOT_IN_CLOCKS:
        return found
    return found if re.match(r"\s?[ap]m\b", text[found.end() :], re.IGNORECASE) else None


def _half(before: str, after: str, language: str) -> tuple[int | None, str, str]:
    """Whether the words beside a clock say that it is after noon; None if they say neither."""
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
    """The zone right behind a clock, or farther behind under a name."""
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
    return _named_zone(text, language)


def _region(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # no such file, or a folder of them
        raise UnknownZone(name) from error


def _named_zone(text: str, language: str) -> tuple[tzinfo | None, str]:
    for at, found in enumerate(re.finditer(r"[A-Za-z]+", text)):
        name = found[0].lower()
        direct = at == 0 and not text[: found.start()].strip(" ,.")
        if not (found[0].isupper() or (direct and name in ("utc", "gmt", "z"))):
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
