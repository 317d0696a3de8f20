from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.feeds.feed_dates import parse_date

MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
MINUTE = MOMENT.replace(second=0)
DAY = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Wed, 04 Mar 2026 05:06:07 GMT", MOMENT),
        ("Wed, 4 Mar 2026 13:06:07 +0800", MOMENT),
        ("04 Mar 26 00:06:07 EST", MOMENT),
        ("Wed, 04 Mar 2026 05:06:07", MOMENT),
        ("2026-03-04T05:06:07Z", MOMENT),
        ("2026-03-04T13:06:07.123+08:00", MOMENT),
        ("2026-03-04 13:06:07 +0800", MOMENT),
        ("2026-03-04T13:06:07+08", MOMENT),
        ("2026-03-04 05:06:07", MOMENT),
        ("20260304T050607Z", MOMENT),
        ("2026/3/4 5:06", MINUTE),
        ("2026-03-04", DAY),
        ("1772600767", MOMENT),
        ("1772600767000", MOMENT),
        ("2026年3月4日 13:06", MINUTE),
        ("2026年03月04日 星期三 下午1:06", MINUTE),
        ("2026년 3월 4일 오후 2:06", MINUTE),
        ("March 4, 2026 5:06 am", MINUTE),
        ("Wednesday, March 4th, 2026", DAY),
        ("4. März 2026 05:06", MINUTE),
        ("mercredi 4 août 2026 05:06:07 +0200", datetime(2026, 8, 4, 3, 6, 7, tzinfo=UTC)),
        ("4 de março de 2026", DAY),
        ("04 марта 2026 05:06", MINUTE),
        ("Wed Mar  4 05:06:07 2026", MOMENT),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("0001-01-01T00:00:00", None),
        ("2026", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        ("2026-13-45", None),
        ("99999-01-01", None),
        ("Wed, 04 Mar 2026 99:99:99 GMT", None),
    ],
)
def test_a_date_is_read_in_the_form_of_its_country(
    value: str | None, moment: datetime | None
) -> None:
    assert parse_date(value) == moment


def test_chinas_time_is_not_that_of_chicago() -> None:
    assert parse_date("Wed, 04 Mar 2026 13:06:07 CST", language="zh-CN") == MOMENT


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    parse_date(text + "1")
