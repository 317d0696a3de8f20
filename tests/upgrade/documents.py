"""The documents of the upgrade test's origin: one function for each kind of source."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from tests.upgrade.stories import Story

_NAMESPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


@dataclass(frozen=True)
class Item:
    """One entry of one source."""

    site: str  # "http://NAME.example"
    story: Story
    title: str
    body: str  # HTML
    updated: datetime | None = None  # where it was edited

    @property
    def path(self) -> str:
        """Of its page."""
        return f"/2025/{self.story.number}.html"

    @property
    def link(self) -> str:
        """Of its page."""
        return self.site + self.path

    @property
    def guid(self) -> str:
        """As its source names it."""
        return f"{self.site.removeprefix('http://')}-{self.story.number}"


def paragraphs(texts: Sequence[str]) -> str:
    """Paragraphs as HTML."""
    return "".join(f"<p>{_text(text)}</p>" for text in texts)


def rss(items: Sequence[Item], *, note: str, encoding: str = "utf-8") -> bytes:
    """RSS with the full text in `content:encoded`, an author and categories."""
    return _rss(
        (
            f"<guid isPermaLink='false'>{item.guid}</guid>{_dated(item)}"
            f"<dc:creator>Reporter {item.story.number % 7}</dc:creator>"
            f"<category>section {item.story.number % 5}</category>"
            f"<content:encoded><![CDATA[{item.body}]]></content:encoded>"
            for item in items
        ),
        items,
        note=note,
    ).encode(encoding)


def rss_description(items: Sequence[Item], *, note: str) -> bytes:
    """RSS with escaped HTML in `description`, no guid, and a date for every other entry."""
    return _rss(
        (
            f"{_dated(item) if item.story.number % 2 else ''}"
            f"<description>{_text(item.body)}</description>"
            for item in items
        ),
        items,
        note=note,
    ).encode()


def rss_excerpts(items: Sequence[Item], *, note: str) -> bytes:
    """RSS that gives the first words; the article is on its page."""
    return _rss(
        (
            f"<guid>{item.link}</guid>{_dated(item)}"
            f"<description>{_text(item.story.paragraphs[0][:80])} […]</description>"
            for item in items
        ),
        items,
        note=note,
    ).encode()


def rss_audio(items: Sequence[Item], *, note: str) -> bytes:
    """RSS of a podcast: an enclosure and notes."""
    return _rss(
        (
            f"<guid isPermaLink='false'>{item.guid}</guid>{_dated(item)}"
            f"<enclosure url='{item.site}/audio/{item.story.number}.mp3' length='1000'"
            f" type='audio/mpeg'/><description>{_text(item.body)}</description>"
            for item in items
        ),
        items,
        note=note,
    ).encode()


def rss_untitled(items: Sequence[Item], *, note: str) -> bytes:
    """RSS of short notes without titles."""
    parts = (
        f"<item><guid isPermaLink='false'>{item.guid}</guid><link>{item.link}</link>"
        f"{_dated(item)}<description>{_text(item.body)}</description></item>"
        for item in items
    )
    return _channel("".join(parts), items, note=note).encode()


def atom(items: Sequence[Item], *, note: str) -> bytes:
    """Atom with HTML content, publication and update times."""
    return _atom(items, note=note, xhtml=False)


def atom_xhtml(items: Sequence[Item], *, note: str) -> bytes:
    """Atom with XHTML content."""
    return _atom(items, note=note, xhtml=True)


def json_feed(items: Sequence[Item], *, note: str) -> bytes:
    """JSON Feed 1.1."""
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Notes in JSON",
        "_built": note,
        "items": [
            {
                "id": item.guid,
                "url": item.link,
                "title": item.title,
                "content_html": item.body,
                "date_published": item.story.published.isoformat(),
                **({"date_modified": item.updated.isoformat()} if item.updated else {}),
            }
            for item in items
        ],
    }
    return json.dumps(document, ensure_ascii=False).encode()


def listing(items: Sequence[Item], *, note: str) -> bytes:
    """A page that lists articles."""
    rows = "".join(
        f"<li class='row'><a href='{item.path}'>{_text(item.title)}</a>"
        f" <time>{item.story.published:%Y-%m-%d}</time></li>"
        for item in items
    )
    return (
        f"<!doctype html><html><head><meta charset='utf-8'><title>All</title></head><body>"
        f"<!-- {note} --><main><ul>{rows}</ul></main></body></html>"
    ).encode()


def page(item: Item) -> bytes:
    """The page of one article."""
    title = _text(item.title)
    return (
        f"<!doctype html><html><head><meta charset='utf-8'><title>{title}</title></head><body>"
        f"<header><nav><a href='/'>Home</a> <a href='/world'>World</a></nav></header>"
        f"<main><article><h1>{title}</h1><time>{item.story.published:%Y-%m-%d}</time>{item.body}"
        f"</article></main><footer>All rights reserved</footer></body></html>"
    ).encode()


def markdown(item: Item) -> str:
    """The article as a mirror keeps it."""
    body = "\n\n".join(item.body.replace("<p>", "").split("</p>"))
    return (
        f"---\ntitle: {json.dumps(item.title, ensure_ascii=False)}\n"
        f"date: {item.story.published:%Y-%m-%dT%H:%M:%SZ}\n---\n\n{html.unescape(body).strip()}\n"
    )


def _rss(parts: object, items: Sequence[Item], *, note: str) -> str:
    texts = (
        f"<item><title>{_text(item.title)}</title><link>{item.link}</link>{part}</item>"
        for item, part in zip(items, parts, strict=True)  # type: ignore[call-overload]
    )
    return _channel("".join(texts), items, note=note)


def _channel(texts: str, items: Sequence[Item], *, note: str) -> str:
    site = items[0].site
    return (
        f"<rss version='2.0' {_NAMESPACES}><channel><title>{site}</title><link>{site}/</link>"
        f"<description>News</description><generator>{note}</generator>{texts}</channel></rss>"
    )


def _atom(items: Sequence[Item], *, note: str, xhtml: bool) -> bytes:
    entries = "".join(
        f"<entry><title>{_text(item.title)}</title><id>tag:{item.guid}</id>"
        f"<link href='{item.link}'/><published>{item.story.published.isoformat()}</published>"
        f"<updated>{(item.updated or item.story.published).isoformat()}</updated>"
        f"<author><name>Editor {item.story.number % 3}</name></author>{_content(item, xhtml)}"
        "</entry>"
        for item in items
    )
    site = items[0].site
    return (
        f"<feed xmlns='http://www.w3.org/2005/Atom'><title>{site}</title><id>{site}/</id>"
        f"<generator>{note}</generator><updated>2025-06-01T00:00:00Z</updated>{entries}</feed>"
    ).encode()


def _content(item: Item, xhtml: bool) -> str:
    if xhtml:
        inner = f"<div xmlns='http://www.w3.org/1999/xhtml'>{item.body}</div>"
        return f"<content type='xhtml'>{inner}</content>"
    return f"<content type='html'>{_text(item.body)}</content>"


def _dated(item: Item) -> str:
    return f"<pubDate>{format_datetime(item.story.published)}</pubDate>"


def _text(text: str) -> str:
    return html.escape(text, quote=False)
