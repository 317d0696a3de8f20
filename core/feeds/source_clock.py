"""A source whose clock is ahead of ours: what it dates in the future is taken back.

Times that are written without a zone, or with a wrong one, are wrong by hours. Behind ours a wrong
clock cannot be told from late news; ahead of it, it shows.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil
from typing import NamedTuple

from core.dates import spoken, usual_zone
from core.models import FeedEntry, ParsedFeed

_INEXACT = timedelta(minutes=10)  # clocks that are merely not set exactly
_FURTHEST = timedelta(hours=14)  # of a zone from UTC; what is further ahead is an announcement
_STEP = timedelta(minutes=30)  # zones differ by whole half hours, but for two of quarters
_LEAST = 2  # entries in the future at once: one alone may be an announcement


class SourceClock(NamedTuple):
    """The time, and by how many seconds a source is known to be ahead of it."""

    now: float  # seconds since 1970
    ahead: float = 0.0


def on_our_clock(feed: ParsedFeed, clock: SourceClock | None) -> ParsedFeed:
    """The feed with the dates of its entries taken back, and with what was found in them."""
    if clock is None:
        return feed
    now = datetime.fromtimestamp(clock.now, UTC)
    leads = [entry.published - now for entry in feed.entries if entry.published]
    future = [lead for lead in leads if _INEXACT < lead <= _FURTHEST]
    seen = len(future) >= _LEAST or (clock.ahead > 0 and bool(future))
    ahead = timedelta(seconds=clock.ahead)
    if seen:
        ahead = max(ahead, _ahead(max(future), feed))
    if not ahead:
        return feed
    entries = tuple(_taken_back(entry, ahead) for entry in feed.entries)
    found = ahead.total_seconds() if seen else None
    return feed.model_copy(update={"entries": entries, "clock_ahead": found})


def _ahead(lead: timedelta, feed: ParsedFeed) -> timedelta:
    """By how much: the zone of its language if that explains it, else the next half hour."""
    first = feed.entries[0]
    zone = usual_zone(spoken(first.title, first.language or feed.language))
    hours = zone.utcoffset(None) if zone else timedelta()
    return hours if lead - _INEXACT <= hours else ceil(lead / _STEP) * _STEP


def _taken_back(entry: FeedEntry, ahead: timedelta) -> FeedEntry:
    stated = {"published": entry.published, "updated": entry.updated}
    return entry.model_copy(update={name: at and at - ahead for name, at in stated.items()})
