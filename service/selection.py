"""Chooses from the kept window what a query asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from core.settings import Settings
from service.query import FeedQuery
from service.river import Kept
from store.packing import packed_json

_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')  # what JSON writes otherwise


def select(
    stories: Sequence[Kept], query: FeedQuery, settings: Settings, *, most: int | None = None
) -> Sequence[Kept]:
    """The stories that `query` narrows to, in their order; `most` ends the search early."""
    if not (query.since or query.sources or query.tags or query.text):
        return stories[:most]  # the usual case must not grow with what is kept
    found: list[Kept] = []
    for kept in _matching(stories, query, settings):
        if most is not None and len(found) >= most:
            break
        found.append(kept)
    return found


def known_tags(settings: Settings, stories: Iterable[Kept]) -> set[str]:
    """Every tag that a source or a kept story has."""
    stated = {tag for source in settings.sources for tag in source.tags}
    return stated | {tag for kept in stories for tag, _ in kept.tags}


def known_sources(settings: Settings, stories: Iterable[Kept]) -> set[str]:
    """Every source of feeds.yaml or of a kept story."""
    stated = {source.name for source in settings.sources}
    return stated | {name for kept in stories for name in kept.sources}


def _matching(stories: Sequence[Kept], query: FeedQuery, settings: Settings) -> Iterator[Kept]:
    current = {source.name for source in settings.sources}
    tagged = {s.name for s in settings.sources if query.tags.intersection(s.tags)}
    for kept in stories:
        if query.since is not None and kept.seen < query.since:
            continue
        if query.sources and not query.sources & kept.sources:
            continue
        if query.tags and not _has_tag(kept, query.tags, tagged, current):
            continue
        if query.text is not None and not _holds(kept, query.text):
            continue
        yield kept


def _has_tag(kept: Kept, tags: frozenset[str], tagged: set[str], current: set[str]) -> bool:
    """By today's tags; a source that left feeds.yaml keeps those it had when the entry came."""
    return bool(kept.sources & tagged) or any(
        tag in tags and source not in current for tag, source in kept.tags
    )


def _holds(kept: Kept, text: str) -> bool:
    # Most stories do not hold it: a look at the record is ten times cheaper than reading it.
    if not _ESCAPED.search(text) and text not in packed_json(kept.packed).casefold():
        return False
    article = kept.story.article
    return text in (article.title or "").casefold() or text in article.text.casefold()
