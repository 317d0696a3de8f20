"""An answer whose head was written once, with the document: it goes to the connection as it lies.

Writing the same dozen headers anew costs as much as all the rest of a 304.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

BUFFERED = 64 * 1024  # bytes that a connection may hold back without being waited for


class Head:
    """Status line and headers as bytes; the date is renewed once a second."""

    __slots__ = ("_bytes", "_fixed", "_second", "status")

    def __init__(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        self.status = status
        self._fixed = "\r\n".join(lines).encode("latin-1") + b"\r\nDate: "
        self._second = 0
        self._bytes = b""

    def now(self) -> bytes:
        """The head with the present date."""
        second = int(time.time())
        if second != self._second:
            date = formatdate(second, usegmt=True).encode()
            self._bytes = self._fixed + date + b"\r\n\r\n"
            self._second = second
        return self._bytes


class Ready(web.StreamResponse):
    """Sends a prepared head and body."""

    def __init__(self, head: Head, body: bytes = b"") -> None:
        # What the parent would set up is for headers that are written for each answer.
        self._status = head.status
        self._reason = ""
        self._head = head
        self._ready_body = body

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write everything at once; nothing is left for `write_eof`."""
        self._keep_alive = request.keep_alive
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the reader left")
        head, body = self._head.now(), self._ready_body
        if not request.keep_alive:
            head = head[:-2] + b"Connection: close\r\n\r\n"
        elif request.version < (1, 1):
            head = head[:-2] + b"Connection: keep-alive\r\n\r\n"
        if request.method == "HEAD":
            body = b""
        # From Python 3.12 on an empty last part would stay in asyncio's buffer for ever.
        transport.writelines((head, body) if body else (head,))
        if len(body) > BUFFERED:
            await request.writer.drain()
        self._eof_sent = True
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Everything is written."""
