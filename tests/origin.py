"""A scripted origin on 127.0.0.1: every path has answers in a row, the last one stays.

It speaks plain sockets, so that it can also do what no web framework lets a server do: break off,
reset, drip, lie about lengths. All requests are kept with their headers and times.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

REASONS = {200: "OK", 301: "Moved", 302: "Found", 304: "Not Modified", 404: "Not Found"}


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    path: str  # with its query
    headers: Mapping[str, str]  # names in lower case
    at: float  # monotonic seconds
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What is answered, and how badly."""

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    conditional: bool = True  # validators that come back equal get a 304 with the same headers
    delay: float = 0.0  # seconds before the first byte
    drip: float = 0.0  # seconds between the bytes of the body
    cut: int | None = None  # bytes of the body after which the connection breaks off
    length: bool = True  # False: no Content-Length, the body ends where the connection ends
    chunked: bool = False
    reset: bool = False  # instead of an answer
    endless: bool = False  # the body again and again
    raw: bytes | None = None  # sent as it is, instead of all that

    @property
    def data(self) -> bytes:
        """The body as bytes."""
        return self.body.encode() if isinstance(self.body, str) else self.body


Script = Callable[[Request], Answer]


class Origin:
    """The server. `async with Origin() as origin:` and then `origin.at(path, answers…)`."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._scripts: dict[str, list[Answer | Script]] = {}
        self._otherwise: Script | None = None
        self._times: dict[str, int] = defaultdict(int)
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self.port = port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.sleep(0)  # a connection that was just accepted gets its task
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    @property
    def address(self) -> str:
        """What stands before every path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def allowance(self) -> str:
        """The entry of fetch.allow_private that lets a fetcher in here."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        """The address of a path."""
        return self.address + path

    def at(self, path: str, *answers: Answer | Script) -> str:
        """Answer `path` with these in a row, the last one for ever; returns its address."""
        self._scripts[path] = list(answers)
        self._times[path] = 0
        return self.url(path)

    def otherwise(self, script: Script) -> None:
        """Answer all other paths with this."""
        self._otherwise = script

    def asked(self, path: str) -> list[Request]:
        """The requests for one path so far."""
        return [request for request in self.requests if request.path == path]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                if not await self._serve(request, writer):
                    break
            writer.close()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, as it may, or the test is over
        finally:
            if not writer.is_closing():
                writer.transport.abort()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await _send(writer, request, self._answer(request))
        finally:
            self.in_flight -= 1

    def _answer(self, request: Request) -> Answer:
        scripted = self._scripts.get(request.path)
        if not scripted:
            return self._otherwise(request) if self._otherwise else Answer(status=404)
        turn = min(self._times[request.path], len(scripted) - 1)
        self._times[request.path] += 1
        answer = scripted[turn]
        return answer if isinstance(answer, Answer) else answer(request)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get("content-length", 0))
    body = await reader.readexactly(length) if length else b""
    return Request(first.split(" ")[1], headers, time.monotonic(), body)


async def _send(writer: asyncio.StreamWriter, request: Request, answer: Answer) -> bool:
    """Send the answer; whether the connection stays open."""
    if answer.delay:
        await asyncio.sleep(answer.delay)
    if answer.reset:
        writer.transport.abort()
        return False
    if answer.raw is not None:
        writer.write(answer.raw)
        await writer.drain()
        return False
    unchanged = answer.conditional and _unchanged(request, answer)
    writer.write(_head(answer, 304 if unchanged else answer.status))
    if not unchanged:
        await _send_body(writer, answer)
    await writer.drain()
    return answer.length and answer.cut is None and not answer.endless


def _unchanged(request: Request, answer: Answer) -> bool:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if answer.status != 200:
        return False
    if "etag" in headers:
        return request.headers.get("if-none-match") == headers["etag"]
    stamp = headers.get("last-modified")
    return stamp is not None and request.headers.get("if-modified-since") == stamp


def _head(answer: Answer, status: int) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if answer.chunked:
        lines.append("Transfer-Encoding: chunked")
    elif answer.length and status != 304 and "Content-Length" not in answer.headers:
        lines.append(f"Content-Length: {len(answer.data)}")
    if not answer.length:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _send_body(writer: asyncio.StreamWriter, answer: Answer) -> None:
    data = answer.data if answer.cut is None else answer.data[: answer.cut]
    if answer.drip:
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            await writer.drain()
            await asyncio.sleep(answer.drip)
        return
    if answer.chunked:
        whole = answer.cut is None
        writer.write(b"%x\r\n%b\r\n" % (len(data), data) + (b"0\r\n\r\n" if whole else b""))
        return
    writer.write(data)
    while answer.endless:  # paced by drain: a loopback socket swallows megabytes at once
        writer.write(data)
        await writer.drain()
