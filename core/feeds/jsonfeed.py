"""Reading JSON Feed 1.0 and 1.1, which feedparser does not know.

Lenient where that is harmless: numbers as ids, missing versions, `author` for `authors`.
"""

from __future__ import annotations

import json
from typing import Any

from core.errors import NotAFeed
from core.feeds.feed_dates import parse_date
from core.models import Enclosure, FeedEntry, ParsedFeed
from core.urls import web_url

CATEGORIES_KEPT = 50
ENCLOSURES_KEPT = 20


def read_json_feed(text: str, *, url: str, entries: int, body: int) -> ParsedFeed:
    """The feed in a JSON document; guids are still as stated. Raises NotAFeed."""
    try:
        document = json.loads(text, strict=False)  # with line ends inside of strings
    except (ValueError, RecursionError) as error:
        raise NotAFeed("neither XML nor whole JSON") from error
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise NotAFeed("JSON, but no JSON Feed: it has no `items`")
    title = _text(document.get("title"), 1000)
    language = _text(document.get("language"), 40)
    author = _author(document)
    return ParsedFeed(
        title=title,
        link=web_url(_text(document.get("home_page_url"), 4096), url),
        language=language,
        hub=_hub(document, url),
        self_url=web_url(_text(document.get("feed_url"), 4096), url),
        entries=tuple(
            _entry(item, at, url=url, body=body, feed=(title, language, author))
            for at, item in enumerate(items[:entries])
            if isinstance(item, dict)
        ),
    )


def _entry(
    item: dict[str, Any],
    position: int,
    *,
    url: str,
    body: int,
    feed: tuple[str | None, str | None, str | None],
) -> FeedEntry:
    feed_title, feed_language, feed_author = feed
    content = _text(item.get("content_html"), body)
    language = _text(item.get("language"), 40) or feed_language
    link = _text(item.get("url"), 4096) or _text(item.get("external_url"), 4096)
    return FeedEntry(
        guid=_text(item.get("id"), 4096) or "",
        position=position,
        title=_text(item.get("title"), 4000),
        link=web_url(link, url),
        author=_author(item) or feed_author,
        published=parse_date(_text(item.get("date_published"), 120), language=language),
        updated=parse_date(_text(item.get("date_modified"), 120), language=language),
        content=content or _text(item.get("content_text"), body) or "",
        summary=_text(item.get("summary"), body) or "",
        content_type="html" if content else "text",
        base=web_url(link, url) or url,
        language=language,
        categories=_tags(item.get("tags")),
        enclosures=_attachments(item.get("attachments"), url),
        image=web_url(_text(item.get("image") or item.get("banner_image"), 4096), url),
        source_title=feed_title,
    )


def _text(value: object, longest: int) -> str | None:
    """A string or number as text; anything else is nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = (
        value
        if isinstance(value, str)
        else f"{value:g}"
        if isinstance(value, float)
        else f"{value:d}"
    )
    return text.strip()[:longest] or None


def _author(holder: dict[str, Any]) -> str | None:
    authors = holder.get("authors")
    listed = authors if isinstance(authors, list) else [holder.get("author")]
    names = [_text(who.get("name"), 200) for who in listed[:5] if isinstance(who, dict)]
    return ", ".join(name for name in names if name) or None


def _tags(value: object) -> tuple[str, ...]:
    tags = value if isinstance(value, list) else []
    return tuple(tag for raw in tags[:CATEGORIES_KEPT] if (tag := _text(raw, 200)))


def _attachments(value: object, url: str) -> tuple[Enclosure, ...]:
    listed = value if isinstance(value, list) else []
    found = []
    for raw in listed[:ENCLOSURES_KEPT]:
        address = web_url(_text(raw.get("url"), 4096), url) if isinstance(raw, dict) else None
        if address:
            size = raw.get("size_in_bytes")
            found.append(
                Enclosure(
                    url=address,
                    type=_text(raw.get("mime_type"), 100),
                    length=size if isinstance(size, int) and 0 <= size < 2**53 else None,
                )
            )
    return tuple(found)


def _hub(document: dict[str, Any], url: str) -> str | None:
    hubs = document.get("hubs")
    for hub in hubs if isinstance(hubs, list) else []:
        if isinstance(hub, dict) and str(hub.get("type", "")).lower() == "websub":
            return web_url(_text(hub.get("url"), 4096), url)
    return None
