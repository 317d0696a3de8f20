"""Work whose cost a client chooses, and documents that many clients request at the same time.

Searches, comparisons, very long feeds and the list of all sources have threads of their own, so
that the default threads stay free for ordinary feeds and pages. A document that many clients
request at the same time is made once.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from aiohttp import web

from core.errors import MillraceError
from service.feeds.documents import Document

THREADS = 2
WAITING = 32  # pieces of work, those under way included
BYTES_KEPT = 64 * 2**20  # of shared documents
SHARE = 0.1  # of the time at most goes into making one: what took 3 s is served for 30

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class TooBusy(MillraceError):
    """Too much of this kind is waiting; the reader may try again in a moment."""


class Background:
    """Threads for requests of any cost."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="background")
        self._waiting = 0

    async def run(
        self,
        work: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        """The result of `work`; raises TooBusy."""
        if self._waiting >= WAITING:
            raise TooBusy("too much is requested at the same time; try again in a moment")
        self._waiting += 1
        try:
            call = partial(work, *arguments, **named)
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End once the present work is done; what waits is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass
class _Kept:
    """A document that was made, or is being made."""

    made: asyncio.Task[Document]
    until: float | None = None  # None: being made
    size: int = 0  # bytes


class SharedDocuments:
    """Documents that are the same for all clients, made once and kept for a moment."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    async def document(self, key: Hashable, make: Callable[[], Awaitable[Document]]) -> Document:
        """The document under `key`, made by `make` where there is none or it is too old."""
        kept = self._kept.get(key)
        if kept is None or (kept.until is not None and kept.until < time.monotonic()):
            kept = self._kept[key] = _Kept(asyncio.ensure_future(self._made(key, make)))
        self._kept.move_to_end(key)
        # A client that leaves must not cancel what others wait for.
        return await asyncio.shield(kept.made)

    async def _made(self, key: Hashable, make: Callable[[], Awaitable[Document]]) -> Document:
        started = time.monotonic()
        try:
            document = await make()
        except BaseException:
            del self._kept[key]  # the next request tries again
            raise
        now, kept = time.monotonic(), self._kept[key]
        kept.until, kept.size = now + (now - started) / SHARE, document.size
        self._evict(key)
        return document

    def _evict(self, newest: Hashable) -> None:
        """Drop the oldest; the newest stays, however large, for those who wait for it."""
        held = sum(kept.size for kept in self._kept.values())
        for key, kept in list(self._kept.items()):
            if held > BYTES_KEPT and key != newest and kept.until is not None:
                del self._kept[key]
                held -= kept.size


BACKGROUND = web.AppKey("background", Background)
SHARED = web.AppKey("shared", SharedDocuments)
