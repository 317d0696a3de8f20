"""The best copy is shown, and no stranger takes a story over by wrapping it in more."""

from core.dedup.copy import ArticleCopy
from core.dedup.members import Contender, elect, is_teaser, replaces
from core.models import Article

PARAGRAPHS = [
    "The council of the town voted on Tuesday to rebuild the old mill bridge before winter.",
    "Engineers found cracks in two of its five arches after the spring flood had gone down.",
    "Traffic will be led over the northern crossing, which adds nine minutes to the way to work.",
    "The work costs four million and is paid for by the region and by a fund for old buildings.",
]
MORE = (
    "Residents asked for a footbridge during the work; the mayor promised an answer by May, "
    "and the shopkeepers of the lower street want signs that say their doors stay open."
)
ADDRESS = "https://paper.example/bridge"


def contender(
    *paragraphs: str,
    priority: int = 0,
    source: str = "paper",
    link: str = ADDRESS,
    site: str | None = None,
    extra_html: str = "",
    title: str = "A bridge is rebuilt",
) -> Contender:
    html = "".join(f"<p>{p}</p>" for p in paragraphs) + extra_html
    article = Article(title=title, html=html, text="\n\n".join(paragraphs), link=link)
    return Contender(source, ArticleCopy(article, source, site or f"{source}.example"), priority)


def test_a_fuller_copy_of_the_site_that_owns_the_address_is_shown():
    mirror = contender(*PARAGRAPHS, source="mirror")

    assert replaces(contender(*PARAGRAPHS, MORE), mirror)


def test_a_copy_of_another_site_with_more_words_does_not_take_title_and_link():
    stranger = contender(*PARAGRAPHS, MORE, source="stranger", link="https://stranger.example/1")

    assert not replaces(stranger, contender(*PARAGRAPHS))


def test_a_claimed_address_does_not_make_a_stranger_the_owner():
    stranger = contender(*PARAGRAPHS, MORE, source="stranger")

    assert not replaces(stranger, contender(*PARAGRAPHS))


def test_a_fuller_copy_of_the_same_source_is_shown():
    mirror = contender(*PARAGRAPHS, source="mirror")

    assert replaces(contender(*PARAGRAPHS, MORE, source="mirror"), mirror)


def test_a_fuller_copy_of_lower_priority_stays_an_alternative():
    assert not replaces(contender(*PARAGRAPHS, MORE), contender(*PARAGRAPHS, priority=1))


def test_links_do_not_make_a_copy_fuller():
    links = "".join(
        f'<p><a href="https://promo.example/{i}">Read our great offer number {i} now</a></p>'
        for i in range(30)
    )

    assert not replaces(contender(*PARAGRAPHS, extra_html=links), contender(*PARAGRAPHS))


def test_a_partial_copy_never_replaces_even_with_priority():
    assert not replaces(contender(*PARAGRAPHS[:2], priority=9), contender(*PARAGRAPHS))


def test_the_same_text_from_a_source_of_higher_priority_is_shown():
    assert replaces(contender(*PARAGRAPHS, priority=1, source="b"), contender(*PARAGRAPHS))


def test_a_page_that_strings_many_stories_together_never_replaces():
    others = [f"{p} This is another story, number {i}." for i in range(9) for p in PARAGRAPHS]

    page = contender(*PARAGRAPHS, *others, priority=5, source="b", title="All of the week")
    assert not replaces(page, contender(*PARAGRAPHS))


def test_a_teaser_gives_way_to_the_article_of_its_site_whatever_the_priorities():
    teaser = contender(PARAGRAPHS[0], priority=10, source="portal")
    article = contender(*PARAGRAPHS, MORE)

    assert is_teaser(teaser.copy, article.copy)
    assert replaces(article, teaser)
    assert not replaces(teaser._replace(priority=99), article)


def test_a_link_post_gives_way_to_the_article_of_its_site_whatever_the_priorities():
    post = contender(priority=10, source="links", extra_html='<a href="#">Comments</a>')

    assert replaces(contender(*PARAGRAPHS), post)
    assert not replaces(post, contender(*PARAGRAPHS))


def test_a_stranger_does_not_take_a_teaser_over():
    stranger = contender(*PARAGRAPHS, MORE, source="stranger")

    assert not replaces(stranger, contender(PARAGRAPHS[0]))


def test_of_the_members_that_are_left_the_best_copy_is_shown():
    first = contender(*PARAGRAPHS, source="mirror")
    best = contender(*PARAGRAPHS, source="agency", priority=2)

    assert elect([first, contender(*PARAGRAPHS, MORE, source="x"), best]) is best
    assert elect([]) is None
