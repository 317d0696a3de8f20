"""Pages for people: server-rendered, complete without JavaScript, every link relative so that any
sub-path will do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from service.context import CONTEXT
from service.feeds.documents import Document, choose_encoding
from service.feeds.formats import Style, style_of
from service.feeds.query import FeedQuery
from service.pages.pictures import proxy_at
from service.responses import PAGE_POLICY, public_base, secured, way_up

STATIC = {
    "style.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "feed.xsl": "text/xsl; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


async def page_reply(request: web.Request, template: str, **values: Any) -> web.StreamResponse:
    """A page from a template, with a tag so that going back costs nothing."""
    context = request.app[CONTEXT]
    settings = context.settings()
    encoding = choose_encoding(request.headers.get("Accept-Encoding", ""))
    encoding = "gzip" if encoding != "identity" else encoding  # the cheapest to make
    document = await asyncio.to_thread(
        _page,
        template,
        encoding,
        here=template,
        root=way_up(request.rel_url.raw_path),
        base=public_base(request, settings),
        feed=settings.feed,
        stale=context.river.away is not None,
        **values,
    )
    return await document.answer(request, encoding, conditional=False)


def _page(template: str, encoding: str, **values: Any) -> Document:
    """A page with the encoding that its reader wants already made."""
    html = render_page(template, **values)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": PAGE_POLICY,
        "Cache-Control": "no-cache",
        "Vary": "Accept, Accept-Encoding, Sec-Fetch-Dest",
    }
    document = Document(html.encode("utf-8", "replace"), secured(headers), datetime.now(UTC))
    document.encoded(encoding)
    return document


def page_style(
    request: web.Request, root: str | None = None, *, query: FeedQuery | None = None
) -> Style:
    """How stories look on a page; `root`: the way from where it stands to the service's root."""
    context = request.app[CONTEXT]
    proxy = proxy_at(context, root or way_up(request.rel_url.raw_path))
    return style_of(context.settings(), query, proxy=proxy)


def render_page(template: str, **values: Any) -> str:
    """The text of a page."""
    return _environment().get_template(template).render(**values)


async def static(request: web.Request) -> web.StreamResponse:
    """GET /static/NAME and /feed.xsl: one of a fixed list, never a path."""
    name = request.match_info.get("name", "feed.xsl")
    if name not in STATIC:
        raise web.HTTPNotFound(text="no such file\n")
    document = _static(name)
    encoding = choose_encoding(request.headers.get("Accept-Encoding", ""))
    return await document.answer(request, encoding, conditional=False)


def static_bytes(name: str) -> bytes:
    """One of the files of `STATIC`."""
    return resources.files("service").joinpath("static", name).read_bytes()


@cache
def _static(name: str) -> Document:
    headers = {
        "Content-Type": STATIC[name],
        "Cache-Control": "public, max-age=3600",
        "Vary": "Accept-Encoding",
    }
    if name == "feed.xsl":
        # What the stylesheet makes of a feed is a page of its own.
        headers["Content-Security-Policy"] = PAGE_POLICY
    return Document(static_bytes(name), secured(headers), datetime.now(UTC))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("service"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = _moment
    environment.filters["iso"] = _iso
    environment.filters["rhythm"] = _rhythm
    environment.filters["segment"] = lambda text: quote(text, safe=":")
    environment.filters["query"] = lambda text: quote(text, safe="")
    return environment


def _iso(moment: datetime | str) -> str:
    return moment if isinstance(moment, str) else moment.isoformat(timespec="seconds")


def _rhythm(seconds: float | None) -> str:
    """How often, in words: `every 15 min`."""
    if seconds is None:
        return "—"
    for name, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"every {_two_digits(seconds / size)} {name}"
    return f"every {_two_digits(seconds)} s"


def _two_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def _moment(moment: datetime | str | None) -> str:
    """A time for people, in UTC; the page's script turns it into the reader's own."""
    if moment is None:
        return "never"
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
