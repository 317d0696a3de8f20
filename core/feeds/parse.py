"""Bytes of a feed to entries: RSS, Atom and RDF through feedparser, JSON Feed by `jsonfeed.py`.

feedparser sanitises nothing and resolves nothing here: both are done by us, later and faster.
Run this in a killable child: a hostile document can be expensive. The only home of feedparser.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import feedparser
import feedparser.api
from feedparser.util import FeedParserDict

from core.errors import NotAFeed
from core.feeds.charset import decode, in_utf8
from core.feeds.discovery import named_feeds
from core.feeds.elements import read_entries
from core.feeds.entry import TAGS_KEPT, feed_entry
from core.feeds.feedparser_entry import former_entry, loose_entry, text_in
from core.feeds.guids import Named, plain_guids, stable_guids
from core.feeds.hints import rhythm_hints
from core.feeds.item_split import FeedItems, Frame, find_items, plain_frame
from core.feeds.jsonfeed import read_json_feed
from core.feeds.seen_items import Known, KnownItems, known_items
from core.feeds.xml_text import ENTRIES_KEPT, FeedText, feed_text
from core.ids import entry_digest, guid_digest
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
    data: bytes,
    *,
    url: str,
    content_type: str | None,
    limits: FeedLimits = _LIMITS,
    known: bytes = b"",
) -> ParsedFeed:
    """The feed in `data`. Raises NotAFeed, with the feeds it names if it is a web page.

    `url` is where the document came from: relative addresses start there. Items that are `known`
    from an earlier reading are not read again where that changes nothing for the others: they
    come as `standing`, and the entries are those that a whole reading gives besides.
    """
    reading = _Reading(url, limits)
    items = find_items(in_utf8(data, content_type=content_type))
    feed = None
    if items is not None and len(items.spans) <= limits.entries:
        feed = reading.in_part(items, known_items(known))
    return feed or reading.whole(decode(data, content_type=content_type).text)


class _Reading:
    """One document, read as far as it must be."""

    def __init__(self, url: str, limits: FeedLimits) -> None:
        self._url = url
        self._limits = limits

    def whole(self, text: str) -> ParsedFeed:
        """All that the document holds."""
        url, limits = self._url, self._limits
        document = feed_text(text, entries=limits.entries)
        if not document.text.strip():
            raise NotAFeed("the document is empty")
        if document.text[0] in "{[":
            read = read_json_feed(document.text, url=url, entries=limits.entries, body=limits.body)
        elif document.root == "html":
            raise NotAFeed("a web page, not a feed", named_feeds(document.text, url=url))
        else:
            read = self._parsed(document, range(limits.entries), document.text)
        return _with_guids(*read)

    def in_part(self, items: FeedItems, known: KnownItems) -> ParsedFeed | None:
        """The items that are not known, if the document means the same without the others."""
        first = _plain(items.only([0]))
        if first is None:
            return None
        around = first.frame.around
        digests = items.digests(around, url=self._url)
        fresh = [at for at, digest in enumerate(digests) if digest not in known.items]
        part = first if fresh == [0] else _plain(items.only(fresh))
        if part is None or part.frame != Frame(len(fresh), around):
            return None
        read = self._parsed(part.document, fresh, items.only(()).decode("utf-8", "replace"))
        named = _plainly_named(*read, digests, fresh, known)
        return _with_guids(*read) if named is None and len(fresh) == len(digests) else named

    def _parsed(
        self, document: FeedText, places: Sequence[int], head: str
    ) -> tuple[ParsedFeed, list[Named]]:
        data = (_PROLOG + document.text).encode("utf-8", "replace")
        found = feedparser.parse(
            io.BytesIO(data),
            response_headers={"content-type": "application/xml; charset=utf-8"},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
        url, feed, longest = self._url, found.feed, self._limits.body
        if not found.version and not found.entries:
            raise NotAFeed("no feed of any known kind", named_feeds(document.text, url=url))
        hints = rhythm_hints(head)
        stated = read_entries(data) or []
        if len(stated) != len(found.entries):
            stated = [loose_entry(raw) for raw in found.entries]
        channel = {feed.get(name, "")[:longest].strip() for name in ("subtitle", "summary")} - {""}
        former = [former_entry(raw, url=url, longest=longest) for raw in found.entries]
        entries = tuple(
            feed_entry(
                raw, each, at, found, url=url, longest=longest, channel=channel, former=was.digest
            )
            for at, raw, each, was in zip(places, found.entries, stated, former, strict=False)
        )
        parsed = ParsedFeed(
            title=plain_title(text_in(feed.get("title"), 4000)),
            link=web_url(text_in(feed.get("link"), 4096), url),
            language=text_in(feed.get("language"), 40),
            hub=_related(feed, "hub", url),
            self_url=_related(feed, "self", url),
            ttl=hints.ttl,
            skip_hours=hints.skip_hours,
            skip_days=hints.skip_days,
            entries=entries,
            complete=document.complete,
            fault=_fault(found, document),
        )
        return parsed, [was.named for was in former[: len(entries)]]


class _Part(NamedTuple):
    """A document with some of its items."""

    document: FeedText
    frame: Frame


def _plain(data: bytes) -> _Part | None:
    """The repaired document, if it is plain then."""
    try:
        document = feed_text(data.decode())
    except UnicodeDecodeError:
        return None
    frame = plain_frame(document.text.encode())
    return _Part(document, frame) if frame else None


def _related(feed: Any, relation: str, url: str) -> str | None:
    for link in feed.get("links", ()):
        if relation in (link.get("rel") or "").split():
            return web_url(text_in(link.get("href"), 4096), url)
    return None


def _plainly_named(
    feed: ParsedFeed,
    names: Sequence[Named],
    digests: Sequence[bytes],
    fresh: Sequence[int],
    known: KnownItems,
) -> ParsedFeed | None:
    """The feed with its guids, if no entry's guid depends on the items that were not read."""
    entries = feed.entries
    found = plain_guids(names)
    if found is None or len(entries) != len(fresh):
        return None
    named_by, guids = found
    standing = {digest: known.items[digest] for digest in digests if digest in known.items}
    read = [
        Known(guid_digest(guid), entry_digest(entry))
        for entry, guid in zip(entries, guids, strict=True)
    ]
    items = standing | {digests[at]: item for at, item in zip(fresh, read, strict=True)}
    alike = not standing or not entries or named_by == known.named_by
    if not alike or len({item.guid for item in items.values()}) < len(digests):
        return None
    return feed.model_copy(
        update={
            "entries": tuple(map(_under, entries, guids)),
            "standing": tuple((item.guid, item.content) for item in standing.values()),
            "items": KnownItems(named_by if entries else known.named_by, items).to_bytes(),
        }
    )


def _with_guids(feed: ParsedFeed, names: Sequence[Named]) -> ParsedFeed:
    """The feed's entries under stable guids, renumbered; copies of one entry come once."""
    guids = stable_guids(names)
    kept = [_under(e, guid) for e, guid in zip(feed.entries, guids, strict=True) if guid]
    numbered = (e.model_copy(update={"position": at}) for at, e in enumerate(kept))
    return feed.model_copy(update={"entries": tuple(numbered)})


def _under(entry: FeedEntry, guid: str) -> FeedEntry:
    return entry if entry.guid == guid else entry.model_copy(update={"guid": guid})


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
    resolved against the document's address would change with every redirect. For each document it
    looks for a parser on disk that is no longer distributed.
    """
    feedparser.api.PREFERRED_XML_PARSERS.clear()
    FeedParserDict.get = _quick_get
    FeedParserDict.__deepcopy__ = lambda self, _: FeedParserDict(self)  # what it copies is flat
    for parser in (feedparser.api.StrictFeedParser, feedparser.api.LooseFeedParser):
        parser._sync_author_detail = _named_author_only(parser._sync_author_detail)
        parser._add_tag = _bounded_tags(parser._add_tag)
        parser.startDocument = _buffered
        parser.can_be_relative_uri = parser.can_be_relative_uri - {"id"}


_under_other_names = FeedParserDict.get
_NAMES = frozenset(
    (*FeedParserDict.keymap, "category", "enclosures", "license", "updated", "updated_parsed")
)


def _quick_get(self: Any, key: str, default: Any = None) -> Any:
    """Most keys stand for themselves, and most are missing."""
    found = _under_other_names if key in _NAMES else dict.get
    return found(self, key, default)


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
