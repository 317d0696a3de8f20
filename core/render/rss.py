"""RSS 2.0 with full content, from items; strings in, bytes out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.render.items import TAGS, Attachment, FeedHead, FeedItem, rfc822
from core.render.safe import cdata, element, plain
from core.text import escaped, quoted

_OPEN = (
    '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"'
    ' xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"'
    ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    ' xmlns:podcast="https://podcastindex.org/namespace/1.0">'
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
            *(element("dc:creator", name) for name in item.authors),
            element("dc:language", item.language),
            *(f"<category>{plain(tag)}</category>" for tag in item.tags),
            *(f'<category domain="{TAGS}">{plain(tag)}</category>' for tag in item.own_tags),
            _source(item),
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


def _source(item: FeedItem) -> str:
    """RSS knows a source by its feed; one that left feeds.yaml is named with its site."""
    address = item.source.feed or item.source.link
    return f"<source url={quoted(address)}>{plain(item.source.title)}</source>" if address else ""


def _related(item: FeedItem) -> list[str]:
    return [
        f'<atom:link rel="related" href={quoted(copy.url)} title={quoted(copy.paper)}/>'
        for copy in item.copies
        if copy.url
    ]


def _media(item: FeedItem) -> list[str]:
    """The first attachment is the enclosure: readers, and the RSS profile, know only one."""
    files = [attachment for attachment in item.attachments if attachment.role == "file"]
    first = next((file for file in files if _ENCLOSED.match(file.url)), None)
    parts = [_enclosure(first)] if first else []
    parts += [_media_content(file) for file in files if file is not first]
    parts += [_about(each) for each in item.attachments if each.role != "file"]
    if item.image:
        parts.append(f"<media:thumbnail url={quoted(item.image)}/>")
    return parts


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


def _about(file: Attachment) -> str:
    """A transcript or chapters: readers of podcasts know them by the podcast namespace alone."""
    language = f" language={quoted(file.language)}" if file.language else ""
    return f"<podcast:{file.role} url={quoted(file.url)} type={quoted(file.type)}{language}/>"
