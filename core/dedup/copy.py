"""An entry as used in comparisons (article, source, site), and the lookup of stored copies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from core.dedup.reading import Reading, prepare_text
from core.dedup.tokens import hash_of
from core.models import Article, EntryRecord, Story
from core.urls import canonical_url, host_of

# Own words from which an entry is more than a link post. The text that hnrss adds to each link
# ("Article URL … Comments URL … Points: 120 # Comments: 33") counts as eight.
LEAST_PROSE = 12
BEGINNING = 400  # characters that usually contain these words, so the rest is not read

_LINK = re.compile(r"<a\b[^>]*>.*?</a>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_ADDRESS = re.compile(r"https?://\S+")
_ROOT = re.compile(r"https?://[^/?#]*/?$")


@dataclass(frozen=True)
class ArticleCopy:
    """The article of one entry, and its origin."""

    article: Article
    source: str | None  # None: unknown; not shared with any other entry
    site: str | None = None  # host of its source's configured URL; None: unknown
    has_twin: bool = False  # its source lists another undated entry with its title and text

    @cached_property
    def reading(self) -> Reading:
        """Its text, prepared for comparison."""
        return prepare_text(self.article.title, self.article.text)

    @cached_property
    def addresses(self) -> frozenset[str]:
        """The URLs that it states for itself, except roots of sites."""
        stated = (self.article.original_url, self.article.link)
        return frozenset(canonical_url(url) for url in stated if url and not _ROOT.match(url))

    @cached_property
    def files(self) -> frozenset[str]:
        """URLs of its audio, video and documents."""
        return frozenset(canonical_url(each.url) for each in self.article.enclosures)

    @cached_property
    def places(self) -> tuple[int, int]:
        """Hashes of its source and of the host of its URL; 0: none."""
        host = host_of(self.article.original_url or self.article.link or "")
        return hash_of(self.source), hash_of(f"//{host}" if host else None)

    @cached_property
    def has_prose(self) -> bool:
        """Whether it has enough text outside links; false for link posts and bare images."""
        text = " ".join(unlinked(self.article).split())
        parts = (text[:BEGINNING], text) if len(text) > BEGINNING else (text,)
        return any(float(prepare_text(None, part).words.sum()) >= LEAST_PROSE for part in parts)

    def owns_one_of(self, addresses: Iterable[str]) -> bool:
        """Whether one of `addresses` is on the site of this entry's source."""
        return self.site is not None and any(
            owns(self.site, address) for address in self.addresses.intersection(addresses)
        )


def owns(site: str, address: str) -> bool:
    """Whether `address` is on `site`, on a subdomain of it, or on its parent domain.

    Thus feeds.example.org owns pages of example.org. Sibling hosts do not own each other's pages:
    on blog platforms they belong to different people.
    """
    host = host_of(address)
    return host == site or host.endswith(f".{site}") or (site.endswith(f".{host}") and "." in host)


def unlinked(article: Article) -> str:
    """The text of an article without links and URLs."""
    markup = article.html or article.text
    return _ADDRESS.sub(" ", _TAG.sub(" ", _LINK.sub(" ", markup)))


class CopyLookup:
    """Copies by entry id. Missing records are collected in `wanted` when they are needed."""

    def __init__(
        self,
        stories: Mapping[str, Story],
        records: Mapping[str, EntryRecord | None],
        site_of: Callable[[str], str | None],
    ) -> None:
        self.wanted: set[str] = set()
        self._stories = stories
        self._records = records
        self._site_of = site_of
        self._copies: dict[str, ArticleCopy | None] = {}
        self._decided: dict[str, EntryRecord] = {}

    def put(self, record: EntryRecord, copy: ArticleCopy | None) -> None:
        """Add a record and copy decided in the current batch."""
        self._copies[record.id], self._decided[record.id] = copy, record

    def founder(self, story: str) -> ArticleCopy | None:
        """The copy of a story's founder; if the story is no longer stored, by the founder's id."""
        held = self._stories.get(story)
        return self.copy(held.members[0].id if held else story, held)

    def copy(self, entry: str, story: Story | None = None) -> ArticleCopy | None:
        """The copy of an entry (of `story`, if known); None: not stored, or not loaded yet."""
        if entry in self._copies:
            return self._copies[entry]
        if story is not None and story.representative == entry:
            source = next(member.source for member in story.members if member.id == entry)
            copy: ArticleCopy | None = self._copy_of(story.article, source)
        else:
            record = self.record(entry)
            if record is None and entry in self.wanted:
                return None
            copy = self._copy_of(record.article, record.source) if record else None
        self._copies[entry] = copy
        return copy

    def record(self, entry: str) -> EntryRecord | None:
        """The record of an entry; None: no longer stored, or not loaded yet."""
        if entry in self._decided:
            return self._decided[entry]
        if entry not in self._records:
            self.wanted.add(entry)
        return self._records.get(entry)

    def _copy_of(self, article: Article | None, source: str) -> ArticleCopy | None:
        return None if article is None else ArticleCopy(article, source, self._site_of(source))
