"""The river as a page: all of it at /, the stories of one source or tag at an address of their
own, and /about."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from core.config.settings import Settings
from core.render.items import FeedItem
from service.context import CONTEXT, listed
from service.documents import BACKGROUND, Document
from service.feeds.query import (
    BadQuery,
    FeedQuery,
    choose,
    is_known_source,
    is_known_tag,
    parse_query,
)
from service.feeds.render import ServedFeed, Stamp, Style, digest_of, item_of
from service.languages import in_zone, language_of
from service.pages.page import (
    View,
    document_reply,
    encoding_of,
    missing,
    page_document,
    page_reply,
    page_style,
    starting,
)
from service.pages.source_list import source_row, source_rows
from service.responses import public_base
from service.river import KeptStory

CARDS = 50  # stories on one page
MOST_CARDS = 200  # the same, where `limit` asks for more: an open page that has grown does
SOURCES = 200  # shown while there is no story yet
RENDER_EVERY = 0.25  # seconds; less than live.js waits after a change, so that it sees the change
PAGES_KEPT = 32  # 100 to 400 kB each, with their compressed form

Key = tuple[str, str, str, str]  # address with its query, that of the service, encoding, language


class Card(NamedTuple):
    """One story on the page."""

    item: FeedItem
    seen: datetime  # for its place in the feed and for the day headings
    version: int


@dataclass(slots=True)
class _Made:
    """One page, with everything that it depends on."""

    generation: int
    settings: Settings
    stale: bool
    at: float
    document: asyncio.Task[tuple[Document, int]]


class RiverPages:
    """A cache of recent pages: all open pages reload after a change, and share one render."""

    def __init__(self) -> None:
        self._made: OrderedDict[Key, _Made] = OrderedDict()

    async def page(self, request: web.Request, query: FeedQuery) -> tuple[Document, int]:
        """The page of `query`, rendered at most every quarter second, and its number of stories."""
        context, encoding = request.app[CONTEXT], encoding_of(request)
        settings, river = context.settings(), context.river
        language = language_of(request, settings.feed)
        key = (request.raw_path, public_base(request, settings), encoding, language)
        made, stale = self._made.get(key), river.away is not None
        # The state of sources, which some pages show, changes without a change of the river.
        lasting = len(river) > 0 and not query.sources
        if made is None or not _is_fresh(made, settings, river.generation, stale, lasting=lasting):
            made = _Made(
                river.generation,
                settings,
                stale,
                time.monotonic(),
                asyncio.create_task(_rendered(request, query)),
            )
            self._made[key] = made
            if len(self._made) > PAGES_KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return await asyncio.shield(made.document)  # others may wait for it too


def _is_fresh(
    made: _Made, settings: Settings, generation: int, stale: bool, *, lasting: bool
) -> bool:
    if made.settings is not settings or made.stale != stale:
        return False
    if made.document.done() and made.document.exception() is not None:
        return False
    same = made.generation == generation and lasting
    return same or time.monotonic() - made.at < RENDER_EVERY


RIVER_PAGES = web.AppKey("river pages", RiverPages)


async def river(request: web.Request) -> web.StreamResponse:
    """GET /, or /sources/NAME or /tags/TAG: the stories with a member of that source or tag."""
    source, tag = request.match_info.get("source"), request.match_info.get("tag")
    context = request.app[CONTEXT]
    settings = context.settings()
    if context.river.loaded is None:
        return await starting(request)
    stories = context.river.newest()
    if source is not None and not is_known_source(source, settings, stories):
        return await missing(request, "no-source", source)
    if tag is not None and not is_known_tag(tag, settings, stories):
        return await missing(request, "no-tag", tag)
    try:
        query = parse_query(request.query, source=source, tag=tag)
    except BadQuery as error:
        return await missing(request, "bad-query", str(error), status=400)
    document, count = await request.app[RIVER_PAGES].page(request, query)
    if query.page > 1 and not count:
        return await missing(request, "no-page", str(query.page))
    return await document_reply(request, document)


async def _rendered(request: web.Request, query: FeedQuery) -> tuple[Document, int]:
    context = request.app[CONTEXT]
    settings, position = context.settings(), context.river.log.end
    stories = context.river.newest()
    size = min(query.limit or CARDS, MOST_CARDS)
    start = (query.page - 1) * size
    background = request.app[BACKGROUND]
    found = await choose(stories, query, settings, most=start + size + 1, background=background)
    shown, view = found[start : start + size], _view(query)
    document = await page_document(
        request,
        "river.html",
        cards=await asyncio.to_thread(_cards, shown, page_style(request), settings),
        newer=_page_link(request, query.page - 1) if query.page > 1 else None,
        older=_page_link(request, query.page + 1) if len(found) > start + size else None,
        query=query,
        view=view,
        position=position,  # from which the page follows the stream
        source=await source_row(context, view.source) if view.source else None,
        tags=listed(settings).tags,
        # Before the first story the page shows which sources are fetched.
        sources=await source_rows(context, background, most=SOURCES) if not stories else [],
    )
    return document, len(shown)


def _cards(shown: Sequence[KeptStory], style: Style, settings: Settings) -> list[Card]:
    return [
        Card(item_of(kept, style), in_zone(kept.seen, settings.feed), kept.version)
        for kept in shown
    ]


def _view(query: FeedQuery) -> View:
    """The view of a page: its feed has the same filters."""
    names, tags = sorted(query.sources), sorted(query.tags)
    parameters: list[tuple[str, str]] = []
    if len(names) + len(tags) > 1:
        parameters = [("source", name) for name in names] + [("tag", tag) for tag in tags]
        names = tags = []
    if query.text:
        parameters.append(("q", query.text))
    if query.since:
        parameters.append(("since", query.since.isoformat()))
    return View(
        source=names[0] if names else None,
        tag=tags[0] if tags else None,
        parameters=tuple(parameters),
        live=query.page == 1 and not query.text,
    )


def _page_link(request: web.Request, number: int) -> str:
    kept = [(name, value) for name, value in request.query.items() if name != "page"]
    return "?" + urlencode([*kept, ("page", str(number))])


async def feed_as_page(request: web.Request, served: ServedFeed) -> web.StreamResponse:
    """The page that a browser shows at a feed's address: an explanation and the entries.

    Browsers are removing XSLT, which showed feeds before.
    """
    context = request.app[CONTEXT]
    settings, query = context.settings(), served.query
    stories, background = context.river.newest(), request.app[BACKGROUND]
    style = page_style(request, query=query)
    if served.digest:
        loaded = context.river.loaded or context.started
        stamp = Stamp(context.river.generation, settings, False, loaded)
        digest = await asyncio.to_thread(digest_of, served, stories, stamp, style)
        view = View(digest=True)
        return await page_reply(
            request, "feed.html", cards=[], digest=digest, url=served.url(), view=view
        )
    found = await choose(stories, query, settings, most=CARDS, background=background)
    cards = await asyncio.to_thread(_cards, found, style, settings)
    return await page_reply(
        request, "feed.html", cards=cards, digest=[], url=served.url(), view=_view(query)
    )


async def about(request: web.Request) -> web.StreamResponse:
    """GET /about, for publishers who saw the User-Agent."""
    settings = request.app[CONTEXT].settings()
    return await page_reply(request, "about.html", fetch=settings.fetch)
