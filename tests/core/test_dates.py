"""Every form in which a date is written is read as it is meant, or not at all; clocks are set back.

`dates.tsv`: a value, the language of its source and the moment in UTC; empty where none is stated.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.date_reader import read_date
from core.dates import (
    SourceClock,
    date_in_url,
    dateline,
    is_date_line,
    parse_date,
    spoken,
    stated,
    with_corrected_dates,
)
from core.models import FeedEntry, ParsedFeed
from tests.core.date_words import FILE, made

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
FORMS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "dates.tsv").read_text(encoding="utf-8").splitlines()
]


def test_a_date_is_read_in_the_form_of_its_language() -> None:
    wrong = [
        (value, language, moment, found)
        for value, language, moment in FORMS
        if (found := parse_date(value, language=language))
        != (datetime.fromisoformat(moment) if moment else None)
    ]

    assert wrong == []


@pytest.mark.parametrize(
    "value",
    ["Thu, 01 Jan 1970 00:00:00 GMT", "0001-01-01T00:00:00", "2026", "yesterday", "", None,
     "99999-01-01", "Wed, 04 Mar 2026 99:99:99 GMT"],
)  # fmt: skip
def test_what_cannot_be_a_date_of_publication_is_none(value: str | None) -> None:
    assert parse_date(value) is None


@pytest.mark.parametrize("fraction", [".123", ".123456", ".123456789", ",5", ""])
def test_a_moment_has_whole_seconds(fraction: str) -> None:
    assert parse_date(f"2026-03-04T13:06:07{fraction}+08:00") == MOMENT


@pytest.mark.parametrize(
    ("title", "declared", "language"),
    [
        ("市政府通过了水法", "en-us", "zh"),
        ("市政府通过了水法", None, "zh"),
        ("東京都知事選挙", "ja", "ja"),
        ("川沿いの学校", "en", "ja"),
        ("정부는 오늘", None, "ko"),
        ("รัฐบาลไทย", "en", "th"),
        ("Chính phủ", "vi", "vi"),
        ("The 市 of ours", "en", "en"),
        (None, "fr", "fr"),
    ],
)
def test_a_clock_has_the_zone_of_the_language_that_is_written(
    title: str | None, declared: str | None, language: str
) -> None:
    assert spoken(title, declared) == language


@given(st.text(max_size=60), st.sampled_from(["", "en", "zh", "fa", "th", "fi"]))
def test_no_text_breaks_it(text: str, language: str) -> None:
    moment = parse_date(text + "1", language=language)
    stated(text + " 2026")

    assert moment is None or moment.utcoffset() == timedelta(0)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", ["1 ", "1:", "1/", "a.m. ", "(", "年1", "mar ", "+1", "A/B", "["])
def test_a_hostile_date_costs_little(piece: str) -> None:
    started = time.process_time()
    for number in range(300):
        read_date(f"{number} " + piece * 60)

    assert time.process_time() - started < 5


def test_the_words_of_dates_are_those_of_the_library() -> None:
    assert FILE.read_text(encoding="utf-8") == made(), "python -m tests.core.date_words"


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("2026-04-17 19:18:00", "2026-04-17T19:18:00+08:00"),
        ("2021年12月31日", "2021-12-31"),
        ("2021年12月31日 08:05", "2021-12-31T08:05:00+08:00"),
        ("2018-12-04T18:03:24+00:00", "2018-12-04T18:03:24+00:00"),
        ("2018-12-04 18:03:24 +0100", "2018-12-04T18:03:24+01:00"),
        ("25/01/2024 - 19:26", "2024-01-25"),
        ("Tue, 14 May 2024 08:30:00 +0000", "2024-05-14T08:30:00+00:00"),
        ("4 March 2025", "2025-03-04"),
        ("Published: March 4th, 2025", "2025-03-04"),
        ("le 3 février 2020", "2020-02-03"),
        ("03/04/2024", None),
        ("2024-13-40", None),
        ("next Tuesday", None),
    ],
)
def test_a_date_is_what_is_stated_and_no_more(text: str, published: str | None) -> None:
    assert stated(text, chinese=True) == published


def test_a_time_without_a_zone_is_left_out_elsewhere() -> None:
    assert stated("2026-04-17 19:18:00") == "2026-04-17"


@pytest.mark.parametrize(
    "line", ["2021年12月31日", "25/01/2024 - 19:26", "发布时间：2024-05-06 09:12:33", "May 3, 2020"]
)
def test_a_line_with_a_date_alone_is_seen(line: str) -> None:
    assert is_date_line(line)


def test_a_sentence_with_a_date_is_no_date_line() -> None:
    assert not is_date_line("On May 3, 2020 the bridge was closed")
    assert not is_date_line("no date at all")


def test_the_opening_of_an_agency_states_the_day() -> None:
    assert dateline("【大纪元2022年12月02日讯】克里姆林宫今天", None) == "2022-12-02"
    assert dateline("（2021年6月16日两国元首在日内瓦会见）", None) is None


def test_an_opening_without_a_year_needs_the_address_to_agree() -> None:
    opening = "【大纪元8月16日讯】八月十四日晚上"

    assert dateline(opening, "https://a.example/gb/7/8/16/n1.htm") == "2007-08-16"
    assert dateline(opening, "https://a.example/gb/7/9/2/n1.htm") is None


def test_an_address_may_hold_a_full_date() -> None:
    assert date_in_url("https://a.example/news/2020/10/10/948810.html") == "2020-10-10"
    assert date_in_url("https://a.example/c/20245/n1.htm") is None


def hours(
    *dated: float, ahead: float = 0.0, title: str = "News"
) -> tuple[list[float], float | None]:
    """Entries that are dated that many hours from now, as they come out, and what was found."""
    entries = tuple(
        FeedEntry(guid=str(at), position=0, title=title, published=NOW + timedelta(hours=at))
        for at in dated
    )
    feed = with_corrected_dates(
        ParsedFeed(entries=entries), SourceClock(NOW.timestamp(), ahead * 3600)
    )
    times = [(entry.published or NOW) - NOW for entry in feed.entries]
    return [round(time / timedelta(hours=1), 2) for time in times], feed.clock_ahead


def test_a_clock_that_is_ahead_is_set_back_for_all_entries() -> None:
    assert hours(7.6, 5.0, -3.0) == ([-0.4, -3.0, -11.0], 8 * 3600)


def test_the_zone_of_the_language_explains_less() -> None:
    assert hours(3.2, 1.0, title="渡口起雾了") == ([-4.8, -7.0], 8 * 3600)


def test_what_is_known_holds_for_one_entry_and_for_none_in_the_future() -> None:
    assert hours(7.9, ahead=8) == ([-0.1], 8 * 3600)
    assert hours(-1.0, ahead=8) == ([-9.0], None)


@pytest.mark.parametrize("dated", [(3.0,), (0.1, 0.05), (30.0, 60.0), (-1.0, -2.0), ()])
def test_announcements_and_clocks_that_are_set_badly_stay(dated: tuple[float, ...]) -> None:
    assert hours(*dated) == (list(dated), None)
