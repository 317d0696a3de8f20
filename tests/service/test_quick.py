"""Polls that are answered without reading their head again say the same as all others."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from aiohttp import web

from core.config.settings import FeedSettings, ServiceSettings, Settings
from service.app import make_app
from service.context import CONTEXT
from service.feeds.handlers import FEEDS, RENDER_EVERY
from service.quick import QuickRunner
from store.connection import Store
from tests.service.conftest import SETTINGS, make_story, put


def request(path: str = "/feed.xml", method: str = "GET", **headers: str) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: feeds.example"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass
class Answered:
    """One answer off the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """A connection to the service, as bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    async def ask(self, raw: bytes) -> Answered:
        """Send a request and read its answer."""
        self.writer.write(raw)
        return await self.answer(head_only=raw.startswith(b"HEAD"))

    async def answer(self, *, head_only: bool = False) -> Answered:
        """Read one answer."""
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        length = 0 if head_only else int(headers.get("Content-Length", 0))
        return Answered(int(first.split()[1]), headers, await self._reader.readexactly(length))


@dataclass
class Running:
    """A service on a socket of its own."""

    app: web.Application
    store: Store
    settings: Settings
    connect: Callable[[], Awaitable[Wire]]
    quick: int = 0  # answers that took the short way

    async def publish(self, number: int) -> None:
        """Put a story into the store and wait until the service has it."""
        story = make_story(number)
        await put(self.store, story)
        river = self.app[CONTEXT].river
        async with asyncio.timeout(10):
            while river.find(story.id) is None:
                await river.log.wait()


@pytest.fixture
async def running(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    app = make_app(store, lambda: held.settings)
    wires: list[Wire] = []

    async def connect() -> Wire:
        host, port = runner.addresses[0][:2]
        wires.append(Wire(*await asyncio.open_connection(host, port)))
        return wires[-1]

    held = Running(app, store, SETTINGS, connect)
    kept = app[FEEDS].quick
    usual = kept.reply

    def counted(raw: bytes) -> object:
        found = usual(raw)
        held.quick += found is not None
        return found

    monkeypatch.setattr(kept, "reply", counted)
    # Some tests announce a body that never comes: it is not waited for at the end.
    runner = QuickRunner(app, kept, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, socket.create_server(("127.0.0.1", 0))).start()
    await held.publish(1)
    yield held
    for wire in wires:
        wire.writer.close()
    await runner.cleanup()


async def test_a_repeated_poll_takes_the_short_way_and_says_the_same(running: Running) -> None:
    wire = await running.connect()
    raw = request(Accept_Encoding="gzip")

    first, again = await wire.ask(raw), await wire.ask(raw)

    assert running.quick == 1
    assert again.status == first.status == 200
    assert again.body == first.body
    assert b"Story 1" in gzip.decompress(again.body)
    assert {**again.headers, "Date": ""} == {**first.headers, "Date": ""}


async def test_a_reader_that_has_it_hears_304_and_the_news_once_there_are_some(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = await running.connect()
    tag = (await wire.ask(request())).headers["ETag"]
    raw = request(If_None_Match=tag)
    same = [await wire.ask(raw), await wire.ask(raw)]
    assert running.quick == 1

    monkeypatch.setattr("service.feeds.handlers.RENDER_EVERY", 0.0)
    await running.publish(2)
    fresh = [await wire.ask(raw), await wire.ask(raw)]

    assert RENDER_EVERY == 1.0
    assert [answer.status for answer in same + fresh] == [304, 304, 200, 200]
    assert all(b"Story 2" in answer.body for answer in fresh)
    assert running.quick == 2


async def test_settings_that_changed_count_at_once(running: Running) -> None:
    wire = await running.connect()
    await wire.ask(request())
    await wire.ask(request())

    service = ServiceSettings(private=True, token="t0ken")
    running.settings = SETTINGS.model_copy(update={"service": service})
    refused = await wire.ask(request())
    let_in = [await wire.ask(request(Authorization="Bearer t0ken")) for _ in range(2)]
    running.settings = SETTINGS.model_copy(update={"feed": FeedSettings(title="Evening")})
    renamed = await wire.ask(request("/feed.json"))

    assert refused.status == 401
    assert [answer.status for answer in let_in] == [200, 200]
    assert "Authorization" in let_in[1].headers["Vary"]
    assert b"Evening" in renamed.body
    assert running.quick == 1  # nothing private ever takes the short way


async def test_readers_are_told_apart_by_host_encoding_and_method(running: Running) -> None:
    wire = await running.connect()
    plain = request()
    asked = [
        plain,
        request(Accept_Encoding="br"),
        request(X_Forwarded_Prefix="/news"),
        request(method="HEAD"),
        request("/feed.json"),
    ]

    first = [await wire.ask(raw) for raw in asked]
    again = [await wire.ask(raw) for raw in asked]

    assert [a.body for a in again] == [a.body for a in first]
    assert [a.headers["ETag"] for a in again] == [a.headers["ETag"] for a in first]
    assert b"http://feeds.example/news/feed.xml" in again[2].body
    assert again[3].body == b""
    assert int(again[3].headers["Content-Length"]) == len(first[0].body)
    assert running.quick == 4  # HEAD goes the usual way


async def test_a_delta_reader_is_sent_what_is_new_alone(running: Running) -> None:
    wire = await running.connect()
    tag = (await wire.ask(request())).headers["ETag"]
    raw = request(If_None_Match=tag, A_IM="feed")

    assert [(await wire.ask(raw)).status for _ in range(2)] == [304, 304]
    assert running.quick == 0


async def test_requests_in_pieces_in_heaps_and_with_bodies_stay_in_order(running: Running) -> None:
    raw = request("/feed.json")
    wire = await running.connect()
    expected = (await wire.ask(raw)).body

    wire.writer.write(raw + raw + raw[:20])
    heap = [await wire.answer(), await wire.answer()]
    wire.writer.write(raw[20:])
    heap.append(await wire.answer())
    other = await running.connect()
    body = b"hub.mode=publish"
    kind = "application/x-www-form-urlencoded"
    length = str(len(body))
    posted = await other.ask(
        request("/hub", "POST", Content_Type=kind, Content_Length=length) + body
    )
    after = await other.ask(raw)

    assert [answer.body for answer in heap] == [expected] * 3
    assert (posted.status, after.body) == (202, expected)
    assert running.quick == 0


@pytest.mark.parametrize(
    "header",
    [
        {"Content_Length": "35"},
        {"Transfer_Encoding": "chunked"},
        {"Connection": "Upgrade", "Upgrade": "websocket"},
        {"Expect": "100-continue"},
        {"Connection": "close"},
    ],
)
async def test_a_head_that_announces_more_is_always_read(
    running: Running, header: dict[str, str]
) -> None:
    for _ in range(3):
        first = await running.connect()
        await first.ask(request("/about"))
        first.writer.write(request("/feed.json", **header))
        await first.answer()

    assert running.quick == 0


async def test_a_body_is_never_taken_for_a_request(running: Running) -> None:
    hidden = request("/health/live")
    head = request("/feed.json", Content_Length=str(len(hidden)))

    for _ in range(2):
        wire = await running.connect()
        await wire.ask(request("/feed.json"))
        wire.writer.write(head)
        answers = [await wire.answer()]
        wire.writer.write(hidden + request("/about"))
        answers.append(await wire.answer())

        assert b"Story 1" in answers[0].body
        assert b"About this service" in answers[1].body


async def test_a_reader_that_takes_nothing_is_not_sent_more_and_more(running: Running) -> None:
    big = make_story(3)
    article = big.article.model_copy(update={"html": "<p>" + "x" * 16_000_000})
    await put(running.store, big.model_copy(update={"article": article}))
    river = running.app[CONTEXT].river
    while river.find(big.id) is None:
        await river.log.wait()
    raw = request("/feed.json", Accept_Encoding="identity")
    wire = await running.connect()
    await wire.ask(raw)
    whole = await wire.ask(raw)
    assert running.quick == 1

    for _ in range(3):
        wire.writer.write(raw)
        await wire.writer.drain()
        await (await running.connect()).ask(request("/health/live"))  # it came over by now

    assert running.quick <= 2  # the others wait for the first to be taken
    assert [(await wire.answer()).body for _ in range(3)] == [whole.body] * 3
