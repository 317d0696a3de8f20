"""The river in memory equals the store's, whatever happens to the store."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from core.config.settings import RetentionSettings
from service import river
from store import keys
from store.connection import Store
from store.embedded import server_command, socket_url
from store.entries import write_story_ids
from tests.conftest import await_store
from tests.service.conftest import SETTINGS, Serve, Served, make_story, put


def start_store(data: Path) -> subprocess.Popen[bytes]:
    server = subprocess.Popen(server_command(data), stdout=subprocess.DEVNULL)
    await_store(socket_url(data))
    return server


def numbers(served: Served) -> list[str]:
    return [kept.story.article.title or "" for kept in served.river.newest()]


async def test_what_was_there_before_the_start_is_loaded(store: Store, serve: Serve) -> None:
    await put(store, *(make_story(n) for n in range(3)))

    served = await serve()
    await served.until(lambda: served.river.loaded is not None)

    assert numbers(served) == ["Story 2", "Story 1", "Story 0"]


async def test_no_more_is_kept_than_retention_allows(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(river, "FLOOD", 0)
    few = SETTINGS.model_copy(update={"retention": RetentionSettings(entries=2)})
    served = await serve(few)
    await put(served.store, *(make_story(n) for n in range(5)))
    await served.until(lambda: numbers(served)[:1] == ["Story 4"])

    assert numbers(served) == ["Story 4", "Story 3"]


async def test_a_flood_hides_no_story_that_the_store_will_keep(serve: Serve) -> None:
    """The store takes those of the flood, but looks every ten seconds only."""
    few = SETTINGS.model_copy(update={"retention": RetentionSettings(entries=2)})
    served = await serve(few)
    await put(served.store, *(make_story(n) for n in range(5)))

    await served.until(lambda: len(numbers(served)) == 5)


async def test_a_document_that_cannot_be_read_hides_no_other(served: Served) -> None:
    broken = make_story(1)
    await served.store.redis.hset(f"millrace:story:{broken.id}", mapping={"v": 1, "doc": b"junk"})
    await served.store.redis.xadd("millrace:changes", {"kind": "new", "story": broken.id})
    await served.publish(make_story(2))

    assert numbers(served) == ["Story 2"]


async def test_the_window_outlives_the_store_and_catches_up(tmp_path: Path, serve: Serve) -> None:
    server = start_store(tmp_path)
    store = Store.open(socket_url(tmp_path))
    served = await serve(over=store)
    await served.publish(make_story(1))

    server.kill()
    server.wait(10)
    await served.until(lambda: served.river.away is not None)
    stale = await served.client.get("/feed.json")
    assert "Story 1" in await stale.text()
    assert "Stale" in stale.headers["Warning"]

    server = start_store(tmp_path)
    await served.publish(make_story(2))
    assert served.river.away is None
    assert numbers(served)[0] == "Story 2"
    await store.close()
    server.kill()
    server.wait(10)


async def test_a_store_that_was_set_back_is_told_the_names_of_what_it_lost(
    served: Served,
) -> None:
    repost = make_story(2).members[0]
    story = make_story(1)
    await served.publish(story.model_copy(update={"members": (*story.members, repost)}))
    await write_story_ids(served.store, {})

    # As a replica without the last second's writes is, once it took over.
    await served.store.redis.delete(f"millrace:story:{story.id}", "millrace:changes")
    await served.store.redis.zrem("millrace:river", story.id)
    await served.river.catch_up()

    assert numbers(served) == []
    assert await served.store.redis.hget(keys.NAMES, repost.id) == story.id.encode()


async def test_a_wiped_store_is_told_the_names_before_they_are_forgotten(served: Served) -> None:
    story = make_story(1)
    repost = story.members[0].model_copy(update={"id": "urn:millrace:" + "f" * 32})
    await served.publish(story.model_copy(update={"members": (*story.members, repost)}))

    await served.store.redis.flushall()
    await served.river._reconcile()

    assert served.river.newest() == ()
    assert await served.store.redis.hget(keys.NAMES, repost.id) == story.id.encode()


async def test_a_wiped_store_is_noticed_while_changes_come_all_the_time(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(river, "COMPARE", 0.0)
    await served.publish(make_story(1), make_story(2))
    await served.store.redis.flushall()

    await put(served.store, make_story(3))

    async with asyncio.timeout(river.WAIT / 2):
        await served.until(lambda: numbers(served) == ["Story 3"])
