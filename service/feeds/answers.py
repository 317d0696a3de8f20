"""One address of a feed: what it selects, and the document made of it."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import parse_qsl, unquote, urlencode

from aiohttp import web
from multidict import MultiDict, MultiMapping

from core.config.settings import Settings
from core.errors import MillraceError
from core.render.items import FeedHead
from core.render.variants import convert
from service.documents import Document
from service.feeds.formats import FORMATS, Format, piece, style_of
from service.feeds.query import FeedQuery, is_known_source, is_known_tag, parse_query, select
from service.pages.pictures import proxy_of
from service.responses import feed_headers, public_base, way_up
from service.window import Kept

Links = tuple[tuple[str, str], ...]

# Letters of bodies in one document. 5,000 stories of 3,000 letters still come whole, and so do 100
# long reads of 40,000; one feed of giant entries made documents of 78 MB, by `limit` of gigabytes.
LETTERS_SHOWN = 16 * 2**20
LETTERS_EACH = 40_000
LETTERS_AT_LEAST = 2 * 2**20

_PLACE = re.compile(r"(?:(?P<by>tags|sources)/(?P<name>[^/]+)/)?feed\.(?P<form>xml|atom|json)")


class UnknownName(MillraceError):
    """There is no such feed; the text says which part of its address is unknown."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """All that a document is made from: while it stays, so does the document."""

    generation: int
    settings: Settings
    stale: bool
    fallback: datetime  # the time of a feed without entries
    secret: bytes | None = None  # signs the addresses of pictures


@dataclass(slots=True)
class Answer:
    """One address, with the document that was last rendered for it."""

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

    def url(self, page: int | None = None) -> str:
        """This address, or that of another of its pages."""
        parameters = self.parameters
        if page is not None:
            parameters = tuple(pair for pair in parameters if pair[0] != "page")
            parameters += (("page", str(page)),) if page > 1 else ()
        return self.base + self.path + ("?" + urlencode(parameters) if parameters else "")


def open_answer(request: web.Request, settings: Settings, stories: Sequence[Kept]) -> Answer:
    """The answer for a request; raises BadQuery, or UnknownName."""
    path = request.rel_url.raw_path.lstrip("/")
    return answer_at(
        path, request.query, base=public_base(request, settings), settings=settings, stories=stories
    )


def answer_at(
    path: str,
    parameters: MultiMapping[str],
    *,
    base: str,
    settings: Settings,
    stories: Sequence[Kept],
) -> Answer:
    """The answer for an address of a feed; raises BadQuery, or UnknownName."""
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


def answer_of(topic: str, base: str, settings: Settings, stories: Sequence[Kept]) -> Answer:
    """The answer for the whole address of one of our feeds, as hubs speak of it."""
    if not topic.startswith(base):
        raise UnknownName("this hub knows only the feeds of this service")
    path, _, query = topic.removeprefix(base).partition("?")
    pairs = MultiDict(parse_qsl(query, keep_blank_values=True))
    return answer_at(path, pairs, base=base, settings=settings, stories=stories)


def render(
    answer: Answer,
    stories: Sequence[Kept],
    stamp: Stamp,
    modified: Callable[[bytes], datetime],
    *,
    only: Callable[[Kept], bool] | None = None,
) -> Document:
    """The document of `answer`; `only` leaves out what its reader has already."""
    settings = stamp.settings
    found = select(stories, answer.query, settings)
    shown, links = _page_of(found, answer, settings)
    proxy = proxy_of(settings, stamp.secret, answer.base)
    style = style_of(settings, answer.query, proxy=proxy)
    head = _head(answer, stamp, shown, links)
    if only is not None:
        shown = [kept for kept in shown if only(kept)]
    bare, short = without_bodies(shown), replace(style, summary=True)
    pieces = (piece(kept, answer.form.name, short if kept.id in bare else style) for kept in shown)
    body = answer.form.document(head, pieces)
    headers = feed_headers(answer.form.type, settings, stale=stamp.stale)
    hubs = "".join(f'<{hub}>; rel="hub", ' for hub in head.hubs)
    headers["Link"] = f'{hubs}<{head.self_url}>; rel="self"'
    return Document(body, headers, modified(body), stamp.generation)


def without_bodies(shown: Sequence[Kept]) -> frozenset[str]:
    """The stories that come as summaries, because all bodies together would be too much.

    The longest lose their bodies first: a source that publishes giant ones takes nothing from the
    others, and no entry is left out.
    """
    room = min(LETTERS_SHOWN, max(LETTERS_AT_LEAST, LETTERS_EACH * len(shown)))
    letters = sum(kept.letters for kept in shown)
    if letters <= room:
        return frozenset()
    bare = set[str]()
    for kept in sorted(shown, key=lambda kept: kept.letters, reverse=True):
        if letters <= room:
            break
        bare.add(kept.id)
        letters -= kept.letters
    return frozenset(bare)


def _page_of(
    found: Sequence[Kept], answer: Answer, settings: Settings
) -> tuple[Sequence[Kept], Links]:
    """One page of a paged feed (RFC 5005, section 3) and the links to the others."""
    size = answer.query.limit or settings.feed.limit
    number, last = answer.query.page, max(1, -(-len(found) // size))
    places = {"first": 1, "previous": number - 1, "next": number + 1, "last": last}
    links = tuple(
        (rel, answer.url(page=page))
        for rel, page in places.items()
        if 1 <= page <= last and last > 1
    )
    return found[(number - 1) * size : number * size], links


def _head(answer: Answer, stamp: Stamp, shown: Sequence[Kept], links: Links) -> FeedHead:
    settings, query = stamp.settings, answer.query
    title = " · ".join([settings.feed.title, *sorted(query.tags | query.sources)])
    return FeedHead(
        id=_feed_id(query),
        title=convert(title, query.variant) if query.variant else title,
        description="Every story once, with all its sources.",
        home=answer.base,
        self_url=answer.url(),
        updated=max((kept.updated for kept in shown), default=stamp.fallback),
        language=settings.feed.language,
        hubs=_hubs(settings, answer.base),
        links=links,
        stylesheet=way_up("/" + answer.path) + "feed.xsl" if answer.form.styled else None,
    )


def _hubs(settings: Settings, base: str) -> tuple[str, ...]:
    """Where a reader of our feeds may subscribe to be sent what is new."""
    if settings.feed.hub:
        return (settings.feed.hub,)
    return (base + "hub",) if settings.service.hub else ()


def _feed_id(query: FeedQuery) -> str:
    """The same on every machine; narrowed feeds have ids of their own."""
    parts = [*sorted(query.tags), "\0", *sorted(query.sources), "\0", query.text or ""]
    if parts == ["\0", "\0", ""]:
        return "urn:millrace:feed"
    return "urn:millrace:feed:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
