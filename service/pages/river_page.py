"""/ and /cards/ID: the river as a page, and one story of it for the live update; /about."""

from __future__ import annotations

from aiohttp import web

from service.context import CONTEXT
from service.feeds.answers import Answer
from service.feeds.formats import item_of
from service.feeds.query import BadQuery, FeedQuery, choose, parse_query
from service.ops.access import refusal
from service.pages.page import page_reply, page_style
from service.pages.source_list import source_rows
from service.responses import text_reply

CARDS = 50  # stories on one page


async def front(request: web.Request) -> web.StreamResponse:
    """GET /."""
    context = request.app[CONTEXT]
    if context.settings().service.private and (refused := refusal(request, context)):
        return refused
    try:
        query = parse_query(request.query)
    except BadQuery as error:
        return text_reply(str(error) + "\n", status=400)
    settings, stories = context.settings(), context.river.newest()
    size = min(query.limit or CARDS, CARDS)
    start = (query.page - 1) * size
    narrowed = query != FeedQuery(limit=query.limit, page=query.page)
    found = await choose(stories, query, settings, most=start + size + 1)
    style = page_style(request)
    return await page_reply(
        request,
        "river.html",
        items=[item_of(kept, style) for kept in found[start : start + size]],
        more=len(found) > start + size,
        query=query,
        narrowed=narrowed,
        tags=sorted({tag for source in settings.sources for tag in source.tags}),
        # A page is never blank: before the first story it shows who is being asked.
        sources=await source_rows(context) if not stories else [],
    )


async def card(request: web.Request) -> web.StreamResponse:
    """GET /cards/ID: one story as it stands on the front page."""
    context = request.app[CONTEXT]
    if context.settings().service.private and (refused := refusal(request, context)):
        return refused
    kept = context.river.find(request.match_info["id"])
    if kept is None:
        return text_reply("no such story\n", status=404)
    item = item_of(kept, page_style(request, "./"))
    return await page_reply(request, "card.html", item=item)


async def feed_as_page(request: web.Request, answer: Answer) -> web.StreamResponse:
    """What a person sees who opens a feed's address in a browser: what it is and what is in it.

    Browsers are giving up the stylesheets (XSLT) that did this once.
    """
    context = request.app[CONTEXT]
    settings, query = context.settings(), answer.query
    found = await choose(context.river.newest(), query, settings, most=CARDS)
    style = page_style(request, query=query)
    return await page_reply(
        request, "feed.html", items=[item_of(kept, style) for kept in found], url=answer.url()
    )


async def about(request: web.Request) -> web.StreamResponse:
    """GET /about, for publishers who saw the User-Agent."""
    settings = request.app[CONTEXT].settings()
    return await page_reply(request, "about.html", fetch=settings.fetch)
