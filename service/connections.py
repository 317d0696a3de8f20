"""Limits for the connections of one service: their number, idle time, and size of a request head.

Each connection is a protocol of ours that wraps aiohttp's. aiohttp limits neither the time for the
head of the first request, nor the size of a whole head, nor the number of connections: 1,200 half
requests used up all descriptors, and the service answered nothing.

When all places are taken, a new connection replaces the one that has waited longest without a
request. A few places beyond the limit answer only /health.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter, deque
from collections.abc import Callable
from typing import cast

from aiohttp import web

from core.errors import MillraceError

MOST = 8192  # connections; 8,000 that sent nothing took 33 MB
FOR_HEALTH = 32  # beyond them
HELD_SHARE = 0.75  # of the places that /stream may take
HEAD_SECONDS = 20.0  # for a whole request head; nginx grants 60, Apache 20
IDLE_SECONDS = 75.0  # between two requests, as nginx; enough for readers that poll each minute
HEAD_BYTES = 16_384  # nginx accepts 32 kB, Apache 8 kB a line
STALLED_SECONDS = 60.0  # for which a reader may read none of the bytes that wait for it
LOOK_SECONDS = 2.0  # between two checks of all connections
SPARED_SECONDS = 10.0  # after a request, in which its connection is not replaced
DESCRIPTORS_KEPT = 128  # for the store, files and pictures

_HEALTH = b"GET /health"
_END = b"\r\n\r\n"
_TAIL = len(_END) - 1
_METHOD = 5  # bytes that distinguish GET and HEAD from all others
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n"
    b"Retry-After: 5\r\nConnection: close\r\n\r\ntoo busy\n"
)
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class TooManyHeld(MillraceError):
    """Too many readers hold a long-lived connection."""


class Connections:
    """All connections of one service."""

    def __init__(self) -> None:
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.most = max(1, min(MOST, descriptors - DESCRIPTORS_KEPT))
        self.refused = Counter[str]()  # by reason, for /metrics
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}  # for a whole request; oldest first
        self._idle: deque[Connection] = deque()  # at the last check; longest idle first
        self._looked = -LOOK_SECONDS
        self._for_health: dict[Connection, None] = {}  # beyond the limit, oldest first
        self._held = 0

    def __len__(self) -> int:
        return len(self._open)

    def factory(self, server: Callable[[], asyncio.Protocol]) -> Callable[[], Connection]:
        """The protocol factory for `create_server`, around aiohttp's `server`."""
        return lambda: Connection(self, server())

    def hold(self, request: web.Request) -> Callable[[], None]:
        """Mark the connection of `request` as long-lived, so that it is not replaced.

        Returns a function that ends this. Raises TooManyHeld when too few places would be left for
        ordinary requests.
        """
        transport = request.transport
        found = None if transport is None else transport.get_protocol()
        connection = found if isinstance(found, Connection) else None
        if self._held >= self.most * HELD_SHARE:
            self.refused["stream"] += 1
            raise TooManyHeld("too many readers hold a connection")
        self._held += 1
        if connection is not None:
            connection.held = True

        def release() -> None:
            self._held -= 1
            if connection is not None:
                connection.held = False

        return release

    async def watch(self) -> None:
        """Close connections that exceed a time limit, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = asyncio.get_running_loop().time()
            for connection in list(self._open):
                reason = connection.overdue(now)
                if reason is not None:
                    self.refused[reason] += 1
                    connection.end()

    def add(self, connection: Connection) -> None:
        """Register a new connection; it may replace another one."""
        victim = self._victim() if len(self._open) >= self.most else None
        self._open.add(connection)
        self._waiting[connection] = None
        if victim is not None:
            self.refused["idle"] += 1
            victim.end()
            self.remove(victim)  # at once: many may arrive before `connection_lost` is called
        elif len(self._open) > self.most:
            connection.only_health = True
            self._for_health[connection] = None
        if len(self._for_health) > FOR_HEALTH:
            oldest = next(iter(self._for_health))
            self.refused["full"] += 1
            oldest.end()
            self.remove(oldest)

    def _victim(self) -> Connection | None:
        """The connection to replace: the oldest without a whole request, else the longest idle.

        Finding idle connections takes milliseconds, so it is done every two seconds at most.
        """
        if self._waiting:
            return next(iter(self._waiting))
        now = asyncio.get_running_loop().time()
        if not self._idle and now - self._looked > LOOK_SECONDS:
            self._looked = now
            idle = [each for each in self._open if each.is_idle(now)]
            self._idle.extend(sorted(idle, key=lambda each: each.last))
        while self._idle:
            found = self._idle.popleft()
            if found in self._open and found.is_idle(now):
                return found
        return None

    def begun(self, connection: Connection) -> None:
        """Note that a request head has begun on the connection."""
        self._waiting.setdefault(connection)

    def completed(self, connection: Connection) -> None:
        """Note that a whole request arrived on the connection."""
        self._waiting.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        """Forget a closed connection."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)
        self._for_health.pop(connection, None)


class Connection(asyncio.Protocol):
    """One connection: passes data on to aiohttp's protocol and checks the limits."""

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.last = self._loop.time()  # when data arrived
        self._head_since: float | None = self.last  # start of the wait for a whole head
        self._head = _Head()
        self._has_body = False  # arriving data is the body of the last request
        self._untaken: tuple[int, float] = (0, self.last)  # unread bytes, and since when unchanged
        self.held = False
        self.only_health = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._inner.connection_made(transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.remove(self)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self.last = self._loop.time()
        if self.only_health and not (data.startswith(_HEALTH) and data.endswith(_END)):
            self._refuse("full", _BUSY)
        elif self._has_body or self._add_to_head(data):
            self._inner.data_received(data)

    def _add_to_head(self, data: bytes) -> bool:
        """Count bytes of a head; returns whether they may be passed on."""
        whole, has_body = self._head.add(data)
        self._has_body = whole and has_body
        if not self._has_body and self._head.size > HEAD_BYTES:
            return self._refuse("head too large", _TOO_LARGE)
        if self._has_body or (whole and not self._head.size):
            self._head_ended()
        elif self._head_since is None or whole:
            self._head_since = self.last
            self._connections.begun(self)
        return True

    def _head_ended(self) -> None:
        self._head_since = None
        self._connections.completed(self)

    def _refuse(self, reason: str, answer: bytes) -> bool:
        self._connections.refused[reason] += 1
        self.end(answer)
        return False

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def is_idle(self, now: float) -> bool:
        """Whether the connection may be replaced: no request is in progress on it."""
        nothing_to_take = self._transport is None or not self._transport.get_write_buffer_size()
        return not self.held and nothing_to_take and now - self.last > SPARED_SECONDS

    def overdue(self, now: float) -> str | None:
        """The time limit that the connection exceeds, or None."""
        if self._head_since is not None and now - self._head_since > HEAD_SECONDS:
            return "head too slow"
        untaken = 0 if self._transport is None else self._transport.get_write_buffer_size()
        if untaken != self._untaken[0]:
            self._untaken = (untaken, now)
        if untaken and now - self._untaken[1] > STALLED_SECONDS:
            return "stalled"
        return None

    def end(self, answer: bytes = b"") -> None:
        """Close the connection, after sending `answer` if there is one."""
        if self._transport is None or self._transport.is_closing():
            return
        if not answer:
            self._transport.abort()
            return
        self._transport.write(answer)
        self._transport.close()


class _Head:
    """An arriving request head: its size so far, and how it began."""

    def __init__(self) -> None:
        self.size = 0  # bytes
        self._beginning = b""
        self._tail = b""  # its last bytes: the end of a head may arrive in two pieces

    def add(self, data: bytes) -> tuple[bool, bool]:
        """Add bytes; returns whether a head ended in them, and whether a body follows it.

        Only requests other than GET and HEAD have a body here. Each is the last of its connection
        (service/app.py), so its body need not be distinguished from a next head.
        """
        if not self.size:
            self._beginning = b""
        if len(self._beginning) < _METHOD:
            self._beginning = (self._beginning + data)[:_METHOD]
        joined = self._tail + data
        end = joined.rfind(_END)
        if end < 0:
            self.size += len(data)
            self._tail = joined[-_TAIL:]
            return False, False
        rest = joined[end + len(_END) :]
        has_body = not self._beginning.startswith((b"GET ", b"HEAD "))
        self.size, self._tail = len(rest), rest[-_TAIL:]
        if rest:
            self._beginning = rest[:_METHOD]
        return True, has_body


CONNECTIONS = web.AppKey("connections", Connections)
