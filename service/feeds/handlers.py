"""The merged feed in three formats: rendered at most once a second, cached in each encoding.

Requests are answered from memory, without the store or a source.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from urllib.parse import parse_qsl, unquote

from aiohttp import hdrs, web
from multidict import MultiDict, MultiMapping

from core.config.settings import Settings
from core.errors import MillraceError
from service.changelog import position, positions_in
from service.context import Context
from service.documents import Background, Document, TooBusy, return_memory
from service.feeds.query import BadQuery, digest_day, is_known_source, is_known_tag, parse_query
from service.feeds.render import FORMATS, ServedFeed, Stamp, render
from service.responses import choose_encoding, public_base, text_reply
from service.river import KeptStory
from store.entries import Change
from store.keys import CHANGES_KEPT

AHEAD_SECONDS = 1.0  # that a reader who saw newer stories at another service waits for this one
RENDER_EVERY = 1.0  # seconds; a burst of news is rendered once
FEEDS_KEPT = 256  # addresses, queries included
BYTES_KEPT = 32 * 2**20  # of their documents; a feed of 100 entries is 300 kB, gzip included
DELTAS_KEPT = 16  # of one document
LONG = 500  # entries; a longer document is rendered in the background threads
NARROWED = 1  # unusual feeds that are made at once: 100 different ones delayed /health by 1.9 s
LONG_WAITING = 16  # of them; 5,000 entries take a second

_PLACE = re.compile(r"(?:(?P<by>tags|sources)/(?P<name>[^/]+)/)?feed\.(?P<form>xml|atom|json)")
_DIGEST = re.compile(r"digest\.(?P<form>xml|atom|json)")

Key = tuple[str, str]  # path with query, and the service's address


class UnknownName(MillraceError):
    """There is no such feed; the message names the part of its address that is unknown."""


class Feeds:
    """The feed addresses that were requested lately, with their documents."""

    def __init__(
        self,
        context: Context,
        background: Background,
        as_page: Callable[[web.Request, ServedFeed], Awaitable[web.StreamResponse]],
    ) -> None:
        self._context = context
        self._background = background
        self._as_page = as_page  # what a browser is shown at the address of a feed
        self._feeds: OrderedDict[Key, ServedFeed] = OrderedDict()
        self._long = asyncio.Lock()  # one long document after another, for memory
        self._long_waiting = 0
        self._narrowed = asyncio.Semaphore(NARROWED)
        self.renders = 0

    async def feed(self, request: web.Request) -> web.StreamResponse:
        """GET /feed.xml, /feed.atom, /feed.json and their narrowed forms."""
        settings = self._context.settings()
        if self._context.river.loaded is None:
            return text_reply("loading\n", status=503, headers={"Retry-After": "1"})
        try:
            served = self._find_feed(request, settings)
        except (BadQuery, UnknownName) as error:
            return text_reply(f"{error}\n", status=404 if isinstance(error, UnknownName) else 400)
        headers = request.headers
        if headers.get("Sec-Fetch-Dest") == "document" and served.form.styled:
            return await self._as_page(request, served)
        encoding = choose_encoding(headers.get(hdrs.ACCEPT_ENCODING, ""))
        tag = headers.get(hdrs.IF_NONE_MATCH, "")
        if await self._is_behind(tag):
            return web.Response(status=304)
        document = served.document
        if document is None or encoding not in document.kept or not self._fresh(served, settings):
            async with served.lock:
                document = await self._renew(served, settings, encoding)
        wants_delta = "feed" in headers.get("A-IM", "") and not served.digest
        if tag and wants_delta and not document.known_to(tag, None):
            delta = await self._delta(served, document, tag)
            if delta is not None:
                return await delta.respond_with_delta(request, encoding, whole=document)
        sending = document.respond(request, encoding)
        del document, served  # or a slow reader would hold every encoding of it
        return await sending

    async def digest(self, request: web.Request) -> web.StreamResponse:
        """GET /digest.xml, /digest.atom, /digest.json."""
        if self._context.settings().feed.digest == "off":
            return text_reply("there is no digest: feed.digest is off\n", status=404)
        return await self.feed(request)

    def _find_feed(self, request: web.Request, settings: Settings) -> ServedFeed:
        """The feed at this address, new or cached. Raises BadQuery or UnknownName."""
        base, stories = public_base(request, settings), self._context.river.newest()
        key = (request.raw_path, base)
        served = self._feeds.get(key)
        if served is None:
            path = request.rel_url.raw_path.lstrip("/")
            served = feed_at(path, request.query, base=base, settings=settings, stories=stories)
            self._feeds[key] = served
            self._evict()
        else:
            self._feeds.move_to_end(key)
        return served

    def _fresh(self, served: ServedFeed, settings: Settings) -> bool:
        stamp, river = served.stamp, self._context.river
        if stamp is None or stamp.settings is not settings:
            return False  # a feed that was made private must not be called public once more
        if served.digest and digest_day(settings, stamp.now) != digest_day(settings):
            return False
        if stamp.generation == river.generation and stamp.stale == (river.away is not None):
            return True
        return time.monotonic() - served.rendered < RENDER_EVERY

    async def _renew(self, served: ServedFeed, settings: Settings, encoding: str) -> Document:
        async with self._turn(served, settings):
            document = served.document
            if document is None or not self._fresh(served, settings):
                document = await self._rendered(served, settings)
            if encoding not in document.kept:
                await asyncio.to_thread(document.encoded, encoding)
                self._evict()
            return document

    @asynccontextmanager
    async def _turn(self, served: ServedFeed, settings: Settings) -> AsyncIterator[None]:
        """Long documents are made and packed one after the other, for memory; raises TooBusy."""
        if (served.query.limit or settings.feed.limit) <= LONG:
            usual = served.document is not None and not served.parameters
            async with nullcontext() if usual or served.query.text else self._narrowed:
                yield
            return
        if self._long_waiting >= LONG_WAITING:
            raise TooBusy("too many long feeds are requested; try again in a moment")
        self._long_waiting += 1
        try:
            async with self._long:
                yield
                await self._background.run(return_memory)
        finally:
            self._long_waiting -= 1

    async def _rendered(self, served: ServedFeed, settings: Settings) -> Document:
        before, river = served.document, self._context.river
        fallback = river.loaded or self._context.started
        stale = river.away is not None
        where = river.log.end
        stamp = Stamp(river.generation, settings, stale, fallback, river.secret, position=where)

        def modified(body: bytes) -> datetime:
            # Not the newest story's time: one may have been removed, or the settings changed.
            if before and before.body == body:
                return before.modified
            if before and served.stamp and served.stamp.settings is not settings:
                return datetime.now(UTC)
            # By the store's clock, so that all services state the same.
            changed = position(where)[0]
            return datetime.fromtimestamp(changed / 1000, UTC) if changed else fallback

        self.renders += 1
        document = await self._make_document(served, stamp, modified)
        if before and before.body == document.body:
            document.position = before.position
        served.document, served.stamp, served.rendered = document, stamp, time.monotonic()
        return document

    async def _is_behind(self, tags: str) -> bool:
        """Whether the reader has a later document, from another service, than this one can give."""
        latest, river = max(positions_in(tags), default=(0, 0)), self._context.river
        await river.log.wait_until(latest, AHEAD_SECONDS)
        return river.away is not None and latest > position(river.log.end)

    async def _delta(self, served: ServedFeed, document: Document, tags: str) -> Document | None:
        """The entries that are new since the reader's document, whichever service sent that."""
        for place in positions_in(tags):
            changes = self._context.river.log.after(place, count=CHANGES_KEPT)
            if changes is not None and served.stamp is not None:
                return await self._delta_of(served, served.stamp, document, changes)
        return None

    async def _delta_of(
        self, served: ServedFeed, stamp: Stamp, document: Document, changes: Sequence[Change]
    ) -> Document:
        first, news = changes[0].id if changes else "", {change.story for change in changes}
        if first not in document.deltas:
            if len(document.deltas) >= DELTAS_KEPT:
                document.deltas.clear()
            async with self._turn(served, stamp.settings):
                document.deltas[first] = await self._make_document(
                    served, stamp, lambda _: document.modified, only=lambda kept: kept.id in news
                )
            self._evict()
        return document.deltas[first]

    async def _make_document(
        self,
        served: ServedFeed,
        stamp: Stamp,
        modified: Callable[[bytes], datetime],
        only: Callable[[KeptStory], bool] | None = None,
    ) -> Document:
        """Make a document, a long one in the background threads. Raises TooBusy."""
        work = partial(render, served, self._context.river.newest(), stamp, modified, only=only)
        if served.query.text or (served.query.limit or stamp.settings.feed.limit) > LONG:
            return await self._background.run(work)
        return await asyncio.to_thread(work)

    def _evict(self) -> None:
        while len(self._feeds) > FEEDS_KEPT:
            self._feeds.popitem(last=False)
        sizes = {key: each.document.size for key, each in self._feeds.items() if each.document}
        while sum(sizes.values()) > BYTES_KEPT and len(self._feeds) > 1:
            sizes.pop(self._feeds.popitem(last=False)[0], None)


FEEDS = web.AppKey("feeds", Feeds)


def feed_at(
    path: str,
    parameters: MultiMapping[str],
    *,
    base: str,
    settings: Settings,
    stories: Sequence[KeptStory],
) -> ServedFeed:
    """The feed at an address of this service. Raises BadQuery or UnknownName."""
    digest = _DIGEST.fullmatch(path)
    if digest is not None:
        style = MultiDict((k, v) for k, v in parameters.items() if k in ("content", "variant"))
        form, given = FORMATS[digest["form"]], tuple(style.items())
        return ServedFeed(form, parse_query(style), base, path, given, digest=True)
    place = _PLACE.fullmatch(path)
    if place is None:
        raise UnknownName("no feed has this address")
    name = unquote(place["name"]) if place["name"] else None
    source, tag = (name, None) if place["by"] == "sources" else (None, name)
    if source is not None and not is_known_source(source, settings, stories):
        raise UnknownName(f"no source named {source}")
    if tag is not None and not is_known_tag(tag, settings, stories):
        raise UnknownName(f"no source has the tag {tag}")
    return ServedFeed(
        form=FORMATS[place["form"]],
        query=parse_query(parameters, source=source, tag=tag),
        base=base,
        path=path,
        parameters=tuple(parameters.items()),
    )


def feed_of(topic: str, base: str, settings: Settings, stories: Sequence[KeptStory]) -> ServedFeed:
    """The feed at an absolute address, as hubs name it."""
    if not topic.startswith(base):
        raise UnknownName("this hub knows only the feeds of this service")
    path, _, query = topic.removeprefix(base).partition("?")
    if _DIGEST.fullmatch(path):
        raise UnknownName("the digest comes once a day or week: it has no hub")
    pairs = MultiDict(parse_qsl(query, keep_blank_values=True))
    return feed_at(path, pairs, base=base, settings=settings, stories=stories)
