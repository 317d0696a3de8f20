"""The merged feed in three formats: selected, rendered at most once a second, kept ready.

A poll answers from memory: it never asks the store, and never a source.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from aiohttp import web

from core.render.document import FeedHead
from core.settings import Settings
from service.access import refusal
from service.address import public_base, way_up
from service.context import CONTEXT, Context
from service.documents import Document, choose_encoding
from service.formats import FORMATS, Format, piece, style_of
from service.headers import feed_headers
from service.query import BadQuery, FeedQuery, parse_query
from service.river import Kept
from service.selection import known_sources, known_tags, select

RENDER_EVERY = 1.0  # seconds; a burst of news is rendered once
ANSWERS_KEPT = 256  # addresses, queries included
BYTES_KEPT = 64 * 2**20

Stamp = tuple[int, Settings, bool]
Key = tuple[str | None, ...]


@dataclass(slots=True)
class Answer:
    """One address of a feed, with the document that was last rendered for it."""

    form: Format
    query: FeedQuery
    base: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    document: Document | None = None
    stamp: Stamp | None = None
    rendered: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def size(self) -> int:
        """Bytes held."""
        return 0 if self.document is None else self.document.size


class Feeds:
    """Every feed address that was asked for lately."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self.renders = 0

    def find(self, request: web.Request) -> Answer:
        """The answer for this address; raises BadQuery, or HTTPNotFound for an unknown name."""
        settings = self._context.settings()
        key = _key(request, settings)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._open(request, settings)
            self._evict()
        return answer

    async def current(self, answer: Answer, encoding: str) -> Document:
        """The document as it is now, ready in `encoding`."""
        document = answer.document
        if document is None or encoding not in document.kept or not self._fresh(answer):
            async with answer.lock:
                document = await self._renew(answer, encoding)
        return document

    def _fresh(self, answer: Answer) -> bool:
        stamp = answer.stamp
        return stamp is not None and (
            stamp == self._stamp() or time.monotonic() - answer.rendered < RENDER_EVERY
        )

    def _stamp(self) -> Stamp:
        river = self._context.river
        return river.generation, self._context.settings(), river.away is not None

    async def _renew(self, answer: Answer, encoding: str) -> Document:
        document = answer.document
        if document is None or not self._fresh(answer):
            stamp = self._stamp()
            stories = self._context.river.newest()
            document = await asyncio.to_thread(self._render, answer, stories, stamp)
            answer.document, answer.stamp, answer.rendered = document, stamp, time.monotonic()
        if encoding not in document.kept:
            await asyncio.to_thread(document.encoded, encoding)
            self._evict()
        return document

    def _render(self, answer: Answer, stories: Sequence[Kept], stamp: Stamp) -> Document:
        self.renders += 1
        _, settings, stale = stamp
        found = select(stories, answer.query, settings)
        shown, links = _page_of(found, answer, settings)
        style = style_of(settings, answer.query)
        head = self._head(answer, settings, shown, links)
        body = answer.form.document(head, (piece(kept, answer.form.name, style) for kept in shown))
        headers = feed_headers(answer.form.type, settings, stale=stale)
        return Document(body, headers, self._modified(answer, body), self._context.river.generation)

    def _modified(self, answer: Answer, body: bytes) -> datetime:
        """When this answer last changed. Not the newest story's time: one may have been removed,
        and another process may have answered before this one started."""
        before = answer.document
        if before is None:
            return self._context.started
        return before.modified if before.body == body else datetime.now(UTC)

    def _head(
        self, answer: Answer, settings: Settings, shown: Sequence[Kept], links: _Links
    ) -> FeedHead:
        narrowed = sorted(answer.query.tags | answer.query.sources)
        river = self._context.river
        fallback = river.loaded or self._context.started
        return FeedHead(
            id=_feed_id(answer.query),
            title=" · ".join([settings.feed.title, *narrowed]),
            description="Every story once, with all its sources.",
            home=answer.base,
            self_url=answer.base + answer.path + _written(answer.parameters),
            updated=max((kept.updated for kept in shown), default=fallback),
            language=settings.feed.language,
            links=links,
            stylesheet=way_up("/" + answer.path) + "feed.xsl" if answer.form.styled else None,
        )

    def _open(self, request: web.Request, settings: Settings) -> Answer:
        source, tag = request.match_info.get("source"), request.match_info.get("tag")
        stories = self._context.river.newest()
        if source is not None and source not in known_sources(settings, stories):
            raise web.HTTPNotFound(text=f"no source named {source}\n")
        if tag is not None and tag not in known_tags(settings, stories):
            raise web.HTTPNotFound(text=f"no source has the tag {tag}\n")
        return Answer(
            form=FORMATS[request.path.rpartition(".")[2]],
            query=parse_query(request.query, source=source, tag=tag),
            base=public_base(request, settings),
            path=request.rel_url.raw_path.lstrip("/"),
            parameters=tuple(request.query.items()),
        )

    def _evict(self) -> None:
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        held = sum(answer.size for answer in self._answers.values())
        while held > BYTES_KEPT and len(self._answers) > 1:
            held -= self._answers.popitem(last=False)[1].size


FEEDS = web.AppKey("feeds", Feeds)
_Links = tuple[tuple[str, str], ...]


async def feed(request: web.Request) -> web.StreamResponse:
    """GET /feed.xml, /feed.atom, /feed.json and their narrowed forms."""
    context = request.app[CONTEXT]
    if context.settings().service.private and (refused := refusal(request, context)):
        return refused
    if context.river.loaded is None:
        return web.Response(status=503, text="loading\n", headers={"Retry-After": "1"})
    feeds = request.app[FEEDS]
    try:
        answer = feeds.find(request)
    except BadQuery as error:
        return web.Response(status=400, text=f"{error}\n")
    headers = request.headers
    encoding = choose_encoding(headers.get("Accept-Encoding", ""))
    document = await feeds.current(answer, encoding)
    return document.answer(encoding, headers.get("If-None-Match"), headers.get("If-Modified-Since"))


def _key(request: web.Request, settings: Settings) -> Key:
    headers = request.headers
    if settings.feed.link:
        return (request.raw_path, settings.feed.link)
    return (
        request.raw_path,
        headers.get("Host"),
        headers.get("X-Forwarded-Host"),
        headers.get("X-Forwarded-Proto"),
        headers.get("X-Forwarded-Prefix"),
    )


def _page_of(
    found: Sequence[Kept], answer: Answer, settings: Settings
) -> tuple[Sequence[Kept], _Links]:
    """One page of a paged feed (RFC 5005, section 3) and the links to the others."""
    size = answer.query.limit or settings.feed.limit
    number, last = answer.query.page, max(1, -(-len(found) // size))
    places = {"first": 1, "previous": number - 1, "next": number + 1, "last": last}
    links = tuple(
        (rel, answer.base + answer.path + _written(answer.parameters, page=page))
        for rel, page in places.items()
        if 1 <= page <= last and last > 1
    )
    return found[(number - 1) * size : number * size], links


def _written(parameters: tuple[tuple[str, str], ...], page: int | None = None) -> str:
    if page is not None:
        parameters = tuple(pair for pair in parameters if pair[0] != "page")
        parameters += (("page", str(page)),) if page > 1 else ()
    return "?" + urlencode(parameters) if parameters else ""


def _feed_id(query: FeedQuery) -> str:
    """The same on every machine; narrowed feeds have ids of their own."""
    parts = [*sorted(query.tags), "\0", *sorted(query.sources), "\0", query.text or ""]
    if parts == ["\0", "\0", ""]:
        return "urn:millrace:feed"
    return "urn:millrace:feed:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
