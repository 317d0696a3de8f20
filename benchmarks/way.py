"""How many files one new full-text entry passes, from the bytes of its feed to /feed.xml.

A worker's jobs and the service run in this process and are traced; what is opened once at start is
not counted, so the feed was polled and served once before the new entry is traced. A move is a call
from one of our files into another.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from benchmarks import Row
from millrace.process.data_folder import throwaway_store
from service.app import make_app
from store.connection import opened
from tests.core.stories import body, title
from tests.workers.desk import desk_for, settings_for
from workers.sandbox.pool import Sandbox

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("core", "store", "workers", "service", "millrace")
_PATIENCE = 20.0


class _Trace:
    """The files of ours whose functions ran, in each thread, in the order they were entered."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.moves = 0
        self.on = False
        self._last: dict[int, str] = {}

    def __call__(self, frame: Any, event: str, argument: object) -> None:
        if not self.on or event != "call":
            return
        path = frame.f_code.co_filename
        if not path.startswith(str(_ROOT)) or "/.venv/" in path:
            return
        name = path[len(str(_ROOT)) + 1 :]
        if name.split("/")[0] not in _PACKAGES:
            return
        thread = threading.get_ident()
        self.moves += self._last.get(thread, name) != name
        self._last[thread] = name
        self.files.add(name)

    def __enter__(self) -> _Trace:
        threading.setprofile(self)  # threads that start from here on; so it is set before all else
        sys.setprofile(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)


class _InProcess(Sandbox):
    """Runs a child's call here, where it can be traced."""

    async def run(self, function: Callable[..., Any], *args: Any, **_: Any) -> Any:
        return function(*args)


def run(smoke: bool) -> Iterator[Row]:
    """The files and moves of one new entry."""
    with _Trace() as trace:
        asyncio.run(_traced(trace))
    by_package = {p: sum(f.startswith(f"{p}/") for f in trace.files) for p in _PACKAGES}
    note = ", ".join(f"{package} {count}" for package, count in by_package.items() if count)
    yield Row("way", "files that one full-text entry passes", len(trace.files), "≤ 45", "", note)
    yield Row("way", "moves between them", trace.moves, "")
    if not smoke:
        for name in sorted(trace.files):
            yield Row("way", name, None)


async def _traced(trace: _Trace) -> None:
    entries = 3

    async def feed(_: web.Request) -> web.Response:
        items = "".join(
            f"<item><title>{title(n)}</title><link>https://example.org/{n}</link>"
            f"<guid>{n}</guid><description><![CDATA[{body(n, 8)}]]></description></item>"
            for n in reversed(range(entries))
        )
        text = f"<rss version='2.0'><channel><title>Mill</title>{items}</channel></rss>"
        return web.Response(text=text, content_type="application/rss+xml")

    origin = web.Application()
    origin.router.add_get("/feed.xml", feed)
    async with TestServer(origin) as server, throwaway_store() as url, opened(url) as store:
        line = {"url": str(server.make_url("/feed.xml")), "full_text": "feed"}
        settings = settings_for(line, allow_private=[f"127.0.0.1:{server.port}"])
        async with desk_for(store, _InProcess(), settings) as desk:
            app = make_app(store, lambda: settings)
            async with TestClient(TestServer(app)) as client:
                await desk.poll()
                await _shows(client, entries)
                entries += 1
                trace.on = True
                await desk.poll()
                await _shows(client, entries)
                trace.on = False


async def _shows(client: TestClient[Any, Any], entries: int) -> None:
    async with asyncio.timeout(_PATIENCE):
        shown = -1
        while shown < entries:
            shown = (await (await client.get("/feed.xml")).text()).count("<item>")
