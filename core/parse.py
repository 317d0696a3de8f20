"""Bytes of a feed to entries: RSS, Atom and RDF through feedparser, JSON Feed by `jsonfeed.py`.

feedparser sanitises nothing and resolves nothing here: both are done by us, later and faster.
Run this in a killable child: a hostile document can still be dear. The only home of feedparser.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import feedparser
import feedparser.api

from core.discovery import named_feeds
from core.errors import NotAFeed
from core.feedentry import TAGS_KEPT, feed_entry, text_in
from core.feedhints import rhythm_hints
from core.feedtext import ENTRIES_KEPT, FeedText, feed_text
from core.guids import Named, stable_guids
from core.jsonfeed import read_json_feed
from core.models import FeedEntry, Frozen, ParsedFeed
from core.text import plain_title
from core.urls import web_url

_PROLOG = '<?xml version="1.0" encoding="utf-8"?>\n'


class FeedLimits(Frozen):
    """How much of one document is taken."""

    entries: int = ENTRIES_KEPT
    body: int = 1_000_000  # characters


_LIMITS = FeedLimits()


def parse_feed(
    data: bytes, *, url: str, content_type: str | None, limits: FeedLimits = _LIMITS
) -> ParsedFeed:
    """The feed in `data`. Raises NotAFeed, with the feeds it names if it is a web page.

    `url` is where the document came from: relative addresses start there.
    """
    document = feed_text(data, content_type=content_type, entries=limits.entries)
    if not document.text.strip():
        raise NotAFeed("the document is empty")
    if document.text[0] in "{[":
        parsed = read_json_feed(document.text, url=url, entries=limits.entries, body=limits.body)
    elif document.root == "html":
        raise NotAFeed("a web page, not a feed", named_feeds(document.text, url=url))
    else:
        parsed = _read_xml(document, url=url, limits=limits)
    return parsed.model_copy(update={"entries": _with_guids(parsed.entries)})


def _read_xml(document: FeedText, *, url: str, limits: FeedLimits) -> ParsedFeed:
    found = feedparser.parse(
        io.BytesIO((_PROLOG + document.text).encode("utf-8", "replace")),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not found.version and not found.entries:
        raise NotAFeed("no feed of any known kind", named_feeds(document.text, url=url))
    feed = found.feed
    hints = rhythm_hints(document.text)
    entries = found.entries[: limits.entries]
    return ParsedFeed(
        title=plain_title(text_in(feed.get("title"), 4000)),
        link=web_url(text_in(feed.get("link"), 4096), url),
        language=text_in(feed.get("language"), 40),
        hub=_related(feed, "hub", url),
        self_url=_related(feed, "self", url),
        ttl=hints.ttl,
        skip_hours=hints.skip_hours,
        skip_days=hints.skip_days,
        entries=tuple(
            feed_entry(raw, at, found, url=url, longest=limits.body)
            for at, raw in enumerate(entries)
        ),
        complete=document.complete,
        fault=_fault(found, document),
    )


def _related(feed: Any, relation: str, url: str) -> str | None:
    for link in feed.get("links", ()):
        if relation in (link.get("rel") or "").split():
            return web_url(text_in(link.get("href"), 4096), url)
    return None


def _with_guids(entries: Sequence[FeedEntry]) -> tuple[FeedEntry, ...]:
    """The entries under stable guids, numbered anew; copies of one entry come once."""
    named = [Named(e.guid, e.link, e.title or "", e.content or e.summary) for e in entries]
    kept = [(e, guid) for e, guid in zip(entries, stable_guids(named), strict=True) if guid]
    return tuple(
        e.model_copy(update={"guid": guid, "position": at}) for at, (e, guid) in enumerate(kept)
    )


def _fault(found: Any, document: FeedText) -> str | None:
    if document.cut:
        return f"more than {ENTRIES_KEPT} entries: the newest are taken"
    if not found.bozo:
        return None
    return " ".join(str(found.get("bozo_exception", "")).split())[:200] or "not well-formed"


def _bound_feedparser() -> None:
    """Close what is quadratic in feedparser, and leave addresses as they were stated.

    Its search for e-mail addresses in authors takes seconds for 32 kB (kurtmckee/feedparser#562)
    and breaks at new top-level domains, each category is compared with all before it, and a guid
    resolved against the document's address would change with every redirect.
    """
    for parser in (feedparser.api.StrictFeedParser, feedparser.api.LooseFeedParser):
        parser._sync_author_detail = _named_author_only(parser._sync_author_detail)
        parser._add_tag = _bounded_tags(parser._add_tag)
        parser.startDocument = _buffered
        parser.can_be_relative_uri = parser.can_be_relative_uri - {"id"}


def _buffered(self: Any) -> None:
    """Let expat hand over text in large pieces, not one for each entity of escaped markup."""
    reader = getattr(getattr(self, "_locator", None), "_ref", None)
    expat = getattr(reader, "_parser", None)
    if expat is not None:
        expat.buffer_text = True
        expat.buffer_size = 65_536


def _named_author_only(original: Any) -> Any:
    def sync(self: Any, key: str = "author") -> None:
        if self._get_context().get(key + "s", [None])[-1]:  # else it would search for an address
            original(self, key)

    return sync


def _bounded_tags(original: Any) -> Any:
    def add(self: Any, term: Any, scheme: Any, label: Any) -> None:
        if len(self._get_context().setdefault("tags", [])) < 2 * TAGS_KEPT:
            original(self, term, scheme, label)

    return add


_bound_feedparser()
