"""Atom 1.0, from items; strings in, bytes out."""

from __future__ import annotations

from collections.abc import Iterable

from core.render.items import TAGS, FeedHead, FeedItem, rfc3339, rfc3339_fine
from core.render.safe import cdata, element
from core.text import escaped, quoted

_NAMESPACES = 'xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/"'


def atom_entry(item: FeedItem) -> str:
    """One `<entry>`."""
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
            *_related(item),
            *_enclosures(item),
            *(f"<category term={quoted(tag)}/>" for tag in item.tags),
            *(f'<category scheme="{TAGS}" term={quoted(tag)}/>' for tag in item.own_tags),
            element("summary", item.summary, 'type="text"'),
            _content(item),
            f"<media:thumbnail url={quoted(item.image)}/>" if item.image else "",
            _source(item),
            "</entry>\n",
        )
    )


def atom_document(head: FeedHead, entries: Iterable[str]) -> bytes:
    """The feed document around rendered entries."""
    sheet = head.stylesheet
    style = f'<?xml-stylesheet type="text/xsl" href={quoted(sheet)}?>\n' if sheet else ""
    language = f" xml:lang={quoted(head.language)}" if head.language else ""
    return "".join(
        (
            f'<?xml version="1.0" encoding="UTF-8"?>\n{style}<feed {_NAMESPACES}{language}>',
            f"<title>{escaped(head.title)}</title>",
            f"<subtitle>{escaped(head.description)}</subtitle>",
            f"<id>{escaped(head.id)}</id>",
            f"<updated>{rfc3339(head.updated)}</updated>",
            # An entry without a byline inherits this one; Atom demands one of the two.
            f"<author><name>{escaped(head.title)}</name></author>",
            "<generator>Millrace</generator>",
            f'<link rel="self" type="application/atom+xml" href={quoted(head.self_url)}/>',
            f'<link rel="alternate" type="text/html" href={quoted(head.home)}/>',
            *(f'<link rel="hub" href={quoted(hub)}/>' for hub in head.hubs),
            *(f'<link rel="{rel}" href={quoted(href)}/>' for rel, href in head.links),
            "\n",
            *entries,
            "</feed>\n",
        )
    ).encode()


def _content(item: FeedItem) -> str:
    if item.html:
        return f'<content type="html">{cdata(item.html)}</content>'
    # An entry has content or a link; one that has neither is not valid.
    return (
        "" if item.url else f'<content type="text">{escaped(item.summary or item.title)}</content>'
    )


def _source(item: FeedItem) -> str:
    """Where the shown copy came from (RFC 4287 4.2.11); the id stays when the feed moves."""
    source = item.source
    feed = f'<link rel="self" href={quoted(source.feed)}/>' if source.feed else ""
    site = f'<link rel="alternate" href={quoted(source.link)}/>' if source.link else ""
    return (
        f"<source><id>urn:millrace:source:{escaped(source.name)}</id>"
        f"<title>{escaped(source.title)}</title><updated>{rfc3339(item.published)}</updated>"
        f"{feed}{site}</source>"
    )


def _related(item: FeedItem) -> list[str]:
    return [
        f'<link rel="related" href={quoted(copy.url)} title={quoted(copy.paper)}/>'
        for copy in item.copies
        if copy.url
    ]


def _enclosures(item: FeedItem) -> list[str]:
    parts = []
    for attachment in item.attachments:
        if attachment.role != "file":  # Atom has no word for them
            continue
        length = f' length="{attachment.length}"' if attachment.length else ""
        parts.append(
            f'<link rel="enclosure" href={quoted(attachment.url)}'
            f" type={quoted(attachment.type)}{length}/>"
        )
    return parts
