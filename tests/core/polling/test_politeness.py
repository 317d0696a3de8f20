from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.polling.politeness import (
    DAY,
    RedirectWatch,
    after_skips,
    believed,
    freshness,
    is_signed,
    linked,
    retry_after,
    watch,
)

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


def test_a_redirect_is_believed_after_three_answers_over_a_day() -> None:
    seen: RedirectWatch | None = None
    for hour in (0, 12):
        seen = watch(seen, "https://new.example/feed", now=hour * 3600)
    assert not believed(seen, now=12 * 3600, persistence=86400)

    seen = watch(seen, "https://new.example/feed", now=24 * 3600)

    assert believed(seen, now=24 * 3600, persistence=86400)


def test_three_answers_within_an_hour_are_not_enough() -> None:
    seen: RedirectWatch | None = None
    for minute in (0, 15, 30):
        seen = watch(seen, "https://new.example/feed", now=minute * 60)

    assert not believed(seen, now=1800, persistence=86400)


def test_another_target_or_an_answer_without_redirect_starts_anew() -> None:
    seen = RedirectWatch(to="https://a.example/", since=0, count=9)

    assert watch(seen, None, now=1) is None
    assert watch(seen, "https://b.example/", now=1) == RedirectWatch(
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
    assert linked(headers, "hub", base=BASE) == hub


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
    linked([header, "<" + header + ">; rel=hub"], "hub", base=BASE)
