"""/stream: server-sent events, one for each new or changed entry, resumed by `Last-Event-ID`.

Each reader is sent the changes after its position, at its own speed. Nothing is queued for it: an
event is written in slices, each after the reader has read the one before. An event is rendered once
for all readers; rendered for each of 1,000 readers, one poll with 20 entries of 5 kB blocked the
event loop for 1.8 s.
"""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict, deque
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from core.config.settings import Settings
from core.render.formats import item_fields
from service.changelog import Position, position
from service.connections import CONNECTIONS, TooManyHeld
from service.context import CONTEXT, Context
from service.feeds.query import FeedQuery
from service.feeds.render import Style, item_of, proxy_of, style_of
from service.responses import public_base, secured, text_reply
from service.river import KeptStory, River
from store.entries import Change

HEARTBEAT = 15.0  # seconds; proxies cut what is silent for longer
STALLED = 30.0  # seconds that a reader may take none of what waits for it, then it is dropped
# Bytes written at once. One event is up to 1 MB: written whole, 300 readers that do not read held
# 2 GB in buffers after one poll of 40 entries of 84 kB.
SLICE = 16 * 1024
SEND_BUFFER = 128 * 1024  # bytes in the kernel for one reader; Linux would grow it to 4 MB
AT_ONCE = 16  # changes looked up at once
# Slices written in one pass of the event loop, 60 µs each: any other request waits
# for one pass. Without it a pass was 1,000 slices with 1,000 readers.
SLICES_A_PASS = 64
AHEAD = 5.0  # seconds: another service on the same store may have been a little faster
# Of rendered events. Readers that keep up ask for the same few; one event is 1 to 200 kB.
BYTES_KEPT = 16 * 2**20

OPENING = b"retry: 2000\n"

Key = tuple[str, bool, str]  # position, whether without the body, address of the service

_HEADERS = secured(
    {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would hold events back
        "Access-Control-Allow-Origin": "*",
    }
)


class Pace:
    """Lets a fixed number of tasks continue in each pass of the event loop, in order."""

    def __init__(self, most: int = SLICES_A_PASS) -> None:
        self._most = most
        self._free = most
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._refills = False

    async def turn(self) -> None:
        """Wait for a turn in this pass or a later one."""
        loop = asyncio.get_running_loop()
        if not self._refills:
            self._refills = True
            loop.call_soon(self._refill, loop)
        if self._free:
            self._free -= 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _refill(self, loop: asyncio.AbstractEventLoop) -> None:
        self._free = self._most
        while self._free and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # else its task was cancelled
                turn.set_result(None)
                self._free -= 1
        self._refills = self._free < self._most
        if self._refills:
            loop.call_soon(self._refill, loop)


@dataclass
class Readers:
    """The readers of /stream, and what they share."""

    events: Events
    count: int = 0
    dropped: int = 0  # because they did not read
    stalled: float = STALLED
    pace: Pace = field(default_factory=Pace)


READERS_OF = web.AppKey("stream", Readers)


async def stream(request: web.Request) -> web.StreamResponse:
    """GET /stream; `?content=summary` omits bodies."""
    context, readers = request.app[CONTEXT], request.app[READERS_OF]
    if context.draining or context.river.loaded is None:
        # Before the first load the log names stories that are not in the river yet.
        reason = "draining" if context.draining else "loading"
        return text_reply(f"{reason}\n", status=503, headers={"Retry-After": "1"})
    try:
        release = request.app[CONNECTIONS].hold(request)
    except TooManyHeld:
        return text_reply("too many readers\n", status=503, headers={"Retry-After": "30"})
    response = web.StreamResponse(headers=_HEADERS)
    _bound_buffers(request.transport)
    readers.count += 1
    try:
        await response.prepare(request)
        if request.method != "HEAD":
            await _Reader(request, response, context, readers).send()
    except ConnectionError:
        pass  # the reader left; it resumes by itself
    except TimeoutError:
        readers.dropped += 1
        if request.transport is not None:
            request.transport.abort()  # a close would wait until the reader has taken the rest
    finally:
        readers.count -= 1
        release()
    return response


def _bound_buffers(transport: asyncio.Transport | None) -> None:
    if transport is None:
        return
    transport.set_write_buffer_limits(high=SLICE)
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


class _Reader:
    """One connection."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        context: Context,
        readers: Readers,
    ) -> None:
        self._response = response
        self._context = context
        self._readers = readers
        self._given = request.headers.get("Last-Event-ID") or request.query.get("last-event-id")
        self._base = public_base(request, context.settings())
        self._summary = request.query.get("content") == "summary"

    async def send(self) -> None:
        """Send until the service drains. Raises TimeoutError if the reader does not read."""
        context, log = self._context, self._context.river.log
        where, opening = await self._start()
        await self._write(opening)
        epoch = log.epoch
        while not context.draining:
            changes = None
            if where is not None and epoch == log.epoch:
                changes = log.after(where, count=AT_ONCE)
            if changes is None:
                # Too much was missed: the reader should take the feed itself, then go on here.
                epoch, where = log.epoch, position(log.end)
                await self._write(event("reset", log.end, {}))
            elif not changes:
                await self._wait()
            for change in changes or ():
                made = await self._readers.events.event(
                    change, context.settings(), base=self._base, summary=self._summary
                )
                if made is not None:
                    await self._write(made)
                where = position(change.id)

    async def _start(self) -> tuple[Position | None, bytes]:
        """The position to start from, and the opening event, which states it for the reader.

        It is where the reader left off, else the end: it has just read the feed. None when that
        position is unknown here.
        """
        log = self._context.river.log
        try:
            where = position(self._given or "")
        except ValueError:
            return position(log.end), OPENING + f"id: {log.end}\n\n".encode()
        await log.wait_until(where, AHEAD)
        return (where if where <= position(log.end) else None), OPENING + b"\n"

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT):
                await self._context.river.log.wait()
        except TimeoutError:
            await self._write(b": still here\n\n")

    async def _write(self, data: bytes) -> None:
        view = memoryview(data)  # slices of it share its bytes
        for start in range(0, len(view), SLICE):
            await self._readers.pace.turn()  # a write does not wait while its reader keeps up
            async with asyncio.timeout(self._readers.stalled):
                await self._response.write(view[start : start + SLICE])


class Events:
    """Renders the changes of a river, one at a time, in a thread."""

    def __init__(self, river: River) -> None:
        self._river = river
        self._settings: Settings | None = None
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0
        self._rendering: dict[Key, asyncio.Task[bytes | None]] = {}
        self._turn = asyncio.Lock()
        self.renders = 0

    async def event(
        self, change: Change, settings: Settings, *, base: str, summary: bool = False
    ) -> bytes | None:
        """`change` as an event; None where there is nothing to send.

        `base`: the address under which the reader sees this service. A story is shown as it is
        now. One that a change names and that is not in the river is not called removed: only a
        change of the kind "removed" means that the store no longer has it.
        """
        kept = self._river.find(change.story)
        if change.kind == "removed" and kept is None:
            return event("removed", change.id, {"id": change.story})
        if change.kind == "removed" or kept is None:
            return None  # it came back since, or a later change removes it
        if settings is not self._settings:
            self._settings = settings
            self._kept.clear()
            self._bytes = 0
        proxy = proxy_of(settings, self._river.secret, base)
        key = (change.id, summary, base if proxy else "")
        made = self._kept.get(key)
        if made is not None:
            self._kept.move_to_end(key)
            return made
        task = self._rendering.get(key)
        if task is None:
            style = style_of(settings, FeedQuery(summary=summary), proxy=proxy)
            task = asyncio.create_task(self._render(key, change, kept, style))
            self._rendering[key] = task
        return await asyncio.shield(task)  # one reader that leaves does not end it for the others

    async def _render(
        self, key: Key, change: Change, kept: KeptStory, style: Style
    ) -> bytes | None:
        settings = self._settings
        try:
            async with self._turn:
                made = await asyncio.to_thread(_rendered, change, kept, style)
            self.renders += 1
            if settings is self._settings:
                self._keep(key, made)
        finally:
            del self._rendering[key]
        return made

    def _keep(self, key: Key, made: bytes) -> None:
        self._kept[key] = made
        self._bytes += len(made)
        while self._bytes > BYTES_KEPT and len(self._kept) > 1:
            self._bytes -= len(self._kept.popitem(last=False)[1])


def event(name: str | None, where: str, fields: object) -> bytes:
    """One event as it is sent.

    New and changed entries have no event name, so that `onmessage` receives them.
    """
    kind = f"event: {name}\n".encode() if name else b""
    return b"id: " + where.encode() + b"\n" + kind + b"data: " + orjson.dumps(fields) + b"\n\n"


def _rendered(change: Change, kept: KeptStory, style: Style) -> bytes:
    fields = item_fields(item_of(kept, style))
    fields["_millrace"]["change"] = change.kind
    return event(None, change.id, fields)
