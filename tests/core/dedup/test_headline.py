"""Numbers are told apart by what they count, and equal numbers are equal in any writing."""

from __future__ import annotations

import time

import pytest

from core.dedup.headline import headline, numbers_of, value_of
from core.dedup.reading import prepare_text


@pytest.mark.parametrize(
    ("text", "series"),
    [
        ("第一章 开端", "1"),
        ("第2章 开端", "2"),
        ("往事(三)", "3"),
        ("往事(下)", "3"),
        ("终极目的之四:路线图", "4"),
        ("the long road, part ii", "2"),
        ("kapitel 12: der fluss", "12"),
        ("episode 7", "7"),
    ],
)
def test_a_place_in_a_series_is_found(text, series):
    assert numbers_of(text).series == (series,)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("8.4白宫简报会", "8 4"),
        ("8月4日白宫简报会", "8 4"),
        ("closing prices may 5", "5 5"),
        ("börse am 3. märz", "3 3"),
        ("周一收盘", "w1"),
        ("monday's market report", "w1"),
        ("report of 2026-08-04", "2026 8 4"),
    ],
)
def test_a_date_is_found(text, date):
    assert numbers_of(text).dates == (date,)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("300万", "三百万"),
        ("3.5 million", "3,500,000"),
        ("1.2亿", "12000万"),
        ("3,5 mio", "3.5 mn"),
    ],
)
def test_equal_values_are_equal_in_any_writing(one, other):
    assert numbers_of(one).figures == numbers_of(other).figures != ()
    assert value_of(one.split()[0]) > 0


@pytest.mark.parametrize("text", ["万一下雨", "十字路口", "一念之间", "g20 summit", "covid19 wave"])
def test_words_that_look_like_numbers_are_words(text):
    numbers = numbers_of(text)

    assert (numbers.series, numbers.dates, numbers.figures) == ((), (), ())
    assert numbers.rest == text


@pytest.mark.parametrize("hostile", ["一", "亿", "1", "1,", "百分之", "一点", "("])
def test_a_headline_or_text_of_endless_numerals_is_read_in_time(hostile: str):
    started = time.process_time()

    headline(hostile * 10_000)
    prepare_text(hostile * 10_000, "山" * 9000 + hostile * 9000)

    assert time.process_time() - started < 2  # up to 22 seconds, or an error, without bounds


@pytest.mark.parametrize(
    ("words", "digits"),
    [
        ("二千四百亿元", "2400亿元"),
        ("兩千四百億元", "2400億元"),
        ("百分之一点四的股份", "1.40%的股份"),
        ("三天后", "3天后"),
        ("二〇二四年", "2024年"),
    ],
)
def test_a_number_of_a_chinese_text_is_one_token_in_any_writing(words: str, digits: str):
    one, other = prepare_text(None, f"当局宣布{words}"), prepare_text(None, f"当局宣布{digits}")

    assert one.hashes.tolist() == other.hashes.tolist()


def test_a_numeral_inside_a_word_is_no_number():
    assert prepare_text(None, "他们一起去三峡，一些人留下").size == 12
