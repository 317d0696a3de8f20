"""Serialize items and documents as RSS 2.0, Atom 1.0 and JSON Feed 1.1."""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import BytesIO
from itertools import chain
from typing import Any

import orjson

from core.render.items import TAGS, Attachment, FeedHead, FeedItem, rfc822, rfc3339, rfc3339_fine
from core.render.safe import cdata, element, plain
from core.text import escaped, quoted, without_illegal_xml

_OPEN = (
    '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"'
    ' xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"'
    ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    ' xmlns:podcast="https://podcastindex.org/namespace/1.0">'
)

_ENCLOSED = re.compile(r"https?://(?:[a-z0-9-]+\.)+[a-z0-9][a-z0-9-]*(?::\d+)?/", re.IGNORECASE)


def rss_item(item: FeedItem) -> str:
    """One RSS `<item>`."""
    return "".join(
        (
            "<item>",
            f"<title>{plain(item.title)}</title>",
            element("link", item.url),
            f'<guid isPermaLink="false">{escaped(item.id)}</guid>',
            f"<pubDate>{rfc822(item.published)}</pubDate>",
            *(element("dc:creator", name) for name in item.authors),
            element("comments", item.comments),
            element("dc:language", item.language),
            *(f"<category>{plain(tag)}</category>" for tag in item.tags),
            *(f'<category domain="{TAGS}">{plain(tag)}</category>' for tag in item.own_tags),
            _source(item),
            *_related(item, "atom:link"),
            # Readers parse it as HTML, so the text is escaped twice.
            f"<description>{escaped(escaped(item.summary))}</description>",
            f"<content:encoded>{cdata(item.html)}</content:encoded>" if item.html else "",
            *_media(item),
            "</item>\n",
        )
    )


def rss_document(head: FeedHead, items: Iterable[str]) -> bytes:
    """An RSS document with rendered items."""
    return _document(
        head,
        (
            f"{_OPEN}\n<channel>",
            f"<title>{plain(head.title)}</title>",
            element("link", head.home),
            f"<description>{escaped(escaped(head.description))}</description>",
            element("language", head.language),
            f"<lastBuildDate>{rfc822(head.updated)}</lastBuildDate>",
            "<generator>Millrace</generator>",
            f'<atom:link rel="self" type="application/rss+xml" href={quoted(head.self_url)}/>',
            *(f'<atom:link rel="hub" href={quoted(hub)}/>' for hub in head.hubs),
            *(f'<atom:link rel="{rel}" href={quoted(href)}/>' for rel, href in head.links),
            "\n",
        ),
        items,
        "</channel>\n</rss>\n",
    )


def _document(head: FeedHead, opening: Iterable[str], items: Iterable[str], end: str) -> bytes:
    """An XML document, encoded by item: one emoji in a text of 20 MB would make it take 80 MB."""
    sheet = head.stylesheet
    style = f'<?xml-stylesheet type="text/xsl" href={quoted(sheet)}?>\n' if sheet else ""
    first = f'<?xml version="1.0" encoding="UTF-8"?>\n{style}'
    document = BytesIO()
    document.writelines(part.encode() for part in chain((first,), opening, items, (end,)))
    return document.getvalue()


def _source(item: FeedItem) -> str:
    """RSS identifies a source by its feed URL; a source removed from feeds.yaml, by its site."""
    address = item.source.feed or item.source.link
    return f"<source url={quoted(address)}>{plain(item.source.title)}</source>" if address else ""


def _related(item: FeedItem, tag: str) -> list[str]:
    return [
        f'<{tag} rel="related" href={quoted(copy.url)} title={quoted(copy.paper)}/>'
        for copy in item.copies
        if copy.url
    ]


def _media(item: FeedItem) -> list[str]:
    """Attachments; the first is the enclosure: readers and the RSS profile allow only one."""
    files = [attachment for attachment in item.attachments if attachment.role == "file"]
    first = next((file for file in files if _ENCLOSED.match(file.url)), None)
    parts = [_enclosure(first)] if first else []
    parts += [_media_content(file) for file in files if file is not first]
    parts += [_podcast_file(each) for each in item.attachments if each.role != "file"]
    return [*parts, *_picture(item)]


def _picture(item: FeedItem) -> list[str]:
    """The lead image; Media RSS allows alternative text only inside `media:content`."""
    if not item.image:
        return []
    address = f"url={quoted(item.image)}"
    thumbnail = f"<media:thumbnail {address}/>"
    if not item.image_alt:
        return [thumbnail]
    alt = f'<media:description type="plain">{escaped(item.image_alt)}</media:description>'
    return [f'<media:content {address} medium="image">{alt}{thumbnail}</media:content>']


def _enclosure(file: Attachment) -> str:
    duration = element("itunes:duration", str(file.duration)) if file.duration else ""
    return (
        f'<enclosure url={quoted(file.url)} length="{file.length or 0}" type={quoted(file.type)}/>'
        f"{duration}"
    )


def _media_content(file: Attachment) -> str:
    length = f' fileSize="{file.length}"' if file.length else ""
    duration = f' duration="{file.duration}"' if file.duration else ""
    return f"<media:content url={quoted(file.url)} type={quoted(file.type)}{length}{duration}/>"


def _podcast_file(file: Attachment) -> str:
    """A transcript or chapters; podcast apps support only the podcast namespace."""
    language = f" language={quoted(file.language)}" if file.language else ""
    return f"<podcast:{file.role} url={quoted(file.url)} type={quoted(file.type)}{language}/>"


_NAMESPACES = 'xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/"'


def atom_entry(item: FeedItem) -> str:
    """One Atom `<entry>`."""
    language = f" xml:lang={quoted(item.language)}" if item.language else ""
    return "".join(
        (
            f"<entry{language}>",
            f"<title>{escaped(item.title)}</title>",
            f"<id>{escaped(item.id)}</id>",
            f"<published>{rfc3339(item.published)}</published>",
            f"<updated>{rfc3339_fine(item.updated)}</updated>",
            *(f"<author><name>{escaped(name)}</name></author>" for name in item.authors),
            f'<link rel="alternate" href={quoted(item.url)}/>' if item.url else "",
            f'<link rel="replies" href={quoted(item.comments)}/>' if item.comments else "",
            *_related(item, "link"),
            *_enclosures(item),
            *(f"<category term={quoted(tag)}/>" for tag in item.tags),
            *(f'<category scheme="{TAGS}" term={quoted(tag)}/>' for tag in item.own_tags),
            element("summary", item.summary, 'type="text"'),
            _content(item),
            *_picture(item),
            _source_atom(item),
            "</entry>\n",
        )
    )


def atom_document(head: FeedHead, entries: Iterable[str]) -> bytes:
    """An Atom document with rendered entries."""
    language = f" xml:lang={quoted(head.language)}" if head.language else ""
    return _document(
        head,
        (
            f"<feed {_NAMESPACES}{language}>",
            f"<title>{escaped(head.title)}</title>",
            f"<subtitle>{escaped(head.description)}</subtitle>",
            f"<id>{escaped(head.id)}</id>",
            f"<updated>{rfc3339(head.updated)}</updated>",
            # Atom requires an author; entries without one inherit it.
            f"<author><name>{escaped(head.title)}</name></author>",
            "<generator>Millrace</generator>",
            f'<link rel="self" type="application/atom+xml" href={quoted(head.self_url)}/>',
            f'<link rel="alternate" type="text/html" href={quoted(head.home)}/>',
            *(f'<link rel="hub" href={quoted(hub)}/>' for hub in head.hubs),
            *(f'<link rel="{rel}" href={quoted(href)}/>' for rel, href in head.links),
            "\n",
        ),
        entries,
        "</feed>\n",
    )


def _content(item: FeedItem) -> str:
    if item.html:
        return f'<content type="html">{cdata(item.html)}</content>'
    # Atom requires content or a link.
    return (
        "" if item.url else f'<content type="text">{escaped(item.summary or item.title)}</content>'
    )


def _source_atom(item: FeedItem) -> str:
    """The source of the published copy (RFC 4287 4.2.11); its id is independent of its URL."""
    source = item.source
    feed = f'<link rel="self" href={quoted(source.feed)}/>' if source.feed else ""
    site = f'<link rel="alternate" href={quoted(source.link)}/>' if source.link else ""
    return (
        f"<source><id>urn:millrace:source:{escaped(source.name)}</id>"
        f"<title>{escaped(source.title)}</title><updated>{rfc3339(item.published)}</updated>"
        f"{feed}{site}</source>"
    )


def _enclosures(item: FeedItem) -> list[str]:
    return [
        f'<link rel="enclosure" href={quoted(each.url)} type={quoted(each.type)}'
        + (f' length="{each.length}"/>' if each.length else "/>")
        for each in item.attachments
        if each.role == "file"  # no Atom equivalent of the others
    ]


def json_item(item: FeedItem) -> bytes:
    """One JSON Feed item."""
    return orjson.dumps(item_fields(item))


def item_fields(item: FeedItem) -> dict[str, Any]:
    """The fields of one JSON Feed item, without empty ones."""
    fields: dict[str, Any] = {
        "id": item.id,
        "url": item.url,
        "title": item.title,
        "content_html": item.html or None,
        # content_html or content_text is required (JSON Feed 1.1, items).
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
    """A JSON Feed document with rendered items."""
    fields = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": without_illegal_xml(head.title),
        "description": without_illegal_xml(head.description),
        "home_page_url": head.home,
        "feed_url": head.self_url,
        "next_url": dict(head.links).get("next"),
        "language": head.language,
        "hubs": [{"type": "WebSub", "url": hub} for hub in head.hubs] or None,
    }
    opening = orjson.dumps({name: value for name, value in fields.items() if value is not None})
    document = BytesIO()
    document.write(opening[:-1] + b',"items":[\n')
    for number, item in enumerate(items):
        document.writelines((b",\n" if number else b"", item))
    document.write(b"\n]}\n")
    return document.getvalue()


def _attachment(attachment: Attachment) -> dict[str, Any]:
    more = {"size_in_bytes": attachment.length, "duration_in_seconds": attachment.duration}
    stated = {name: value for name, value in more.items() if value}
    return {"url": attachment.url, "mime_type": attachment.type, **stated}


def _provenance(item: FeedItem) -> dict[str, Any]:
    own = ("original_image", "image_alt", "comments")
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
        **{name: value for name in own if (value := getattr(item, name))},
    }
