"""The connections of one service: how many, for how long without a request, and how large a head.

Each is a protocol of ours around the one that aiohttp makes for it. aiohttp has no time limit for
the head of a first request, no limit for a head as a whole and none for the number of connections:
1,200 half requests used up the descriptors, and nothing was answered any more.

Where all places are taken, the connection that has waited the longest without a request is closed
for the new one. A few places beyond the limit answer nothing but /health.
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
HEAD_SECONDS = 20.0  # from its first byte to its last; nginx grants 60, Apache 20
IDLE_SECONDS = 75.0  # between two requests, as nginx; readers that poll each minute keep theirs
HEAD_BYTES = 16_384  # nginx takes 32 kB, Apache 8 kB a line
STALLED_SECONDS = 60.0  # that a reader may take nothing of what waits for it
LOOK_SECONDS = 2.0  # between two looks at all of them
SPARED_SECONDS = 10.0  # after a request, its connection is not closed for another
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
    """Too many readers hold a connection for long."""


class Connections:
    """All connections of one service."""

    def __init__(self) -> None:
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.most = max(1, min(MOST, descriptors - DESCRIPTORS_KEPT))
        self.refused = Counter[str]()  # by reason, for /metrics
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}  # without a whole request, oldest first
        self._idle: deque[Connection] = deque()  # found at the last look, longest idle first
        self._looked = -LOOK_SECONDS
        self._for_health: dict[Connection, None] = {}  # beyond the limit, oldest first
        self._held = 0

    def __len__(self) -> int:
        return len(self._open)

    def factory(self, server: Callable[[], asyncio.Protocol]) -> Callable[[], Connection]:
        """What `create_server` makes of each new connection to `server`."""
        return lambda: Connection(self, server())

    def hold(self, request: web.Request) -> Callable[[], None]:
        """Keep the connection of `request`, which is sent something for as long as it lasts.

        Returns what ends that; raises TooManyHeld when ordinary requests would find no place.
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
        """Close what takes too long, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = asyncio.get_running_loop().time()
            for connection in list(self._open):
                reason = connection.overdue(now)
                if reason is not None:
                    self.refused[reason] += 1
                    connection.end()

    def add(self, connection: Connection) -> None:
        """A new connection; another may be closed for it."""
        victim = self._victim() if len(self._open) >= self.most else None
        self._open.add(connection)
        self._waiting[connection] = None
        if victim is not None:
            self.refused["idle"] += 1
            victim.end()
            self.remove(victim)  # now: many may come before the loop reports that it is lost
        elif len(self._open) > self.most:
            connection.only_health = True
            self._for_health[connection] = None
        if len(self._for_health) > FOR_HEALTH:
            oldest = next(iter(self._for_health))
            self.refused["full"] += 1
            oldest.end()
            self.remove(oldest)

    def _victim(self) -> Connection | None:
        """The connection that is closed for a new one: the first that sent no whole request, else
        the one that is idle longest.

        Finding the idle ones takes milliseconds, so it is done every two seconds at most.
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
        """A head has begun on it that is not whole yet."""
        self._waiting.setdefault(connection)

    def completed(self, connection: Connection) -> None:
        """A whole request came on it."""
        self._waiting.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        """It is closed."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)
        self._for_health.pop(connection, None)


class Connection(asyncio.Protocol):
    """One connection: hands everything on to aiohttp's protocol, and keeps count."""

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.last = self._loop.time()  # when something came
        self._head_since: float | None = self.last  # since when a head is waited for
        self._head = _Head()
        self._has_body = False  # what comes is the body of the last request
        self._untaken: tuple[int, float] = (0, self.last)  # bytes to be taken, since when as many
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
        elif self._has_body:
            self._inner.data_received(data)
        elif data.startswith(b"GET ") and data.endswith(_END) and not self._head.size:
            if self._head_since is not None:
                self._head_ended()
            self._inner.data_received(data)  # the usual case: one request, nothing else
        elif self._add_to_head(data):
            self._inner.data_received(data)

    def _add_to_head(self, data: bytes) -> bool:
        """Whether these bytes of a head may be handed on; counts them."""
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
        """Whether it may be closed for another: nothing is under way on it."""
        nothing_to_take = self._transport is None or not self._transport.get_write_buffer_size()
        return not self.held and nothing_to_take and now - self.last > SPARED_SECONDS

    def overdue(self, now: float) -> str | None:
        """Why it must be closed, if it must."""
        if self._head_since is not None and now - self._head_since > HEAD_SECONDS:
            return "head too slow"
        untaken = 0 if self._transport is None else self._transport.get_write_buffer_size()
        if untaken != self._untaken[0]:
            self._untaken = (untaken, now)
        if untaken and now - self._untaken[1] > STALLED_SECONDS:
            return "stalled"
        return None

    def end(self, answer: bytes = b"") -> None:
        """Close it, after sending `answer` where there is one."""
        if self._transport is None or self._transport.is_closing():
            return
        if not answer:
            self._transport.abort()
            return
        self._transport.write(answer)
        self._transport.close()


class _Head:
    """The head that is coming in: how much of it there is, and how it began."""

    def __init__(self) -> None:
        self.size = 0  # bytes
        self._beginning = b""
        self._tail = b""  # its last bytes: the end of a head may come in two pieces

    def add(self, data: bytes) -> tuple[bool, bool]:
        """Add bytes; whether a head ended in them, and whether a body follows it.

        Only requests other than GET and HEAD have a body here. Each is the last of its connection
        (service/app.py), so that what follows need not be distinguished from a head.
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
