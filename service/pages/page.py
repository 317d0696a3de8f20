"""Pages for people: rendered on the server, complete without JavaScript, with relative links only,
so that the service may have any path prefix."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from gettext import NullTranslations
from importlib import resources
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from core.config.settings import FeedSettings
from core.errors import Phrase
from service.context import CONTEXT
from service.documents import Document
from service.feeds.query import FeedQuery
from service.feeds.render import Style, proxy_at, style_of
from service.languages import Language, day_name, foreign_name, in_zone, language_of, translations
from service.responses import (
    PAGE_POLICY,
    choose_encoding,
    public_base,
    secured,
    text_reply,
    wants_html,
    way_up,
)

_CODE = re.compile(r"`([^`]+)`")
LONGEST_NAME = 100  # characters of an address that a page repeats

STATIC = {
    "style.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "visit.js": "text/javascript; charset=utf-8",
    "feed.xsl": "text/xsl; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class View(NamedTuple):
    """The part of the river that a page shows, and whose feed it offers."""

    source: str | None = None
    tag: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    live: bool = False  # new stories come in while the page is open
    digest: bool = False

    @property
    def narrowed(self) -> bool:
        """Whether the view shows only a part of the river."""
        return bool(self.source or self.tag or self.parameters or self.digest)

    def feed(self, form: str, **more: str) -> str:
        """The path from the service's root to the feed of this view."""
        place = ""
        if self.source or self.tag:
            kind, part = ("sources", self.source) if self.source else ("tags", self.tag)
            place = f"{kind}/{quote(part or '', safe='')}/"
        parameters = urlencode([*self.parameters, *more.items()])
        name = "digest" if self.digest else "feed"
        return f"{place}{name}.{form}" + (f"?{parameters}" if parameters else "")


async def page_reply(
    request: web.Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> web.StreamResponse:
    """A page from a template, with an ETag so that going back costs nothing."""
    document = await page_document(request, template, **values)
    if status == 200:
        return await document_reply(request, document)
    own = {**document.headers, **(headers or {}), "Cache-Control": "no-store"}
    return web.Response(body=document.body, status=status, headers=own)


async def missing(
    request: web.Request,
    reason: str,
    name: str = "",
    *,
    why: Phrase | None = None,
    status: int = 404,
) -> web.StreamResponse:
    """The page for an address without content; clients other than browsers get one line.

    `reason` is one of those in missing.html; `why` belongs to the reason `refused`.
    """
    if wants_html(request):
        values: dict[str, Any] = {"reason": reason, "name": name[:LONGEST_NAME], "why": why}
        return await page_reply(request, "missing.html", status=status, **values)
    return text_reply(
        f"{reason.replace('-', ' ')} {name[:LONGEST_NAME]}".strip() + "\n", status=status
    )


async def starting(request: web.Request) -> web.StreamResponse:
    """The page before the first load, which the browser reloads by itself."""
    headers = {"Retry-After": "2", "Refresh": "2"}
    return await page_reply(request, "starting.html", status=503, headers=headers)


async def page_document(request: web.Request, template: str, **values: Any) -> Document:
    """A page, with its body already in the encoding of the request."""
    context = request.app[CONTEXT]
    settings = context.settings()
    return await asyncio.to_thread(
        _page,
        template,
        encoding_of(request),
        language_of(request, settings.feed),
        here=template,
        root=way_up(request.rel_url.raw_path),
        base=public_base(request, settings),
        feed=settings.feed,
        stale=context.river.away is not None,
        **{"view": View(), **values},
    )


async def document_reply(request: web.Request, document: Document) -> web.StreamResponse:
    """A document as the response, or 304."""
    return await document.respond(request, encoding_of(request), conditional=False)


def encoding_of(request: web.Request) -> str:
    """The encoding of a page: gzip if accepted, because it is the cheapest to make."""
    accepted = choose_encoding(request.headers.get("Accept-Encoding", ""))
    return "gzip" if accepted != "identity" else accepted


def _page(template: str, encoding: str, language: Language, **values: Any) -> Document:
    html = render_page(template, language, **values)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": PAGE_POLICY,
        "Cache-Control": "no-cache",
        "Content-Language": language,
        "Vary": "Accept, Accept-Encoding, Accept-Language, Sec-Fetch-Dest",
    }
    document = Document(html.encode("utf-8", "replace"), secured(headers), datetime.now(UTC))
    document.encoded(encoding)
    return document


def page_style(request: web.Request, *, query: FeedQuery | None = None) -> Style:
    """The style of stories on a page."""
    context = request.app[CONTEXT]
    proxy = proxy_at(context, way_up(request.rel_url.raw_path))
    return style_of(context.settings(), query, proxy=proxy)


def render_page(template: str, language: Language, *, feed: FeedSettings, **values: Any) -> str:
    """The HTML of a page, with times in `feed.timezone`."""
    page = _environment(language).get_template(template)
    return page.render(language=language, feed=feed, **values)


async def static(request: web.Request) -> web.StreamResponse:
    """GET /static/NAME and /feed.xsl: one of a fixed list, never a path."""
    name = request.match_info.get("name", "feed.xsl")
    if name not in STATIC:
        raise web.HTTPNotFound(text="no such file\n")
    document = _static(name)
    encoding = choose_encoding(request.headers.get("Accept-Encoding", ""))
    return await document.respond(request, encoding, conditional=False)


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
        # A feed shown through the stylesheet is a page too.
        headers["Content-Security-Policy"] = PAGE_POLICY
    return Document(static_bytes(name), secured(headers), datetime.now(UTC))


@cache
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=PackageLoader("service"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,  # files that are replaced under a running process are of another version
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = translations(language)
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]
    environment.filters["moment"] = _moment
    environment.filters["iso"] = _iso
    environment.filters["day"] = partial(day_name, language=language)
    environment.filters["foreign"] = partial(foreign_name, language=language)
    environment.filters["rhythm"] = partial(_rhythm, words)
    environment.filters["phrases"] = partial(_phrases, words)
    environment.filters["segment"] = lambda text: quote(text, safe=":")
    environment.filters["query"] = lambda text: quote(text, safe="")
    environment.globals["asset"] = _asset
    return environment


@cache
def _asset(name: str) -> str:
    """The path of a static file, with its digest so that browsers reload a changed one."""
    return f"static/{name}?{_static(name).digest[:8]}"


def _iso(moment: datetime | str) -> str:
    return moment if isinstance(moment, str) else moment.isoformat(timespec="seconds")


def _phrases(words: NullTranslations, phrases: Iterable[Phrase]) -> Markup:
    """An error in the language of the page, with what stands in backticks as code.

    What has no translation, as words of a host, stays.
    """
    texts = []
    for text, values in phrases:
        filled = {place: words.gettext(value) if value else "" for place, value in values.items()}
        texts.append(str(Phrase(words.gettext(text), filled)))
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(words.gettext("; ").join(texts)))))  # noqa: S704 - escaped


def _rhythm(words: NullTranslations, seconds: float | None) -> str:
    """An interval in words: `every 15 min`."""
    if seconds is None:
        return "—"
    _ = words.gettext
    for form, size in (
        (_("every %(count)s d"), 86400),
        (_("every %(count)s h"), 3600),
        (_("every %(count)s min"), 60),
        (_("every %(count)s s"), 0),
    ):
        if seconds >= size:
            value = seconds / (size or 1)
            count = f"{value:.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")
            return form % {"count": count}
    return "—"


@pass_context
def _moment(context: Context, moment: datetime | str) -> str:
    """A time for people in `feed.timezone`; the page's script turns it into the reader's own."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    local = in_zone(moment, context["feed"])
    offset = f"{local:%z}"  # `+0530`
    hours = "" if offset == "+0000" else f"{offset[0]}{offset[1:3].lstrip('0') or '0'}"
    minutes = "" if offset.endswith("00") else f":{offset[3:5]}"
    return f"{local:%Y-%m-%d %H:%M} UTC{hours}{minutes}"
