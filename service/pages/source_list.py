"""/sources and /sources.opml: what is polled, how it does, and when it is polled next."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from core.config.settings import Source
from core.errors import StoreError
from core.render.opml import opml_document
from core.urls import without_credentials
from service.context import CONTEXT, Context
from service.ops.health import failure, is_failing
from service.pages.page import page_reply
from service.responses import json_reply, secured, wants_html
from service.window import Kept
from store.schedule import due_times
from store.sources import SourceState, load_sources

DAYS = 14  # in the small chart of a source


async def sources(request: web.Request) -> web.StreamResponse:
    """GET /sources, as JSON or as a page."""
    context = request.app[CONTEXT]
    rows = await source_rows(context)
    if wants_html(request):
        return await page_reply(request, "sources.html", sources=rows)
    return json_reply({"sources": rows})


async def opml(request: web.Request) -> web.StreamResponse:
    """GET /sources.opml."""
    context = request.app[CONTEXT]
    settings = context.settings()
    states = await _states(context, settings.sources)
    titles = {
        source.name: state.title
        for source, state in zip(settings.sources, states, strict=True)
        if state is not None and state.title
    }
    body = opml_document(settings.sources, title=settings.feed.title, titles=titles)
    headers = {"Content-Type": "text/x-opml; charset=utf-8", "Cache-Control": "no-cache"}
    return web.Response(body=body, headers=secured(headers))


async def source_rows(context: Context) -> list[dict[str, Any]]:
    """Every source of feeds.yaml with its state, in the order of the file."""
    listed = context.settings().sources
    states = await _states(context, listed)
    due = await _due(context, listed)
    stories = context.river.newest()
    days = await asyncio.to_thread(_stories_by_day, stories, datetime.now(UTC))
    junk = await asyncio.to_thread(_junk_shares, stories)
    return [
        _row(source, state, next_poll, days[source.name], junk.get(source.name))
        for source, state, next_poll in zip(listed, states, due, strict=True)
    ]


async def source_row(context: Context, name: str) -> dict[str, Any] | None:
    """One source of feeds.yaml with its state; None: it left the file, its stories stay."""
    listed = [source for source in context.settings().sources if source.name == name]
    if not listed:
        return None
    (state,), (next_poll,) = await _states(context, listed), await _due(context, listed)
    own = [kept for kept in context.river.newest() if name in kept.sources]
    days, junk = _stories_by_day(own, datetime.now(UTC)), _junk_shares(own)
    return _row(listed[0], state, next_poll, days[name], junk.get(name))


async def _states(context: Context, listed: Sequence[Source]) -> list[SourceState | None]:
    try:
        return await load_sources(context.store, [source.name for source in listed])
    except StoreError:
        return [None] * len(listed)  # the list itself comes from feeds.yaml; /health says why


async def _due(context: Context, listed: Sequence[Source]) -> list[float | None]:
    try:
        return await due_times(context.store, [source.name for source in listed])
    except StoreError:
        return [None] * len(listed)


def _row(
    source: Source,
    state: SourceState | None,
    next_poll: float | None,
    days: Counter[int],
    junk: float | None,
) -> dict[str, Any]:
    said = state or SourceState(url=source.url, configured_url=source.url)
    failing = is_failing(said)
    return {
        "name": source.name,
        "url": without_credentials(source.url),
        # Where it is fetched now: a page led to its feed, or it moved for good.
        "resolved_url": without_credentials(said.url),
        "title": said.title,
        "tags": list(source.tags),
        "kind": said.kind,
        "priority": source.priority,
        "state": _state(source, state),
        "last_error": failure(source.name, said)["error"] if failing else None,
        "last_status": said.last_status,
        "failures": said.failures,
        "last_poll": _written(said.last_poll),
        "last_success": _written(said.last_success),
        "next_poll": _written(next_poll) if source.enabled and not said.gone else None,
        "interval": said.interval,
        "counts": {
            "entries": said.entries,
            "first_published": said.first_published,
            "reposts": said.reposts,
            "kept": days.total(),
        },
        # Of its entries, the share that no other source had before it; None before there is any.
        "first_share": round(said.first_published / said.entries, 3) if said.entries else None,
        # Of the letters that came for its kept stories, how many were cut as junk.
        "junk_share": junk,
        "days": [days[ago] for ago in range(DAYS - 1, -1, -1)],  # stories a day, today last
    }


def _stories_by_day(stories: Sequence[Kept], now: datetime) -> dict[str, Counter[int]]:
    """For each source the kept stories that have a member of it, by days ago."""
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for story in stories:
        ago = (now.date() - story.seen.astimezone(UTC).date()).days
        for name in story.sources:
            found[name][ago] += 1
    return found


def _junk_shares(stories: Sequence[Kept]) -> dict[str, float]:
    """For each source whose text is shown somewhere, the share of its letters that was cut."""
    cut, whole = Counter[str](), Counter[str]()
    for story in stories:
        cut[story.shown] += story.cut
        whole[story.shown] += story.cut + story.letters
    return {name: round(cut[name] / letters, 4) for name, letters in whole.items() if letters}


def _state(source: Source, state: SourceState | None) -> str:
    if not source.enabled:
        return "disabled"
    if state is None or (state.last_poll is None and not is_failing(state)):
        return "waiting"
    return "failing" if is_failing(state) else "ok"


def _written(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
