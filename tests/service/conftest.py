"""A real service over the real store, and stories put where the workers would put them."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from core.config.settings import Settings, Source
from core.ids import entry_id
from core.models import Article, Decision, EntryRecord, Member, Story
from service.app import make_app
from service.context import CONTEXT
from service.river import River
from store import keys
from store.connection import Store
from store.layout import pack

MORNING = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)


def make_story(
    number: int, *, sources: tuple[str, ...] = ("first",), version: int = 1, **fields: object
) -> Story:
    """A story published `number` minutes after the morning, with a copy at each of `sources`."""
    seen = MORNING + timedelta(minutes=number)
    members = tuple(
        Member(
            id=entry_id(source, str(number)),
            source=source,
            url=f"https://{source}.example/{number}",
            title=f"Story {number}",
            first_seen=seen,
            decision=Decision.MERGED if place else Decision.PUBLISHED,
            rule="near" if place else "founder",
            distance=4 if place else None,
            similarity=0.9 if place else 1.0,
        )
        for place, source in enumerate(sources)
    )
    article = Article(
        title=f"Story {number}",
        link=members[0].url,
        html=f"<p>Body of story {number}.</p>",
        text=f"Body of story {number}.",
        published=seen.isoformat(),
    )
    given: dict[str, object] = {
        "id": members[0].id,
        "first_seen": seen,
        "arrived": seen,
        "order": 0,
        "updated": seen,
        "version": version,
        "representative": members[0].id,
        "members": members,
        "article": article,
    }
    return Story.model_validate(given | fields)


async def put(store: Store, *stories: Story, kind: str = "new") -> None:
    """Publish stories as the commit script does."""
    pipe = store.redis.pipeline()
    for story in stories:
        moment = int(story.first_seen.timestamp() * 1000)
        pipe.hset(keys.story(story.id), mapping={"v": story.version, "doc": pack(story)})
        pipe.zadd(keys.RIVER, {story.id: keys.river_score(moment, story.order)})
        pipe.xadd(keys.CHANGES, {"kind": kind, "story": story.id})
    await pipe.execute()


def record_of(story: Story, place: int, **fields: object) -> EntryRecord:
    """The entry behind a story's member, with the story's own article unless another is given."""
    member = story.members[place]
    given: dict[str, object] = {
        "id": member.id,
        "source": member.source,
        "guid": "1",
        "url": member.url,
        "title": member.title,
        "arrived": story.arrived,
        "place": story.first_seen,
        "order": 0,
        "decision": member.decision,
        "rule": member.rule,
        "story": story.id,
        "article": story.article,
    }
    return EntryRecord.model_validate(given | fields)


async def keep(store: Store, record: EntryRecord) -> None:
    """Write an entry as the commit script does."""
    await store.redis.hset(keys.entry(record.id), "doc", pack(record))


async def remove(store: Store, story: Story) -> None:
    """Take a story out as `forget` does."""
    pipe = store.redis.pipeline()
    pipe.zrem(keys.RIVER, story.id)
    pipe.delete(keys.story(story.id))
    pipe.xadd(keys.CHANGES, {"kind": "removed", "story": story.id})
    await pipe.execute()


# Seconds within which /health/live is to answer, as orchestrators need it. Held against CPU time,
# never against the clock: on an idle machine the longest turns of these tests take 11 to 35 ms.
LIVE = 0.25


async def longest_turn(asked: list[Awaitable[Any]]) -> float:
    """The most CPU seconds that one turn of the loop took while these requests were under way.

    CPU time of the loop's own thread: what it is kept from other requests for, whatever else this
    machine has to do. What there is before is no garbage, as in `millrace serve`: else one search
    for garbage through all that the tests have loaded takes 150 to 500 ms of whichever turn it
    falls into.
    """
    gc.collect()
    gc.freeze()
    turns = [0.0]

    async def tick() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            turns.append(time.thread_time() - before)

    ticking = asyncio.create_task(tick())
    for answer in await asyncio.gather(*asked):
        assert answer.status == 200
    ticking.cancel()
    gc.unfreeze()
    return max(turns)


@dataclass
class Served:
    """One running service with all that a test may turn."""

    client: TestClient[Any, Any]
    river: River
    store: Store
    settings: Settings
    fault: list[str] = field(default_factory=list)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return when the river's window holds what is asked; it rings at every change."""
        async with asyncio.timeout(10):
            while not holds():
                await self.river.log.wait()

    async def publish(self, *stories: Story, kind: str = "new") -> None:
        """Put stories into the store and wait until the service has them."""
        await put(self.store, *stories, kind=kind)
        wanted = {story.id: pack(story) for story in stories}
        await self.until(
            lambda: all(
                (kept := self.river.find(story)) is not None and kept.packed == packed
                for story, packed in wanted.items()
            )
        )


SETTINGS = Settings(
    sources=(
        Source(url="https://first.example/rss", name="first", tags=("world",)),
        Source(url="https://user:secret@second.example/rss", name="second", tags=("local",)),
        Source(url="https://third.example/rss", name="third", enabled=False),
    )
)

Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve(store: Store) -> AsyncIterator[Serve]:
    """Starts a service over the test's store; call it with settings."""
    running: list[TestClient[Any, Any]] = []

    async def start(settings: Settings = SETTINGS, over: Store | None = None) -> Served:
        used = over or store
        holder: dict[str, Served] = {}
        app = make_app(
            used,
            lambda: holder["served"].settings,
            config_fault=lambda: next(iter(holder["served"].fault), None),
        )
        client = TestClient(TestServer(app))
        holder["served"] = Served(client, app[CONTEXT].river, used, settings)
        await client.start_server()
        running.append(client)
        return holder["served"]

    yield start
    for client in running:
        await client.close()


@pytest.fixture
async def served(serve: Serve) -> Served:
    """A service that has done its first load."""
    started = await serve()
    await started.until(lambda: started.river.loaded is not None)
    return started
