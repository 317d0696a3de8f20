"""A text taken apart: numbers in one form, whatever script and words they are written in."""

from __future__ import annotations

import pytest

from core.dedup.reading import prepare_text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("央行开展2400亿元逆回购操作", "央行开展二千四百亿元逆回购操作"),
        ("中标利率为百分之一点四，持平", "中标利率为1.40%，持平"),
        ("seven cows and twenty hens", "7 cows and 20 hens"),
        ("семь коров", "7 коров"),
        ("dreißig Hühner", "30 Hühner"),
    ],
)
def test_a_number_is_one_token_however_it_is_written(one: str, other: str):
    assert prepare_text(None, one).hashes.tolist() == prepare_text(None, other).hashes.tolist()


def test_a_percentage_is_not_the_number_before_its_sign():
    shares = [prepare_text(None, f"中标利率为{number}，与此前持平") for number in ("4%", "4")]

    assert shares[0].hashes.tolist() != shares[1].hashes.tolist()
