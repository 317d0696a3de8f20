"""Renders one address of a feed: its header and its page of stories, in the requested format.

Rendered items are cached, so that a change to one story renders only that story.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from core.config.settings import Settings
from core.render.formats import (
    atom_document,
    atom_entry,
    json_document,
    json_item,
    rss_document,
    rss_item,
)
from core.render.items import FeedHead, FeedItem, feed_item, without_body
from core.render.variants import PictureProxy, Variant, convert, in_variant, with_proxied_images
from service.context import NO_SOURCES, Context, SourceListing, listed
from service.documents import Document
from service.feeds.query import FeedQuery, digest_items, select
from service.languages import feed_language, translations
from service.responses import feed_headers, way_up
from service.river import KeptStory

STORIES_KEPT = 2048  # whose rendered items are kept, about 8 kB each
LETTERS_KEPT = 8 * 2**20  # of their bodies, over all formats
STYLES_KEPT = 8  # of one story; most are requested in the three formats alone
# Letters of bodies in one document. 5,000 stories of 3,000 letters still come whole, and so do 100
# long reads of 40,000; one feed of giant entries made documents of 78 MB, by `limit` of gigabytes.
LETTERS_SHOWN = 16 * 2**20
LETTERS_EACH = 40_000
LETTERS_AT_LEAST = 2 * 2**20

Links = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Format:
    """The functions that write an item and a document in one format."""

    name: str  # as in the path: /feed.NAME
    type: str
    item: Callable[[FeedItem], Any]
    document: Callable[[FeedHead, Iterable[Any]], bytes]
    styled: bool  # browsers show it through XSL


FORMATS = {
    form.name: form
    for form in (
        Format("xml", "application/rss+xml", rss_item, rss_document, True),
        Format("atom", "application/atom+xml", atom_entry, atom_document, True),
        Format("json", "application/feed+json", json_item, json_document, False),
    )
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """Everything that a document depends on: an equal stamp means an equal document."""

    generation: int
    settings: Settings
    stale: bool
    fallback: datetime  # the time of a feed without entries
    secret: bytes | None = None  # signs the addresses of pictures
    now: datetime = field(default_factory=lambda: datetime.now(UTC))  # of digests
    position: str = ""  # of the newest change that the river shows


@dataclass(slots=True)
class ServedFeed:
    """One feed address with its query, and the document that was last rendered for it."""

    form: Format
    query: FeedQuery
    base: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    digest: bool = False
    document: Document | None = None
    stamp: Stamp | None = None
    rendered: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def url(self, page: int | None = None) -> str:
        """This address, or that of another of its pages."""
        parameters = self.parameters
        if page is not None:
            parameters = tuple(pair for pair in parameters if pair[0] != "page")
            parameters += (("page", str(page)),) if page > 1 else ()
        return self.base + self.path + ("?" + urlencode(parameters) if parameters else "")


def render(
    served: ServedFeed,
    stories: Sequence[KeptStory],
    stamp: Stamp,
    modified: Callable[[bytes], datetime],
    *,
    only: Callable[[KeptStory], bool] | None = None,
) -> Document:
    """The document of a feed; `only` limits it to the given stories (a delta)."""
    settings = stamp.settings
    proxy = proxy_of(settings, stamp.secret, served.base)
    style = style_of(settings, served.query, proxy=proxy)
    pieces: Iterable[Any]
    if served.digest:
        items = digest_of(served, stories, stamp, style)
        head = _head(served, stamp, max((item.updated for item in items), default=None))
        pieces = map(served.form.item, items)
    else:
        found = select(stories, served.query, settings)
        shown, links = _page_of(found, served, settings)
        head = _head(served, stamp, max((kept.updated for kept in shown), default=None), links)
        if only is not None:
            shown = [kept for kept in shown if only(kept)]
        bare, short, form = without_bodies(shown), replace(style, summary=True), served.form.name
        # A document of more than are kept would only push out those of all others.
        make = piece if len(shown) <= STORIES_KEPT else _rendered
        pieces = (make(kept, form, short if kept.id in bare else style) for kept in shown)
    body = served.form.document(head, pieces)
    headers = feed_headers(served.form.type, settings, stale=stamp.stale)
    hubs = "".join(f'<{hub}>; rel="hub", ' for hub in head.hubs)
    headers["Link"] = f'{hubs}<{head.self_url}>; rel="self"'
    # A period that has ended stays as it is: after a restart, too, its digest is from its end.
    first_digest = served.digest and served.document is None
    changed = head.updated if first_digest else modified(body)
    return Document(body, headers, changed, stamp.position)


def digest_of(
    served: ServedFeed, stories: Sequence[KeptStory], stamp: Stamp, style: Style
) -> list[FeedItem]:
    """The entries of the digest."""
    items = digest_items(
        stories,
        stamp.settings,
        stamp.now,
        url=f"{served.base}digest.{served.form.name}",
        item_of=lambda kept: item_of(kept, replace(style, summary=False)),
    )
    return [without_body(item) for item in items] if style.summary else items


def without_bodies(shown: Sequence[KeptStory]) -> frozenset[str]:
    """The stories that are shown as summaries, because all bodies together would be too large.

    The longest bodies are left out first. So a source with giant bodies does not affect the others,
    and no entry is missing.
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
    found: Sequence[KeptStory], served: ServedFeed, settings: Settings
) -> tuple[Sequence[KeptStory], Links]:
    """One page of a paged feed (RFC 5005, section 3), with links to the others."""
    size = served.query.limit or settings.feed.limit
    number, last = served.query.page, max(1, -(-len(found) // size))
    places = {"first": 1, "previous": number - 1, "next": number + 1, "last": last}
    links = tuple(
        (rel, served.url(page=page))
        for rel, page in places.items()
        if 1 <= page <= last and last > 1
    )
    return found[(number - 1) * size : number * size], links


def _head(
    served: ServedFeed, stamp: Stamp, updated: datetime | None, links: Links = ()
) -> FeedHead:
    settings, query = stamp.settings, served.query
    _ = translations(feed_language(settings.feed)).gettext
    part = [_("Digest")] if served.digest else sorted(query.tags | query.sources)
    title = " · ".join([settings.feed.title, *part])
    hub = settings.feed.hub or (f"{served.base}hub" if settings.service.hub else None)
    return FeedHead(
        id="urn:millrace:digest" if served.digest else _feed_id(query),
        title=convert(title, query.variant) if query.variant else title,
        description=_("Every story once, with all its sources."),
        home=served.base,
        self_url=served.url(),
        updated=updated or stamp.fallback,
        language=settings.feed.language,
        hubs=(hub,) if hub and not served.digest else (),
        links=links,
        stylesheet=way_up("/" + served.path) + "feed.xsl" if served.form.styled else None,
    )


def _feed_id(query: FeedQuery) -> str:
    """The same on every machine; narrowed feeds have their own ids."""
    parts = [*sorted(query.tags), "\0", *sorted(query.sources), "\0", query.text or ""]
    if parts == ["\0", "\0", ""]:
        return "urn:millrace:feed"
    return "urn:millrace:feed:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Style:
    """What determines a rendered item, beside its story."""

    summary: bool = False
    variant: Variant | None = None
    footer: str | None = None  # the words before the other copies
    show_source: Literal["none", "title", "footer"] = "none"
    sources: SourceListing = NO_SOURCES
    proxy: PictureProxy | None = None


def style_of(
    settings: Settings, query: FeedQuery | None = None, *, proxy: PictureProxy | None = None
) -> Style:
    """The style by settings and query."""
    query = query or FeedQuery()
    _ = translations(feed_language(settings.feed)).gettext
    return Style(
        summary=query.summary,
        variant=query.variant,
        footer=_("Also at:") if settings.feed.show_reposts == "footer" else None,
        show_source=settings.feed.show_source,
        sources=listed(settings),
        proxy=proxy,
    )


def proxy_of(settings: Settings, key: bytes | None, base: str) -> PictureProxy | None:
    """The picture proxy for documents of the service at `base`; None when it is off."""
    return PictureProxy(base, key) if key and settings.service.pictures == "proxy" else None


def proxy_at(context: Context, base: str) -> PictureProxy | None:
    """`proxy_of` with the present settings and key."""
    return proxy_of(context.settings(), context.river.secret, base)


def item_of(kept: KeptStory, style: Style) -> FeedItem:
    """A kept story as the item that all formats render."""
    item = feed_item(
        kept.story,
        link_to_source=style.sources.by_source_link,
        footer=style.footer,
        show_source=style.show_source,
        sources=style.sources.titles,
    )
    item = without_body(item) if style.summary else item
    item = with_proxied_images(item, style.proxy) if style.proxy else item
    return in_variant(item, style.variant) if style.variant else item


# They go with the version of the story that they are of.
_pieces: WeakKeyDictionary[KeptStory, dict[tuple[str, Style], Any]] = WeakKeyDictionary()
_letters = 0  # of the bodies in them; what went with its story is still counted


def piece(kept: KeptStory, form: str, style: Style) -> Any:
    """One rendered item, from the cache if its story did not change."""
    global _letters
    if len(_pieces) > STORIES_KEPT or _letters > LETTERS_KEPT:
        _pieces.clear()
        _letters = 0
    pieces = _pieces.setdefault(kept, {})
    if len(pieces) > STYLES_KEPT:
        pieces.clear()
    made = pieces.get((form, style))
    if made is None:
        made = pieces[form, style] = _rendered(kept, form, style)
        _letters += 0 if style.summary else kept.letters
    return made


def _rendered(kept: KeptStory, form: str, style: Style) -> Any:
    return FORMATS[form].item(item_of(kept, style))
