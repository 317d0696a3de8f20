"""/stream: each change arrives once, in order, and a reader that broke off misses nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientResponse

from service.changelog import ChangeLog, position
from service.context import CONTEXT
from store.stories import Change
from tests.service.conftest import Served, make_story, remove

Event = dict[str, str]


@asynccontextmanager
async def listening(served: Served, last: str | None = None) -> AsyncIterator[ClientResponse]:
    headers = {"Last-Event-ID": last} if last else {}
    response = await served.client.get("/stream", headers=headers)
    assert response.headers["Content-Type"].startswith("text/event-stream")
    await response.content.readuntil(b"\n\n")  # the opening: from here on nothing is missed
    yield response
    response.close()


async def read(response: ClientResponse, count: int) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(10):
        while len(events) < count:
            block = (await response.content.readuntil(b"\n\n")).decode().strip()
            if not block.startswith(":"):
                events.append(dict(line.split(": ", 1) for line in block.split("\n")))
    return events


def titles(events: list[Event]) -> list[str]:
    return [json.loads(event["data"])["title"] for event in events]


async def test_new_entries_arrive_as_json_feed_items(served: Served) -> None:
    async with listening(served) as response:
        await served.publish(make_story(1))
        (event,) = await read(response, 1)

    feed = await (await served.client.get("/feed.json")).json(content_type=None)
    item = json.loads(event["data"])
    assert item["_millrace"].pop("change") == "new"
    assert item == feed["items"][0]


async def test_resuming_after_a_drop_loses_and_doubles_nothing(served: Served) -> None:
    async with listening(served) as response:
        await served.publish(make_story(1))
        first = await read(response, 1)

    await served.publish(make_story(2), make_story(3))

    async with listening(served, last=first[0]["id"]) as response:
        missed = await read(response, 2)
        await served.publish(make_story(4))
        later = await read(response, 1)

    assert titles(first + missed + later) == [f"Story {n}" for n in (1, 2, 3, 4)]
    ids = [event["id"] for event in first + missed + later]
    assert len(set(ids)) == 4


async def test_a_change_and_a_removal_arrive_under_the_same_id(served: Served) -> None:
    story = make_story(1)
    await served.publish(story)
    async with listening(served) as response:
        changed = make_story(1, version=2, sources=("first", "second"))
        await served.publish(changed, kind="changed")
        await remove(served.store, story)
        events = await read(response, 2)

    assert json.loads(events[0]["data"])["_millrace"]["change"] == "changed"
    assert events[1]["event"] == "removed"
    assert {json.loads(event["data"])["id"] for event in events} == {story.id}


async def test_a_position_that_makes_no_sense_starts_at_the_end(served: Served) -> None:
    await served.publish(make_story(1))
    async with listening(served, last="nonsense") as response:
        await served.publish(make_story(2))
        events = await read(response, 1)

    assert titles(events) == ["Story 2"]


async def test_draining_ends_the_stream(served: Served) -> None:
    async with listening(served) as response:
        served.client.app[CONTEXT].draining = True
        served.river.log.ring()
        async with asyncio.timeout(5):
            rest = await response.content.read()

    assert rest == b""


def test_a_reader_that_fell_too_far_behind_is_told() -> None:
    log = ChangeLog(keep=3)
    log.extend(Change(f"{n}-0", "new", str(n)) for n in range(1, 6))

    assert log.after(position("1-0")) is None
    assert [change.story for change in log.after(position("3-0")) or []] == ["4", "5"]
