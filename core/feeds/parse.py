"""Parse a feed into entries: RSS, Atom and RDF with feedparser, JSON Feed with `jsonfeed.py`.

feedparser neither sanitizes nor resolves URLs here; later steps do both, faster. Run this in a
child process that can be killed: a hostile document can be expensive. Only this module uses
feedparser.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import feedparser
import feedparser.api
from feedparser.util import FeedParserDict

from core.errors import NotAFeed
from core.feeds.charset import decode
from core.feeds.discovery import moved_to, named_feeds, usual_places
from core.feeds.elements import loose_entry, read_entries, repaired
from core.feeds.entry import TAGS_KEPT, channel_of, feed_entry
from core.feeds.jsonfeed import read_json_feed
from core.feeds.xml_text import ENTRIES_KEPT, FeedText, feed_text
from core.ids import EntryIdentity, identity_of, stable_guids
from core.models import FeedEntry, Frozen, ParsedFeed
from core.text import plain_title, text_in
from core.urls import web_url

_PERIODS = {
    "hourly": 3600.0,
    "daily": 86400.0,
    "weekly": 7 * 86400.0,
    "monthly": 30 * 86400.0,
    "yearly": 365 * 86400.0,
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CAP = 86400.0  # seconds: no feed can postpone polls for longer than a day
_HEAD = 65_536  # characters at each end that are searched; items may follow or precede
_PROLOG = '<?xml version="1.0" encoding="utf-8"?>\n'


class FeedLimits(Frozen):
    """How much of one document is read."""

    entries: int = ENTRIES_KEPT
    body: int = 1_000_000  # characters


LIMITS = FeedLimits()


def parse_feed(
    data: bytes, *, url: str, content_type: str | None, limits: FeedLimits = LIMITS
) -> ParsedFeed:
    """Parse the feed in `data`. Raises NotAFeed, with the feeds declared there if it is a web page.

    `url` is the document's own URL; relative URLs are resolved against it.
    """
    text = decode(data, content_type=content_type).text
    document = feed_text(text, entries=limits.entries)
    if not document.text.strip():
        raise NotAFeed("the document is empty")
    if document.text[0] in "{[":
        read = read_json_feed(document.text, url=url, entries=limits.entries, body=limits.body)
    elif document.root == "html":
        raise _web_page("a web page, not a feed", document.text, url)
    else:
        places = range(limits.entries)
        read = parse_items(document, places, document.text, url=url, limits=limits)
    return with_guids(*read)


def parse_items(
    document: FeedText, places: Sequence[int], head: str, *, url: str, limits: FeedLimits
) -> tuple[ParsedFeed, list[EntryIdentity]]:
    """Parse an XML document; also return the identifying fields of its entries. Raises NotAFeed.

    `places` are the positions of its entries in the feed; `head` is a text with the channel's
    elements.
    """
    data = (_PROLOG + document.text).encode("utf-8", "replace")
    try:
        found = _by_feedparser(data)
    except Exception:  # noqa: BLE001 - such as KeyError for stray end tags
        data = repaired(data)
        found = _by_feedparser(data)
    feed = found.feed
    if not found.get("version") and not found.entries:
        raise _web_page("no feed of any known kind", document.text, url)
    stated = read_entries(data) or []
    if len(stated) != len(found.entries):
        stated = [loose_entry(raw) for raw in found.entries]
    channel = channel_of(found, url=url, longest=limits.body)
    named = [identity_of(raw, url=url, longest=limits.body) for raw in found.entries]
    entries = tuple(
        feed_entry(raw, each, at, channel)
        for at, raw, each in zip(places, found.entries, stated, strict=False)
    )
    parsed = ParsedFeed(
        title=plain_title(text_in(feed.get("title"), 4000)),
        link=web_url(text_in(feed.get("link"), 4096), url),
        language=text_in(feed.get("language"), 40),
        hub=_related(feed, "hub", url),
        self_url=_related(feed, "self", url),
        **rhythm_hints(head)._asdict(),
        entries=entries,
        complete=document.complete,
        fault=_fault(found, document),
    )
    return parsed, named[: len(entries)]


def _by_feedparser(data: bytes) -> Any:
    return feedparser.parse(
        io.BytesIO(data),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )


def _web_page(text: str, page: str, url: str) -> NotAFeed:
    named = named_feeds(page, url=url)
    titles = {feed.url: feed.title for feed in named}
    own = tuple(feed.url for feed in named if feed.is_own)
    return NotAFeed(text, own, titles, usual_places(url, page), moved_to(page, url=url))


def _related(feed: Any, relation: str, url: str) -> str | None:
    for link in feed.get("links", ()):
        if relation in (link.get("rel") or "").split():
            return web_url(text_in(link.get("href"), 4096), url, whole=True)
    return None


def with_guids(feed: ParsedFeed, names: Sequence[EntryIdentity]) -> ParsedFeed:
    """Assign stable guids and new positions to the entries; drop duplicates."""
    guids = stable_guids(names)
    kept = [with_guid(e, guid) for e, guid in zip(feed.entries, guids, strict=True) if guid]
    numbered = (e.model_copy(update={"position": at}) for at, e in enumerate(kept))
    return feed.model_copy(update={"entries": tuple(numbered)})


def with_guid(entry: FeedEntry, guid: str) -> FeedEntry:
    """The entry with this guid."""
    return entry if entry.guid == guid else entry.model_copy(update={"guid": guid})


def _fault(found: Any, document: FeedText) -> str | None:
    if document.cut:
        return f"more than {ENTRIES_KEPT} entries: the newest are taken"
    if not found.bozo:
        return None
    return " ".join(str(found.get("bozo_exception", "")).split())[:200] or "not well-formed"


class RhythmHints(NamedTuple):
    """Polling hints that the feed states."""

    ttl: float | None = None  # seconds
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()


def rhythm_hints(text: str) -> RhythmHints:
    """The longest of ttl and sy:update*, at most a day, and the skipped hours and days."""
    head = text[:_HEAD] if len(text) <= 2 * _HEAD else text[:_HEAD] + text[-_HEAD:]
    stated = [seconds for seconds in (_ttl(head), _syndication(head)) if seconds]
    return RhythmHints(
        ttl=min(max(stated), _CAP) if stated else None,
        skip_hours=_skip_hours(head),
        skip_days=_skip_days(head),
    )


def _ttl(head: str) -> float | None:
    minutes = _value(head, "ttl")
    return float(minutes) * 60 if re.fullmatch(r"\d{1,9}", minutes) else None


def _syndication(head: str) -> float | None:
    period = _PERIODS.get(_value(head, "updatePeriod").lower())
    if period is None:
        return None
    frequency = _value(head, "updateFrequency")
    return period / max(1, int(frequency)) if re.fullmatch(r"\d{1,6}", frequency) else period


def _skip_hours(head: str) -> tuple[int, ...]:
    values = re.findall(r"<hour>\s*(\d{1,2})\s*</hour>", _block(head, "skipHours"), re.IGNORECASE)
    hours = {int(value) % 24 for value in values}  # early feeds write midnight as 24
    return tuple(sorted(hours)) if len(hours) < 24 else ()


def _skip_days(head: str) -> tuple[int, ...]:
    values = re.findall(r"<day>\s*(\w{6,9})\s*</day>", _block(head, "skipDays"), re.IGNORECASE)
    days = {_DAYS.index(value.lower()) for value in values if value.lower() in _DAYS}
    return tuple(sorted(days)) if len(days) < 7 else ()


def _value(head: str, name: str) -> str:
    found = re.search(rf"<(?:\w{{1,20}}:)?{name}>([^<]{{0,100}})</", head, re.IGNORECASE)
    return found[1].strip() if found else ""


def _block(head: str, name: str) -> str:
    start = head.lower().find(f"<{name.lower()}")
    return head[start : start + 2000] if start >= 0 else ""


def _bound_feedparser() -> None:
    """Patch feedparser: remove quadratic steps, and keep guids as stated.

    Its search for e-mail addresses in authors takes seconds for 32 kB (kurtmckee/feedparser#562)
    and fails at new top-level domains. It compares each category with all earlier ones. It would
    resolve guids against the document's URL, so they would change with every redirect. For each
    document it looks for a parser on disk that is no longer distributed.
    """
    feedparser.registerDateHandler(_no_date)
    feedparser.api.PREFERRED_XML_PARSERS.clear()
    FeedParserDict.get = _fast_get
    FeedParserDict.__deepcopy__ = lambda self, _: FeedParserDict(self)  # the copied values are flat
    for parser in (feedparser.api.StrictFeedParser, feedparser.api.LooseFeedParser):
        parser._sync_author_detail = _named_author_only(parser._sync_author_detail)
        parser._add_tag = _bounded_tags(parser._add_tag)
        parser._end_width = lambda self: self.pop("width")  # it fails if there is no number
        parser._end_height = lambda self: self.pop("height")
        parser.startDocument = _buffered
        parser.can_be_relative_uri = parser.can_be_relative_uri - {"id"}


def _no_date(_: str) -> tuple[int, ...]:
    """A constant: `core/dates.py` reads dates; feedparser would try eight parsers for each."""
    return (1970, 1, 1, 0, 0, 0, 3, 1, 0)


_get_with_aliases = FeedParserDict.get
_NAMES = frozenset(
    (*FeedParserDict.keymap, "category", "enclosures", "license", "updated", "updated_parsed")
)


def _fast_get(self: Any, key: str, default: Any = None) -> Any:
    """Skip feedparser's alias lookup: most keys have no alias, and most are missing."""
    found = _get_with_aliases if key in _NAMES else dict.get
    return found(self, key, default)


def _buffered(self: Any) -> None:
    """Make expat return text in large pieces instead of one for each escaped entity."""
    reader = getattr(getattr(self, "_locator", None), "_ref", None)
    expat = getattr(reader, "_parser", None)
    if expat is not None:
        expat.buffer_text = True
        expat.buffer_size = 65_536


def _named_author_only(original: Any) -> Any:
    def sync(self: Any, key: str = "author") -> None:
        if self._get_context().get(key + "s", [None])[-1]:  # else it searches for an address
            original(self, key)

    return sync


def _bounded_tags(original: Any) -> Any:
    def add(self: Any, term: Any, scheme: Any, label: Any) -> None:
        if len(self._get_context().setdefault("tags", [])) < 2 * TAGS_KEPT:
            original(self, term, scheme, label)

    return add


_bound_feedparser()
