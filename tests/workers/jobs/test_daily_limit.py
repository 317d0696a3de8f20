"""`max_per_day`, and what becomes of the stories of a source that was removed."""

from __future__ import annotations

from core.models import Decision
from store.connection import Store
from store.retention import drop_orphans
from tests.origin import Origin
from tests.workers.desk import desk_for, settings_for
from tests.workers.jobs.test_new_entries import feed, item
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
