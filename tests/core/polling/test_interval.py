from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.settings import Backoff, FetchSettings
from core.polling.interval import Wishes, after_failure, next_interval, own_rhythm

HOUR = 3600.0
DAY = 24 * HOUR
NOW = 1_772_627_400.0  # 12:30 UTC
FETCH = FetchSettings()


def rhythm(arrivals: list[float], *, now: float = NOW, last: float | None = None) -> float:
    return own_rhythm(FETCH, now=now, arrivals=arrivals, last=last)


def test_a_source_without_history_is_asked_each_hour_and_then_less() -> None:
    assert rhythm([]) == HOUR
    assert rhythm([], last=HOUR) == 1.5 * HOUR
    assert rhythm([], last=23 * HOUR) == DAY


def test_a_busy_source_is_asked_at_the_floor_and_a_sleeping_one_once_a_day() -> None:
    busy = [NOW - n * 300 for n in range(64)]
    weekly = [NOW - n * 7 * DAY for n in range(1, 4)]

    assert rhythm(busy) == FETCH.min_interval
    assert rhythm(weekly) == DAY


def test_silence_makes_the_interval_grow() -> None:
    daily_ten = [NOW - n * 2.4 * HOUR for n in range(60)]

    awake, asleep = rhythm(daily_ten), rhythm(daily_ten, now=NOW + 10 * DAY)

    assert HOUR < awake < 2 * HOUR
    assert asleep > 2 * awake


def test_a_source_is_asked_less_in_the_hours_in_which_it_never_publishes() -> None:
    noon = NOW - 1800
    at_noon = [noon - n * DAY + m * 900 for n in range(1, 8) for m in range(4)]

    before_noon = rhythm(at_noon, now=noon)
    at_night = rhythm(at_noon, now=noon + 14 * HOUR)

    assert before_noon < 2 * HOUR < at_night


def test_a_fixed_interval_is_not_exceeded_where_the_floor_leaves_room() -> None:
    for chance in (0.0, 0.5, 0.999):
        assert 1350 <= next_interval(FETCH, now=NOW, chance=chance, every=1800) <= 1800
        assert 900 <= next_interval(FETCH, now=NOW, chance=chance, every=60) <= 925


@given(st.floats(0, 1, exclude_max=True), st.lists(st.floats(0, NOW + DAY), max_size=80))
def test_no_interval_is_below_the_floor_or_above_the_ceiling(
    chance: float, arrivals: list[float]
) -> None:
    seconds = next_interval(FETCH, now=NOW, chance=chance, arrivals=arrivals)

    assert FETCH.min_interval <= seconds <= FETCH.max_interval


def test_polls_do_not_bunch_up() -> None:
    intervals = [next_interval(FETCH, now=NOW, chance=n / 1000) for n in range(1000)]
    shortest = min(intervals)
    windows = [0] * 40
    for seconds in intervals:
        windows[int((seconds - shortest) // (0.05 * shortest))] += 1

    assert max(windows) <= 250


def test_wishes_of_the_source_are_a_lower_bound() -> None:
    fresh = next_interval(FETCH, now=NOW, chance=0, every=900, wishes=Wishes(fresh=7200))
    closed = next_interval(FETCH, now=NOW, chance=0, every=900, wishes=Wishes(skip_hours=(12, 13)))

    assert fresh == 7200
    assert closed == 1.5 * HOUR


def test_gaps_grow_by_half_at_least_until_the_cap() -> None:
    for chances in ((0.0, 0.0), (0.999, 0.0), (0.0, 0.999)):
        gaps = [
            after_failure(FETCH, interval=900, failures=n, chance=chances[n % 2])
            for n in range(1, 6)
        ]
        assert gaps[0] >= 1800
        assert all(later >= 1.5 * gap for gap, later in pairwise(gaps))
    many = after_failure(FETCH, interval=900, failures=1000, chance=0.5)
    assert 0.9 * DAY <= many <= DAY


def test_back_off_works_at_the_pace_of_seconds_too() -> None:
    fetch = FetchSettings(min_interval="1s", backoff=Backoff(base="1s", cap="20s"))

    gaps = [after_failure(fetch, interval=1, failures=n, chance=0) for n in (1, 2, 3, 9)]

    assert gaps == [2, 4, 8, 20]


@pytest.mark.parametrize(("stated", "least", "most"), [(8, 8, 8.8), (0, 1, 1.1), (90, 90, 99)])
def test_a_stated_wait_is_obeyed(stated: float, least: float, most: float) -> None:
    fetch = FetchSettings(min_interval="1s")

    for chance in (0, 0.99):
        gap = after_failure(fetch, interval=1, failures=7, chance=chance, retry_after=stated)
        assert least <= gap <= most
