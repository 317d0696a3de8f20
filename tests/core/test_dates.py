import pytest

from core.dates import dateline, in_address, is_date_line, stated


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
    assert in_address("https://a.example/news/2020/10/10/948810.html") == "2020-10-10"
    assert in_address("https://a.example/c/20245/n1.htm") is None
