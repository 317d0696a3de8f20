"""What a feed says about its own rhythm and its hub, read from its text.

feedparser keeps only the last of several `hour` and `day` elements; the rest is simple.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PERIODS = {
    "hourly": 3600.0,
    "daily": 86400.0,
    "weekly": 7 * 86400.0,
    "monthly": 30 * 86400.0,
    "yearly": 365 * 86400.0,
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CAP = 86400.0
_HEAD = 65_536  # characters in which a channel states these; items may follow or precede


class Hints(NamedTuple):
    """When the next look is worth it, as the feed says."""

    ttl: float | None = None  # seconds
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()


def rhythm_hints(text: str) -> Hints:
    """The longest of ttl and sy:update*, at most a day, and the closed hours and days."""
    head = text[:_HEAD] if len(text) <= 2 * _HEAD else text[:_HEAD] + text[-_HEAD:]
    stated = [seconds for seconds in (_ttl(head), _syndication(head)) if seconds]
    return Hints(
        ttl=min(max(stated), _CAP) if stated else None,
        skip_hours=_skip_hours(head),
        skip_days=_skip_days(head),
    )


def _ttl(head: str) -> float | None:
    minutes = _value(head, "ttl")
    return float(minutes) * 60 if re.fullmatch(r"\d{1,9}", minutes) else None


def _syndication(head: str) -> float | None:
    period = _PERIODS.get(_value(head, "updatePeriod").lower())
    if period is None:
        return None
    frequency = _value(head, "updateFrequency")
    return period / max(1, int(frequency)) if re.fullmatch(r"\d{1,6}", frequency) else period


def _skip_hours(head: str) -> tuple[int, ...]:
    values = re.findall(r"<hour>\s*(\d{1,2})\s*</hour>", _block(head, "skipHours"), re.IGNORECASE)
    hours = {int(value) % 24 for value in values}  # 24 stands for midnight in early feeds
    return tuple(sorted(hours)) if len(hours) < 24 else ()


def _skip_days(head: str) -> tuple[int, ...]:
    values = re.findall(r"<day>\s*(\w{6,9})\s*</day>", _block(head, "skipDays"), re.IGNORECASE)
    days = {_DAYS.index(value.lower()) for value in values if value.lower() in _DAYS}
    return tuple(sorted(days)) if len(days) < 7 else ()


def _value(head: str, name: str) -> str:
    found = re.search(rf"<(?:\w{{1,20}}:)?{name}>([^<]{{0,100}})</", head, re.IGNORECASE)
    return found[1].strip() if found else ""


def _block(head: str, name: str) -> str:
    start = head.lower().find(f"<{name.lower()}")
    return head[start : start + 2000] if start >= 0 else ""
