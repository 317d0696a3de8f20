from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.settings import Backoff, FetchSettings
from core.polling import (
    DAY,
    HOUR,
    PollingHints,
    RedirectWatch,
    after_failure,
    after_skips,
    freshness,
    is_persistent,
    is_signed,
    link_target,
    next_interval,
    own_rhythm,
    retry_after,
    watch_redirect,
)

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC).timestamp()  # a Wednesday
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
    fresh = next_interval(FETCH, now=NOW, chance=0, every=900, wishes=PollingHints(fresh=7200))
    closed = next_interval(
        FETCH, now=NOW, chance=0, every=900, wishes=PollingHints(skip_hours=(12, 13))
    )

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


def http(moment: float) -> str:
    return format_datetime(datetime.fromtimestamp(moment, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"Cache-Control": "public, max-age=600"}, 600),
        ({"Cache-Control": "s-maxage=9, max-age=10"}, 10),
        ({"Cache-Control": 'max-age="30"'}, 30),
        ({"Cache-Control": "max-age=600", "Age": "100"}, 500),
        ({"Cache-Control": "max-age=600", "Age": "900"}, 0),
        ({"Cache-Control": "max-age=99999999999"}, DAY),
        ({"Cache-Control": "no-cache, max-age=600"}, 0),
        ({"Cache-Control": "max-age=soon"}, 0),
        ({"Expires": "0"}, 0),
        ({"Expires": "-1"}, 0),
        ({"Expires": "Thu, 99 Foo 2026"}, 0),
        ({"Cache-Control": "max-age=5", "Expires": http(NOW + 900)}, 5),
        ({"Expires": http(NOW + 900)}, 900),
        ({"Expires": http(NOW + 900), "Date": http(NOW + 300)}, 600),
        ({"Expires": http(NOW - 900)}, 0),
    ],
)
def test_an_answer_says_how_long_it_is_fresh(headers: dict[str, str], seconds: float) -> None:
    assert freshness(headers, now=NOW) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("8", 8),
        (" 8 ", 8),
        ("0", 0),
        ("8.5", 8.5),
        (http(NOW + 8), 8),
        (http(NOW - 8), 0),
        ("Wednesday, 04-Mar-26 12:30:08 GMT", 8),
        ("Wed Mar  4 12:30:08 2026", 8),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("99999999999", DAY),
        ("9" * 400, None),
    ],
)
def test_retry_after_is_read_in_every_form(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}, now=NOW) == seconds


def test_an_absurd_retry_after_is_answered_with_the_cap() -> None:
    headers = {"Retry-After": "99999999999"}

    assert retry_after(headers, now=NOW, cap=20) == 20
    assert retry_after({"Retry-After": "90"}, now=NOW, cap=20) == 90


def test_a_wrong_clock_of_the_server_does_not_lengthen_the_wait() -> None:
    headers = {"Retry-After": http(NOW + 3608), "Date": http(NOW + 3600)}

    assert retry_after(headers, now=NOW) == 8


def test_closed_hours_and_days_are_waited_out() -> None:
    hour = 3600.0
    noon = NOW - 1800

    assert after_skips(NOW, (), ()) == NOW
    assert after_skips(NOW, (11, 13), ()) == NOW
    assert after_skips(NOW, (12, 13), ()) == noon + 2 * hour
    assert after_skips(NOW, (), (2,)) == noon + 12 * hour
    assert after_skips(NOW, (0, 12), (2,)) == noon + 13 * hour


def test_a_feed_that_is_always_closed_is_not_believed() -> None:
    assert after_skips(NOW, tuple(range(24)), ()) == NOW


def test_a_redirect_is_believed_after_three_answers_over_a_day() -> None:
    seen: RedirectWatch | None = None
    for hour in (0, 12):
        seen = watch_redirect(seen, "https://new.example/feed", now=hour * 3600)
    assert not is_persistent(seen, now=12 * 3600, persistence=86400)

    seen = watch_redirect(seen, "https://new.example/feed", now=24 * 3600)

    assert is_persistent(seen, now=24 * 3600, persistence=86400)


def test_three_answers_within_an_hour_are_not_enough() -> None:
    seen: RedirectWatch | None = None
    for minute in (0, 15, 30):
        seen = watch_redirect(seen, "https://new.example/feed", now=minute * 60)

    assert not is_persistent(seen, now=1800, persistence=86400)


def test_another_target_or_an_answer_without_redirect_starts_anew() -> None:
    seen = RedirectWatch(to="https://a.example/", since=0, count=9)

    assert watch_redirect(seen, None, now=1) is None
    assert watch_redirect(seen, "https://b.example/", now=1) == RedirectWatch(
        to="https://b.example/", since=1
    )


BASE = "https://news.example/feed"


@pytest.mark.parametrize(
    ("headers", "hub"),
    [
        (['<https://hub.example/>; rel="hub"'], "https://hub.example/"),
        (["<https://hub.example/>; rel=hub"], "https://hub.example/"),
        (['</self>; rel="self", </hub>; rel="next HUB"; title="a, b"'], "https://news.example/hub"),
        (["</self>; rel=self", "</hub>; title=x; rel=hub"], "https://news.example/hub"),
        (['<javascript:x>; rel="hub"'], None),
        (['<https://hub.example/>; xrel="hub"'], None),
        ([], None),
    ],
)
def test_a_hub_is_named_in_link_headers(headers: list[str], hub: str | None) -> None:
    assert link_target(headers, "hub", base=BASE) == hub


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512", "SHA256"])
def test_every_method_of_the_recommendation_proves_a_body(method: str) -> None:
    proof = hmac.new(b"key", b"body", getattr(hashlib, method.lower())).hexdigest()

    assert is_signed(f"{method}={proof}", b"body", secret="key")
    assert is_signed(f"{method}={proof.upper()}", b"body", secret="key")
    assert not is_signed(f"{method}={proof}", b"other", secret="key")
    assert not is_signed(f"{method}={proof}", b"body", secret="other")
    assert not is_signed(f"md5={proof}", b"body", secret="key")


@given(st.text(max_size=80), st.binary(max_size=80))
def test_no_header_breaks_it(header: str, body: bytes) -> None:
    assert not is_signed(header, body, secret="key")
    assert not is_signed("sha256=" + header, body, secret="key")
    link_target([header, "<" + header + ">; rel=hub"], "hub", base=BASE)
