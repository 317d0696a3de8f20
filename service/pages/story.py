"""/stories/ID and /explain: the decisions about an entry with their reasons, and compared copies.

Comparisons run in the background threads. In the default threads, which render feeds and pages,
eight large comparisons of clients that had disconnected delayed every feed.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from aiohttp import web

from core.dedup.copy import ArticleCopy
from core.errors import MillraceError, StoreError
from core.models import CAME_KEPT, EntryRecord, Member, Story
from core.render.differences import Marks, Stretch, difference, explanation, marks, repeated
from core.urls import without_credentials
from service.context import CONTEXT, Context, in_time
from service.documents import Background
from service.feeds.render import item_of
from service.pages.page import missing, page_reply, page_style, starting
from service.responses import json_reply, text_reply, wants_html
from store.connection import Store
from store.entries import entries_named, load_entries, load_entry

WAITING = 8  # different comparisons; each takes a fifth of a second at most

Key = tuple[str, int, str]  # story, its version, the member beside it


async def story(request: web.Request) -> web.StreamResponse:
    """GET /stories/ID, as JSON or as a page."""
    context = request.app[CONTEXT]
    if context.river.loaded is None:
        return await starting(request)
    kept = context.river.find(request.match_info["id"])
    if kept is None:
        return await missing(request, "no-story")
    shown = kept.story
    if not wants_html(request):
        return json_reply(story_fields(shown))
    try:
        compared = await _compared(request, shown, request.query.get("compare"))
    except NotCompared as error:
        return text_reply(f"{error}\n", status=503, headers={"Retry-After": "2"})
    return await page_reply(
        request,
        "story.html",
        story=shown,
        item=await asyncio.to_thread(item_of, kept, page_style(request)),
        compared=compared,
        acting=context.settings().service.token is not None,
        steps=await _member_record(context, shown, request.query.get("steps")),
        kept=CAME_KEPT,
    )


class Compared(NamedTuple):
    """One member compared with the shown text."""

    member: Member
    stretches: list[Stretch] | None  # None: its text is no longer kept
    marks: Marks | None = None


async def _compared(request: web.Request, story: Story, member_id: str | None) -> Compared | None:
    member = next((member for member in story.members if member.id == member_id), None)
    if member is None:
        return None
    record = await _member_record(request.app[CONTEXT], story, member_id)
    if record is None or record.article is None:
        return Compared(member, None)
    key = (story.id, story.version, member.id)
    source = next((m.source for m in story.members if m.id == story.representative), None)
    shown, own = ArticleCopy(story.article, source), ArticleCopy(record.article, record.source)
    stretches, marked = await request.app[COMPARISONS].compare(request, key, shown, own)
    return Compared(member, stretches, marked)


async def _member_record(
    context: Context, story: Story, member_id: str | None
) -> EntryRecord | None:
    if member_id is None or all(member.id != member_id for member in story.members):
        return None
    try:
        async with in_time():
            return await load_entry(context.store, member_id)
    except StoreError:
        return None  # the rest of the page is complete without it


async def explain(request: web.Request) -> web.StreamResponse:
    """GET /explain?url=U; `url` may also be an id."""
    context = request.app[CONTEXT]
    asked = request.query.get("url") or request.query.get("id") or ""
    if not asked:
        return json_reply({"error": "ask with ?url=ADDRESS or ?url=ID"}, status=400)
    try:
        async with in_time():
            found = await explained(context.store, asked)
    except StoreError as error:
        return json_reply({"error": without_credentials(str(error))}, status=503)
    return json_reply(found, status=200 if found["entries"] else 404)


async def explained(store: Store, asked: str) -> dict[str, Any]:
    """The decisions about the entries at an address, or about the entry with an id."""
    records = await entries_named(store, asked)
    wanted = repeated(records)
    others = dict(zip(wanted, await load_entries(store, wanted), strict=True))
    return explanation(asked, records, others)


def story_fields(story: Story) -> dict[str, Any]:
    """A story as JSON: its members with reasons, its body, and the parts cut from it."""
    article = story.article
    return {
        "id": story.id,
        "title": article.title,
        "first_seen": story.first_seen,
        "updated": story.updated,
        "representative": story.representative,
        "original_url": article.original_url,
        "link": article.link,
        "lead_image": article.lead_image,
        "lead_alt": article.lead_alt,
        "language": article.language,
        "method": article.method.value,
        "members": [member.model_dump(mode="json") for member in story.members],
        "removed": [part.model_dump() for part in article.removed],
        "html": article.html,
        "text": article.text,
    }


class NotCompared(MillraceError):
    """Too many comparisons are waiting, or the reader disconnected before this one began."""


Comparison = tuple[list[Stretch], Marks]


class Comparisons:
    """Compares texts for readers that are still connected."""

    def __init__(self, background: Background) -> None:
        self._background = background
        # The readers who wait for each comparison, and its result.
        self._waiting: dict[Key, tuple[list[web.Request], asyncio.Future[Comparison | None]]] = {}

    async def compare(
        self, request: web.Request, key: Key, old: ArticleCopy, new: ArticleCopy
    ) -> Comparison:
        """The differences between `new` and `old`. Raises NotCompared.

        Concurrent requests for the same `key` share one comparison.
        """
        if key not in self._waiting:
            if len(self._waiting) >= WAITING:
                raise NotCompared("too many comparisons at once; try again in a moment")
            readers = list[web.Request]()
            work = self._background.run(_compare_texts, readers, old, new)
            comparing = asyncio.ensure_future(work)
            comparing.add_done_callback(lambda _: self._waiting.pop(key))
            self._waiting[key] = readers, comparing
        readers, result = self._waiting[key]
        readers.append(request)
        found = await asyncio.shield(result)
        if found is None:
            raise NotCompared("the reader left")
        return found


def _compare_texts(
    readers: list[web.Request], old: ArticleCopy, new: ArticleCopy
) -> Comparison | None:
    if all(reader.transport is None for reader in readers):
        return None
    return difference(old.article.text, new.article.text), marks(new, old)


COMPARISONS = web.AppKey("comparisons", Comparisons)
