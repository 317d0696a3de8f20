"""Dates as text states them. A time is given only with a zone; a day alone stays a day.

Nothing is guessed: a date with two readings is no date, and pictures' addresses are never read.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

_DIGIT = re.compile(r"\d")
_CHINA = timezone(timedelta(hours=8))  # one zone in the mainland, Hong Kong, Macau and Taiwan
_ISO = re.compile(
    r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})"
    r"(?:(?:[T ]|\s+)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_CHINESE = re.compile(
    r"((?:19|20)\d{2})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日"
    r"(?:\s*(?:星期.|周.|（.{1,4}）)?\s*(\d{1,2})[:：时](\d{2})(?:[:：分](\d{2}))?)?"
)
_EUROPEAN = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2((?:19|20)\d{2})")
_MONTH_NAMES = (
    "jan januar january janvier enero gennaio janeiro januari",
    "feb februar february février fevrier febrero febbraio fevereiro februari",
    "mar mär märz march mars marzo março maart",
    "apr april avril abril aprile",
    "may mai mayo maggio maio mei",
    "jun juni june juin junio giugno junho",
    "jul juli july juillet julio luglio julho",
    "aug august août aout agosto augustus",
    "sep sept september septembre septiembre settembre setembro",
    "oct okt oktober october octobre octubre ottobre outubro",
    "nov november novembre noviembre novembro",
    "dec dez dezember december décembre decembre diciembre dicembre dezembro",
)
_MONTHS = {name: here for here, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
_DAY_FIRST = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th|er|\.|º)?\s+(?:de\s+)?([^\W\d_]{3,10})\.?,?\s+(?:de\s+)?((?:19|20)\d{2})"
)
_MONTH_FIRST = re.compile(r"([^\W\d_]{3,10})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+((?:19|20)\d{2})")
_DATELINE = re.compile(
    r"[【（(\[][^】）)\]\n]{0,20}?((?:19|20)\d{2})年(\d{1,2})月(\d{1,2})日"
    r"(?:\s*(?:综合)?(?:讯|訊|电|電|消息|报道|報道|報導|报导))?\s*[】）)\]]"
    r"|^[^\n。]{0,16}?((?:19|20)\d{2})年(\d{1,2})月(\d{1,2})日(?:讯|訊|电|電|消息|报道|報導|报导)"
)
_SHORT_DATELINE = re.compile(
    r"[【（(\[][^】）)\]\n]{0,12}?(?<!\d)(\d{1,2})月(\d{1,2})日(?:讯|訊|电|電)[】）)\]]"
)
_IN_ADDRESS = re.compile(
    r"/((?:19|20)\d{2})(?:/(\d{1,2})/(\d{1,2})(?=/|$)|/(\d{2})-?(\d{2})(?=/)"
    r"|-?(\d{2})-?(\d{2})(?=[/_.-]|$))"
)
_LABEL = re.compile(
    r"来源|來源|发布|發布|发表|發表|时间|時間|日期|作者|记者|記者|编辑|編輯|published|posted"
    r"|updated|by ",
    re.IGNORECASE,
)
_SHORT_IN_ADDRESS = re.compile(r"/(\d{1,2})/(\d{1,2})/(\d{1,2})/")
_FILLER = re.compile(
    r"[\s\-–—|:：,，.·/、()（）]|发布|发表|更新|时间|日期|published|posted|updated|date|by|posted|in|on|at|um|uhr|le|à|the"
    r"|星期.|周.|am|pm|monday|tuesday|wednesday|thursday|friday|saturday|sunday|\d{1,2}[:：h]\d{2}"
    r"(?:[:：]\d{2})?|utc|gmt|c?es?t|[+-]\d{2}:?\d{2}|发稿|最后|於|于|發布|發表|時間",
    re.IGNORECASE,
)


def stated(text: str, *, chinese: bool = False) -> str | None:
    """The date a short text states, as ISO 8601; None if it states none or an unclear one."""
    text = text.strip()[:120]
    for pattern in (_ISO, _CHINESE):
        match = pattern.search(text)
        if match:
            zone = match[7] if pattern is _ISO else None
            clock = (match[4], match[5], match[6])
            return _moment(match[1], match[2], match[3], clock, zone, chinese=chinese)
    return _mail_date(text) or _worded(text) or _european(text)


def is_date_line(text: str) -> bool:
    """Whether a line holds nothing but a date (and a time)."""
    if len(text) > 60 or not _DIGIT.search(text):
        return False
    for pattern in (_ISO, _CHINESE, _DAY_FIRST, _MONTH_FIRST, _EUROPEAN):
        match = pattern.search(text)
        if match:
            rest = text[: match.start()] + text[match.end() :]
            return _FILLER.sub("", rest) == ""
    return False


def in_header(line: str) -> bool:
    """Whether a short line above a text names a date among source, author and editor."""
    if len(line) > 90 or not _LABEL.search(line):
        return False
    patterns = (_ISO, _CHINESE, _DAY_FIRST, _MONTH_FIRST)
    return any(pattern.search(line) for pattern in patterns)


def dateline(text: str, address: str | None) -> str | None:
    """The day in an agency's opening, as in 【…2022年12月02日讯】."""
    head = text[:80]
    if "月" not in head:
        return None
    match = _DATELINE.search(head)
    if match:
        numbers = [group for group in match.groups() if group]
        return _day(*numbers)
    short = _SHORT_DATELINE.search(head)
    if short and address:
        for year, month, day in _SHORT_IN_ADDRESS.findall(address):
            if (int(month), int(day)) == (int(short[1]), int(short[2])):
                return _day(str(2000 + int(year)), month, day)
    return None


def in_address(address: str) -> str | None:
    """The day that stands in an article's own address."""
    match = _IN_ADDRESS.search(address)
    numbers = [group for group in match.groups() if group] if match else []
    return _day(*numbers) if numbers else None


def is_day(published: str) -> bool:
    """Whether a published date states the day alone."""
    return len(published) == 10


def iso(moment: datetime) -> str:
    """A time as it is published: whole seconds, with its zone."""
    return moment.replace(microsecond=0).isoformat()


def _day(year: str, month: str, day: str) -> str | None:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


def _moment(
    year: str,
    month: str,
    day: str,
    clock: tuple[str | None, str | None, str | None],
    zone: str | None,
    *,
    chinese: bool,
) -> str | None:
    hour, minute, second = clock
    known = _zone(zone) if zone else (_CHINA if chinese else None)
    if hour is None or minute is None or known is None:
        return _day(year, month, day)
    try:
        numbers = (int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
        return datetime(*numbers, tzinfo=known).isoformat()
    except ValueError:
        return _day(year, month, day)


def _zone(zone: str) -> timezone:
    if zone[0] not in "+-":
        return UTC
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    offset = timedelta(hours=min(hours, 15), minutes=min(minutes, 59))
    return timezone(-offset if zone[0] == "-" else offset)


def _mail_date(text: str) -> str | None:
    if "," not in text[:5] and not text[:1].isdigit():
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return iso(moment) if moment.tzinfo is not None else moment.date().isoformat()


def _worded(text: str) -> str | None:
    lowered = text.lower()
    for match in _DAY_FIRST.finditer(lowered):
        if match[2] in _MONTHS:
            return _day(match[3], str(_MONTHS[match[2]]), match[1])
    for match in _MONTH_FIRST.finditer(lowered):
        if match[1] in _MONTHS:
            return _day(match[3], str(_MONTHS[match[1]]), match[2])
    return None


def _european(text: str) -> str | None:
    """Day, month, year; with slashes it is read only if it cannot be month, day, year."""
    match = _EUROPEAN.search(text)
    if match is None:
        return None
    if match[2] == "/" and int(match[1]) <= 12 and match[1] != match[3]:
        return None
    return _day(match[4], match[3], match[1])
