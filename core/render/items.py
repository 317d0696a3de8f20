"""A feed document and its items, chosen once for all formats, so that no two can differ."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from email.utils import format_datetime
from html import escape
from types import MappingProxyType
from typing import Literal

from core.models import Article, Enclosure, Member, Story
from core.render.safe import language_tag, media_type, web_address
from core.text import legal


@dataclass(frozen=True, slots=True)
class FeedHead:
    """The part of a feed around its items."""

    id: str
    title: str
    description: str
    home: str  # the page people read
    self_url: str  # this document
    updated: datetime
    language: str | None = None
    hubs: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()  # (rel, href): first, last, next, previous
    stylesheet: str | None = None  # XSL, so that a browser shows a page


def rfc3339(moment: datetime) -> str:
    """`2026-01-31T08:00:00Z`; an offset other than UTC is kept."""
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def rfc3339_fine(moment: datetime) -> str:
    """The same to the millisecond: entries changed in one second stay distinct."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc822(moment: datetime) -> str:
    """`Sat, 31 Jan 2026 08:00:00 GMT`, as RSS and HTTP write times."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


TAGS = "urn:millrace:tags"  # the scheme that parts our tags from an entry's own categories
SUMMARY_LENGTH = 280  # characters; what readers show in a list
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to an item, with a type that is always stated."""

    url: str
    type: str
    length: int | None
    duration: int | None = None  # seconds
    role: Literal["file", "transcript", "chapters"] = "file"
    language: str | None = None  # of a transcript


@dataclass(frozen=True, slots=True)
class Copy:
    """One member of the story."""

    name: str
    paper: str  # what people call the source
    url: str | None
    title: str
    first_seen: datetime
    similarity: float


@dataclass(frozen=True, slots=True)
class Paper:
    """The source of the shown copy."""

    name: str  # in feeds.yaml
    title: str  # what people call it
    feed: str | None  # its feed's address, without credentials
    link: str | None  # its site


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One entry of the published feed."""

    id: str
    url: str | None
    title: str
    authors: tuple[str, ...]
    published: datetime
    updated: datetime
    html: str | None  # None: left out on request
    summary: str
    image: str | None
    language: str | None
    tags: tuple[str, ...]  # the entry's own categories
    own_tags: tuple[str, ...]  # of its sources in feeds.yaml
    attachments: tuple[Attachment, ...]
    copies: tuple[Copy, ...]  # the representative first
    original_url: str | None
    method: str
    source: Paper
    image_alt: str | None = None  # what `image` shows, where it is not in the body
    original_image: str | None = None  # where `image` is one of our own addresses


NO_SOURCES: Mapping[str, tuple[str | None, str]] = MappingProxyType({})


def feed_item(
    story: Story,
    *,
    link_to_source: Collection[str] = (),
    footer: str | None = None,
    show_source: Literal["none", "title", "footer"] = "none",
    sources: Mapping[str, tuple[str | None, str]] = NO_SOURCES,
) -> FeedItem:
    """`story` as an item. `link_to_source`: sources whose own address is linked to even where they
    state the first publisher's. `footer`: the words before the other copies, named below the body.
    `show_source` names the paper in the text. `sources`: title, if set, and address of each."""
    article = story.article
    paper = _paper(story, sources)
    members = sorted(story.members, key=lambda member: member.id != story.representative)
    copies = tuple(_copy(member, story, sources) for member in members)
    own = web_address(article.link) or copies[0].url
    original = web_address(article.original_url)
    title = _line(article.title or "") or _shortened(article.text, 80) or "(untitled)"
    named = f"<p>{escape(paper.title)}</p>" if show_source == "footer" else ""
    return FeedItem(
        id=story.id,
        url=own if copies[0].name in link_to_source else original or own,
        title=f"{paper.title}: {title}" if show_source == "title" else title,
        authors=_authors(article),
        published=published_at(article, story.first_seen),
        updated=max(story.updated, story.first_seen),
        html=legal(article.html) + named + (_footer(copies, footer) if footer else ""),
        summary=_shortened(article.text, SUMMARY_LENGTH),
        image=web_address(article.lead_image),
        language=language_tag(article.language),
        tags=tuple(tag for tag in dict.fromkeys(map(_line, article.categories)) if tag),
        own_tags=tuple(dict.fromkeys(_line(tag) for m in story.members for tag in m.tags)),
        attachments=_attachments(article.enclosures),
        copies=copies,
        original_url=original,
        method=article.method.value,
        source=paper,
        image_alt=_line(article.lead_alt or "") or None,
    )


def _authors(article: Article) -> tuple[str, ...]:
    authors = article.authors or ((article.author,) if article.author else ())
    return tuple(name for name in map(_line, authors) if name)


def _paper(story: Story, sources: Mapping[str, tuple[str | None, str]]) -> Paper:
    shown = next((m for m in story.members if m.id == story.representative), story.members[0])
    _, address = sources.get(shown.source, (None, None))
    return Paper(
        name=shown.source,
        title=_title_of(shown, sources),
        feed=web_address(address),
        link=web_address(shown.source_link),
    )


def _title_of(member: Member, sources: Mapping[str, tuple[str | None, str]]) -> str:
    """As feeds.yaml calls a source, else as its feed calls itself, else by its name."""
    title, _ = sources.get(member.source, (None, None))
    return _line(title or member.source_title or "") or member.source


def without_body(item: FeedItem) -> FeedItem:
    """The item with its summary only, for slow links."""
    return replace(item, html=None)


def published_at(article: Article, first_seen: datetime) -> datetime:
    """When the article was published by its own statement, never after it was first seen.

    Readers pin what claims to come from the future to their top. A day without an hour becomes
    its noon in UTC, which is the same day nearly everywhere.
    """
    stated = (article.published or "").strip()
    try:
        if _DAY.fullmatch(stated):
            moment = datetime.combine(datetime.fromisoformat(stated), time(12), UTC)
        else:
            moment = datetime.fromisoformat(stated)
    except ValueError:
        return first_seen
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(_whole(moment), first_seen)


def _whole(moment: datetime) -> datetime:
    """Without an offset of seconds, which RFC 3339 cannot write."""
    offset = moment.utcoffset() or timedelta()
    return moment.astimezone(UTC) if offset % timedelta(minutes=1) else moment


def _copy(member: Member, story: Story, sources: Mapping[str, tuple[str | None, str]]) -> Copy:
    shown = member.id == story.representative
    return Copy(
        name=member.source,
        paper=_title_of(member, sources),
        url=web_address(member.url),
        title=_line(member.title or ""),
        first_seen=member.first_seen,
        similarity=1.0 if shown else round(member.similarity, 4),
    )


def _attachments(enclosures: tuple[Enclosure, ...]) -> tuple[Attachment, ...]:
    """Each file once: what is heard or seen before documents, what is about a file last."""
    found: dict[str, Attachment] = {}
    for file in enclosures:
        url = web_address(file.url)
        if url is not None and url not in found:
            kind = media_type(url, file.type)
            found[url] = Attachment(
                url, kind, file.length, file.duration, file.role, language_tag(file.language)
            )
    return tuple(sorted(found.values(), key=_rank))


def _rank(attachment: Attachment) -> int:
    if attachment.role != "file":
        return 2
    return 0 if attachment.type.startswith(("audio/", "video/")) else 1


def _footer(copies: tuple[Copy, ...], words: str) -> str:
    links = ", ".join(
        f'<a href="{escape(copy.url)}">{escape(copy.paper)}</a>' for copy in copies[1:] if copy.url
    )
    return f"<p>{escape(words)} {links}</p>" if links else ""


def _shortened(text: str, length: int) -> str:
    line = _line(text[: length * 2])
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def _line(text: str) -> str:
    return _SPACE.sub(" ", legal(text)).strip()
