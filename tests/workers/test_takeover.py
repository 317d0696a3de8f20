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


async def test_the_same_guid_and_address_at_another_source_change_nothing(open_desk, origin):
    async with open_desk(priority=10) as desk:
        address = origin.url("/1")
        (first,) = await polled(desk, origin, "good", item("g", HEADLINE, address, *ARTICLE))

        stories = await polled(desk, origin, "evil", item("g", "Win", address, *SPAM))
        stories = await polled(desk, origin, "evil", item("g", HEADLINE, address, *SPAM))

        assert len(stories) == 2
        assert [story for story in stories if story.id == first.id] == [first]


@pytest.mark.parametrize("date", ["Fri, 01 Jan 1999 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:00 GMT"])
async def test_the_date_of_a_copy_does_not_move_the_story(open_desk, origin, date):
    async with open_desk(priority=10) as desk:
        (first,) = await polled(
            desk, origin, "good", item("g", HEADLINE, origin.url("/1"), *ARTICLE)
        )

        copy = item("e", HEADLINE, EVIL, *ARTICLE).replace(
            "<title>", f"<pubDate>{date}</pubDate><title>"
        )
        (story,) = await polled(desk, origin, "evil", copy)

        assert len(story.members) == 2
        assert (story.first_seen, story.order) == (first.first_seen, first.order)


async def test_a_text_made_of_two_stories_joins_neither_to_the_other(open_desk, origin):
    other = paragraphs(3, 7)
    async with open_desk() as desk:
        both = (
            item("g1", HEADLINE, origin.url("/1"), *ARTICLE),
            item("g2", "Museum finds letters of its founder", origin.url("/2"), *other),
        )
        first = await polled(desk, origin, "good", *both)
        assert len(first) == 2

        stories = await polled(desk, origin, "evil", item("e", HEADLINE, EVIL, *ARTICLE, *other))

        kept = {story.id: story for story in stories}
        assert all(kept[story.id].article == story.article for story in first)
        assert all(len({m.source for m in kept[s.id].members} | {"evil"}) <= 2 for s in first)


async def test_a_copy_with_other_figures_is_a_story_for_itself(open_desk, origin):
    """Crafted so that its fingerprint is near: one paragraph in seven says something else."""
    async with open_desk(priority=10) as desk:
        (first,) = await polled(
            desk, origin, "good", item("g", HEADLINE, origin.url("/1"), *ARTICLE)
        )

        changed = [*ARTICLE[:6], "The bridge was not repaired: 4,100 people were hurt on 3 March."]
        stories = await polled(desk, origin, "evil", item("e", "Bridge collapses", EVIL, *changed))

        assert [story.article for story in stories if story.id == first.id] == [first.article]


async def test_a_source_that_redirects_to_another_speaks_for_itself_alone(open_desk, origin):
    async with open_desk(priority=10) as desk:
        (first,) = await polled(
            desk, origin, "good", item("g", HEADLINE, origin.url("/1"), *ARTICLE)
        )

        moved = Answer("", status=301, headers={"Location": origin.url("/good")})
        origin.at("/evil", moved)
        await desk.poll("evil")
        stories = await polled(desk, origin, "evil", item("g", "Win", origin.url("/1"), *SPAM))

        assert [story.article for story in stories if story.id == first.id] == [first.article]


async def test_a_source_that_takes_its_copy_back_leaves_the_story(open_desk, origin):
    async with open_desk(priority=5) as desk:
        await polled(desk, origin, "good", item("g", HEADLINE, origin.url("/1"), *ARTICLE))
        (story,) = await polled(desk, origin, "evil", item("e", HEADLINE, EVIL, *ARTICLE))

        (after,) = await polled(desk, origin, "evil")

        assert after == story
