"""The types of one entry, in processing order.

`FeedEntry` is what a source states; `Article` is the result of cleaning it; `Member` is an entry
within a `Story`. All are frozen: each step takes values and returns new ones.
Times are aware and UTC unless a comment states otherwise.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """A value that is validated once, at the boundary, and never changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")


ENCLOSURES_KEPT = 20  # per entry: a hostile feed may state millions


class Enclosure(Frozen):
    """A file that belongs to an entry (RSS `enclosure`, Atom `rel=enclosure`, `media:content`)."""

    url: str
    type: str | None = None
    length: int | None = None  # bytes
    duration: int | None = None  # seconds
    # A file, its text (`podcast:transcript`) or its chapters (`podcast:chapters`).
    role: Literal["file", "transcript", "chapters"] = "file"
    language: str | None = None  # of a transcript


class FeedEntry(Frozen):
    """One entry as its source states it: not cleaned, nothing inferred."""

    # Entries that wait for their page are stored; some have fields of earlier versions.
    model_config = ConfigDict(extra="ignore")

    guid: str  # unique within its source; made from link, title or text if the source states none
    position: int  # 0 is the first in the document
    title: str | None = None
    title_type: Literal["html", "text", "auto"] = "auto"  # the type the source declares
    link: str | None = None  # as stated, resolved against the feed's URL
    author: str | None = None
    authors: tuple[str, ...] = ()  # if the source states several; `author` joins them
    published: datetime | None = None
    updated: datetime | None = None
    content: str = ""  # the longest body in the feed, as markup or text
    summary: str = ""
    content_type: Literal["html", "text", "markdown", "auto"] = "auto"
    base: str | None = None  # xml:base, or the URL that relative links are resolved against
    language: str | None = None
    bridged: bool = False  # its software makes the title from the post's text
    categories: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    comments: str | None = None  # the page of its discussion, if that is not its link
    image: str | None = None  # media:thumbnail, itunes:image or JSON Feed image
    image_alt: str | None = None  # the image's media:description
    # where to fetch the body if the document only links to it; in this order
    body_urls: tuple[str, ...] = ()
    version: str | None = None  # changes whenever a body outside the document changes
    # Content digest by the previous parsing rules. A stored digest equal to this one means that the
    # source changed nothing (`core/feeds/identity.py`). Not stored.
    former: bytes | None = Field(default=None, exclude=True, repr=False)
    # A stated date that could not be parsed. Not stored.
    unread_date: str | None = Field(default=None, exclude=True, repr=False)
    has_twin: bool = False  # its document lists another undated entry with its title and text
    reading: int = 1  # stored by earlier versions; unused


class ParsedFeed(Frozen):
    """A feed document after parsing, with the polling hints it states."""

    title: str | None = None
    link: str | None = None
    language: str | None = None
    entries: tuple[FeedEntry, ...] = ()
    hub: str | None = None  # WebSub hub
    self_url: str | None = None
    ttl: float | None = None  # seconds: the longest of ttl, sy:update*
    skip_hours: tuple[int, ...] = ()  # UTC hours in which the source publishes nothing
    skip_days: tuple[int, ...] = ()  # 0 is Monday
    # False: the document is truncated; do not store its ETag or Last-Modified
    complete: bool = True
    fault: str | None = None  # the error the parser recovered from
    clock_ahead: float | None = None  # seconds by which the source's clock is ahead, as measured
    # Guids of changed entries, if the source itself separates them from new ones.
    revised: frozenset[str] | None = None
    # Digests of guid and content of known, unchanged items that are not among `entries`.
    unchanged: tuple[tuple[bytes, bytes], ...] = ()
    items: bytes = b""  # digest to recognize an unchanged item list: `core/feeds/new_entries.py`


class Method(StrEnum):
    """Where the published body was taken from."""

    FEED = "feed"
    PAGE = "page"
    SUMMARY = "summary"


class Removed(Frozen):
    """A block that cleaning cut, and the rule that cut it."""

    rule: str
    text: str


# Characters of intermediate results that are kept for debugging. Raw markup compresses badly (400
# articles of the corpus: 735 bytes each; 1,100 at 8,000 characters). The uncut text mostly repeats
# the body and compresses to 100 bytes.
CAME_KEPT = 2_000
FOUND_KEPT = 8_000


class Article(Frozen):
    """A clean, sanitized article: what `millrace extract` prints and what is published."""

    title: str | None = None
    author: str | None = None
    published: str | None = None  # ISO 8601; a date without time if only the day is stated
    original_url: str | None = None  # the first publisher's URL, if the item states one
    link: str | None = None  # the entry's link without tracking parameters
    comments: str | None = None  # the page of its discussion
    lead_image: str | None = None
    lead_alt: str | None = None  # alt text of the lead image, if the image is not in the body
    language: str | None = None
    html: str = ""  # sanitized HTML
    text: str = ""  # blocks joined by an empty line
    images: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    method: Method = Method.FEED
    needs_page: bool = False  # the feed has no full article: fetch the linked page
    removed: tuple[Removed, ...] = ()
    categories: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    authors: tuple[str, ...] = ()  # if the source states several; `author` joins them
    came: str = ""  # the beginning of the body as received
    found: str = ""  # the beginning of the text before any block was cut


class Decision(StrEnum):
    """The outcome for an entry, as `millrace explain` prints it."""

    PUBLISHED = "published"  # it founded a story
    MERGED = "merged"  # it is a repost inside a story
    UPDATED = "updated"  # its new text replaced what its story showed
    FILTERED = "filtered"  # a keep, drop or forget rule excluded it
    PENDING = "pending"  # its page has not been read yet


class Member(Frozen):
    """One entry inside a story, without its body."""

    id: str
    source: str
    url: str | None
    title: str | None
    first_seen: datetime
    decision: Decision
    rule: str  # "founder" for the first member, else the rule that merged it
    distance: int | None = None  # bits of 128
    similarity: float = 1.0
    priority: int = 0
    published: str | None = None
    tags: tuple[str, ...] = ()
    source_title: str | None = None  # title of its feed at that time
    source_link: str | None = None  # the site of its feed


class Story(Frozen):
    """A cluster of near-identical entries; the representative's article is published."""

    id: str  # made from the founding member's source and guid; never changes
    # the story's place in the feed; after a source's first poll, the published time
    first_seen: datetime
    arrived: datetime  # when its founder was received; retention counts from here
    order: int  # feed order among stories with the same time; lower comes first
    updated: datetime  # when the published content last changed
    # increases with every change, so that concurrent writers cannot overwrite each other
    version: int
    representative: str  # id of the member whose article is published
    members: tuple[Member, ...]  # the founder first, then by arrival
    article: Article


class EntryRecord(Frozen):
    """Everything stored about one received entry, whatever the decision."""

    id: str
    source: str
    guid: str
    url: str | None  # its own link, cleaned
    title: str | None
    arrived: datetime
    place: datetime  # its place in the feed if it founds a story
    order: int
    decision: Decision
    rule: str  # "founder", a merge rule, or the filter that excluded it
    story: str | None = None
    distance: int | None = None
    similarity: float = 1.0
    compared_with: str | None = None  # the entry it was matched with
    revised: datetime | None = None  # when its source last changed it
    attempts: int = 0  # page fetches so far
    backfill: bool = False  # from its source's first poll: its place in the feed is its own date
    raw: FeedEntry | None = None  # the entry as the source states it
    article: Article | None = None  # the cleaned result
