"""Dates as feeds write them: RFC 822, ISO 8601, epoch seconds, and the forms of many languages.

A date without zone is UTC, except in Chinese, Japanese and Korean, whose local forms mean local
time. What cannot be a date of publication (1970, the year 1) is no date.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

OLDEST = 1990  # before the first feeds; below it are zeros that a program mistook for a date
NEWEST = 2199

_ISO = re.compile(
    r"(?P<year>\d{4})(?:[-/.](?P<month>\d{1,2})(?:[-/.](?P<day>\d{1,2}))?"
    r"|(?P<month2>\d\d)(?P<day2>\d\d))?"
    r"(?:(?:\s*T\s*|\s+)(?P<hour>\d{1,2}):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,]\d{1,9})?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d\d:?(?:\d\d)?)?)?",
    re.IGNORECASE,
)
_EAST = re.compile(
    r"(?P<year>\d{4})\s*[年년]\s*(?P<month>\d{1,2})\s*[月월]\s*(?P<day>\d{1,2})\s*[日일]?"
)
_EAST_CLOCK = re.compile(
    r"(?P<half>上午|下午|午前|午後|中午|晚上|오전|오후)?\s*(?P<hour>\d{1,2})\s*[:时時点點시]"
    r"\s*(?P<minute>\d{1,2})?(?:\s*[:分분]\s*(?P<second>\d{1,2}))?"
)
_NAMED = re.compile(
    r"(?P<day>\d{1,2})(?:\.|er|st|nd|rd|th|º)?\s+(?:de\s+)?(?P<name>[^\W\d_]{3,12})\.?,?\s+(?:de\s+)?"
    r"(?P<year>\d{4})|(?P<name2>[^\W\d_]{3,12})\.?\s+(?P<day2>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<year2>\d{4})"
)
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?\s*(?P<half>[AaPp][Mm])?"
)
_ZONE = re.compile(r"(?:GMT|UTC)?\s*(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)\s*$")
_AFTERNOON = frozenset(("下午", "午後", "晚上", "오후", "pm"))
# The first letters of the months in the languages feeds are written in, apart from English.
_MONTHS = (
    ("jan", "gen", "ene", "янв", "ιαν", "sty"),
    ("feb", "fév", "fev", "фев", "φεβ", "lut"),
    ("mar", "mär", "mrz", "maa", "мар", "μαρ", "márc"),
    ("apr", "avr", "abr", "апр", "απρ", "kwi", "ápr"),
    ("may", "mai", "mag", "mei", "мая", "май", "μαϊ", "μαι", "maj", "máj"),
    ("jun", "juin", "giu", "июн", "ιουν", "cze", "jún"),
    ("jul", "juil", "lug", "июл", "ιουλ", "lip", "júl"),
    ("aug", "aoû", "aou", "ago", "авг", "αυγ", "sie"),
    ("sep", "set", "сен", "σεπ", "wrz", "szep"),
    ("oct", "okt", "ott", "out", "окт", "οκτ", "paź"),
    ("nov", "ноя", "νοε", "lis"),
    ("dec", "dez", "déc", "dic", "дек", "δεκ", "gru"),
)
_PREFIXES = sorted(
    ((prefix, number) for number, names in enumerate(_MONTHS, 1) for prefix in names),
    key=lambda pair: -len(pair[0]),
)


def parse_date(value: str | None, *, language: str | None = None) -> datetime | None:
    """The moment a feed's date means, in UTC; None if it means none."""
    value = " ".join((value or "")[:120].split())
    if not any(sign.isdigit() for sign in value):
        return None
    for read in (_iso, _rfc822, _epoch, _east, _named):
        try:
            moment = read(value, language or "")
        except (ValueError, OverflowError):
            continue
        if moment is not None:
            return _believable(moment)
    return None


def _iso(value: str, _language: str) -> datetime | None:
    found = _ISO.fullmatch(value)
    if found is None or len(value) == 4 + (value[4:].isdigit() and 2):
        return None
    month, day = found["month"] or found["month2"] or 1, found["day"] or found["day2"] or 1
    return _moment(found, int(found["year"]), int(month), int(day)).replace(
        tzinfo=_zone(found["zone"])
    )


def _rfc822(value: str, language: str) -> datetime | None:
    if "AM" in value.upper().split() or "PM" in value.upper().split():
        return None
    parts = parsedate_tz(value)
    if parts is None:
        return None
    offset = parts[9] or 0
    if language.startswith("zh") and re.search(r"\bCST$", value):
        offset = 8 * 3600  # China's own time, not that of Chicago
    return datetime(*parts[:6], tzinfo=UTC) - timedelta(seconds=offset)


def _epoch(value: str, _language: str) -> datetime | None:
    if not re.fullmatch(r"\d{10}|\d{13}", value):
        return None
    return datetime.fromtimestamp(int(value[:10]), UTC)


def _east(value: str, language: str) -> datetime | None:
    found = _EAST.search(value)
    if found is None:
        return None
    year, month, day = int(found["year"]), int(found["month"]), int(found["day"])
    clock = _EAST_CLOCK.search(value, found.end())
    if clock is None:
        return datetime(year, month, day, tzinfo=UTC)
    nine = language[:2] in ("ja", "ko") or "년" in value
    zone = timezone(timedelta(hours=9 if nine else 8))
    return _moment(clock, year, month, day).replace(tzinfo=zone)


def _named(value: str, _language: str) -> datetime | None:
    found = _NAMED.search(value)
    if found is None:
        return None
    name = (found["name"] or found["name2"]).lower()
    month = next((number for prefix, number in _PREFIXES if name.startswith(prefix)), None)
    if month is None:
        return None
    year, day = int(found["year"] or found["year2"]), int(found["day"] or found["day2"])
    clock = _CLOCK.search(value)
    moment = _moment(clock, year, month, day) if clock else datetime(year, month, day)
    zone = _ZONE.search(value)
    return moment.replace(tzinfo=_zone(zone[0].strip() if zone else None))


def _moment(found: re.Match[str], year: int, month: int, day: int) -> datetime:
    parts = found.groupdict()
    hour = int(parts.get("hour") or 0)
    half = (parts.get("half") or "").lower()
    if half in _AFTERNOON and hour < 12:
        hour += 12
    elif half == "am" and hour == 12:
        hour = 0
    extra = timedelta(days=1) if hour == 24 else timedelta()
    minute, second = int(parts.get("minute") or 0), int(parts.get("second") or 0)
    return datetime(year, month, day, hour % 24, minute, min(second, 59)) + extra


def _zone(name: str | None) -> timezone:
    found = _ZONE.fullmatch(
        name + "00" if name and len(name) == 3 and name[0] in "+-" else name or ""
    )
    if found is None:
        return UTC
    offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
    return timezone(-offset if found["sign"] == "-" else offset)


def _believable(moment: datetime) -> datetime | None:
    if not OLDEST <= moment.year <= NEWEST:
        return None
    return moment.astimezone(UTC)
