"""What a source may bring in a day, and what becomes of its stories when it is removed."""

from __future__ import annotations

import pytest

from core.config.settings import RetentionSettings
from core.models import Decision
from store import keys
from store.connection import Store
from store.retention import drop_orphans, flooding
from store.sources import dump_source, load_source
from tests.origin import Answer, Origin
from tests.workers.desk import desk_for, settings_for
from tests.workers.jobs.test_new_entries import feed, item
from workers.jobs import source_state
from workers.sandbox.pool import Sandbox


async def test_a_source_gives_no_more_than_its_daily_share(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    url = origin.at("/feed", feed(item("1", "mill")), feed(item("2", "bread"), item("1", "mill")))
    source = {"url": url, "name": "source", "full_text": "feed", "max_per_day": 1}
    settings = settings_for(source, allow_private=[origin.allowance])

    async with desk_for(store, sandbox, settings) as at:
        await at.poll()
        await at.poll()

        assert {(r.guid, r.decision, r.rule) for r in await at.entries()} == {
            ("1", Decision.PUBLISHED, "founder"),
            ("2", Decision.FILTERED, "max_per_day"),
        }


async def test_stories_of_a_removed_source_go_unless_another_has_them(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    one = origin.at("/one", feed(item("1", "mill"), item("2", "bread")))
    other = origin.at("/other", feed(item("1", "mill")))
    settings = settings_for(
        {"url": one, "name": "one", "full_text": "feed"},
        {"url": other, "name": "other", "full_text": "feed"},
        allow_private=[origin.allowance],
    )

    async with desk_for(store, sandbox, settings) as at:
        await at.poll("one")
        await at.poll("other")
        assert len(await at.stories()) == 2

        removed = await drop_orphans(store, {"other"})

        assert removed == 1
        assert [story.article.title for story in await at.stories()] == ["Mill"]


async def test_what_one_source_leaves_in_the_store_a_day_has_an_end_and_the_rest_waits(
    store: Store, sandbox: Sandbox, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_state, "NEW_A_DAY", 4)
    news = [item(str(n), ("mill", "river", "bread")[n % 3], title=f"Report {n}") for n in range(9)]
    url = origin.at("/feed", Answer(feed(*news).body, headers={"ETag": '"1"'}))
    other = {"url": origin.at("/other", feed(item("1", "mill"))), "name": "other"}
    flood = {"url": url, "name": "flood", "full_text": "feed"}
    settings = settings_for(flood, other, allow_private=[origin.allowance])
    settings = settings.model_copy(update={"retention": RetentionSettings(entries=1)})

    async with desk_for(store, sandbox, settings) as at:
        state = await at.poll("flood")
        assert (len(await at.entries()), state.waiting) == (4, 5)
        assert (await at.poll("flood")).waiting == 5  # no validator hides what waits
        assert state.notes == ("5 new entries wait for the next day: it brought too many today",)
        assert await flooding(store) == ["flood"]
        await at.poll("other")
        assert len(await at.entries()) == 5

        for left in (1, 0):
            await a_day_later(store, "flood")
            state = await at.poll("flood")
            assert state.waiting == left
        assert {r.guid for r in await at.entries() if r.source == "flood"} == set("012345678")
        assert (await at.poll("flood")).last_status == 304


async def test_giant_texts_use_up_a_day_sooner_and_edits_do_not(
    store: Store, sandbox: Sandbox, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_state, "LETTERS_A_DAY", 500)
    both = item("1", "mill"), item("2", "river"), item("3", "bread")
    corrected = both[0].replace("four million", "six million"), *both[1:]
    url = origin.at("/feed", feed(*both), feed(*corrected))
    source = {"url": url, "name": "source", "full_text": "feed"}

    async with desk_for(
        store, sandbox, settings_for(source, allow_private=[origin.allowance])
    ) as at:
        assert (await at.poll()).waiting == 1
        assert (await at.poll()).waiting == 1

        assert ["six million" in s.article.text for s in await at.stories()].count(True) == 1
        assert {r.guid for r in await at.entries()} == {"1", "2"}


async def a_day_later(store: Store, name: str) -> None:
    """The source as the next day finds it."""
    state = await load_source(store, name)
    assert state is not None
    before = state.model_copy(update={"day": state.day - 1})
    await store.redis.hset(keys.source(name), "state", dump_source(before))  # type: ignore[misc, arg-type]
