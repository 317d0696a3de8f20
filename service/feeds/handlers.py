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
from service.feeds.render import FORMATS, Answer, Stamp, render
from service.responses import choose_encoding, public_base, text_reply
from service.window import WindowStory
from store.entries import Change
from store.keys import CHANGES_KEPT

AHEAD_SECONDS = 1.0  # that a reader who saw newer stories at another service waits for this one
RENDER_EVERY = 1.0  # seconds; a burst of news is rendered once
ANSWERS_KEPT = 256  # addresses, queries included
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
        as_page: Callable[[web.Request, Answer], Awaitable[web.StreamResponse]],
    ) -> None:
        self._context = context
        self._background = background
        self._as_page = as_page  # what a browser is shown at the address of a feed
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
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
            answer = self._find_answer(request, settings)
        except (BadQuery, UnknownName) as error:
            return text_reply(f"{error}\n", status=404 if isinstance(error, UnknownName) else 400)
        headers = request.headers
        if headers.get("Sec-Fetch-Dest") == "document" and answer.form.styled:
            return await self._as_page(request, answer)
        encoding = choose_encoding(headers.get(hdrs.ACCEPT_ENCODING, ""))
        tag = headers.get(hdrs.IF_NONE_MATCH, "")
        if await self._is_behind(tag):
            return web.Response(status=304)
        document = answer.document
        if document is None or encoding not in document.kept or not self._fresh(answer, settings):
            async with answer.lock:
                document = await self._renew(answer, settings, encoding)
        wants_delta = "feed" in headers.get("A-IM", "") and not answer.digest
        if tag and wants_delta and not document.known_to(tag, None):
            delta = await self._delta(answer, document, tag)
            if delta is not None:
                return await delta.answer_new(request, encoding, whole=document)
        sending = document.answer(request, encoding)
        del document, answer  # or a slow reader would hold every encoding of it
        return await sending

    async def digest(self, request: web.Request) -> web.StreamResponse:
        """GET /digest.xml, /digest.atom, /digest.json."""
        if self._context.settings().feed.digest == "off":
            return text_reply("there is no digest: feed.digest is off\n", status=404)
        return await self.feed(request)

    def _find_answer(self, request: web.Request, settings: Settings) -> Answer:
        """The answer for this address. Raises BadQuery or UnknownName."""
        base, stories = public_base(request, settings), self._context.river.newest()
        key = (request.raw_path, base)
        answer = self._answers.get(key)
        if answer is None:
            path = request.rel_url.raw_path.lstrip("/")
            answer = answer_at(path, request.query, base=base, settings=settings, stories=stories)
            self._answers[key] = answer
            self._evict()
        else:
            self._answers.move_to_end(key)
        return answer

    def _fresh(self, answer: Answer, settings: Settings) -> bool:
        stamp, river = answer.stamp, self._context.river
        if stamp is None or stamp.settings is not settings:
            return False  # a feed that was made private must not be called public once more
        if answer.digest and digest_day(settings, stamp.now) != digest_day(settings):
            return False
        if stamp.generation == river.generation and stamp.stale == (river.away is not None):
            return True
        return time.monotonic() - answer.rendered < RENDER_EVERY

    async def _renew(self, answer: Answer, settings: Settings, encoding: str) -> Document:
        async with self._turn(answer, settings):
            document = answer.document
            if document is None or not self._fresh(answer, settings):
                document = await self._rendered(answer, settings)
            if encoding not in document.kept:
                await asyncio.to_thread(document.encoded, encoding)
                self._evict()
            return document

    @asynccontextmanager
    async def _turn(self, answer: Answer, settings: Settings) -> AsyncIterator[None]:
        """Long documents are made and packed one after the other, for memory; raises TooBusy."""
        if (answer.query.limit or settings.feed.limit) <= LONG:
            usual = answer.document is not None and not answer.parameters
            async with nullcontext() if usual or answer.query.text else self._narrowed:
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

    async def _rendered(self, answer: Answer, settings: Settings) -> Document:
        before, river = answer.document, self._context.river
        fallback = river.loaded or self._context.started
        stale = river.away is not None
        where = river.log.end
        stamp = Stamp(river.generation, settings, stale, fallback, river.secret, position=where)

        def modified(body: bytes) -> datetime:
            # Not the newest story's time: one may have been removed, or the settings changed.
            if before and before.body == body:
                return before.modified
            if before and answer.stamp and answer.stamp.settings is not settings:
                return datetime.now(UTC)
            # By the store's clock, so that all services state the same.
            changed = position(where)[0]
            return datetime.fromtimestamp(changed / 1000, UTC) if changed else fallback

        self.renders += 1
        document = await self._make_document(answer, stamp, modified)
        if before and before.body == document.body:
            document.position = before.position
        answer.document, answer.stamp, answer.rendered = document, stamp, time.monotonic()
        return document

    async def _is_behind(self, tags: str) -> bool:
        """Whether the reader has a later document, from another service, than this one can give."""
        latest, river = max(positions_in(tags), default=(0, 0)), self._context.river
        await river.log.wait_until(latest, AHEAD_SECONDS)
        return river.away is not None and latest > position(river.log.end)

    async def _delta(self, answer: Answer, document: Document, tags: str) -> Document | None:
        """The entries that are new since the reader's document, whichever service sent that."""
        for place in positions_in(tags):
            changes = self._context.river.log.after(place, count=CHANGES_KEPT)
            if changes is not None and answer.stamp is not None:
                return await self._delta_of(answer, answer.stamp, document, changes)
        return None

    async def _delta_of(
        self, answer: Answer, stamp: Stamp, document: Document, changes: Sequence[Change]
    ) -> Document:
        first, news = changes[0].id if changes else "", {change.story for change in changes}
        if first not in document.deltas:
            if len(document.deltas) >= DELTAS_KEPT:
                document.deltas.clear()
            async with self._turn(answer, stamp.settings):
                document.deltas[first] = await self._make_document(
                    answer, stamp, lambda _: document.modified, only=lambda kept: kept.id in news
                )
            self._evict()
        return document.deltas[first]

    async def _make_document(
        self,
        answer: Answer,
        stamp: Stamp,
        modified: Callable[[bytes], datetime],
        only: Callable[[WindowStory], bool] | None = None,
    ) -> Document:
        """Make a document, a long one in the background threads. Raises TooBusy."""
        work = partial(render, answer, self._context.river.newest(), stamp, modified, only=only)
        if answer.query.text or (answer.query.limit or stamp.settings.feed.limit) > LONG:
            return await self._background.run(work)
        return await asyncio.to_thread(work)

    def _evict(self) -> None:
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        sizes = {key: each.document.size for key, each in self._answers.items() if each.document}
        while sum(sizes.values()) > BYTES_KEPT and len(self._answers) > 1:
            sizes.pop(self._answers.popitem(last=False)[0], None)


FEEDS = web.AppKey("feeds", Feeds)


def answer_at(
    path: str,
    parameters: MultiMapping[str],
    *,
    base: str,
    settings: Settings,
    stories: Sequence[WindowStory],
) -> Answer:
    """The answer for an address of a feed. Raises BadQuery or UnknownName."""
    digest = _DIGEST.fullmatch(path)
    if digest is not None:
        style = MultiDict((k, v) for k, v in parameters.items() if k in ("content", "variant"))
        form, given = FORMATS[digest["form"]], tuple(style.items())
        return Answer(form, parse_query(style), base, path, given, digest=True)
    place = _PLACE.fullmatch(path)
    if place is None:
        raise UnknownName("no feed has this address")
    name = unquote(place["name"]) if place["name"] else None
    source, tag = (name, None) if place["by"] == "sources" else (None, name)
    if source is not None and not is_known_source(source, settings, stories):
        raise UnknownName(f"no source named {source}")
    if tag is not None and not is_known_tag(tag, settings, stories):
        raise UnknownName(f"no source has the tag {tag}")
    return Answer(
        form=FORMATS[place["form"]],
        query=parse_query(parameters, source=source, tag=tag),
        base=base,
        path=path,
        parameters=tuple(parameters.items()),
    )


def answer_of(topic: str, base: str, settings: Settings, stories: Sequence[WindowStory]) -> Answer:
    """The answer for the absolute address of one of our feeds, as hubs name it."""
    if not topic.startswith(base):
        raise UnknownName("this hub knows only the feeds of this service")
    path, _, query = topic.removeprefix(base).partition("?")
    if _DIGEST.fullmatch(path):
        raise UnknownName("the digest comes once a day or week: it has no hub")
    pairs = MultiDict(parse_qsl(query, keep_blank_values=True))
    return answer_at(path, pairs, base=base, settings=settings, stories=stories)
