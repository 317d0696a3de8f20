"""Dates in feeds, pages and texts: the one interface for reading all of them.

`date_reader.py` parses what is stated; this module interprets it. A time without a zone is in the
zone of the source's language if that has a single zone, else UTC; a date without time is midnight
UTC. A value that is implausible (1970, the year 1), ambiguous or unreadable gives no date.

If a source's clock is ahead, its future dates are shifted back: times without a zone, or with a
wrong one, are off by hours. A clock that is behind cannot be distinguished from late news.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import ceil
from typing import NamedTuple

from core.date_reader import StatedDate, read_date
from core.date_words import goes_with_dates
from core.models import FeedEntry, ParsedFeed

OLDEST = 1990  # before the first feeds; earlier values are zeros misread as dates
NEWEST = 2199  # later ones are Buddhist years (from 2400) and "never" (9999)
# Languages whose countries share one zone, in hours from UTC. All others: UTC.
_ZONE_OF_LANGUAGE = {"zh": 8, "ja": 9, "ko": 9, "th": 7, "vi": 7}

# The formats of nearly all feeds, parsed without the full reader: RFC 822 and RFC 3339.
_RFC822 = re.compile(
    r"(?:[A-Z][a-z]{2,8},? )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d)(?::(\d\d))?"
    r" (?:([+-])(\d\d)(\d\d)|GMT|UTC|Z)"
)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")
_MONTHS = {name: at for at, name in enumerate(
    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1
)}  # fmt: skip

_SCRIPTS = re.compile("(?P<ja>[ぁ-ヿ]{2})|(?P<ko>[가-힣]{2})|(?P<th>[ก-๛]{3})|(?P<zh>[㐀-鿿]{2})")
_KANA = re.compile("[ぁ-ゖァ-ヺ]")

# A line that may contain a date: a year, or three numbers.
_MAY_STATE = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|\d{1,2}([./-])\d{1,2}\1\d\d")
_YEAR_FIRST = re.compile(r"(?<![\d./-])\d{4}\s?[-./年]\s?\d")
_BRACKETED = re.compile(r"[(（\[【]([^()（）\[\]【】]*)[)）\]】]")
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

_INEXACT = timedelta(minutes=10)  # normal inaccuracy of clocks
_FURTHEST = timedelta(hours=14)  # largest UTC offset; a date further ahead is an announcement
# UTC offsets are multiples of half an hour, except for a few of quarters
_STEP = timedelta(minutes=30)
_LEAST = 2  # entries in the future at once: a single one may be an announcement


def parse_date(value: str | None, *, language: str | None = None) -> datetime | None:
    """A feed's date in UTC; None if it is missing, ambiguous or implausible.

    `language` is that of the source. It selects month names, the order of numbers and the default
    zone.
    """
    value = " ".join((value or "")[:120].split())
    moment = _parse_standard(value) or _as_utc(
        read_date(value, (language or "").lower()), language or ""
    )
    if moment is None or not OLDEST <= moment.year <= NEWEST:
        return None
    return moment.astimezone(UTC)


def _parse_standard(value: str) -> datetime | None:
    found = _RFC822.fullmatch(value)
    try:
        if found is None:
            moment = datetime.fromisoformat(value) if _RFC3339.fullmatch(value) else None
            return moment.replace(microsecond=0) if moment else None
        month = _MONTHS.get(found[2])
        if month is None:
            return None
        numbers = (int(found[3]), month, int(found[1]), int(found[4]), int(found[5]))
        offset = timedelta()
        if found[7]:
            offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
        moment = datetime(*numbers, int(found[6] or 0), tzinfo=UTC)
        return moment + offset if found[7] == "-" else moment - offset
    except (ValueError, OverflowError):
        return None  # such as second 60, which the full reader handles


def _as_utc(stated: StatedDate | None, language: str) -> datetime | None:
    if stated is None:
        return None
    if stated.clock is None:
        return datetime.combine(stated.day, time(), UTC)
    zone = stated.zone or usual_zone(language) or usual_zone(stated.language) or UTC
    try:
        return datetime.combine(stated.day, stated.clock, zone).astimezone(UTC)
    except OverflowError:
        return None


def spoken(text: str | None, declared: str | None) -> str:
    """The language that determines a source's zone: by the script of `text`, else as declared.

    Many Chinese feeds are declared as English, the default of their software.
    """
    found = _SCRIPTS.search(text) if text and not text.isascii() else None
    if found is None:
        return declared or ""
    if found.lastgroup == "zh":  # Japanese titles may have no kana; such feeds declare "ja"
        kana = _KANA.search(text or "")
        return "ja" if kana else (declared if declared and declared[:2] in ("ja", "ko") else "zh")
    return found.lastgroup or ""


def usual_zone(language: str) -> timezone | None:
    """The default zone of a language; None if its countries have several."""
    hours = _ZONE_OF_LANGUAGE.get(language[:2].lower())
    return timezone(timedelta(hours=hours)) if hours else None


def stated(text: str, *, chinese: bool = False, language: str = "") -> str | None:
    """The date in a short text, as ISO 8601; None without one, or if it is ambiguous.

    `language` selects the order of 03/04/2026. The time is included only with a zone: the stated
    one, or China's in a Chinese text.
    """
    found = read_date(text.strip()[:120], "zh" if chinese else language.lower())
    if found is None or not OLDEST <= found.day.year <= NEWEST:
        return None
    # Dates with the day first come from foreign newspapers, whose zone is unknown.
    zone = found.zone or (usual_zone("zh") if chinese and _YEAR_FIRST.search(text) else None)
    if found.clock is None or zone is None:
        return found.day.isoformat()
    return iso(datetime.combine(found.day, found.clock, zone))


def is_date_line(text: str, language: str = "") -> bool:
    """Whether a line contains only a date (and a time)."""
    if len(text) > 60 or not _MAY_STATE.search(text):
        return False
    found = read_date(text, language)
    if found is None:
        return False
    beside = [*found.rest, *_BRACKETED.findall(text)]
    return all(not _FILLER.sub("", word) or goes_with_dates(word) for word in beside)


def is_date_header(line: str) -> bool:
    """Whether a short line above a text has a date beside source, author or editor."""
    if len(line) > 90 or not _LABEL.search(line) or not _MAY_STATE.search(line):
        return False
    return read_date(line) is not None


def dateline(text: str, address: str | None) -> str | None:
    """The day in an agency's dateline, as in 【…2022年12月02日讯】."""
    head = text[:80]
    if "月" not in head:
        return None
    match = _DATELINE.search(head)
    if match:
        numbers = [group for group in match.groups() if group]
        return iso_day(*numbers)
    short = _SHORT_DATELINE.search(head)
    if short and address:
        for year, month, day in _SHORT_IN_ADDRESS.findall(address):
            if (int(month), int(day)) == (int(short[1]), int(short[2])):
                return iso_day(str(2000 + int(year)), month, day)
    return None


def date_in_url(address: str) -> str | None:
    """The day in an article's URL, as ISO 8601."""
    match = _IN_ADDRESS.search(address)
    numbers = [group for group in match.groups() if group] if match else []
    return iso_day(*numbers) if numbers else None


def moment(published: str | None) -> datetime | None:
    """An article's `published` as a datetime; a date without time is midnight UTC."""
    if not published:
        return None
    try:
        parsed = datetime.fromisoformat(published)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def is_day(published: str) -> bool:
    """Whether a published date has no time."""
    return len(published) == 10


def iso(moment: datetime) -> str:
    """A time in the published format: whole seconds, with its zone."""
    return moment.replace(microsecond=0).isoformat()


def iso_day(year: str, month: str, day: str) -> str | None:
    """A date as ISO 8601; None if it does not exist."""
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


@lru_cache(1024)
def http_date(value: str | None) -> float | None:
    """Unix time of an HTTP date in any of its three formats (RFC 9110, 5.6.7), or None."""
    if not value or not any(sign.isdigit() for sign in value):
        return None
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


class SourceClock(NamedTuple):
    """The current time, and the seconds by which a source's clock is known to be ahead."""

    now: float  # Unix time
    ahead: float = 0.0


def with_corrected_dates(feed: ParsedFeed, clock: SourceClock | None) -> ParsedFeed:
    """The feed with future dates shifted back, and with the measured lead of its clock."""
    if clock is None:
        return feed
    now = datetime.fromtimestamp(clock.now, UTC)
    leads = [entry.published - now for entry in feed.entries if entry.published]
    future = [lead for lead in leads if _INEXACT < lead <= _FURTHEST]
    seen = len(future) >= _LEAST or (clock.ahead > 0 and bool(future))
    ahead = timedelta(seconds=clock.ahead)
    if seen:
        ahead = max(ahead, _clock_lead(max(future), feed))
    if not ahead:
        return feed
    entries = tuple(_taken_back(entry, ahead) for entry in feed.entries)
    found = ahead.total_seconds() if seen else None
    return feed.model_copy(update={"entries": entries, "clock_ahead": found})


def _clock_lead(lead: timedelta, feed: ParsedFeed) -> timedelta:
    """The lead of the clock: its language's zone if that explains it, else the next half hour."""
    first = feed.entries[0]
    zone = usual_zone(spoken(first.title, first.language or feed.language))
    hours = zone.utcoffset(None) if zone else timedelta()
    return hours if lead - _INEXACT <= hours else ceil(lead / _STEP) * _STEP


def _taken_back(entry: FeedEntry, ahead: timedelta) -> FeedEntry:
    dates = {"published": entry.published, "updated": entry.updated}
    return entry.model_copy(update={name: at and at - ahead for name, at in dates.items()})
