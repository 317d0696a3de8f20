from __future__ import annotations

from core.body.boilerplate import LEAST, Boilerplate
from core.config.settings import Source
from core.models import Article
from core.pipeline import clean_options, prepare_first_page, prepare_page

PROMO = "Follow the Mill Courier on all channels and never miss a story from the valley."
STORY = (
    "The river rose by two metres overnight, and the people along its banks were moved out.",
    "Two of the three bridges were closed at dawn; the third one only carries food and medicine.",
    "The council decides next week whether the dyke is to be raised before the next winter.",
)
SOURCE = Source(url="https://courier.example/feed")
URL = "https://courier.example/flood.html"
FROM_FEED = Article(title="Flood", link=URL, needs_page=True)


def page(*paragraphs: str, after: str = "") -> bytes:
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    return f"<html><body><article><h1>Flood</h1>{body}</article>{after}</body></html>".encode()


def test_a_page_is_cleaned_by_what_its_source_taught() -> None:
    known = Boilerplate()
    for _ in range(LEAST):
        read = prepare_page(page(PROMO), URL, None, FROM_FEED, SOURCE)
        assert read.signatures == ()  # too little to be an article: it teaches nothing
        known.learn(
            prepare_page(page(*STORY[::-1], PROMO), URL, None, Article(), SOURCE).signatures
        )
    marks = known.to_bytes()

    fresh = [text.replace("the", "a") for text in STORY]
    before = prepare_page(page(*fresh, PROMO), URL, None, FROM_FEED, SOURCE)
    after = prepare_page(page(*fresh, PROMO), URL, None, FROM_FEED, SOURCE, marks)

    assert PROMO in before.entry.article.text
    assert PROMO not in after.entry.article.text
    assert fresh[0] in after.entry.article.text
    assert PROMO in [removed.text for removed in after.entry.article.removed]


def test_a_page_that_names_its_next_one_waits_for_it() -> None:
    more = "<a rel='next' href='flood-2.html'>Next</a>"

    found = prepare_first_page(page(*STORY, after=more), URL, None, FROM_FEED, SOURCE)

    assert found == "https://courier.example/flood-2.html"


def test_an_entry_whose_page_was_read_needs_no_page() -> None:
    for text in (STORY, STORY[:1]):  # taken, and too little to be taken
        read = prepare_page(page(*text), URL, None, FROM_FEED, SOURCE)
        assert not read.entry.article.needs_page


def test_the_fast_extraction_is_a_word_in_feeds_yaml() -> None:
    assert not clean_options(SOURCE).fast
    assert clean_options(Source(url=SOURCE.url, extraction="fast")).fast
