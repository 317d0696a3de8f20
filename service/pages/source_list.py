"""/sources and /sources.opml: the sources with their state and the time of their next poll."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from aiohttp import web

from core.config.opml import opml_document
from core.config.settings import Settings, Source
from core.errors import Phrase, StoreError, in_english
from core.urls import without_credentials
from service.context import CONTEXT, Context, fault_of, is_failing, iso_time
from service.documents import BACKGROUND, SHARED, Background, Document
from service.languages import language_of
from service.pages.page import encoding_of, missing, page_document
from service.responses import choose_encoding, public_base, secured, wants_html
from service.river import KeptStory
from store.revision import load_processes
from store.sources import SourceState, Taken

DAYS = 14  # in the small chart of a source
PAGE = 500  # sources on one page for people
_ROWS_AT_ONCE = 500
_PATIENCE = 1.0  # seconds for the store, below the 2 s within which a page answers without it


async def sources(request: web.Request) -> web.StreamResponse:
    """GET /sources, as JSON or as a page."""
    context, background = request.app[CONTEXT], request.app[BACKGROUND]
    if wants_html(request):
        return await _page(request, context, background)
    encoding = choose_encoding(request.headers.get("Accept-Encoding", ""))

    async def make() -> Document:
        pieces = [
            await background.run(_json_rows, rows)
            async for rows in _rows_in_slices(context, background, context.settings().sources)
        ]
        return await background.run(_json, pieces, encoding)

    return await _shared(request, ("json", encoding), make, encoding)


async def _page(
    request: web.Request, context: Context, background: Background
) -> web.StreamResponse:
    """One page of the list of sources, for people."""
    count = len(context.settings().sources)
    pages = max(1, -(-count // PAGE))
    stated = request.query.get("page", "1")
    number = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 7 else 0
    if not 1 <= number <= pages:
        return await missing(request, "no-page", stated)

    async def make() -> Document:
        rows = await source_rows(context, background, start=(number - 1) * PAGE, most=PAGE)
        differing = await _processes_that_differ(context)
        return await page_document(
            request, "sources.html", sources=rows, count=count, page=number, pages=pages,
            differing=differing,
        )  # fmt: skip

    encoding, settings = encoding_of(request), context.settings()
    place, language = public_base(request, settings), language_of(request, settings.feed)
    return await _shared(request, ("html", encoding, place, language, stated), make, encoding)


async def _processes_that_differ(context: Context) -> list[Phrase]:
    """Hosts whose feeds.yaml is not the one that this page shows."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return (await load_processes(context.store)).faults()
    except (StoreError, TimeoutError):
        return []  # the page states already that the store is away


async def opml(request: web.Request) -> web.StreamResponse:
    """GET /sources.opml."""
    context, background = request.app[CONTEXT], request.app[BACKGROUND]
    encoding = choose_encoding(request.headers.get("Accept-Encoding", ""))

    async def make() -> Document:
        settings = context.settings()
        names = [source.name for source in settings.sources]
        titles, sites = dict[str, str](), dict[str, str]()
        for start in range(0, len(names), _ROWS_AT_ONCE):
            few = names[start : start + _ROWS_AT_ONCE]
            states = await context.cached.states(few)
            found = [pair for pair in zip(few, states, strict=True) if pair[1]]
            titles |= {name: state.title for name, state in found if state and state.title}
            sites |= {name: state.link for name, state in found if state and state.link}
        return await background.run(_opml, settings, titles, sites, encoding)

    return await _shared(request, ("opml", encoding), make, encoding)


async def _shared(
    request: web.Request,
    key: tuple[str, ...],
    make: Callable[[], Awaitable[Document]],
    encoding: str,
) -> web.StreamResponse:
    """One document, shared by all concurrent requests."""
    place = ("sources", id(request.app[CONTEXT].settings()), *key)
    document = await request.app[SHARED].document(place, make)
    return await document.respond(request, encoding, conditional=False)


def _json_rows(rows: Sequence[dict[str, Any]]) -> bytes:
    plain = [{**row, "last_error": in_english(row["last_error"]) or None} for row in rows]
    return orjson.dumps(plain, option=orjson.OPT_INDENT_2)[1:-2]


def _json(pieces: Sequence[bytes], encoding: str) -> Document:
    body = b'{"sources": [' + b",".join(pieces) + b"\n]}\n"
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Cache-Control": "no-store",
        "Vary": "Accept, Accept-Encoding",
    }
    return _ready(body, headers, encoding)


def _opml(
    settings: Settings, titles: Mapping[str, str], sites: Mapping[str, str], encoding: str
) -> Document:
    body = opml_document(settings.sources, title=settings.feed.title, titles=titles, sites=sites)
    headers = {
        "Content-Type": "text/x-opml; charset=utf-8",
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
    }
    return _ready(body, headers, encoding)


def _ready(body: bytes, headers: dict[str, str], encoding: str) -> Document:
    document = Document(body, secured(headers), datetime.now(UTC))
    document.encoded(encoding)
    return document


async def source_rows(
    context: Context, background: Background, *, start: int = 0, most: int
) -> list[dict[str, Any]]:
    """Sources of feeds.yaml with their state, in the order of the file. Raises TooBusy."""
    listed = context.settings().sources[start : start + most]
    return [row async for rows in _rows_in_slices(context, background, listed) for row in rows]


async def _rows_in_slices(
    context: Context, background: Background, listed: Sequence[Source]
) -> AsyncIterator[list[dict[str, Any]]]:
    """Make the rows a few hundred at a time.

    The rows of 50,000 sources are a million objects. Python's garbage collector would scan them
    repeatedly, which blocks all threads.
    """
    stories = context.river.newest()
    days = await background.run(_stories_by_day, stories, context.settings())
    junk = await background.run(_junk_shares, stories)
    for start in range(0, len(listed), _ROWS_AT_ONCE):
        few = listed[start : start + _ROWS_AT_ONCE]
        names = [source.name for source in few]
        states, due, taken = await asyncio.gather(
            context.cached.states(names), context.cached.due(names), context.cached.taken(names)
        )
        yield await background.run(_rows, few, states, due, taken, days, junk)


def _rows(
    listed: Sequence[Source],
    states: Sequence[SourceState | None],
    due: Sequence[float | None],
    taken: Sequence[Taken],
    days: Mapping[str, Counter[int]],
    junk: Mapping[str, float],
) -> list[dict[str, Any]]:
    none = Counter[int]()
    return [
        _row(source, state, next_poll, pages, days.get(source.name, none), junk.get(source.name))
        for source, state, next_poll, pages in zip(listed, states, due, taken, strict=True)
    ]


async def source_row(context: Context, name: str) -> dict[str, Any] | None:
    """One source of feeds.yaml with its state; None if the file no longer lists it."""
    listed = [source for source in context.settings().sources if source.name == name]
    if not listed:
        return None
    (state,), (next_poll,), (taken,) = await asyncio.gather(
        context.cached.states([name]), context.cached.due([name]), context.cached.taken([name])
    )
    own = [kept for kept in context.river.newest() if name in kept.sources]
    days, junk = _stories_by_day(own, context.settings()), _junk_shares(own)
    return _row(listed[0], state, next_poll, taken, days[name], junk.get(name))


def _row(
    source: Source,
    state: SourceState | None,
    next_poll: float | None,
    taken: Taken,
    days: Counter[int],
    junk: float | None,
) -> dict[str, Any]:
    known = state or SourceState(url=source.url, configured_url=source.url)
    entries = known.entries + taken.entries
    founded = known.first_published + taken.founders
    return {
        "name": source.name,
        "url": without_credentials(source.url),
        "resolved_url": without_credentials(known.url),  # after a page that led to it, or a move
        "title": source.title or known.title,
        "tags": list(source.tags),
        "kind": known.kind,
        "priority": source.priority,
        "state": _state(source, state),
        "last_error": fault_of(known) if is_failing(known) else (),
        "notes": list(known.notes),
        "last_status": known.last_status,
        "failures": known.failures,
        "last_poll": iso_time(known.last_poll),
        "last_success": iso_time(known.last_success),
        "next_poll": iso_time(next_poll) if source.enabled and not known.gone else None,
        "interval": known.interval,
        "counts": {
            "entries": entries,
            "first_published": founded,
            "reposts": known.reposts + taken.reposts,
            "kept": days.total(),
        },
        # Of its entries, the share that no other source had before it; None before there is any.
        "first_share": round(founded / entries, 3) if entries else None,
        # Of the letters that came for its kept stories, how many were cut as junk.
        "junk_share": junk,
        "days": [days[ago] for ago in range(DAYS - 1, -1, -1)],  # stories a day, today last
    }


def _stories_by_day(stories: Sequence[KeptStory], settings: Settings) -> dict[str, Counter[int]]:
    """Source -> numbers of kept stories with a member of it, by days ago in `feed.timezone`."""
    zone = ZoneInfo(settings.feed.timezone)
    today = datetime.now(zone).date()
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for story in stories:
        ago = (today - story.seen.astimezone(zone).date()).days
        for name in story.sources:
            found[name][ago] += 1
    return found


def _junk_shares(stories: Sequence[KeptStory]) -> dict[str, float]:
    """Source -> the share of letters that was cut from its shown texts."""
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
