"""By fingerprints alone: copies of a story join it; what merely looks like it does not."""

from __future__ import annotations

import random

import opencc
import pytest

from core.config.settings import DedupSettings
from core.dedup.decide import Subject, decide
from core.dedup.fingerprint import Fingerprint, features, fingerprint, idf_hashes
from core.dedup.idf import Idf
from core.dedup.prints import StoryCandidate, Verdict, candidate_of
from tests.core.stories import body, paragraphs, title

SETTINGS = DedupSettings()
MANY = range(20)  # stories a rule is tried on: chance decides single ones


def printed(headline: str | None, text: str, idf: Idf | None = None, **more) -> Fingerprint:
    return fingerprint(features(headline, text), idf or Idf(), **more)


def verdict(founder: Fingerprint, entry: Fingerprint) -> Verdict:
    """What becomes of `entry` in a store that holds `founder` alone."""
    met = candidate_of("founder", founder, entry)
    return by_prints(entry, [met] if met else [])


def by_prints(entry: Fingerprint, candidates: list[StoryCandidate]) -> Verdict:
    """The verdict where no text is kept."""
    subject = Subject(entry, None)
    return decide(subject, candidates, SETTINGS, copies=lambda _: None, idf=Idf())[0]


def joins(founder: Fingerprint, entry: Fingerprint) -> bool:
    return verdict(founder, entry).story == "founder"


def wide(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


@pytest.mark.parametrize("script", ["s2t", "s2twp", "s2hk"])
def test_copies_in_another_script_join(script):
    convert = opencc.OpenCC(script).convert
    for seed in MANY:
        headline, text = title(seed, chinese=True), body(seed, chinese=True)
        founder = printed(headline, text)

        assert joins(founder, printed(convert(headline), convert(text)))
        assert joins(printed(convert(headline), convert(text)), founder)


def test_full_width_copies_join():
    for seed in MANY:
        assert joins(printed(title(seed), body(seed)), printed(wide(title(seed)), wide(body(seed))))


@pytest.mark.parametrize("chinese", [False, True])
def test_copies_with_a_few_edited_sentences_join(chinese):
    for seed in MANY:
        parts = paragraphs(seed, 20, chinese=chinese)
        parts[seed % 20] = paragraphs(seed + 5000, 1, chinese=chinese)[0]
        founder = printed(title(seed, chinese=chinese), body(seed, 20, chinese=chinese))

        assert joins(founder, printed("Another headline altogether", "\n\n".join(parts)))


@pytest.mark.parametrize("chinese", [False, True])
def test_copies_with_a_fifth_of_promotion_join(chinese):
    for seed in MANY:
        text = body(seed, 20, chinese=chinese)
        promo = body(seed + 9000, 4, chinese=chinese)
        headline = title(seed, chinese=chinese)

        assert joins(printed(headline, text), printed(headline, text + "\n\n" + promo))
        assert joins(printed(headline, promo + "\n\n" + text), printed(headline, text))


@pytest.mark.parametrize("chinese", [False, True])
def test_copies_that_lost_half_their_paragraphs_join(chinese):
    for seed in range(60):
        parts = paragraphs(seed, 20, chinese=chinese)
        half = sorted(random.Random(seed).sample(range(20), 10))
        cut = "\n\n".join(parts[number] for number in half)
        headline = title(seed, chinese=chinese)
        founder, copy = printed(headline, "\n\n".join(parts)), printed(headline, cut)

        assert joins(founder, copy), seed
        assert joins(copy, founder), seed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The history of the river, part 1", "The history of the river, part 2"),
        ("大饥荒幸存者访谈(一)", "大饥荒幸存者访谈(二)"),
        ("第一章 远方的来信和故事", "第二章 远方的来信和故事"),
        ("Live blog: the war in the north, day 12", "Live blog: the war in the north, day 13"),
        ("8.4 白宫新闻发布会直播", "7.24 白宫新闻发布会直播"),
        ("Closing market report, May 5", "Closing market report, May 6"),
        ("Marktbericht vom 3. März", "Marktbericht vom 4. März"),
    ],
)
@pytest.mark.parametrize("size", [2, 8, 30])
def test_numbers_of_a_series_and_days_of_a_report_stay_apart(one, other, size):
    frame = body(7, size)

    assert not joins(printed(one, frame), printed(other, frame + "\n\nA few words differ."))


def fixing(day: int) -> str:
    draw = random.Random(day)
    lines = [
        f"The price of metal number {n} closed at {draw.randint(100, 999)}.{draw.randint(10, 99)} "
        f"after {draw.randint(100, 999)} the day before, on a volume of {draw.randint(9, 99)} lots."
        for n in ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    ]
    return "\n\n".join(["Metal prices closed as follows in the harbour city.", *lines])


def test_daily_figures_under_one_headline_stay_apart():
    for day in MANY:
        one, other = printed("Metal prices at the close", fixing(day)), fixing(day + 500)

        assert not joins(one, printed("Metal prices at the close", other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("矿难救援继续 已致9死多人受困井下", "矿难救援继续 已致17死多人受困井下"),
        ("台风过境 300万户家庭停电至今", "台风过境 三百万户家庭停电至今"),
        ("Ferry accident leaves 9 dead in harbour", "Ferry accident leaves 17 dead in harbour"),
    ],
)
def test_an_update_of_a_story_joins_although_a_figure_changed(one, other):
    for seed in MANY:
        figures = "The ferry left at 6.40 with 212 people, 14 crew and 38 cars; 3 boats helped."
        text = f"{figures} By 11.15 divers had searched 4 decks.\n\n" + body(seed, 14)

        assert joins(printed(one, text), printed(other, text + "\n\nMore were found at noon."))


def test_two_stories_with_the_same_quote_stay_apart():
    for seed in MANY:
        quote = body(seed + 3000, 4)
        one, other = body(seed, 10) + "\n\n" + quote, quote + "\n\n" + body(seed + 700, 10)

        assert not joins(printed(title(seed), one), printed(title(seed + 700), other))


@pytest.mark.parametrize("stories", [3, 5])
def test_a_page_of_many_stories_suppresses_none_of_them(stories):
    for seed in MANY:
        seeds = [seed + 100 * number for number in range(stories)]
        page = printed("News of the morning in brief", "\n\n".join(body(s) for s in seeds))
        for each in seeds:
            assert not joins(page, printed(title(each), body(each)))
            assert not joins(printed(title(each), body(each)), page)


def test_video_pages_with_one_blurb_and_other_headlines_stay_apart():
    blurb = body(4, 3)
    for seed in MANY:
        assert not joins(printed(title(seed), blurb), printed(title(seed + 1), blurb))


def test_stubs_that_differ_in_a_word_stay_apart():
    one = printed("News of the river", "A few words about the river.", source="s")
    other = printed("News of the desert", "A few words about the desert.", source="s")

    assert not joins(one, other)


def test_an_address_counts_only_with_agreeing_text():
    urls = ["https://example.org/article/1"]
    founder = printed(title(1), body(1), urls=urls)

    assert verdict(founder, printed(title(1), body(2), urls=urls)).story is None
    assert verdict(founder, printed(title(3), body(1), urls=urls)).rule == "address and text"
    assert not joins(founder, printed(title(3), body(3), urls=urls))


def test_an_address_that_many_stories_share_counts_for_nothing():
    founder = printed(title(1), body(1))
    shared = StoryCandidate("founder", "founder", founder.print, under_url=8)

    assert by_prints(printed(title(1), body(2)), [shared]).story is None


def test_a_column_that_recurs_in_its_source_is_no_repost_but_its_copy_is():
    frame, headline = body(1, 10), "Letters of the week to the editor"
    founder = printed(headline, frame + body(2, 4), source="paper")
    next_week = printed("Letters to the doctor this week", frame + body(3, 4), source="paper")
    copy = printed(headline, frame + body(2, 4), source="paper")

    assert not joins(founder, next_week)
    assert verdict(founder, copy).rule == "same source"


def test_texts_that_the_stream_repeats_join_nothing():
    idf, boilerplate = Idf(), body(50)
    for _ in range(8):
        idf.learn(idf_hashes(features("Watch our channel today", boilerplate)))
    founder = printed("Watch our channel today", boilerplate, idf)

    assert not joins(founder, printed("Watch our channel today", boilerplate, idf))


def test_empty_entries_are_different():
    assert not joins(printed("A headline that says quite enough", ""), printed("Another one", ""))
    assert not joins(printed(None, ""), printed(None, ""))


def test_of_two_founders_the_nearer_one_wins_and_of_equals_the_first():
    near, far = printed(title(1), body(1)), printed(title(1), body(1, 13))
    entry = printed(title(1), body(1))

    found = [candidate_of(name, each, entry) for name, each in (("far", far), ("near", near))]
    equals = [candidate_of(name, near, entry) for name in ("first", "second")]

    assert by_prints(entry, [c for c in found if c]).story == "near"
    assert by_prints(entry, [c for c in equals if c]).story == "first"
