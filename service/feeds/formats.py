"""The three formats of the merged feed, and the rendered pieces kept between two renders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from weakref import WeakKeyDictionary

from core.config.settings import Settings
from core.render.atom import atom_document, atom_entry
from core.render.items import FeedHead, FeedItem, feed_item, without_body
from core.render.jsonfeed import json_document, json_item
from core.render.rss import rss_document, rss_item
from core.render.variants import PictureProxy, Variant, in_variant, through
from service.context import NO_PAPERS, Papers, listed
from service.feeds.query import FeedQuery
from service.window import Kept

STORIES_KEPT = 2048  # whose rendered items are kept, about 8 kB each
LETTERS_KEPT = 8 * 2**20  # of their bodies, over all formats
STYLES_KEPT = 8  # of one story; most are requested in the three formats alone


@dataclass(frozen=True, slots=True)
class Format:
    """How one format writes an item and a document."""

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
class Style:
    """What decides, beside the story, how an item looks."""

    summary: bool = False
    variant: Variant | None = None
    footer: bool = False
    link_to_source: frozenset[str] = frozenset()
    show_source: Literal["none", "title", "footer"] = "none"
    sources: Papers = NO_PAPERS
    proxy: PictureProxy | None = None


def style_of(
    settings: Settings, query: FeedQuery | None = None, *, proxy: PictureProxy | None = None
) -> Style:
    """The style that settings and query ask for."""
    query = query or FeedQuery()
    return Style(
        summary=query.summary,
        variant=query.variant,
        footer=settings.feed.show_reposts == "footer",
        link_to_source=listed(settings).by_source_link,
        show_source=settings.feed.show_source,
        sources=listed(settings).papers,
        proxy=proxy,
    )


def item_of(kept: Kept, style: Style) -> FeedItem:
    """A kept story as the item that every format shows."""
    item = feed_item(
        kept.story,
        link_to_source=style.link_to_source,
        footer=style.footer,
        show_source=style.show_source,
        sources=style.sources.by_name,
    )
    item = without_body(item) if style.summary else item
    item = through(item, style.proxy) if style.proxy else item
    return in_variant(item, style.variant) if style.variant else item


def items_of(found: Sequence[Kept], style: Style) -> list[FeedItem]:
    """The same for many: call it beside the loop, for one body may have a million letters."""
    return [item_of(kept, style) for kept in found]


# They go with the version of the story that they are of.
_pieces: WeakKeyDictionary[Kept, dict[tuple[str, Style], Any]] = WeakKeyDictionary()
_letters = 0  # of the bodies in them; what went with its story is still counted


def piece(kept: Kept, form: str, style: Style) -> Any:
    """One rendered item; a change to one story renders that story alone."""
    global _letters
    if len(_pieces) > STORIES_KEPT or _letters > LETTERS_KEPT:
        _pieces.clear()
        _letters = 0
    pieces = _pieces.setdefault(kept, {})
    if len(pieces) > STYLES_KEPT:
        pieces.clear()
    made = pieces.get((form, style))
    if made is None:
        made = pieces[form, style] = FORMATS[form].item(item_of(kept, style))
        _letters += 0 if style.summary else kept.letters
    return made
