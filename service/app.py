"""The web application: routes, start and drain."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from core.config.settings import Settings
from service.connections import CONNECTIONS, IDLE_SECONDS, Connections
from service.context import CONTEXT, CachedStore, Context
from service.documents import (
    BACKGROUND,
    SHARED,
    TRANSFERS,
    Background,
    SharedDocuments,
    Transfers,
)
from service.feeds import handlers, hub, stream
from service.feeds.publisher import Publisher
from service.feeds.stream import Events, Pace
from service.ops import actions, health, metrics
from service.pages import page, river_page, source_list, story
from service.pages.pictures import PICTURE, FetchPicture, Pictures
from service.pages.story import COMPARISONS, Comparisons
from service.responses import Handler, guarded, last, text_reply, wants_html
from service.river import River
from store.connection import Store, end_tasks
from store.outbox import OPERATOR, SUBSCRIBERS

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # the numbers of these options in glibc's malloc.h
DRAIN = 3.0  # seconds between "not ready" and the closed listener, for the proxy to notice
FINISH = 5.0  # seconds for requests in progress after that


def make_app(
    store: Store,
    settings: Callable[[], Settings],
    *,
    config_fault: Callable[[], str | None] = lambda: None,
    fetch_picture: FetchPicture | None = None,
) -> web.Application:
    """The service over `store`. `settings` and `config_fault` are called at each use.

    `fetch_picture` fetches pictures from other sites, for `service.pictures: proxy`.
    """
    app = web.Application(middlewares=[actions.private_reading])
    context = Context(store, settings, config_fault, River(store, settings), CachedStore(store))
    app[CONTEXT] = context
    app[health.CHECK] = health.HealthCheck(context)
    app[stream.READERS_OF] = stream.Readers(Events(context.river))
    app[CONNECTIONS] = Connections()
    app[BACKGROUND] = Background()
    app[hub.HUB_PACE] = Pace(hub.HUB_PASS)
    app[hub.RECEIVING] = set()
    app[SHARED] = SharedDocuments()
    app[TRANSFERS] = Transfers(app[CONNECTIONS].refused)
    app[COMPARISONS] = Comparisons(app[BACKGROUND])
    app[handlers.FEEDS] = handlers.Feeds(context, app[BACKGROUND], river_page.feed_as_page)
    app[river_page.RIVER_PAGES] = river_page.RiverPages()
    if fetch_picture is not None:
        app.router.add_get(PICTURE, guarded(Pictures(fetch_picture).picture))
    app.cleanup_ctx.append(_following)
    app.on_shutdown.append(_drain)
    _route(app)
    return app


async def run_service(
    store: Store,
    settings: Callable[[], Settings],
    *,
    listener: socket.socket,
    stop: asyncio.Event,
    drain: float = DRAIN,
    config_fault: Callable[[], str | None] = lambda: None,
    fetch_picture: FetchPicture | None = None,
) -> None:
    """Serve on a listening socket until `stop` is set, then drain.

    For `drain` seconds after `stop`, readiness is false and requests are still answered, until load
    balancers have noticed.
    """
    _return_large_blocks()
    app = make_app(store, settings, config_fault=config_fault, fetch_picture=fetch_picture)
    runner = _runner(app)
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - set up just now
    watching = asyncio.create_task(app[CONNECTIONS].watch())
    factory = app[CONNECTIONS].factory(runner.server)
    loop = asyncio.get_running_loop()
    try:
        async with await loop.create_server(factory, sock=listener, backlog=1024):
            await stop.wait()
            app[CONTEXT].draining = True
            await asyncio.sleep(drain)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await runner.cleanup()


def _return_large_blocks() -> None:
    """Have glibc return each freed block of a megabyte or more to the system.

    By default it raises that threshold up to 32 MB, and long feeds leave holes in the heap: 40 slow
    readers of different feeds took 301 MB. So they do in the arena that each thread gets: with two
    for all threads the same readers took 114 MB, and not 143 to 170.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_MMAP_THRESHOLD, 2**20)
        mallopt(_ARENA_MAX, 2)


def _runner(app: web.Application) -> web.AppRunner:
    """aiohttp's server without an access log; malformed requests are counted."""
    logger = logging.getLogger("aiohttp.server")
    logger.setLevel(logging.DEBUG)  # the level at which aiohttp logs malformed requests
    logger.filters = [_MalformedCounter(app[CONNECTIONS].refused)]
    return web.AppRunner(
        app,
        access_log=None,
        logger=logger,
        shutdown_timeout=FINISH,
        keepalive_timeout=IDLE_SECONDS,
        auto_decompress=False,  # compressed bodies are refused: 15 kB may become 15 MB
    )


class _MalformedCounter(logging.Filter):
    """Counts malformed requests, of which aiohttp would log tracebacks."""

    def __init__(self, refused: Counter[str]) -> None:
        super().__init__()
        self._refused = refused

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, HttpProcessingError):
            self._refused["malformed"] += 1
            return False
        return record.levelno >= logging.INFO


def _get(path: str, handler: Handler) -> web.RouteDef:
    return web.get(path, guarded(handler))


def _post(path: str, handler: Handler) -> web.RouteDef:
    """A request with a body is the last of its connection: see service/connections.py."""
    return web.post(path, last(guarded(handler)))


def _route(app: web.Application) -> None:
    feeds = app[handlers.FEEDS]
    app.add_routes(
        [
            *(
                _get(f"{place}/feed.{name}", feeds.feed)
                for place in ("", "/tags/{tag}", "/sources/{source}")
                for name in ("xml", "atom", "json")
            ),
            *(_get(f"/digest.{name}", feeds.digest) for name in ("xml", "atom", "json")),
            _get("/", river_page.river),
            _get("/sources/{source}", river_page.river),
            _get("/tags/{tag}", river_page.river),
            _get("/about", river_page.about),
            _get("/stories/{id}", story.story),
            _get("/explain", story.explain),
            _get("/sources", source_list.sources),
            _get("/sources.opml", source_list.opml),
            _post("/sources/{source}/poll", actions.poll),
            _post("/stories/{id}/split", actions.split_story),
            _post("/stories/{id}/join", actions.join_stories),
            _post("/forget", actions.forget_story),
            _get("/hub", hub.about_hub),
            _post("/hub", hub.hub),
            _get(hub.CALLBACK, hub.confirm),
            _post(hub.CALLBACK, hub.receive),
            _get("/stream", stream.stream),
            _get("/health", health.health),
            _get("/health/live", health.live),
            _get("/health/ready", health.ready),
            _get("/metrics", metrics.metrics),
            _get("/feed.xsl", page.static),
            _get("/static/{name}", page.static),
            _get("/{rest:.*}", _nothing_here),
            web.route("*", "/{rest:.*}", last(_no_such_action)),
        ]
    )


async def _nothing_here(request: web.Request) -> web.StreamResponse:
    if wants_html(request):
        return await page.missing(request, "nothing")
    return text_reply("nothing here; the feed is at /feed.xml\n", status=404)


async def _no_such_action(request: web.Request) -> web.Response:
    return text_reply("only GET here\n", status=405, headers={"Allow": "GET, HEAD"})


async def _following(app: web.Application) -> AsyncIterator[None]:
    context = app[CONTEXT]
    tasks = [
        asyncio.create_task(context.river.follow()),
        asyncio.create_task(context.river.keep_story_ids()),
        asyncio.create_task(Publisher(context, OPERATOR).follow()),
        asyncio.create_task(Publisher(context, SUBSCRIBERS).follow()),
    ]
    yield
    app[BACKGROUND].close()
    await end_tasks(tasks)


async def _drain(app: web.Application) -> None:
    """End all streams: readers reconnect and resume at the next process."""
    context = app[CONTEXT]
    context.draining = True
    context.river.log.ring()
