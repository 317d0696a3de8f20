"""Parse JSON Feed 1.0 and 1.1, which feedparser does not support.

Tolerates harmless errors: numbers as ids, missing versions, `author` for `authors`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from core.dates import parse_date, spoken
from core.errors import NotAFeed
from core.feeds.entry import AUTHORS_KEPT, TAGS_KEPT
from core.feeds.files import seconds
from core.feeds.texts import Text, Texts, choose
from core.ids import EntryIdentity
from core.models import ENCLOSURES_KEPT, Enclosure, FeedEntry, ParsedFeed
from core.urls import web_url

_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*+")|/\*[^*]*+\*/|(?<=[\s{,\[])//[^\n]*')
_HALF = re.compile("[\ud800-\udfff]")  # lone half of an emoji, not encodable in UTF-8
_LAST_COMMA = re.compile(r'("(?:[^"\\]|\\.)*+")|,(?=\s*+[\]}])')


def read_json_feed(
    text: str, *, url: str, entries: int, body: int
) -> tuple[ParsedFeed, list[EntryIdentity]]:
    """Parse a JSON feed; also return the identifying fields of its entries. Raises NotAFeed."""
    try:
        document = _loaded(text)
    except (ValueError, RecursionError) as error:
        raise NotAFeed("neither XML nor whole JSON") from error
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise NotAFeed("JSON, but no JSON Feed: it has no `items`")
    language = _text(document.get("language"), 40)
    authors = _authors(document)
    kept = [item for item in items[:entries] if isinstance(item, dict)]
    feed = ParsedFeed(
        title=_text(document.get("title"), 1000),
        link=web_url(_text(document.get("home_page_url"), 4096), url),
        language=language,
        hub=_hub(document, url),
        self_url=web_url(_text(document.get("feed_url"), 4096), url, whole=True),
        entries=tuple(
            _entry(item, at, url=url, body=body, feed=(language, authors))
            for at, item in enumerate(kept)
        ),
    )
    return feed, [_identity(item, url=url, body=body) for item in kept]


def _loaded(text: str) -> Any:
    """Parse JSON; tolerate line breaks in strings, comments, trailing commas and trailing text."""
    decoder = json.JSONDecoder(strict=False)
    try:
        return decoder.raw_decode(text)[0]
    except ValueError:
        return decoder.raw_decode(_COMMENT.sub(r"\1", _LAST_COMMA.sub(r"\1", text)))[0]


def _identity(item: dict[str, Any], *, url: str, body: int) -> EntryIdentity:
    """The identifying fields of an item, by the first version of the parsing rules."""
    content = _text(item.get("content_html"), body) or _text(item.get("content_text"), body) or ""
    link = web_url(_text(item.get("url"), 4096) or _text(item.get("external_url"), 4096), url)
    return EntryIdentity(
        _text(item.get("id"), 4096) or "",
        link,
        _text(item.get("title"), 4000) or "",
        content or _text(item.get("summary"), body) or "",
        next((file.url for file in _attachments(item.get("attachments"), url)), None),
    )


def _entry(
    item: dict[str, Any],
    position: int,
    *,
    url: str,
    body: int,
    feed: tuple[str | None, tuple[str, ...]],
) -> FeedEntry:
    feed_language, feed_authors = feed
    authors = _authors(item) or feed_authors
    texts = _texts(item, body)
    own = texts.body or Text("content_text", "", "text")
    language = _text(item.get("language"), 40) or feed_language
    said = spoken(_text(item.get("title"), 4000) or own.value[:400], language)
    attachments = _attachments(item.get("attachments"), url)
    stated = [_text(item.get(name), 4096) for name in ("url", "external_url")]
    link = next(filter(None, (web_url(address, url) for address in stated)), None)
    link = link or web_url(_text(item.get("id"), 4096))
    return FeedEntry(
        guid=_text(item.get("id"), 4096) or "",
        position=position,
        title=_text(item.get("title"), 4000),
        title_type="text",
        link=link or (attachments[0].url if attachments else None),
        author=", ".join(authors) or None,
        authors=authors if len(authors) > 1 else (),
        published=parse_date(_text(item.get("date_published"), 120), language=said),
        updated=parse_date(_text(item.get("date_modified"), 120), language=said),
        content=own.value,
        summary=texts.summary,
        content_type=own.declared,
        base=link or url,
        language=language,
        categories=_tags(item.get("tags")),
        enclosures=attachments,
        image=web_url(_text(item.get("image") or item.get("banner_image"), 4096), url)
        or next((file.url for file in attachments if (file.type or "").startswith("image")), None),
    )


def _texts(item: dict[str, Any], longest: int) -> Texts:
    """The texts of an item, by the meaning of their fields (`texts.py`)."""
    own = [
        Text(name, value, "html" if name == "content_html" else "text")
        for name in ("content_html", "content_text", "summary")
        if (value := _text(item.get(name), longest))
    ]
    return choose(own, [])


def _text(value: object, longest: int) -> str | None:
    """A string or number as text; None for other types."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = (
        value
        if isinstance(value, str)
        else f"{value:g}"
        if isinstance(value, float)
        else f"{value:d}"
    )
    return _HALF.sub("", text).strip()[:longest] or None


def _authors(holder: dict[str, Any]) -> tuple[str, ...]:
    authors = holder.get("authors")
    listed = authors if isinstance(authors, list) else [holder.get("author")]
    names = [
        _text(who.get("name") if isinstance(who, dict) else who, 200)
        for who in listed[:AUTHORS_KEPT]
    ]
    return tuple(name for name in names if name)


def _tags(value: object) -> tuple[str, ...]:
    tags = value if isinstance(value, list) else []
    return tuple(tag for raw in tags[:TAGS_KEPT] if (tag := _text(raw, 200)))


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
                    duration=seconds(_text(raw.get("duration_in_seconds"), 12) or ""),
                )
            )
    return tuple(found)


def _hub(document: dict[str, Any], url: str) -> str | None:
    hubs = document.get("hubs")
    for hub in hubs if isinstance(hubs, list) else []:
        if isinstance(hub, dict) and str(hub.get("type", "")).lower() == "websub":
            return web_url(_text(hub.get("url"), 4096), url, whole=True)
    return None
