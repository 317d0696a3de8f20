from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from core.polling.politeness import DAY, after_skips, freshness, retry_after

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC).timestamp()  # a Wednesday


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
