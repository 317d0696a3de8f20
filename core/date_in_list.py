"""Dates beside links in lists, where parts are often separated, abbreviated or relative."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from core.date_words import month_named
from core.dates import iso_day, parse_date, usual_zone

# Dates whose parts may be in separate elements.
_YEAR4, _MONTH2, _DAY2 = r"(?P<y{}>20\d\d)", r"(?P<m{}>\d{{1,2}})", r"(?P<d{}>\d{{1,2}})"
_APART = re.compile(
    "|".join(
        form.format(*(part.format(at) for part in (_YEAR4, _MONTH2, _DAY2)))
        for at, form in enumerate(
            (
                # 27 2026-11
                r"(?<![\d.:/-]){2} ?[日号]?[ /] ?{0} ?[-./年] ?{1}(?![\d.:/-]| ?月 ?\d)",
                r"(?<!\d){0} ?[-./年] ?{1} ?月? {2}(?![\d:]) ?日?",  # 2026-11 27
                r"(?<![\d.:/-]){1} ?[-/.月] ?{2} ?日? {0}(?![\d年])",  # 11-27 2026
                r"(?<![\d.:/-]){2} ?日? {1} ?月 ?{0}(?!\d)",  # 27 11月 2026
                r"(?<!\d){0} ?年? {1} ?[-/.月] ?{2}(?![\d:])",  # 2026 11-27
            )
        )
    )
)
_WHOLE = re.compile(
    r"(?:19|20)\d\d(?: ?- ?\d{1,2} ?- ?\d{1,2}|/\d{1,2}/\d{1,2}|\.\d{1,2}\.\d{1,2}"
    r"| ?年 ?\d{1,2} ?月 ?\d{1,2} ?日)(?:(?:T| {0,2})\d{1,2}:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?)?"
)
_MONTH_AND_DAY = re.compile(
    r"(?<![\d.:/-])(0?[1-9]|1[0-2])[-/](0?[1-9]|[12]\d|3[01])(?![\d/-]|\.\d)(?: (\d{1,2}:\d\d))?"
    r"|(?<!\d)(0?[1-9]|1[0-2]) ?月 ?(0?[1-9]|[12]\d|3[01]) ?日?(?!\d)(?: ?(\d{1,2}:\d\d))?"
    r"|(?<![\d:/.-])(?P<day>0?[1-9]|[12]\d|3[01]) ?日? (?P<month>0?[1-9]|1[0-2]) ?月(?! ?\d)"
)
_WORDED = re.compile(  # matches whole texts only: `10 Mars photos` is a title
    r"\W*(?P<d1>\d{1,2})(?:\.|st|nd|rd|th)? (?P<m1>[^\W\d_]{3,12})\W*"
    r"|\W*(?P<m2>[^\W\d_]{3,12})\.? (?P<d2>\d{1,2})\W*"
)
_SHORT = 40  # characters: a date with clock and zone, but no headline
_AGO = re.compile(
    r"(?<!\d)(\d{1,3}) ?(?:(?P<minutes>分钟|分鐘|分|min(?:ute)?s?)"
    r"|(?P<hours>小时|小時|時間|h(?:ou)?rs?)|(?P<days>天|日|days?)) ?(?:[之以]?前|ago)",
    re.IGNORECASE,
)
_DAY_NAMED = re.compile(r"([今昨前])天(?: ?(\d{1,2}):(\d\d))?")
_YEAR_AND_MONTH = re.compile(
    r"(?<!\d)(20[0-4]\d)(?:[-_/]?(0[1-9]|1[0-2]))?(?:(?!\d)|(?=\d\d(?!\d)))"
)
_DAY_IN_ADDRESS = re.compile(
    r"(?<![\d.])(20[0-4]\d)[-_/]?(0[1-9]|1[0-2])[-_/]?(0[1-9]|[12]\d|3[01])(?!\d)"
)


def date_in_list(
    text: str, *, now: float | None = None, address: str = "", language: str = ""
) -> datetime | None:
    """The date stated in the text beside a link, or, if that is empty, in its `address`.

    Day and year may be separated (“27 2026-11”). A day without a year gets the year in the address,
    else the last one before `now` (Unix time). “3 hours ago” is relative to `now` too.
    """
    text = " ".join(text.split())
    apart = _APART.search(text)
    if apart:
        parts = apart.groupdict()
        numbers = (next(v for k, v in parts.items() if k[0] == which and v) for which in "ymd")
        day = iso_day(*numbers)
        return _moment_of_day(day)
    whole = _WHOLE.search(text)
    if whole:
        alone = parse_date(text, language=language) if len(text) <= _SHORT else None
        return alone or parse_date(whole[0], language=language)
    short = _MONTH_AND_DAY.search(text)
    if short:
        month, day = short[1] or short[4] or short["month"], short[2] or short[5] or short["day"]
        clock = f" {short[3] or short[6]}" if short[3] or short[6] else ""
        return _in_its_year(int(month), day + clock, now, address, language)
    worded = _WORDED.fullmatch(text)
    named = month_named(worded["m1"] or worded["m2"], language) if worded else None
    if worded and named:
        return _in_its_year(named, worded["d1"] or worded["d2"], now, address, language)
    ago = _ago(text, now) if now is not None else None
    if ago is None and 5 < len(text) <= 60:
        ago = parse_date(text, language=language)
    return ago or (None if text else _moment_of_day(_in_any_address(address)))


def states_date(text: str) -> bool:
    """Whether a text states a date, even one without a year."""
    text = " ".join(text.split())
    forms = (_APART, _WHOLE, _MONTH_AND_DAY, _AGO, _DAY_NAMED)
    worded = _WORDED.fullmatch(text)
    if worded and month_named(worded["m1"] or worded["m2"], ""):
        return True
    return any(form.search(text) for form in forms) or date_in_list(text) is not None


def _in_its_year(
    month: int, rest: str, now: float | None, address: str, language: str
) -> datetime | None:
    """Add the year to `[11-27]`, `11月27日 08:11`, `27 Nov`: `rest` is a day, and maybe a clock."""
    stated = _YEAR_AND_MONTH.search(address)
    latest = datetime.fromtimestamp(now, UTC) if now is not None else None
    if stated and (stated[2] is None or int(stated[2]) == month):
        return parse_date(f"{stated[1]}-{month}-{rest}", language=language)
    for year in (latest.year, latest.year - 1) if latest else ():
        moment = parse_date(f"{year}-{month}-{rest}", language=language)
        if moment is not None and latest is not None and moment <= latest + timedelta(days=1):
            return moment
    return None


def _ago(text: str, now: float) -> datetime | None:
    """Parse “3小时前”, “昨天 18:20”, “5 min ago” relative to `now` (Unix time)."""
    found = _AGO.search(text)
    if found:
        unit = next(name for name, value in found.groupdict().items() if value)
        seconds = int(found[1]) * {"minutes": 60, "hours": 3600, "days": 86400}[unit]
        return datetime.fromtimestamp(now - seconds, UTC).replace(microsecond=0)
    named = _DAY_NAMED.search(text)
    if named is None:
        return None
    zone = usual_zone("zh") or UTC
    day = datetime.fromtimestamp(now, zone) - timedelta(days="今昨前".index(named[1]))
    if named[2] is None:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return day.replace(
        hour=int(named[2]) % 24, minute=int(named[3]) % 60, second=0, microsecond=0
    ).astimezone(UTC)


def _in_any_address(address: str) -> str | None:
    found = _DAY_IN_ADDRESS.search(address)
    return iso_day(*found.groups()) if found else None


def _moment_of_day(day: str | None) -> datetime | None:
    return datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None
