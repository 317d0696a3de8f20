"""A story can outlive what the store remembers of its entries."""

from __future__ import annotations

import pytest

from core.models import Decision
from store import keys, retention
from store.connection import Store
from store.retention import trim
from tests.origin import Origin
from tests.workers.desk import desk_for, settings_for
from tests.workers.jobs.test_new_entries import TEXTS, feed, item
from workers.sandbox.pool import Sandbox


async def test_an_entry_whose_story_outlived_its_record_returns_to_that_story(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    url = origin.at("/feed", feed(item("1", "mill")), feed(item("2", "bread"), item("1", "mill")))
    source = {"url": url, "name": "source", "full_text": "feed"}
    settings = settings_for(source, allow_private=[origin.allowance])

    async with desk_for(store, sandbox, settings) as at:
        await at.poll()
        (before,) = await at.stories()
        await store.redis.delete(keys.entry(before.id), keys.seen("source"))
        async for key in store.redis.scan_iter(match=f"{keys.PREFIX}ix:*"):
            await store.redis.delete(key)

        await at.poll()

        titles = {story.id: story.article.title for story in await at.stories()}
        assert titles.pop(before.id) == "Mill"
        assert list(titles.values()) == ["Bread"]
        (record,) = [each for each in await at.entries() if each.id == before.id]
        assert (record.decision, record.rule) == (Decision.PUBLISHED, "remembered")


async def test_a_story_that_a_flood_lost_hides_no_copy_of_another_source(
    store: Store, sandbox: Sandbox, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "FEWEST", 1)
    scraped = [item(name, name, link=f"https://scraper.example/{name}") for name in reversed(TEXTS)]
    names = {name: origin.at(f"/{name}", feed(item("1", "mill"))) for name in ("slow", "third")}
    names["flood"] = origin.at("/flood", feed(*scraped))
    settings = settings_for(
        *({"url": url, "name": name, "full_text": "feed"} for name, url in names.items()),
        allow_private=[origin.allowance],
    )

    async with desk_for(store, sandbox, settings) as at:
        await at.poll("flood")
        await trim(store, entries=1, days=30)
        assert "Mill" not in [story.article.title for story in await at.stories()]

        await at.poll("slow")
        await at.poll("third")

        (mill,) = [story for story in await at.stories() if story.article.title == "Mill"]
        assert [member.source for member in mill.members] == ["slow", "third"]
