"""Answers a poll that came before, byte for byte, without reading its head again.

A feed reader sends the same request each time, and reading it costs more than all the rest. What
is remembered is which document a request asks for, never the answer: that is the present one, and
where there is none ready the request takes the usual way. So does all that is not one whole GET
on a connection at rest.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast

from aiohttp import hdrs, web

Reply = tuple[bytes, ...]  # head and body as they go out
Ask = Callable[[], Reply | None]  # None: nothing ready, or not allowed any more

KEPT = 1024  # requests
LONGEST = 2048  # bytes of one


class Quick:
    """Requests that were answered lately, with what they ask for."""

    def __init__(self) -> None:
        self._asks: OrderedDict[bytes, Ask] = OrderedDict()

    def reply(self, raw: bytes) -> Reply | None:
        """The present answer to a request that is known."""
        ask = self._asks.get(raw)
        return None if ask is None else ask()

    def remember(self, request: web.BaseRequest, ask: Ask) -> None:
        """Answer the same bytes by `ask` from now on."""
        protocol = request.protocol
        raw = protocol.whole if isinstance(protocol, QuickHandler) else None
        if raw is None or len(raw) > LONGEST or not _is_plain(request):
            return
        self._asks[raw] = ask
        if len(self._asks) > KEPT:
            self._asks.popitem(last=False)


class QuickHandler(web.RequestHandler):
    """One connection. Leans on what aiohttp keeps of it, which `test_quick.py` pins."""

    __slots__ = ("_odd", "_quick", "whole")

    def __init__(self, manager: web.Server, quick: Quick, **options: Any) -> None:
        super().__init__(manager, **options)
        self._quick = quick
        self._odd = False  # something came in pieces, or had a body: the parser may hold a rest
        self.whole: bytes | None = None  # the request under way, if it came as one piece

    def data_received(self, data: bytes) -> None:
        """Answer at once, or hand over to aiohttp."""
        waiter, transport = self._waiter, cast(asyncio.Transport, self.transport)
        at_rest = waiter is not None and not waiter.done() and not self._messages
        ending = self._close or self._force_close or not self._keepalive
        # A reader that does not take what it asked for is made to wait, by the usual way.
        if at_rest and not (ending or self._odd or transport.get_write_buffer_size()):
            reply = self._quick.reply(data)
            if reply is not None:
                self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
                transport.writelines(reply)
                return
        self._odd = self._odd or not _is_whole(data)
        self.whole = None if self._odd or not at_rest else data
        super().data_received(data)


class QuickServer(web.Server):
    """Makes a `QuickHandler` of each connection."""

    def __init__(self, quick: Quick, handler: Any, **options: Any) -> None:
        super().__init__(handler, **options)
        self._quick = quick

    def __call__(self) -> web.RequestHandler:
        return QuickHandler(self, self._quick, loop=self._loop, **self._kwargs)


class QuickRunner(web.AppRunner):
    """Runs an application whose known polls are answered at once."""

    __slots__ = ("_quick",)

    def __init__(self, app: web.Application, quick: Quick, **options: Any) -> None:
        super().__init__(app, **options)
        self._quick = quick

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return QuickServer(
            self._quick,
            plain.request_handler,
            request_factory=plain.request_factory,
            loop=plain._loop,
            **plain._kwargs,
        )


def _is_plain(request: web.BaseRequest) -> bool:
    """Whether its head is all there is to it: a body announced there would be taken for a request
    by the next who reads, which is how requests are smuggled through a proxy."""
    usual = request.method == "GET" and request.keep_alive and request.version == (1, 1)
    more = request.body_exists or hdrs.UPGRADE in request.headers or hdrs.EXPECT in request.headers
    return usual and not more


def _is_whole(data: bytes) -> bool:
    """Whether these bytes are one request and nothing else."""
    return data.startswith((b"GET ", b"HEAD ")) and data.find(b"\r\n\r\n") == len(data) - 4
