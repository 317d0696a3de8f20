"""/stream: each change arrives once, in order, and a reader that broke off misses nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientResponse

from core.models import Article, Story
from service.changelog import ChangeLog, position
from service.context import CONTEXT
from service.feeds import stream
from store import keys
from store.connection import Store
from store.embedded import socket_url
from store.entries import Change
from tests.service.conftest import Serve, Served, make_story, put, remove
from tests.service.test_river import start_store
from tests.until import until

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


@pytest.mark.parametrize("given", ["1-0", "99999999999999-0"])
async def test_a_position_that_is_gone_gives_a_reset(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setattr(stream, "AHEAD", 0.05)
    await put(store, make_story(1), make_story(2), make_story(3))
    await store.redis.xtrim(keys.CHANGES, maxlen=1, approximate=False)
    served = await serve()
    await served.until(lambda: served.river.loaded is not None)

    async with listening(served, last=given) as response:
        (reset,) = await read(response, 1)
        await served.publish(make_story(4))
        later = await read(response, 1)

    assert reset["event"] == "reset"
    assert titles(later) == ["Story 4"]


async def test_a_reader_without_an_event_yet_resumes_where_it_began(served: Served) -> None:
    await served.publish(make_story(1))
    response = await served.client.get("/stream")
    opening = (await response.content.readuntil(b"\n\n")).decode()
    response.close()
    await served.publish(make_story(2))

    last = opening.strip().rpartition("id: ")[2]
    async with listening(served, last=last) as response:
        assert titles(await read(response, 1)) == ["Story 2"]


async def test_summaries_leave_bodies_out(served: Served) -> None:
    response = await served.client.get("/stream?content=summary")
    await response.content.readuntil(b"\n\n")
    await served.publish(make_story(1))
    (event,) = await read(response, 1)
    response.close()

    item = json.loads(event["data"])
    assert "content_html" not in item
    assert item["summary"] == "Body of story 1."


async def test_nothing_is_sent_before_the_first_load(tmp_path: Path, serve: Serve) -> None:
    store = Store.open(socket_url(tmp_path))
    served = await serve(over=store)

    early = await served.client.get("/stream")

    assert early.status == 503
    assert early.headers["Retry-After"] == "1"

    server = start_store(tmp_path)
    await put(store, make_story(1), make_story(2))
    await served.until(lambda: served.river.loaded is not None)
    async with listening(served, last="1-0") as response:
        events = await read(response, 2)
    assert titles(events) == ["Story 1", "Story 2"]
    await store.close()
    server.kill()
    server.wait(10)


async def test_what_came_while_the_store_was_away_is_new_and_nothing_is_removed(
    tmp_path: Path, serve: Serve
) -> None:
    server = start_store(tmp_path)
    store, other = Store.open(socket_url(tmp_path)), Store.open(socket_url(tmp_path))
    served = await serve(over=store)
    await served.publish(make_story(1))
    async with listening(served) as response:
        server.kill()
        server.wait(10)
        await served.until(lambda: served.river.away is not None)
        server = start_store(tmp_path)
        await put(other, *(make_story(n) for n in range(2, 60)))
        events = await read(response, 58)

    assert titles(events) == [f"Story {n}" for n in range(2, 60)]
    await store.close()
    await other.close()
    server.kill()
    server.wait(10)


async def test_a_story_that_came_back_is_not_announced_as_removed(
    store: Store, serve: Serve
) -> None:
    story = make_story(1)
    await put(store, story)
    await remove(store, story)
    await put(store, story)
    served = await serve()
    await served.until(lambda: served.river.loaded is not None)

    async with listening(served, last="1-0") as response:
        events = await read(response, 2)

    assert [event.get("event") for event in events] == [None, None]


async def test_a_wiped_store_resets_its_readers(served: Served) -> None:
    await served.publish(make_story(1))
    async with listening(served) as response:
        await served.store.redis.flushall()
        await served.river.catch_up()
        (reset,) = await read(response, 1)

    assert reset["event"] == "reset"


async def test_while_draining_a_reader_is_sent_elsewhere(served: Served) -> None:
    served.client.app[CONTEXT].draining = True

    answer = await served.client.get("/stream")

    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_draining_ends_the_stream(served: Served) -> None:
    async with listening(served) as response:
        served.client.app[CONTEXT].draining = True
        served.river.log.ring()
        async with asyncio.timeout(5):
            rest = await response.content.read()

    assert rest == b""


async def test_an_event_is_rendered_once_for_all_readers(served: Served) -> None:
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(listening(served)) for _ in range(20)]
        await served.publish(make_story(1), make_story(2))
        heard = [titles(await read(reader, 2)) for reader in readers]

    assert heard == [["Story 1", "Story 2"]] * 20
    assert served.client.app[stream.READERS_OF].events.renders == 2


async def test_readers_that_do_not_read_cost_little_and_are_dropped(served: Served) -> None:
    readers = served.client.app[stream.READERS_OF]
    readers.stalled = 2.0
    deaf = [await deaf_reader(served) for _ in range(30)]
    long = "<p>" + "A long paragraph of a long article. " * 14_000 + "</p>"  # 500 kB
    stories = [make_story(n) for n in range(1, 11)]
    stories = [s.model_copy(update={"article": bodied(s, long)}) for s in stories]

    async with listening(served) as response:
        tracemalloc.start()
        await served.publish(*stories)
        heard = await read(response, len(stories))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await until(lambda: readers.dropped == len(deaf))

    assert titles(heard) == [f"Story {n}" for n in range(1, 11)]
    # 30 readers x 10 events x 500 kB are 150 MB written whole (177 measured); in slices 16 MB.
    assert most < 40 * 2**20
    for connection in deaf:
        connection.close()


def bodied(story: Story, html: str) -> Article:
    return story.article.model_copy(update={"html": html})


async def deaf_reader(served: Served) -> socket.socket:
    """A connection to /stream that takes nothing after the head of the answer."""
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    await loop.sock_connect(connection, ("127.0.0.1", served.client.port))
    await loop.sock_sendall(connection, b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    await loop.sock_recv(connection, 64)
    return connection


def test_a_reader_that_fell_too_far_behind_is_reset() -> None:
    log = ChangeLog(keep=3)
    log.extend(Change(f"{n}-0", "new", str(n)) for n in range(1, 6))

    assert log.after(position("1-0")) is None
    assert [change.story for change in log.after(position("3-0")) or []] == ["4", "5"]
