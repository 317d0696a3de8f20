"""What an origin may do, some ninety ways, and what holds for all of them.

All are polled at once: the worker goes on, in little memory and without a stall; each failure is
said in one plain line; gaps grow; nothing is requested that a document only names.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import resource
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import chain

import brotli

from store.connection import Store
from store.schedule import poll_in_order
from store.sources import SourceState, load_sources
from tests.origin import Answer, Origin
from tests.workers.desk import desk_for, settings_for
from workers.sandbox.pool import Sandbox

ITEM = (
    "<item><guid>{0}</guid><title>News of the {0}</title><link>http://news.example/{0}</link>"
    "<description>The {0} was closed on Monday for repairs that may last two years.</description>"
    "{1}</item>"
)


def rss(*items: str, head: str = "", top: str = "") -> bytes:
    entries = "".join(items or [ITEM.format("harbour", "")])
    return (
        f'{top}<rss version="2.0"><channel>{head}<title>N</title>{entries}</channel></rss>'.encode()
    )


FEED = rss()
BOMB = gzip.compress(b"<rss>" + b"a" * 20_000_000, 9)


def ok(body: bytes = FEED, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(*chunks: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(chunks)


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(data), extension, data)


def moved(location: str, *headers: str, body: bytes = b"") -> bytes:
    return ok(body, f"Location: {location}", *headers, status="302 Found")


def html(text: str) -> bytes:
    return ok(text.encode(), "Content-Type: text/html")


LAST = b"0\r\n\r\n"
DTD = "<!DOCTYPE rss [{}]>"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
ENTITY = ITEM.format("canal", "").replace("Monday", "{}")

# Answers that can be read, those whose feed is read all the same included.
READ: dict[str, bytes] = {
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(),
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + ok(),
    "bare line feeds": ok().replace(b"\r\n", b"\n"),
    "one byte a chunk": chunked(*(chunk(FEED[n : n + 1]) for n in range(len(FEED))), LAST),
    "chunk extensions": chunked(chunk(FEED, b";a=" + b"b" * 500), LAST),
    "deflate without head": ok(zlib.compress(FEED)[2:-4], "Content-Encoding: deflate"),
    "gzip in gzip": ok(gzip.compress(gzip.compress(FEED)), "Content-Encoding: gzip, gzip"),
    "cookies of a megabyte": ok(FEED, *(f"Set-Cookie: c{n}={'v' * 8000}" for n in range(120))),
    "etag of 8 kB": ok(FEED, f'ETag: "{"e" * 8000}"'),
    "fresh for ages": ok(FEED, "Cache-Control: max-age=999999999999999999"),
    "ttl of ages": ok(rss(head="<ttl>99999999999</ttl>")),
    "closed each hour": ok(
        rss(head=f"<skipHours>{''.join(f'<hour>{n}</hour>' for n in range(24))}</skipHours>")
    ),
    "charset punycode": ok(FEED, "Content-Type: application/rss+xml; charset=punycode"),
    "charset utf-7": ok(FEED, "Content-Type: text/xml; charset=utf-7"),
    "nulls inside": ok(FEED.replace(b"Monday", b"Mon\0\0day")),
    "guid of a megabyte": ok(rss(ITEM.format("g" * 1_000_000, ""))),
    "title of a megabyte": ok(FEED.replace(b"News of", b"News " * 200_000)),
    "years out of range": ok(
        rss(ITEM.format("mill", "<pubDate>Mon, 01 Jan 99999 00:00:00 GMT</pubDate>"))
    ),
    "link of a script": ok(FEED.replace(b"http://news.example/", b"javascript:alert(1)//")),
    "external entity": ok(
        rss(
            ENTITY.format("&x;"),
            top=DTD.format('<!ENTITY x SYSTEM "http://127.0.0.1:11111/canary">'),
        )
    ),
    "external subset": ok(rss(top='<!DOCTYPE rss SYSTEM "http://127.0.0.1:11111/canary">')),
    "stylesheet": ok(rss(top='<?xml-stylesheet href="http://127.0.0.1:11111/canary"?>')),
    "inclusion": ok(
        rss(head='<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/canary"/>')
    ),
    "many entries": ok(rss(*("<item><title>a</title></item>" for _ in range(200_000)))),
    "one entry of dots": ok(rss(ITEM.format("mill", f"<author>a@{'a.' * 40_000}</author>"))),
    "comments unclosed": ok(rss(ITEM.format("mill", "&lt;!--" * 50_000))),
    "attributes": ok(rss(ITEM.format("mill", "").replace("<item", "<item" + " a='b'" * 20_000))),
    "junk behind its length": ok() + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
    "a redirect with a body": moved("/good", body=b"x" * 100_000),
    "a redirect with cookies": moved("/good", *(f"Set-Cookie: a{n}=b" for n in range(200))),
}
# Answers that are none.
FAULTS: dict[str, bytes] = {
    "nothing": b"",
    "empty": ok(b""),
    "blanks": ok(b" " * 3_000_000),
    "no status line": b"hello\r\n\r\n" + FEED,
    "http/2 frames": b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0",
    "status 999": ok(status="999 What"),
    "switching protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "length beyond all": b"HTTP/1.1 200 OK\r\nContent-Length: 9" + b"9" * 30 + b"\r\n\r\n" + FEED,
    "length beyond the body": b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + FEED[:-9],
    "no last chunk": chunked(chunk(FEED[:-9])),
    "chunk of no size": chunked(b"zz\r\n", FEED),
    "chunk beyond all": chunked(b"f" * 40 + b"\r\n", FEED),
    "bomb": ok(BOMB, "Content-Encoding: gzip"),
    "bomb in a bomb": ok(gzip.compress(BOMB), "Content-Encoding: gzip, gzip"),
    "brotli bomb": ok(brotli.compress(b"a" * 20_000_000), "Content-Encoding: br"),
    "gzip junk": ok(b"\x1f\x8b\x08" + b"junk" * 50, "Content-Encoding: gzip"),
    "twenty codings": ok(FEED, "Content-Encoding: " + ", ".join(["gzip"] * 20)),
    "picture": ok(b"\x89PNG\r\n\x1a\n" + bytes(5000), "Content-Type: image/png"),
    "page without a feed": html("<p>Welcome</p>"),
    "page that names itself": html("<link rel=alternate type=application/rss+xml href='?'>"),
    "page that refreshes itself": html("<meta http-equiv=refresh content='0;url=?'>"),
    "json of brackets": ok(b"[" * 100_000, "Content-Type: application/json"),
    "json of digits": ok(b'{"version": ' + b"9" * 100_000, "Content-Type: application/feed+json"),
    "to itself": moved("?"),
    "to a file": moved("file:///etc/passwd"),
    "to this machine": moved("http://127.0.0.1:22/"),
    "to this machine in IPv6": moved("http://[::1]/"),
    "to a number": moved("http://2130706433/"),
    "to the cloud": moved("http://169.254.169.254/latest/meta-data/"),
    "to IPv4 in IPv6": moved("http://[::ffff:169.254.169.254]/"),
    "to NAT64": moved("http://[64:ff9b::a9fe:a9fe]/"),
    "to nowhere": moved(""),
    "to no address": moved("http://[:::]:x/"),
    "to other headers": moved("/good%0d%0aX: y\\r\\nZ:"),
    "to 100 kB": moved("/" + "a" * 100_000),
    "gone for years": ok(b"", "Retry-After: 99999999999", status="503 Busy"),
    "back before": ok(b"", "Retry-After: -5", status="503 Busy"),
    "back by a date": ok(b"", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", status="503 Busy"),
    "too many, at once": ok(b"", "Retry-After: 0", status="429 Too Many"),
}
STATED = {"gone for years", "back before", "back by a date", "too many, at once"}  # their gaps
# Where both are right: some parsers forgive it. Not to fall over is what is asked.
EITHER: dict[str, bytes] = {
    "deep": ok(b"<rss>" + b"<a>" * 200_000),
    "laughs": ok(rss(ENTITY.format("&l8;"), top=DTD.format(f'<!ENTITY l0 "ha">{LAUGHS}'))[:-99]),
    "gzip cut": ok(gzip.compress(FEED)[:-12], "Content-Encoding: gzip"),
    "chunk of minus one": chunked(b"-1\r\n", FEED),
    "no head": FEED,
    "many headers": ok(FEED, *(f"X-{n}: y" for n in range(5_000))),
    "header of 100 kB": ok(FEED, "X: " + "y" * 100_000),
    "control signs in headers": ok(FEED, "X: a\0b\x1b[2J"),
    "two lengths": ok(FEED, "Content-Length: 3"),
    "length and chunks": ok(chunk(FEED) + LAST, "Transfer-Encoding: chunked"),
    "chunks twice": ok(chunk(FEED) + LAST, "Transfer-Encoding: chunked, chunked"),
    "length below zero": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + FEED,
    "trailers": chunked(chunk(FEED), b"0\r\n", b"X: y\r\n" * 5_000, b"\r\n"),
    "extension of 1 MB": chunked(chunk(FEED, b";a=" + b"b" * 1_000_000), LAST),
    "never asked, unchanged": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "unknown coding": ok(FEED, "Content-Encoding: lzma"),
    "utf-16 without a mark": ok(FEED.decode().encode("utf-16-le")),
    "laughs and a whole feed": ok(
        rss(ENTITY.format("&l8;"), top=DTD.format(f'<!ENTITY l0 "ha">{LAUGHS}'))
    ),
    "DTD of a megabyte": ok(rss(top=DTD.format('<!ENTITY a "b">' * 70_000))),
    "unclosed": ok(rss(ITEM.format("mill", "<b>" * 100_000))[:-20]),
}


async def drip(writer: asyncio.StreamWriter, head: bytes, more: bytes, pause: float) -> None:
    writer.write(head)
    while True:
        writer.write(more)
        await writer.drain()
        await asyncio.sleep(pause)


# Answers that take their time; none ends by itself.
ENDLESS: dict[str, tuple[bytes, bytes, float]] = {
    "silent": (b"", b"", 1),
    "head byte by byte": (b"HTTP/1.1 200 OK\r\n", b"X", 0.05),
    "head without end": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100, 0.01),
    "line without end": (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 50_000, 0.01),
    "continue for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0.01),
    "body byte by byte": (ok()[:-50], b"", 1),
    "body without end": (b"HTTP/1.1 200 OK\r\n\r\n<rss>", b"<item/>" * 500, 0.01),
    "chunks without end": (chunked(), chunk(b"<item/>" * 50), 0.01),
}


class Wild:
    """An origin whose sources are the behaviours, one a path."""

    def __init__(self, *kinds: Mapping[str, object]) -> None:
        self.asked: Counter[str] = Counter()
        self.names = {f"b{n}": name for n, name in enumerate(chain(*kinds))}
        self.port = 0
        self._talks = set[asyncio.Task[None]]()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Wild]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=500)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
            for talk in self._talks:
                talk.cancel()
            await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].decode().partition("?")[0].strip("/")
            self.asked[path] += 1
            name = self.names.get(path, "")
            if name in ENDLESS:
                await drip(writer, *ENDLESS[name])
            answer = ok() if path == "good" else {**READ, **FAULTS, **EITHER}.get(name)
            here = f":{self.port}".encode()  # as long as what it takes the place of
            writer.write((answer or ok(b"", status="404 No")).replace(b":11111", here))
            await writer.drain()
        writer.close()


@asynccontextmanager
async def watched() -> AsyncIterator[Callable[[], float]]:
    """The longest CPU time in one pass of this loop, which a loaded machine does not change."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.005)
            longest = max(longest, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    yield lambda: longest
    watching.cancel()


async def polled_twice(
    store: Store, sandbox: Sandbox, wild: Wild, within: str
) -> list[dict[str, SourceState]]:
    """The state of each source, by its behaviour, after each of two polls of all at once."""
    settings = settings_for(
        *({"url": f"http://127.0.0.1:{wild.port}/{name}", "name": name} for name in wild.names),
        allow_private=[f"127.0.0.1:{wild.port}"],
        per_host={"in_flight": 200, "per_second": 10_000},
        max_bytes={"feed": "8MiB"},
        timeout=within,
    )
    rounds = []
    async with desk_for(store, sandbox, settings) as desk:
        for _ in range(2):
            await poll_in_order(store, list(wild.names))
            await desk.sweep()
            found = await load_sources(store, list(wild.names))
            rounds.append({wild.names[n]: s for n, s in zip(wild.names, found, strict=True) if s})
    return rounds


async def test_whatever_an_origin_does_the_worker_goes_on(store: Store, sandbox: Sandbox) -> None:
    async with Wild(READ, FAULTS, EITHER).open() as wild, watched() as stall:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        first, second = await polled_twice(store, sandbox, wild, "30s")
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    assert {name: error for name in READ if (error := second[name].last_error)} == {}
    assert [name for name in FAULTS if not second[name].last_error] == []
    assert_plain(first, second)
    assert "canary" not in wild.asked
    assert stall() < 0.5
    assert grown < 150


async def test_answers_without_an_end_are_given_up(store: Store, sandbox: Sandbox) -> None:
    async with Wild(ENDLESS).open() as wild, watched() as stall:
        first, second = await polled_twice(store, sandbox, wild, "1s")

    assert [name for name in ENDLESS if not second[name].last_error] == []
    assert_plain(first, second)
    assert stall() < 0.5


async def test_without_descriptors_polls_fail_and_come_back(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    settings = settings_for(
        {"url": origin.at("/feed", Answer(FEED, length=False)), "name": "source"},
        {"url": "http://127.0.0.1:1/", "name": "away"},
        allow_private=[origin.allowance, "127.0.0.1:1"],
    )
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with desk_for(store, sandbox, settings) as desk:
        await desk.poll("away")  # with all that is opened once for such a failure
        os.close(free := os.dup(0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
        try:
            without = await desk.poll()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        again = await desk.poll()

    assert "Too many open files" in (without.last_error or "")
    assert (again.last_error, again.failures) == (None, 0)
    assert len(origin.requests) == 1


def assert_plain(first: dict[str, SourceState], second: dict[str, SourceState]) -> None:
    """Each failure is said in one line that can be printed, and is no fault of ours; gaps grow."""
    errors = {name: state.last_error or "" for name, state in second.items()}
    assert {n: e for n, e in errors.items() if not e.isprintable() or len(e) > 400} == {}
    assert {n: e for n, e in errors.items() if "in Millrace" in e} == {}
    gaps = [
        (name, before.next_poll - before.last_poll, after.next_poll - after.last_poll)
        for name, after in second.items()
        if (before := first[name]).next_poll and before.last_poll
        if after.failures == 2 and after.next_poll and after.last_poll
    ]
    assert [gap for gap in gaps if gap[0] not in STATED and gap[2] <= gap[1]] == []
    assert [gap for gap in gaps if gap[2] > 25 * 3600] == []
