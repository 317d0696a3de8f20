"""The merged feed in three formats: rendered at most once a second, kept ready in each encoding.

A poll answers from memory: it never asks the store, and never a source.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from datetime import UTC, datetime

from aiohttp import web

from core.settings import Settings
from service.access import refusal
from service.answers import Answer, Stamp, UnknownName, open_answer, render
from service.context import CONTEXT, Context
from service.documents import Document, choose_encoding
from service.front import feed_as_page
from service.query import BadQuery
from service.replies import text_reply

RENDER_EVERY = 1.0  # seconds; a burst of news is rendered once
ANSWERS_KEPT = 256  # addresses, queries included
BYTES_KEPT = 64 * 2**20
TAGS_KEPT = 4096  # entity tags whose readers can be sent what is new alone

Key = tuple[str | None, ...]


class Feeds:
    """Every feed address that was asked for lately."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self._generations: OrderedDict[str, int] = OrderedDict()  # by a document's digest
        self.renders = 0

    def find(self, request: web.Request) -> Answer:
        """The answer for this address; raises BadQuery or UnknownName."""
        settings = self._context.settings()
        key = _key(request, settings)
        answer = self._answers.get(key)
        if answer is None:
            answer = open_answer(request, settings, self._context.river.newest())
            self._answers[key] = answer
            self._evict()
        else:
            self._answers.move_to_end(key)
        return answer

    async def current(self, answer: Answer, encoding: str) -> Document:
        """The document as it is now, ready in `encoding`."""
        document = answer.document
        if document is None or encoding not in document.kept or not self._fresh(answer):
            async with answer.lock:
                document = await self._renew(answer, encoding)
        return document

    async def delta(
        self, answer: Answer, document: Document, if_none_match: str
    ) -> Document | None:
        """Only what is new since the document that the reader has, if that is still known."""
        for tag in if_none_match.split(","):
            digest = tag.strip().removeprefix("W/").strip('"').partition("-")[0]
            after = self._generations.get(digest)
            if after is not None and answer.stamp is not None:
                return await self._delta(answer, answer.stamp, document, after)
        return None

    def _fresh(self, answer: Answer) -> bool:
        return answer.stamp is not None and (
            answer.stamp == self._stamp() or time.monotonic() - answer.rendered < RENDER_EVERY
        )

    def _stamp(self) -> Stamp:
        river = self._context.river
        return Stamp(
            river.generation,
            self._context.settings(),
            river.away is not None,
            river.loaded or self._context.started,
        )

    async def _renew(self, answer: Answer, encoding: str) -> Document:
        document = answer.document
        if document is None or not self._fresh(answer):
            document = await self._rendered(answer)
        if encoding not in document.kept:
            await asyncio.to_thread(document.encoded, encoding)
            self._evict()
        return document

    async def _rendered(self, answer: Answer) -> Document:
        before, stamp = answer.document, self._stamp()
        stories = self._context.river.newest()

        def modified(body: bytes) -> datetime:
            # Not the newest story's time: one may have been removed, or the settings changed.
            return before.modified if before and before.body == body else datetime.now(UTC)

        self.renders += 1
        document = await asyncio.to_thread(render, answer, stories, stamp, modified)
        answer.document, answer.stamp, answer.rendered = document, stamp, time.monotonic()
        self._generations[document.digest] = stamp.generation
        if len(self._generations) > TAGS_KEPT:
            self._generations.popitem(last=False)
        return document

    async def _delta(
        self, answer: Answer, stamp: Stamp, document: Document, after: int
    ) -> Document:
        if after not in document.deltas:
            stories = self._context.river.newest()
            document.deltas[after] = await asyncio.to_thread(
                render,
                answer,
                stories,
                stamp,
                lambda _: document.modified,
                only=lambda kept: kept.generation > after,
            )
        return document.deltas[after]

    def _evict(self) -> None:
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        held = sum(answer.size for answer in self._answers.values())
        while held > BYTES_KEPT and len(self._answers) > 1:
            held -= self._answers.popitem(last=False)[1].size


FEEDS = web.AppKey("feeds", Feeds)


async def feed(request: web.Request) -> web.StreamResponse:
    """GET /feed.xml, /feed.atom, /feed.json and their narrowed forms."""
    context = request.app[CONTEXT]
    if context.settings().service.private and (refused := refusal(request, context)):
        return refused
    if context.river.loaded is None:
        return text_reply("loading\n", status=503, headers={"Retry-After": "1"})
    feeds, headers = request.app[FEEDS], request.headers
    try:
        answer = feeds.find(request)
    except BadQuery as error:
        return text_reply(f"{error}\n", status=400)
    except UnknownName as error:
        return text_reply(f"{error}\n", status=404)
    if headers.get("Sec-Fetch-Dest") == "document" and answer.form.styled:
        return await feed_as_page(request, answer)
    encoding = choose_encoding(headers.get("Accept-Encoding", ""))
    document = await feeds.current(answer, encoding)
    tag = headers.get("If-None-Match")
    if tag and "feed" in headers.get("A-IM", "") and not document.known_to(tag, None):
        delta = await feeds.delta(answer, document, tag)
        if delta is not None:
            return delta.only_new(encoding, whole=document)
    return document.answer(encoding, tag, headers.get("If-Modified-Since"))


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
