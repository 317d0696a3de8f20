"""The application: which path is answered by what, and how it starts and drains."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Collection

from aiohttp import web

from core.config.settings import Settings
from service import stream
from service.comparing import COMPARISONS, Comparisons
from service.context import CONTEXT, Context
from service.events import Events
from service.feeds import handlers as feeds
from service.ops import access as actions
from service.ops import health, metrics
from service.pages import page as pages
from service.pages import river_page as front
from service.pages import source_list as sources
from service.pages import story as storypages
from service.pages.pictures import PICTURE, FetchPicture, Pictures
from service.quick import QuickRunner
from service.responses import SECURE, text_reply
from service.websub import callback as websub
from service.websub import hub
from service.websub.publisher import Publisher
from service.window import River
from store.connection import Store

DRAIN = 3.0  # seconds between "not ready" and the closed door, for the proxy to notice
CANCEL_AGAIN = 0.5  # seconds
FINISH = 5.0  # seconds that requests under way may take after that


def make_app(
    store: Store,
    settings: Callable[[], Settings],
    *,
    config_fault: Callable[[], str | None] = lambda: None,
    fetch_picture: FetchPicture | None = None,
) -> web.Application:
    """The service over `store`. Settings and fault are read at each use: they may change.

    `fetch_picture` brings pictures from strangers' sites, for `service.pictures: proxy`.
    """
    app = web.Application()
    context = Context(store, settings, config_fault, River(store, settings))
    app[CONTEXT] = context
    app[feeds.FEEDS] = feeds.Feeds(context)
    app[health.CHECK] = health.Check(context)
    app[stream.READERS_OF] = stream.Readers(Events(context.river))
    app[COMPARISONS] = Comparisons()
    if fetch_picture is not None:
        app.router.add_get(PICTURE, Pictures(fetch_picture).picture)
    app.cleanup_ctx.append(_following)
    app.on_shutdown.append(_drain)
    app.on_response_prepare.append(_secure)
    _route(app)
    return app


async def run_service(
    store: Store,
    settings: Callable[[], Settings],
    *,
    stop: asyncio.Event,
    drain: float = DRAIN,
    host: str = "127.0.0.1",
    port: int = 8080,
    listener: socket.socket | None = None,
    config_fault: Callable[[], str | None] = lambda: None,
    fetch_picture: FetchPicture | None = None,
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve until `stop` is set; then readiness goes first, and requests under way are ended.

    For `drain` seconds all is still answered, until load balancers have seen that it is not ready.

    `listener` is a socket that already listens, in place of `host` and `port`.
    """
    app = make_app(store, settings, config_fault=config_fault, fetch_picture=fetch_picture)
    quick = app[feeds.FEEDS].quick
    runner = QuickRunner(app, quick, access_log=None, shutdown_timeout=FINISH)
    await runner.setup()
    try:
        site: web.BaseSite = web.TCPSite(runner, host, port, backlog=1024)
        if listener is not None:
            site = web.SockSite(runner, listener, backlog=1024)
        await site.start()
        if started is not None:
            started(_url(runner))
        await stop.wait()
        app[CONTEXT].draining = True
        await asyncio.sleep(drain)
    finally:
        await runner.cleanup()


def _url(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _route(app: web.Application) -> None:
    for place in ("", "/tags/{tag}", "/sources/{source}"):
        for name in ("xml", "atom", "json"):
            app.router.add_get(f"{place}/feed.{name}", app[feeds.FEEDS].feed)
    websub.add_websub(app)
    app.add_routes(
        [
            web.get("/", front.front),
            web.get("/cards/{id}", front.card),
            web.get("/about", front.about),
            web.get("/stories/{id}", storypages.story),
            web.get("/explain", storypages.explain),
            web.get("/sources", sources.sources),
            web.get("/sources.opml", sources.opml),
            web.post("/sources/{source}/poll", actions.poll),
            web.post("/stories/{id}/split", actions.split_story),
            web.post("/stories/{id}/join", actions.join_stories),
            web.post("/forget", actions.forget_story),
            web.get("/hub", hub.about_hub),
            web.post("/hub", hub.hub),
            web.get("/stream", stream.stream),
            web.get("/health", health.health),
            web.get("/health/live", health.live),
            web.get("/health/ready", health.ready),
            web.get("/metrics", metrics.metrics),
            web.get("/feed.xsl", pages.static),
            web.get("/static/{name}", pages.static),
            web.get("/{rest:.*}", _nothing_here),
        ]
    )


async def _nothing_here(request: web.Request) -> web.Response:
    return text_reply("nothing here; the feed is at /feed.xml\n", status=404)


async def _following(app: web.Application) -> AsyncIterator[None]:
    context = app[CONTEXT]
    tasks = [
        asyncio.create_task(context.river.follow()),
        asyncio.create_task(context.river.keep_names()),
        asyncio.create_task(Publisher(context).follow()),
    ]
    yield
    app[COMPARISONS].close()
    await _end(tasks)


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel until they are gone: a cancellation that meets the end of a timeout inside the
    store's client is swallowed there."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=CANCEL_AGAIN)


async def _secure(request: web.Request, response: web.StreamResponse) -> None:
    """What aiohttp answers by itself (405, 500) is no exception. Kept answers pass by here."""
    for name, value in SECURE.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "Millrace"  # not which versions


async def _drain(app: web.Application) -> None:
    """End the streams: their readers resume with the next process."""
    context = app[CONTEXT]
    context.draining = True
    context.river.log.ring()
