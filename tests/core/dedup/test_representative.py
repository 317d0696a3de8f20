"""The best copy is shown, and nobody takes a story over by wrapping it in more."""

from core.dedup.representative import replaces
from core.models import Article

PARAGRAPHS = [
    "The council of the town voted on Tuesday to rebuild the old mill bridge before winter.",
    "Engineers found cracks in two of its five arches after the spring flood had gone down.",
    "Traffic will be led over the northern crossing, which adds nine minutes to the way to work.",
    "The work costs four million and is paid for by the region and by a fund for old buildings.",
]


def article(*paragraphs: str, extra_html: str = "") -> Article:
    html = "".join(f"<p>{p}</p>" for p in paragraphs) + extra_html
    return Article(html=html, text="\n\n".join(paragraphs))


def test_a_fuller_copy_of_equal_priority_is_shown():
    more = "Residents asked for a footbridge during the work; the mayor promised an answer by May, "
    more += "and the shopkeepers of the lower street want signs that say their doors stay open."

    assert replaces(article(*PARAGRAPHS, more), article(*PARAGRAPHS), priority=0, shown_priority=0)


def test_a_fuller_copy_of_lower_priority_stays_an_alternative():
    more = "Residents asked for a footbridge during the work; the mayor promised an answer by May, "
    more += "and the shopkeepers of the lower street want signs that say their doors stay open."

    assert not replaces(
        article(*PARAGRAPHS, more), article(*PARAGRAPHS), priority=0, shown_priority=1
    )


def test_links_do_not_make_a_copy_fuller():
    links = "".join(
        f'<p><a href="https://promo.example/{i}">Read our great offer number {i} now</a></p>'
        for i in range(30)
    )

    assert not replaces(
        article(*PARAGRAPHS, extra_html=links), article(*PARAGRAPHS), priority=0, shown_priority=0
    )


def test_a_partial_copy_never_replaces_even_with_priority():
    assert not replaces(
        article(*PARAGRAPHS[:2]), article(*PARAGRAPHS), priority=9, shown_priority=0
    )


def test_the_same_text_from_a_source_of_higher_priority_is_shown():
    assert replaces(article(*PARAGRAPHS), article(*PARAGRAPHS), priority=1, shown_priority=0)


def test_a_page_that_strings_many_stories_together_never_replaces():
    others = [f"{p} This is another story, number {i}." for i in range(9) for p in PARAGRAPHS]

    assert not replaces(
        article(*PARAGRAPHS, *others), article(*PARAGRAPHS), priority=0, shown_priority=0
    )
