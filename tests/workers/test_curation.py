"""A person's choices: split and join, and that later copies obey them."""

from __future__ import annotations

import pytest

from core.dedup.members import ChoiceRefused
from store.connection import Store
from store.curation import join, split
from tests.origin import Origin
from tests.workers.desk import Desk, desk_for, settings_for
from tests.workers.jobs.test_new_entries import feed, item
from workers.sandbox.pool import Sandbox


def desk(store: Store, sandbox: Sandbox, origin: Origin):  # type: ignore[no-untyped-def]
    sources = [
        {"url": origin.at("/one", feed(item("a", "mill"))), "name": "one", "full_text": "feed"},
        {"url": origin.at("/two", feed(item("b", "mill"))), "name": "two", "full_text": "feed"},
        {
            "url": origin.at("/three", feed(item("c", "bread"))),
            "name": "three",
            "full_text": "feed",
        },
        {"url": origin.at("/four", feed(item("d", "bread"))), "name": "four", "full_text": "feed"},
    ]
    return desk_for(store, sandbox, settings_for(*sources, allow_private=[origin.allowance]))


async def titles(at: Desk) -> dict[str | None, list[str]]:
    return {s.article.title: [m.source for m in s.members] for s in await at.stories()}


async def test_a_member_that_is_split_off_founds_a_story_of_its_own(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    async with desk(store, sandbox, origin) as at:
        await at.poll("one")
        await at.poll("two")
        (story,) = await at.stories()

        new = await split(store, story.id, story.members[1].id)

        members = {s.id: [m.source for m in s.members] for s in await at.stories()}
        assert members == {story.id: ["one"], new: ["two"]}


async def test_the_founder_stays_with_its_story(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    async with desk(store, sandbox, origin) as at:
        await at.poll("one")
        (story,) = await at.stories()

        with pytest.raises(ChoiceRefused, match="founder"):
            await split(store, story.id, story.id)


async def test_copies_of_a_story_that_was_joined_come_to_the_other(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    async with desk(store, sandbox, origin) as at:
        await at.poll("one")
        await at.poll("three")
        by_title = {s.article.title: s for s in await at.stories()}

        await join(store, by_title["Mill"].id, by_title["Bread"].id)
        await at.poll("four")

        assert await titles(at) == {"Mill": ["one", "three", "four"]}
