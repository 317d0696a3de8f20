"""The types of one entry, in the order in which they arise.

`FeedEntry` is what a source stated; `Article` is what Millrace makes of it; `Member` is an article
with its place in a `Story`. All are frozen: a step takes values and returns new ones.
Times are aware and UTC unless a comment states otherwise.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """A value that is validated once, where it crosses an edge, and never changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")


ENCLOSURES_KEPT = 20  # of one entry, as a hostile feed may state millions


class Enclosure(Frozen):
    """A file that belongs to an entry (RSS `enclosure`, Atom `rel=enclosure`, `media:content`)."""

    url: str
    type: str | None = None
    length: int | None = None  # bytes
    duration: int | None = None  # seconds
    # A file, or the text of one (`podcast:transcript`), or its parts (`podcast:chapters`).
    role: Literal["file", "transcript", "chapters"] = "file"
    language: str | None = None  # of a transcript


class FeedEntry(Frozen):
    """One entry as its source stated it: nothing cleaned, nothing guessed."""

    # Entries that wait for their page are stored, some with fields of earlier versions.
    model_config = ConfigDict(extra="ignore")

    guid: str  # unique within its source; made from link, title or text where none is stated
    position: int  # 0 is the first in the document
    title: str | None = None
    title_type: Literal["html", "text", "auto"] = "auto"  # what its title is declared to be
    link: str | None = None  # as stated, resolved against the feed's address
    author: str | None = None
    authors: tuple[str, ...] = ()  # where it states several; `author` joins them
    published: datetime | None = None
    updated: datetime | None = None
    content: str = ""  # the fullest body the feed holds, as markup or text
    summary: str = ""
    content_type: Literal["html", "text", "markdown", "auto"] = "auto"
    base: str | None = None  # xml:base, or the address that relative links start from
    language: str | None = None
    bridged: bool = False  # by software that makes a title of each post's own text
    categories: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    image: str | None = None  # media:thumbnail, itunes:image or JSON Feed image
    image_alt: str | None = None  # its media:description
    body_urls: tuple[str, ...] = ()  # where the body is if the document only names it; in order
    version: str | None = None  # changes with a body that is not in the document
    # Its content digest by the rules before the last change of reading: who remembers that one
    # sees no change (`core/feeds/new_entries.py`). Not stored.
    former: bytes | None = Field(default=None, exclude=True, repr=False)
    # A stated date that cannot be read. Not stored.
    unread_date: str | None = Field(default=None, exclude=True, repr=False)
    reading: int = 1  # the rules it was read by: `READING` of `core/feeds/entry.py`


class ParsedFeed(Frozen):
    """A feed document after parsing, with what it states about its own rhythm."""

    title: str | None = None
    link: str | None = None
    language: str | None = None
    entries: tuple[FeedEntry, ...] = ()
    hub: str | None = None  # WebSub hub
    self_url: str | None = None
    ttl: float | None = None  # seconds: the longest of ttl, sy:update*
    skip_hours: tuple[int, ...] = ()  # UTC hours in which nothing is published
    skip_days: tuple[int, ...] = ()  # 0 is Monday
    complete: bool = True  # False: the document broke off; its validators must not be kept
    fault: str | None = None  # what the parser had to forgive
    clock_ahead: float | None = None  # seconds by which its clock was seen to be ahead
    # Guids of entries that are not new, where the source itself tells them from new ones.
    revised: frozenset[str] | None = None
    # Digests of guid and content of what it holds beside its entries, known and unchanged.
    unchanged: tuple[tuple[bytes, bytes], ...] = ()
    items: bytes = (
        b""  # by which all its items are known the next time: `core/feeds/new_entries.py`
    )


class Method(StrEnum):
    """Where the published body comes from."""

    FEED = "feed"
    PAGE = "page"
    SUMMARY = "summary"


class Removed(Frozen):
    """A block that cleaning cut, and the rule that cut it."""

    rule: str
    text: str


# Characters of an article's steps that are kept for people to look at. The markup as it came
# compresses badly (400 of the corpus: 735 bytes each, 1,100 at 8,000 characters), the text before
# anything was cut is mostly that of the body (100 bytes).
CAME_KEPT = 2_000
FOUND_KEPT = 8_000


class Article(Frozen):
    """A clean, sanitised article: what `millrace extract` prints and what is published."""

    title: str | None = None
    author: str | None = None
    published: str | None = None  # ISO 8601; a day alone if only that is stated
    original_url: str | None = None  # the first publisher's address, where the item states one
    link: str | None = None  # the entry's own address without tracking parameters
    lead_image: str | None = None
    lead_alt: str | None = None  # what it shows, where it is not in the body
    language: str | None = None
    html: str = ""  # sanitised: safe to publish as it is
    text: str = ""  # blocks joined by an empty line
    images: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    method: Method = Method.FEED
    needs_page: bool = False  # the feed holds no article: the page behind the link should be read
    removed: tuple[Removed, ...] = ()
    categories: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    authors: tuple[str, ...] = ()  # where the source states several; `author` names them all
    came: str = ""  # the beginning of the body as the feed or the folder gave it
    found: str = ""  # the beginning of the text before anything was cut


class Decision(StrEnum):
    """What became of an entry, as `millrace explain` prints it."""

    PUBLISHED = "published"  # it founded a story
    MERGED = "merged"  # it is a repost inside a story
    UPDATED = "updated"  # its new text replaced what its story showed
    FILTERED = "filtered"  # keep, drop or forget rules kept it out
    PENDING = "pending"  # its page is still to be read


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
    source_title: str | None = None  # what its feed called itself then
    source_link: str | None = None  # the site of its feed


class Story(Frozen):
    """A cluster of near-identical entries; its representative's article is what is published."""

    id: str  # made from the founding member's source and guid; never changes
    first_seen: datetime  # the story's place in the feed; of a first poll: the published time
    arrived: datetime  # when its founder was taken in; retention counts from here
    order: int  # feed order among stories of the same moment; lower comes first
    updated: datetime  # when what is published last changed
    version: int  # grows with every change; two writers cannot overtake each other
    representative: str  # id of the member whose article is shown
    members: tuple[Member, ...]  # the founder first, then by arrival
    article: Article


class EntryRecord(Frozen):
    """All that is remembered of one entry taken in, whatever became of it."""

    id: str
    source: str
    guid: str
    url: str | None  # its own link, cleaned
    title: str | None
    arrived: datetime
    place: datetime  # its place in the feed if it founds a story
    order: int
    decision: Decision
    rule: str  # what decided: "founder", a merge rule, or the filter that kept it out
    story: str | None = None
    distance: int | None = None
    similarity: float = 1.0
    compared_with: str | None = None  # the entry it was found to repeat
    revised: datetime | None = None  # when its source last changed it
    attempts: int = 0  # page fetches so far
    backfill: bool = False  # of its source's first poll: its own date is its place in the feed
    raw: FeedEntry | None = None  # what the source stated
    article: Article | None = None  # what was made of it
