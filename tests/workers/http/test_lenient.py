"""Answers whose head aiohttp refuses are read as curl reads them; cookies of a chain."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from core.config.settings import FetchSettings
from core.errors import FetchError, ForbiddenAddress, TooLarge
from tests.origin import Answer, Origin
from workers.http.client import Fetcher
from workers.http.lenient import read_answer, read_whole
from workers.http.response import Response, redirect_target

FEED = b"<rss><channel><title>x</title></channel></rss>"
SIZE = b"%d" % len(FEED)
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(FEED), FEED)
HEADS = {
    "length twice": (b"Content-Length: %b\r\nContent-Length: %b\r\n" % (SIZE, SIZE), FEED),
    "length twice in a line": (b"Content-Length: %b, %b\r\n" % (SIZE, SIZE), FEED),
    "length with a sign": (b"Content-Length: -1\r\n", FEED),
    "length beside chunks": (b"Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", CHUNKED),
    "a blank in a name": (b"Bad Name: x\r\nETag: \"1\"\r\nContent-Length: %b\r\n" % SIZE, FEED),
    "no name at all": (b": x\r\nContent-Length: %b\r\n" % SIZE, FEED),
    "zipped": (b"Bad Name: x\r\nContent-Encoding: gzip\r\n", gzip.compress(FEED)),
}  # fmt: skip


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def fetcher(port: int, **settings: str) -> Fetcher:
    allowed = {"allow_private": [f"127.0.0.1:{port}"], "timeout": "5s", **settings}
    return Fetcher(FetchSettings.model_validate(allowed))


@pytest.mark.parametrize("kind", HEADS)
async def test_a_head_that_is_refused_is_read_leniently(kind: str) -> None:
    head, body = HEADS[kind]
    async with serving(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body) as port, fetcher(port) as at:
        answer = await at.get(f"http://127.0.0.1:{port}/feed")

    assert (answer.status, answer.body) == (200, FEED)
    assert answer.repaired


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + FEED,
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\n" + FEED,
    ],
)
async def test_what_is_no_answer_stays_a_fault(answer: bytes) -> None:
    async with serving(answer) as port, fetcher(port) as at:
        with pytest.raises(FetchError):
            await at.get(f"http://127.0.0.1:{port}/feed")


async def test_limits_and_the_guard_hold_for_it_too() -> None:
    head = b"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n"
    async with serving(head + FEED * 9_000) as port, fetcher(port) as at:
        with pytest.raises(TooLarge):
            await at.get(f"http://127.0.0.1:{port}/feed", max_bytes=1000)
    packed = gzip.compress(b" " * 10_000_000)
    with pytest.raises(TooLarge):
        read_answer(head[:-2] + b"Content-Encoding: gzip\r\n\r\n" + packed, limit=1_000_000)
    async with fetcher(1) as at:
        with pytest.raises(ForbiddenAddress):
            await at.get("http://127.0.0.1:80/feed")


class Drip:
    """A connection that gives a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._pieces = iter([data[at : at + size] for at in range(0, len(data), size)])

    async def read(self, _: int) -> bytes:
        return next(self._pieces, b"")


@pytest.mark.parametrize("end", [b"\r\n", b""])
async def test_a_long_head_and_many_pieces_do_not_stop_the_worker(end: bytes) -> None:
    """Looked at with each piece it took 25 ms a piece, 18 s in all."""
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"a%d: 1\r\n" % n for n in range(6000)) + end
    before = time.thread_time()

    with suppress(FetchError):  # without an end it is no head
        await read_whole(Drip(head + b"x" * 1_000_000, 1400), limit=2_000_000)  # type: ignore[arg-type]

    assert time.thread_time() - before < 1


async def test_chunks_end_where_their_last_one_does() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"6\r\n1000\r\n\r\n", b"1\r\nx\r\n0\r\n\r\n"

    came = await read_whole(Drip(head + chunks[0] + chunks[1], len(head + chunks[0])), limit=1000)  # type: ignore[arg-type]

    assert read_answer(came, limit=1000)[2:] == (b"1000\r\nx", True)


def test_an_address_in_other_letters_is_the_one_that_was_sent() -> None:
    head = "HTTP/1.1 301 Moved\r\nLocation: /café\r\nBad Name: x\r\n\r\n".encode()
    status, headers, body, whole = read_answer(head, limit=1000)

    answer = Response(status, "https://n.example/", headers, body, whole, 0.1)

    assert redirect_target(answer) == "https://n.example/café"


@pytest.mark.parametrize(
    ("location", "target"),
    [(b"/k\xe4se", "/k%E4se"), (b"\\new?a=\\", "/new?a=\\"), (b"b c", "/b c")],
)
def test_an_address_in_no_known_charset_is_sent_back_byte_for_byte(
    location: bytes, target: str
) -> None:
    status, headers, *_ = read_answer(
        b"HTTP/1.1 301 M\r\nLocation: %b\r\n\r\n" % location, limit=99
    )

    answer = Response(status, "https://n.example/a", headers, b"", True, 0.1)

    assert redirect_target(answer) == "https://n.example" + target


@pytest.mark.parametrize("torn", [b"9\r\n123", b"zz\r\n", b""])
def test_a_body_that_breaks_off_is_not_whole(torn: bytes) -> None:
    came = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + torn

    assert not read_answer(came, limit=1000)[3]


async def test_a_cookie_is_kept_for_its_chain_of_redirects_and_its_host(origin: Origin) -> None:
    url = origin.at(
        "/feed",
        Answer(status=302, headers={"Location": "/feed", "Set-Cookie": "seen=1; Path=/"}),
        Answer(FEED),
        Answer(FEED),
    )
    async with Fetcher(FetchSettings.model_validate({"allow_private": [origin.allowance]})) as at:
        await at.get(url)
        await at.get(url)

    sent = [request.headers.get("cookie") for request in origin.asked("/feed")]
    assert sent == [None, "seen=1", None]
