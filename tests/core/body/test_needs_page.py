import time

import pytest

from core.body.clean import clean_entry, needs_page
from core.models import Enclosure, FeedEntry

LONG = "The river gauge at the old bridge reports again. " * 30


def wanted(
    text: str,
    *,
    paragraphs: int = 1,
    truncated: bool = False,
    full_text: str = "auto",
    link: str | None = "https://a.example/1",
    content: bool = True,
    enclosures: tuple[Enclosure, ...] = (),
) -> bool:
    entry = FeedEntry(
        guid="x",
        position=0,
        title="A title",
        link=link,
        content=text if content else "",
        summary="" if content else text,
        enclosures=enclosures,
    )
    return needs_page(
        entry, text=text, paragraphs=paragraphs, truncated=truncated, full_text=full_text
    )


@pytest.mark.parametrize("text", ["", "A title", "Short teaser."])
def test_the_page_is_read_where_the_feed_holds_no_article(text: str) -> None:
    assert wanted(text)


def test_a_long_text_is_trusted_and_a_cut_one_is_not() -> None:
    assert not wanted(LONG)
    assert not wanted("图书馆延长开放时间" * 50)
    assert wanted(LONG[:600] + "…", truncated=True)


def test_two_whole_paragraphs_are_an_article() -> None:
    assert not wanted("One. Two.", paragraphs=2)


def test_a_teaser_in_the_description_is_not_the_article() -> None:
    assert wanted(LONG[:400], content=False)
    assert not wanted(LONG[:400])


@pytest.mark.parametrize(
    "link",
    [
        "https://a.example/watch?v=abc123XYZ_0",
        "https://a.example/o/r/commit/d0a8446",
        "https://a.example/abs/2405.01234",
        "https://a.example/videos/7",
    ],
)
def test_no_page_is_read_for_players_commits_and_abstracts(link: str) -> None:
    assert not wanted("", link=link)


def test_no_page_is_read_for_podcasts() -> None:
    sound = Enclosure(url="https://a.example/1.mp3", type="audio/mpeg")

    assert not wanted("", enclosures=(sound,))


def test_the_source_may_decide() -> None:
    assert wanted(LONG, full_text="page")
    assert not wanted("", full_text="feed")
    assert not wanted("", link=None)


PICTURE = '<img src="https://a.example/p.jpg">'
POSTS = {
    "title is the text": ("船照开，雨也照下。", "船照开，雨也照下。", False),
    "title is its beginning": (
        "今天坐了第一班渡轮…",
        "今天坐了第一班渡轮 船上全是卖菜的阿姨",
        False,
    ),
    "title is its first sentence": ("The ferry runs.", "The ferry runs.<br>We were on it.", False),
    "with a picture": ("早上好", f"早上好{PICTURE}", False),
    "behind the card of a link": (
        "早上好",
        '<a href="https://b.example/1">停了七年的渡轮</a><br>早上好',
        True,
    ),
    "without a title": (None, "The ferry runs again from today.", False),
}
HEADLINES = {
    "repeated alone": ("Ferry runs again", "Ferry runs again", False),
    "repeated above a teaser": (
        "Ferry runs",
        f"{PICTURE}<p>Ferry runs</p><p>From today.</p>",
        False,
    ),
    "of a cut text": ("Ferry", "Ferry runs again from today and […]", False),
    "beside a teaser": ("Ferry runs again", "The council said so today.", True),
}


@pytest.mark.parametrize("kind", [*POSTS, *HEADLINES])
def test_a_short_post_is_its_own_text_and_a_headline_is_not(kind: str) -> None:
    title, text, bridged = (POSTS | HEADLINES)[kind]
    entry = FeedEntry(
        guid="1", position=0, title=title, link="https://a.example/1", content=text, bridged=bridged
    )

    article = clean_entry(entry).article

    assert article.needs_page == (kind in HEADLINES)
    assert article.text


def test_a_title_full_of_dots_costs_nothing() -> None:
    """An expression that looked for the dots at its end took 5 s for 45 of them."""
    before = time.thread_time()

    clean_entry(FeedEntry(guid="1", position=0, title=f"Wait{'.' * 2000} what", content="Wait."))

    assert time.thread_time() - before < 1


def test_a_picture_that_hides_the_page_goes_on_doing_so() -> None:
    def html(attribute: str) -> str:
        text = f'<p>Ferry.</p><img src="https://a.example/p.jpg" {attribute}>'
        return clean_entry(FeedEntry(guid="1", position=0, content=text)).article.html

    assert 'referrerpolicy="no-referrer"' in html('referrerpolicy="no-referrer"')
    assert 'referrerpolicy="no-referrer"' in html('rel="noreferrer"')
    assert "referrerpolicy" not in html('referrerpolicy="unsafe-url"')
