"""No number of connections, no slow head and no deaf reader keeps the service from answering."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.config.settings import Settings
from service import app, connections
from service.connections import HEAD_BYTES, Connections
from store.connection import Store
from tests.service.conftest import SETTINGS, make_story, put
from tests.test_end_to_end import free_port

HALF = b"GET /feed.xml HT"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"
FEED = b"GET /feed.json HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Wire:
    """A connection to the service, as bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, raw: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send a request and read its answer."""
        self.writer.write(raw)
        return await self.answer()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer; status 0: the connection was closed."""
        try:
            head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0, {}, b""
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        length = int(headers.get("Content-Length", 0))
        return int(first.split()[1]), headers, await self.reader.readexactly(length)

    async def is_closed(self) -> bool:
        """Wait until the service closes it."""
        try:
            return await asyncio.wait_for(self.reader.read(1), 10) == b""
        except ConnectionError:
            return True


@dataclass
class Running:
    """A service on a socket of its own."""

    port: int
    made: list[Connections]
    wires: list[Wire] = field(default_factory=list)

    @property
    def connections(self) -> Connections:
        return self.made[-1]

    async def connect(self) -> Wire:
        self.wires.append(Wire(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.wires[-1]

    async def status(self, raw: bytes) -> int:
        """Of one request on a connection of its own."""
        wire = await self.connect()
        status, _, _ = await wire.ask(raw)
        wire.writer.close()
        return status

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once the service has noticed: of what it notices by itself no event tells."""
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 8)
    monkeypatch.setattr(connections, "FOR_HEALTH", 2)
    monkeypatch.setattr(connections, "LOOK_SECONDS", 0.01)


@pytest.fixture
async def running(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    made: list[Connections] = []

    class Noted(Connections):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr(app, "Connections", Noted)
    await put(store, make_story(1))
    listener, stop = socket.create_server(("127.0.0.1", 0)), asyncio.Event()
    settings: Settings = SETTINGS
    service = asyncio.create_task(
        app.run_service(
            store,
            lambda: settings,
            stop=stop,
            drain=0.0,
            listener=listener,
        )
    )
    held = Running(listener.getsockname()[1], made)
    async with asyncio.timeout(10):
        while await held.status(b"GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n") != 200:
            pass
    yield held
    for wire in held.wires:
        wire.writer.close()
    stop.set()
    await service


async def test_half_requests_take_no_place_from_whole_ones(running: Running) -> None:
    """1,200 of them used up the descriptors, and every new client was turned away."""
    for _ in range(60):
        (await running.connect()).writer.write(HALF)

    for _ in range(5):
        assert await running.status(FEED) == 200
        assert await running.status(LIVE) == 200
    assert len(running.connections) <= 8
    assert running.connections.refused["idle"] > 50


async def test_a_head_that_does_not_end_is_let_go(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)
    silent, half, again = [await running.connect() for _ in range(3)]
    half.writer.write(HALF)
    assert (await again.ask(LIVE))[0] == 200
    again.writer.write(HALF)

    assert await silent.is_closed()
    assert await half.is_closed()
    assert await again.is_closed()
    assert running.connections.refused["head too slow"] == 3


async def test_a_connection_at_rest_outlives_the_time_limit_of_heads(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)
    wire = await running.connect()
    assert (await wire.ask(LIVE))[0] == 200

    other = await running.connect()
    assert await other.is_closed()  # sent nothing: so the time limit has passed

    assert (await wire.ask(LIVE))[0] == 200


@pytest.mark.parametrize("before", [b"", LIVE])
async def test_a_head_is_bounded_as_a_whole(running: Running, before: bytes) -> None:
    wire = await running.connect()
    if before:
        await wire.ask(before)
    wire.writer.write(HALF + b"TP/1.1\r\n")
    lines = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(HEAD_BYTES // 1000 + 1))

    status, _, _ = await wire.ask(lines)

    assert status == 431
    assert running.connections.refused["head too large"] == 1


async def test_where_all_places_are_held_health_still_answers(running: Running) -> None:
    for _ in range(8):
        wire = await running.connect()
        await wire.ask(LIVE)
    for connection in list(running.connections._open):
        connection.held = True

    assert await running.status(LIVE) == 200
    assert await running.status(FEED) == 503
    assert await running.status(LIVE) == 200
    assert running.connections.refused["full"] == 1
    for _ in range(5):
        await (await running.connect()).ask(LIVE)  # and stays
    assert await running.status(LIVE) == 200


async def test_streams_leave_places_for_other_requests(running: Running) -> None:
    stream = b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"

    statuses = [(await (await running.connect()).ask(stream))[0] for _ in range(8)]
    for wire in running.wires[-2:]:
        wire.writer.close()
    await running.until(lambda: len(running.connections) == 6)

    assert statuses == [200] * 6 + [503] * 2
    assert await running.status(FEED) == 200


async def test_a_reader_that_takes_nothing_is_closed(
    running: Running, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.1)
    big = make_story(3)
    article = big.article.model_copy(update={"html": "<p>" + "x" * 16_000_000})
    await put(store, big.model_copy(update={"article": article}))
    listed = b"GET /feed.json?content=summary HTTP/1.1\r\nHost: a\r\n\r\n"
    wire = await running.connect()
    async with asyncio.timeout(10):
        while b"Story 3" not in (await wire.ask(listed))[2]:
            pass
    deaf = await running.connect()
    deaf.writer.write(FEED)

    await running.until(lambda: running.connections.refused["stalled"] > 0)


async def test_requests_in_pieces_in_heaps_and_with_bodies_stay_in_order(running: Running) -> None:
    wire = await running.connect()
    _, _, expected = await wire.ask(FEED)

    wire.writer.write(FEED + FEED + FEED[:20])
    heap = [await wire.answer(), await wire.answer()]
    wire.writer.write(FEED[20:-2])
    await wire.writer.drain()
    wire.writer.write(FEED[-2:])
    heap.append(await wire.answer())

    assert [answer[2] for answer in heap] == [expected] * 3


async def test_a_post_is_the_last_request_of_its_connection(running: Running) -> None:
    body = b"hub.mode=publish"
    head = (
        b"POST /hub HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    for pieces in (
        [head + body],
        [head[:3], head[3:40], head[40:-1], head[-1:] + body[:4], body[4:]],
    ):
        wire = await running.connect()
        for piece in pieces:
            wire.writer.write(piece)
            await wire.writer.drain()

        status, headers, _ = await wire.answer()

        assert status == 202
        assert headers["Connection"] == "close"
        assert await wire.is_closed()


async def test_a_large_body_is_no_large_head(running: Running) -> None:
    head = b"POST /hub HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (4 * HEAD_BYTES)
    wire = await running.connect()

    status, _, _ = await wire.ask(head + b"x" * 4 * HEAD_BYTES)

    assert status == 400  # no form: it was not read
    assert running.connections.refused["head too large"] == 0


async def test_a_body_is_never_taken_for_a_request(running: Running) -> None:
    head = b"GET /feed.json HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(LIVE)
    wire = await running.connect()
    wire.writer.write(head)
    _, _, feed = await wire.answer()
    wire.writer.write(LIVE + b"GET /about HTTP/1.1\r\nHost: a\r\n\r\n")

    assert b"Story 1" in feed
    assert b"About this service" in (await wire.answer())[2]


@pytest.mark.parametrize("raw", [b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET /\x00 HTTP/9\r\n\r\n"])
async def test_what_is_no_http_is_one_quiet_count(
    running: Running, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await running.status(raw)

    assert running.connections.refused["malformed"] >= 1
    assert caplog.records == []


async def test_a_process_that_runs_out_of_descriptors_still_answers(
    store: Store, tmp_path: Path
) -> None:
    """With 200 open files allowed and three times as many connections."""
    (tmp_path / "feeds.yaml").write_text("sources: []\n")
    port, wires = free_port(), list[Wire]()
    command = 'ulimit -n 200; exec "$0" -m millrace serve --config "$1" --port "$2"'
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", command, sys.executable, str(tmp_path / "feeds.yaml"), str(port),
        env={**os.environ, "REDIS_URL": store.url}, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip

    async def answers() -> bool:
        try:
            wires.append(Wire(*await asyncio.open_connection("127.0.0.1", port)))
        except OSError:
            return False
        return (await wires[-1].ask(FEED))[0] == 200

    async with asyncio.timeout(60):
        while not await answers():  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.1)
    for _ in range(600):
        wires.append(Wire(*await asyncio.open_connection("127.0.0.1", port)))
        wires[-1].writer.write(HALF)

    assert await answers()
    assert (await wires[-1].ask(LIVE))[0] == 200
    for wire in wires:
        wire.writer.transport.abort()
    process.terminate()
    assert await process.wait() == 0
