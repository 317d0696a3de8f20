"""No source takes over or silences the story of another; link posts and teasers give way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from xml.sax.saxutils import escape

import pytest

from core.models import Story
from store.connection import Store
from tests.core.stories import paragraphs
from tests.origin import Answer, Origin
from tests.workers.desk import Desk, desk_for, settings_for
from workers.sandbox.pool import Sandbox

HEADLINE = "Harbour bridge reopens after eleven months of repair works"
EVIL = "https://evil.example/1"
ARTICLE = paragraphs(1, 7)
SPAM = paragraphs(2, 4)


def item(guid: str, title: str, link: str, *body: str) -> str:
    content = escape("".join(f"<p>{text}</p>" for text in body))
    return (
        f"<item><guid isPermaLink='false'>{guid}</guid><title>{title}</title><link>{link}</link>"
        f"<description>{content}</description></item>"
    )


def feed(*items: str) -> Answer:
    return Answer(f"<rss version='2.0'><channel><title>N</title>{''.join(items)}</channel></rss>")


@pytest.fixture
def open_desk(
    store: Store, sandbox: Sandbox, origin: Origin
) -> Callable[..., AbstractAsyncContextManager[Desk]]:
    """A desk with the sources `good` and `evil`; fields of both may be given."""

    @asynccontextmanager
    async def opened(**fields: Any) -> AsyncIterator[Desk]:
        origin.at("/good", feed())
        # The same origin under another name: a source of another site.
        evil = origin.at("/evil", feed()).replace("127.0.0.1", "localhost")
        sources = [
            {"url": origin.url("/good"), "name": "good", "full_text": "feed"},
            {"url": evil, "name": "evil", "full_text": "feed", **fields},
        ]
        settings = settings_for(*sources, allow_private=[origin.allowance])
        async with desk_for(store, sandbox, settings) as desk:
            yield desk

    return opened


async def polled(desk: Desk, origin: Origin, name: str, *items: str) -> list[Story]:
    origin.at(f"/{name}", feed(*items))
    await desk.poll(name)
    return await desk.stories()


def shown(stories: list[Story]) -> set[tuple[str | None, int]]:
    """Headline of each story, and how many members it has."""
    return {(story.article.title, len(story.members)) for story in stories}


async def test_a_copy_with_more_words_does_not_take_title_and_link(open_desk, origin):
    async with open_desk() as desk:
        (first,) = await polled(
            desk, origin, "good", item("g", HEADLINE, origin.url("/1"), *ARTICLE)
        )

        copy = item("e", HEADLINE, EVIL, *ARTICLE, *SPAM[:1])
        (story,) = await polled(desk, origin, "evil", copy)

        assert len(story.members) == 2
        assert story.article == first.article


async def test_a_member_whose_later_text_no_longer_agrees_leaves_the_story(open_desk, origin):
    async with open_desk(priority=5) as desk:
        (first,) = await polled(
            desk, origin, "good", item("g", HEADLINE, origin.url("/1"), *ARTICLE)
        )
        (taken,) = await polled(desk, origin, "evil", item("e", HEADLINE, EVIL, *ARTICLE))
        assert taken.representative != first.representative

        stories = await polled(desk, origin, "evil", item("e", "Win", EVIL, *SPAM))

        assert shown(stories) == {(HEADLINE, 1), ("Win", 1)}
        (kept,) = [story for story in stories if story.id == first.id]
        assert kept.article.link == first.article.link
        assert kept.article.html == first.article.html


async def test_a_founder_whose_later_text_no_longer_agrees_silences_no_copy(open_desk, origin):
    async with open_desk() as desk:
        (first,) = await polled(desk, origin, "evil", item("e", HEADLINE, EVIL, *ARTICLE))
        await polled(desk, origin, "good", item("g", HEADLINE, origin.url("/1"), *ARTICLE))

        stories = await polled(desk, origin, "evil", item("e", "Win", EVIL, *SPAM))

        assert shown(stories) == {(HEADLINE, 1), ("Win", 1)}
        assert {s.article.title for s in stories if s.id == first.id} == {"Win"}


@pytest.mark.parametrize("claimed_in", ["link", "text"])
async def test_a_claimed_address_hides_no_article_of_the_site_that_owns_it(
    open_desk, origin, claimed_in
):
    async with open_desk() as desk:
        address = origin.url("/1")
        link = address if claimed_in == "link" else EVIL
        await polled(
            desk, origin, "evil", item("e", HEADLINE, link, *SPAM, f"Original URL: {address}")
        )

        stories = await polled(desk, origin, "good", item("g", HEADLINE, address, *ARTICLE))

        assert len(stories) == 2
        assert any(ARTICLE[0][:40] in story.article.text for story in stories)


@pytest.mark.parametrize("priority", [0, 10])
@pytest.mark.parametrize(
    "prose", [[], [ARTICLE[0]], ["Article URL: https://a.example/ Points: 120 # Comments: 33"]]
)
async def test_a_link_post_or_teaser_gives_way_to_the_article(open_desk, origin, priority, prose):
    async with open_desk(priority=priority) as desk:
        address = origin.url("/1")
        (post,) = await polled(desk, origin, "evil", item("e", HEADLINE, address, *prose))

        (story,) = await polled(desk, origin, "good", item("g", HEADLINE, address, *ARTICLE))

        assert story.id == post.id
        assert ARTICLE[6][:40] in story.article.text


async def test_a_link_post_never_hides_an_article_that_was_there_first(open_desk, origin):
    async with open_desk(priority=10) as desk:
        address = origin.url("/1")
        await polled(desk, origin, "good", item("g", HEADLINE, address, *ARTICLE))

        (story,) = await polled(desk, origin, "evil", item("e", HEADLINE, address))

        assert len(story.members) == 2
        assert ARTICLE[6][:40] in story.article.text


async def test_a_stranger_does_not_take_over_a_link_post(open_desk, origin):
    async with open_desk() as desk:
        address = origin.url("/1")
        await polled(desk, origin, "good", item("g", HEADLINE, address))

        stories = await polled(desk, origin, "evil", item("e", HEADLINE, address, *SPAM))

        assert len(stories) == 2


async def test_a_representative_that_lost_its_text_hands_back_to_the_best_copy(open_desk, origin):
    async with open_desk(priority=5) as desk:
        (first,) = await polled(
            desk, origin, "good", item("g", HEADLINE, origin.url("/1"), *ARTICLE)
        )
        await polled(desk, origin, "evil", item("e", HEADLINE, EVIL, *ARTICLE))

        (story,) = await polled(desk, origin, "evil", item("e", HEADLINE, EVIL, ARTICLE[0]))

        assert len(story.members) == 2
        assert story.representative == first.representative
        assert ARTICLE[6][:40] in story.article.text
