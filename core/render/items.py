"""The values of a feed and its items, computed once for all formats so that they agree."""

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
from core.text import without_illegal_xml


@dataclass(frozen=True, slots=True)
class FeedHead:
    """The values of a feed besides its items."""

    id: str
    title: str
    description: str
    home: str  # the web page for readers
    self_url: str  # URL of this document
    updated: datetime
    language: str | None = None
    hubs: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()  # (rel, href): first, last, next, previous
    stylesheet: str | None = None  # XSL stylesheet with which browsers render the document


def rfc3339(moment: datetime) -> str:
    """`2026-01-31T08:00:00Z`; an offset other than UTC is kept."""
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def rfc3339_fine(moment: datetime) -> str:
    """The same with milliseconds, to distinguish entries changed in one second."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc822(moment: datetime) -> str:
    """`Sat, 31 Jan 2026 08:00:00 GMT`, the time format of RSS and HTTP."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


TAGS = "urn:millrace:tags"  # scheme of tags of feeds.yaml, unlike an entry's categories
SUMMARY_LENGTH = 280  # characters that readers show in a list
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to an item; its type is always set."""

    url: str
    type: str
    length: int | None
    duration: int | None = None  # seconds
    role: Literal["file", "transcript", "chapters"] = "file"
    language: str | None = None  # of a transcript


@dataclass(frozen=True, slots=True)
class ItemCopy:
    """One member of the story."""

    name: str
    paper: str  # displayed title of the source
    url: str | None
    title: str
    first_seen: datetime
    similarity: float


@dataclass(frozen=True, slots=True)
class Paper:
    """The source of the published copy."""

    name: str  # in feeds.yaml
    title: str  # displayed title
    feed: str | None  # URL of its feed, without credentials
    link: str | None  # URL of its site


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One entry of the published feed."""

    id: str
    url: str | None
    title: str
    authors: tuple[str, ...]
    published: datetime
    updated: datetime
    html: str | None  # None: omitted on request
    summary: str
    image: str | None
    language: str | None
    tags: tuple[str, ...]  # categories stated by the entry
    own_tags: tuple[str, ...]  # tags of its sources in feeds.yaml
    attachments: tuple[Attachment, ...]
    copies: tuple[ItemCopy, ...]  # the representative first
    original_url: str | None
    method: str
    source: Paper
    image_alt: str | None = None  # alternative text, if the image is not in the body
    comments: str | None = None  # the page of its discussion
    original_image: str | None = None  # URL at the origin, if `image` is a proxy URL


NO_SOURCES: Mapping[str, tuple[str | None, str]] = MappingProxyType({})


def feed_item(
    story: Story,
    *,
    link_to_source: Collection[str] = (),
    footer: str | None = None,
    show_source: Literal["none", "title", "footer"] = "none",
    sources: Mapping[str, tuple[str | None, str]] = NO_SOURCES,
) -> FeedItem:
    """Build the published item of a story.

    `link_to_source`: sources linked by their own URL even if they state an original one. `footer`:
    text before the links to other copies. `sources`: name -> (title, if set; URL).
    """
    article, paper = story.article, _paper(story, sources)
    members = sorted(story.members, key=lambda member: member.id != story.representative)
    copies = tuple(_copy(member, story, sources) for member in members)
    original, own = web_address(article.original_url), web_address(article.link) or copies[0].url
    title = _line(article.title or "") or _shortened(article.text, 80) or "(untitled)"
    below = f"<p>{escape(paper.title)}</p>" if show_source == "footer" else ""
    return FeedItem(
        id=story.id,
        url=own if copies[0].name in link_to_source else original or own,
        title=f"{paper.title}: {title}" if show_source == "title" else title,
        authors=_authors(article),
        published=published_at(article, story.first_seen),
        updated=max(story.updated, story.first_seen),
        html=without_illegal_xml(article.html) + below + _footer(copies, footer),
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
        comments=web_address(article.comments),
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
    """The title in feeds.yaml, else the feed's own title, else the name of the source."""
    title, _ = sources.get(member.source, (None, None))
    return _line(title or member.source_title or "") or member.source


def without_body(item: FeedItem) -> FeedItem:
    """The item without its body, for slow connections."""
    return replace(item, html=None)


def published_at(article: Article, first_seen: datetime) -> datetime:
    """The publication time that the article states, but never after it was first seen.

    Readers pin entries with future dates to the top. A date without time becomes noon UTC, which is
    the same day nearly everywhere.
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
    return min(_with_valid_offset(moment), first_seen)


def _with_valid_offset(moment: datetime) -> datetime:
    """Convert to UTC if the offset includes seconds, which RFC 3339 does not allow."""
    offset = moment.utcoffset() or timedelta()
    return moment.astimezone(UTC) if offset % timedelta(minutes=1) else moment


def _copy(member: Member, story: Story, sources: Mapping[str, tuple[str | None, str]]) -> ItemCopy:
    shown = member.id == story.representative
    return ItemCopy(
        name=member.source,
        paper=_title_of(member, sources),
        url=web_address(member.url),
        title=_line(member.title or ""),
        first_seen=member.first_seen,
        similarity=1.0 if shown else round(member.similarity, 4),
    )


def _attachments(enclosures: tuple[Enclosure, ...]) -> tuple[Attachment, ...]:
    """Unique files: audio and video first, then documents, then transcripts and chapters."""
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


def _footer(copies: tuple[ItemCopy, ...], words: str | None) -> str:
    links = ", ".join(
        f'<a href="{escape(copy.url)}">{escape(copy.paper)}</a>' for copy in copies[1:] if copy.url
    )
    return f"<p>{escape(words)} {links}</p>" if words and links else ""


def _shortened(text: str, length: int) -> str:
    line = _line(text[: length * 2])
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def _line(text: str) -> str:
    return _SPACE.sub(" ", without_illegal_xml(text)).strip()
