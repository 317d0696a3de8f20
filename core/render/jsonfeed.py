"""JSON Feed 1.1 with `_millrace`, the provenance of each entry; values in, bytes out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from core.render.items import Attachment, FeedHead, FeedItem, rfc3339
from core.text import legal


def json_item(item: FeedItem) -> bytes:
    """One item, as JSON."""
    return orjson.dumps(item_fields(item))


def item_fields(item: FeedItem) -> dict[str, Any]:
    """One item, as the mapping that is written; absent fields are left out."""
    fields: dict[str, Any] = {
        "id": item.id,
        "url": item.url,
        "title": item.title,
        "content_html": item.html or None,
        # One of the two is required (JSON Feed 1.1, items).
        "content_text": None if item.html else item.summary or item.title,
        "summary": item.summary or None,
        "image": item.image,
        "date_published": rfc3339(item.published),
        "date_modified": rfc3339(item.updated),
        "authors": [{"name": name} for name in item.authors] or None,
        "tags": list(item.tags) or None,
        "language": item.language,
        "attachments": [_attachment(a) for a in item.attachments] or None,
        "_millrace": _provenance(item),
    }
    return {name: value for name, value in fields.items() if value is not None}


def json_document(head: FeedHead, items: Iterable[bytes]) -> bytes:
    """The feed document around rendered items."""
    fields = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": legal(head.title),
        "description": legal(head.description),
        "home_page_url": head.home,
        "feed_url": head.self_url,
        "next_url": dict(head.links).get("next"),
        "language": head.language,
        "hubs": [{"type": "WebSub", "url": hub} for hub in head.hubs] or None,
    }
    opening = orjson.dumps({name: value for name, value in fields.items() if value is not None})
    parts = [opening[:-1], b',"items":[\n']
    for item in items:
        parts += (item, b",\n")
    # One join: the document may have twenty megabytes, and two would take twice that.
    return b"".join((*(parts[:-1] if len(parts) > 2 else parts), b"\n]}\n"))


def _attachment(attachment: Attachment) -> dict[str, Any]:
    fields: dict[str, Any] = {"url": attachment.url, "mime_type": attachment.type}
    if attachment.length:
        fields["size_in_bytes"] = attachment.length
    if attachment.duration:
        fields["duration_in_seconds"] = attachment.duration
    return fields


def _provenance(item: FeedItem) -> dict[str, Any]:
    own = {"original_image": item.original_image} if item.original_image else {}
    return {
        "story": item.id,
        "sources": [
            {
                "name": copy.name,
                "url": copy.url,
                "title": copy.title,
                "first_seen": rfc3339(copy.first_seen),
                "similarity": copy.similarity,
            }
            for copy in item.copies
        ],
        "original_url": item.original_url,
        "method": item.method,
        "source": item.source.title,
        "tags": list(item.own_tags),
        **own,
    }
