"""RSS 2.0 with full content, from items; strings in, bytes out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.render.items import Attachment, FeedHead, FeedItem, rfc822
from core.render.safe import cdata, element, escaped, plain, quoted

_OPEN = (
    '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"'
    ' xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/">'
)

_ENCLOSED = re.compile(r"https?://(?:[a-z0-9-]+\.)+[a-z0-9][a-z0-9-]*(?::\d+)?/", re.IGNORECASE)


def rss_item(item: FeedItem) -> str:
    """One `<item>`."""
    return "".join(
        (
            "<item>",
            f"<title>{plain(item.title)}</title>",
            element("link", item.url),
            f'<guid isPermaLink="false">{escaped(item.id)}</guid>',
            f"<pubDate>{rfc822(item.published)}</pubDate>",
            element("dc:creator", item.author),
            element("dc:language", item.language),
            *(f"<category>{plain(tag)}</category>" for tag in item.tags),
            *_related(item),
            # Readers take it for HTML: what was text must still be text after one more unescaping.
            f"<description>{escaped(escaped(item.summary))}</description>",
            f"<content:encoded>{cdata(item.html)}</content:encoded>" if item.html else "",
            *_media(item),
            "</item>\n",
        )
    )


def rss_document(head: FeedHead, items: Iterable[str]) -> bytes:
    """The feed document around rendered items."""
    sheet = head.stylesheet
    style = f'<?xml-stylesheet type="text/xsl" href={quoted(sheet)}?>\n' if sheet else ""
    return "".join(
        (
            f'<?xml version="1.0" encoding="UTF-8"?>\n{style}{_OPEN}\n<channel>',
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
            *items,
            "</channel>\n</rss>\n",
        )
    ).encode()


def _related(item: FeedItem) -> list[str]:
    return [
        f'<atom:link rel="related" href={quoted(copy.url)} title={quoted(copy.name)}/>'
        for copy in item.copies[1:]
        if copy.url
    ]


def _media(item: FeedItem) -> list[str]:
    """The first attachment is the enclosure: readers, and the RSS profile, know only one."""
    first = next((a for a in item.attachments if _ENCLOSED.match(a.url)), None)
    parts = [_enclosure(first)] if first else []
    parts += [
        f"<media:content url={quoted(attachment.url)} type={quoted(attachment.type)}/>"
        for attachment in item.attachments
        if attachment is not first
    ]
    if item.image:
        parts.append(f"<media:thumbnail url={quoted(item.image)}/>")
    return parts


def _enclosure(attachment: Attachment) -> str:
    length = attachment.length or 0
    return (
        f'<enclosure url={quoted(attachment.url)} length="{length}"'
        f" type={quoted(attachment.type)}/>"
    )
