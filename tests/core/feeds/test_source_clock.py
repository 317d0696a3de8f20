"""Dates in the future are taken back where a clock is wrong, and only there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.feeds.source_clock import SourceClock, on_our_clock
from core.models import FeedEntry, ParsedFeed

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def hours(
    *stated: float, ahead: float = 0.0, title: str = "News"
) -> tuple[list[float], float | None]:
    """Entries that are dated that many hours from now, as they come out, and what was found."""
    entries = tuple(
        FeedEntry(guid=str(at), position=0, title=title, published=NOW + timedelta(hours=at))
        for at in stated
    )
    feed = on_our_clock(ParsedFeed(entries=entries), SourceClock(NOW.timestamp(), ahead * 3600))
    times = [(entry.published or NOW) - NOW for entry in feed.entries]
    return [round(time / timedelta(hours=1), 2) for time in times], feed.clock_ahead


def test_a_clock_that_is_ahead_is_set_back_for_all_entries() -> None:
    assert hours(7.6, 5.0, -3.0) == ([-0.4, -3.0, -11.0], 8 * 3600)


def test_the_zone_of_the_language_explains_less() -> None:
    assert hours(3.2, 1.0, title="渡口起雾了") == ([-4.8, -7.0], 8 * 3600)


def test_what_is_known_holds_for_one_entry_and_for_none_in_the_future() -> None:
    assert hours(7.9, ahead=8) == ([-0.1], 8 * 3600)
    assert hours(-1.0, ahead=8) == ([-9.0], None)


@pytest.mark.parametrize("stated", [(3.0,), (0.1, 0.05), (30.0, 60.0), (-1.0, -2.0), ()])
def test_announcements_and_clocks_that_are_set_badly_stay(stated: tuple[float, ...]) -> None:
    assert hours(*stated) == (list(stated), None)
