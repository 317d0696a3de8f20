"""Bytes of a feed to entries: RSS, Atom and RDF through feedparser, JSON Feed by `jsonfeed.py`.

feedparser sanitises nothing and resolves nothing here: both are done by us, later and faster.
Run this in a killable child: a hostile document can still be dear. The only home of feedparser.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import feedparser
import feedparser.api

from core.discovery import named_feeds
from core.errors import NotAFeed
from core.feeddates import parse_date
from core.feedhints import rhythm_hints
from core.feedtext import ENTRIES_KEPT, FeedText, feed_text
from core.guids import Named, stable_guids
from core.jsonfeed import read_json_feed
from core.models import Enclosure, FeedEntry, Frozen, ParsedFeed
from core.text import plain_title
from core.urls import web_url

_PROLOG = '<?xml version="1.0" encoding="utf-8"?>\n'
_AUTHOR_KEPT = 200
_TAGS_KEPT = 50
_ENCLOSURES_KEPT = 20
_MAILBOX = re.compile(
    r"\S{1,90}@\S{1,90} \((.{1,90})\)|\"?([^<>@\"]{1,90})\"? ?<\S{1,90}@\S{1,90}>"
)
_HTML = frozenset(("text/html", "application/xhtml+xml"))


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
        raise NotAFeed(f"{url}: the document is empty")
    if document.text[0] in "{[":
        parsed = read_json_feed(document.text, url=url, entries=limits.entries, body=limits.body)
    elif document.root == "html":
        raise NotAFeed(f"{url}: a web page, not a feed", named_feeds(document.text, url=url))
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
        raise NotAFeed(f"{url}: no feed of any known kind", named_feeds(document.text, url=url))
    feed = found.feed
    hints = rhythm_hints(document.text)
    entries = found.entries[: limits.entries]
    return ParsedFeed(
        title=plain_title(_text(feed.get("title"), 4000)),
        link=web_url(_text(feed.get("link"), 4096), url),
        language=_text(feed.get("language"), 40),
        hub=_related(feed, "hub", url),
        self_url=_related(feed, "self", url),
        ttl=hints.ttl,
        skip_hours=hints.skip_hours,
        skip_days=hints.skip_days,
        entries=tuple(_entry(raw, at, found, url, limits) for at, raw in enumerate(entries)),
        complete=document.complete,
        fault=_fault(found, document),
    )


def _entry(raw: Any, position: int, found: Any, url: str, limits: FeedLimits) -> FeedEntry:
    feed = found.feed
    content, summary, kind, base = _bodies(raw, found.version, limits.body)
    stated_base = web_url(base, url) if base else None
    base = stated_base or url
    link = _link(raw, base)
    language = _language(raw) or _text(feed.get("language"), 40)
    return FeedEntry(
        guid=_text(raw.get("id"), 1_000_000) or "",
        position=position,
        title=_text(raw.get("title"), 4000),
        link=link,
        author=_author(raw) or (_author(feed) if found.version.startswith("atom") else None),
        published=_date(raw, ("published", "created"), language),
        updated=_date(raw, ("updated",), language),
        content=content,
        summary=summary,
        content_type=kind,
        # Without xml:base a body's relative links start from its own page, as they did there.
        base=stated_base or link or url,
        language=language,
        categories=_categories(raw),
        enclosures=_enclosures(raw, base),
        image=_image(raw, base),
        source_title=plain_title(_text(feed.get("title"), 4000)),
    )


def _bodies(raw: Any, version: str, longest: int) -> tuple[str, str, Any, str | None]:
    """The fullest body with its type and base, and the summary where it says something else."""
    summary = _text(raw.get("summary"), longest) or ""
    detail = raw.get("summary_detail") or {}
    bodies = [(text, part) for part in raw.get("content", ()) if (text := _body(part, longest))]
    if bodies:
        content, detail = max(bodies, key=lambda pair: len(pair[0]))
    else:
        content, summary = summary, ""
    if summary == content:
        summary = ""
    return content, summary, _kind(detail.get("type"), content, version), detail.get("base")


def _body(part: Any, longest: int) -> str | None:
    """A content element that holds text; Atom allows pictures and addresses too."""
    kind = part.get("type") or "text/html"
    if kind.startswith(("text/", "application/xhtml", "application/xml")) or kind in (
        "html",
        "text",
    ):
        return _text(part.get("value"), longest)
    return None


def _kind(stated: str | None, content: str, version: str) -> str:
    """What a body is written in; RSS never says, and Atom's plain text is often markup."""
    if stated in ("text/markdown", "text/x-markdown"):
        return "markdown"
    if not version.startswith("atom"):
        return "auto"
    if stated == "text/plain":
        return "auto" if "</" in content or "/>" in content else "text"
    return "html" if stated in _HTML else "auto"


def _link(raw: Any, base: str) -> str | None:
    stated = [raw.get("feedburner_origlink"), *_own_links(raw)]
    stated += [link.get("href") for link in raw.get("links", ()) if link.get("rel") == "alternate"]
    found = (web_url(_text(address, 5000), base) for address in stated)
    return next((address for address in found if address), None)


def _own_links(raw: Any) -> list[Any]:
    """`link`, unless it is a guid that is no whole address: `<guid>17</guid>` is no path."""
    link, guid = raw.get("link"), raw.get("id") or ""
    listed = any(each.get("href") == link for each in raw.get("links", ()))
    absolute = guid.lower().startswith(("http://", "https://"))
    return [link] if link != guid or listed or absolute else []


def _related(feed: Any, relation: str, url: str) -> str | None:
    for link in feed.get("links", ()):
        if relation in (link.get("rel") or "").split():
            return web_url(_text(link.get("href"), 4096), url)
    return None


def _author(raw: Any) -> str | None:
    detail = raw.get("author_detail") or {}
    stated = _text(detail.get("name"), _AUTHOR_KEPT) or _text(raw.get("author"), _AUTHOR_KEPT)
    mailbox = _MAILBOX.fullmatch(stated or "")
    return (mailbox[1] or mailbox[2]).strip() or stated if mailbox else stated


def _date(raw: Any, names: Sequence[str], language: str | None) -> Any:
    for name in names:
        stated = _text(dict.get(raw, name), 120)
        moment = parse_date(stated, language=language)
        if moment is not None:
            return moment
    return None


def _language(raw: Any) -> str | None:
    details = [*raw.get("content", ()), raw.get("summary_detail"), raw.get("title_detail")]
    return next((d["language"] for d in details if d and d.get("language")), None)


def _categories(raw: Any) -> tuple[str, ...]:
    names = (
        plain_title(_text(tag.get("label") or tag.get("term"), 200)) for tag in raw.get("tags", ())
    )
    return tuple(dict.fromkeys(name for name in names if name))[:_TAGS_KEPT]


def _enclosures(raw: Any, base: str) -> tuple[Enclosure, ...]:
    stated = [link for link in raw.get("links", ()) if link.get("rel") == "enclosure"]
    stated += [m for m in raw.get("media_content", ()) if _media_type(m) in ("audio", "video")]
    files: dict[str, Enclosure] = {}
    for link in stated[:_ENCLOSURES_KEPT]:
        address = web_url(_text(link.get("href") or link.get("url"), 4096), base)
        if address:
            size = _text(link.get("length") or link.get("filesize"), 18) or ""
            files.setdefault(
                address,
                Enclosure(
                    url=address,
                    type=_text(link.get("type"), 100),
                    length=int(size) if size.isascii() and size.isdigit() else None,
                ),
            )
    return tuple(files.values())


def _image(raw: Any, base: str) -> str | None:
    stated = [
        part.get("url") for part in raw.get("media_content", ()) if _media_type(part) == "image"
    ]
    stated += [part.get("url") for part in raw.get("media_thumbnail", ())]
    stated.append((raw.get("image") or {}).get("href"))
    stated += [e.url for e in _enclosures(raw, base) if (e.type or "").startswith("image/")]
    found = (web_url(_text(address, 4096), base) for address in stated)
    return next((address for address in found if address), None)


def _media_type(part: Any) -> str:
    return part.get("medium") or (part.get("type") or "").partition("/")[0]


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


def _text(value: object, longest: int) -> str | None:
    if not isinstance(value, str):
        return None
    return value[:longest].strip() or None


def _bound_feedparser() -> None:
    """Close what is quadratic in feedparser, and leave addresses as they were stated.

    Its search for e-mail addresses in authors takes seconds for 32 kB (kurtmckee/feedparser#562)
    and breaks at new top-level domains,
    each category is compared with all before it, and a guid resolved against the document's
    address would change with every redirect.
    """
    for parser in (feedparser.api.StrictFeedParser, feedparser.api.LooseFeedParser):
        parser._sync_author_detail = _named_author_only(parser._sync_author_detail)
        parser._add_tag = _bounded_tags(parser._add_tag)
        parser.can_be_relative_uri = parser.can_be_relative_uri - {"id"}


def _named_author_only(original: Any) -> Any:
    def sync(self: Any, key: str = "author") -> None:
        if self._get_context().get(key + "s", [None])[-1]:  # else it would search for an address
            original(self, key)

    return sync


def _bounded_tags(original: Any) -> Any:
    def add(self: Any, term: Any, scheme: Any, label: Any) -> None:
        if len(self._get_context().setdefault("tags", [])) < 2 * _TAGS_KEPT:
            original(self, term, scheme, label)

    return add


_bound_feedparser()
