import pytest

from core.body.clean import needs_page
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
