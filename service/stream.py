"""/stream: server-sent events, one for each new or changed entry, resumed by `Last-Event-ID`.

A reader is sent what lies after its position, at its own speed: nothing is queued for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
from aiohttp import web

from core.render.jsonfeed import item_fields
from service.access import refusal
from service.address import public_base
from service.changelog import Position, position
from service.context import CONTEXT, Context
from service.formats import item_of, style_of
from service.headers import secured
from service.pictures import proxy_at
from service.river import Kept
from store.stories import Change

HEARTBEAT = 15.0  # seconds; proxies cut what is silent for longer
OPENING = b"retry: 2000\n\n"

_HEADERS = secured(
    {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would hold events back
        "Access-Control-Allow-Origin": "*",
    }
)
Shown = Callable[[Kept], object]


async def stream(request: web.Request) -> web.StreamResponse:
    """GET /stream."""
    context = request.app[CONTEXT]
    if context.settings().service.private and (refused := refusal(request, context)):
        return refused
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    context.stream_readers += 1
    try:
        await response.write(OPENING)
        base = public_base(request, context.settings())
        await _send(response, context, _start(request, context), base)
    except ConnectionError:
        pass  # the reader left; it resumes by itself
    finally:
        context.stream_readers -= 1
    return response


def _start(request: web.Request, context: Context) -> Position:
    """Where this reader broke off, else the end: it has just read the feed."""
    given = request.headers.get("Last-Event-ID") or request.query.get("last-event-id") or ""
    try:
        return position(given)
    except ValueError:
        return position(context.river.log.end)


async def _send(response: web.StreamResponse, context: Context, where: Position, base: str) -> None:
    while not context.draining:
        changes = context.river.log.after(where)
        if changes is None:
            # Too much was missed: the reader should take the feed itself, then go on from here.
            where = position(context.river.log.end)
            await response.write(_event("reset", context.river.log.end, {}))
        elif changes:
            await response.write(b"".join(_events(changes, context, base)))
            where = position(changes[-1].id)
        else:
            await _silence(response, context)


async def _silence(response: web.StreamResponse, context: Context) -> None:
    try:
        async with asyncio.timeout(HEARTBEAT):
            await context.river.log.wait()
    except TimeoutError:
        await response.write(b": still here\n\n")


def _events(changes: list[Change], context: Context, base: str) -> list[bytes]:
    style = style_of(context.settings(), proxy=proxy_at(context, base))
    events = []
    for change in changes:
        kept = context.river.find(change.story)
        if change.kind == "removed" or kept is None:
            events.append(_event("removed", change.id, {"id": change.story}))
        else:
            fields = item_fields(item_of(kept, style))
            fields["_millrace"]["change"] = change.kind
            events.append(_event(None, change.id, fields))
    return events


def _event(name: str | None, where: str, fields: object) -> bytes:
    """New and changed entries carry no event name: that is what `onmessage` hears."""
    kind = f"event: {name}\n".encode() if name else b""
    return b"id: " + where.encode() + b"\n" + kind + b"data: " + orjson.dumps(fields) + b"\n\n"
