"""Chooses from the kept window what a query asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import orjson

from core.config.settings import Settings
from service.feeds.query import FeedQuery
from service.window import Kept
from store.packing import packed_json

FOLDED_KEPT = 8192  # stories, 5 kB each, once somebody searches


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


async def choose(
    stories: Sequence[Kept], query: FeedQuery, settings: Settings, *, most: int
) -> Sequence[Kept]:
    """The same, beside the event loop."""
    return await asyncio.to_thread(select, stories, query, settings, most=most)


def is_known_tag(tag: str, settings: Settings, stories: Iterable[Kept]) -> bool:
    """Whether a source has this tag, or had it when a kept story came."""
    stated = any(tag in source.tags for source in settings.sources)
    return stated or any(tag == each for kept in stories for each, _ in kept.tags)


def is_known_source(name: str, settings: Settings, stories: Iterable[Kept]) -> bool:
    """Whether this source is in feeds.yaml, or a kept story has it."""
    stated = any(source.name == name for source in settings.sources)
    return stated or any(name in kept.sources for kept in stories)


def _matching(stories: Sequence[Kept], query: FeedQuery, settings: Settings) -> Iterator[Kept]:
    current = {source.name for source in settings.sources}
    tagged = {s.name for s in settings.sources if query.tags.intersection(s.tags)}
    text = (query.text or "").encode("utf-8", "replace")
    for kept in stories:
        if query.since is not None and kept.seen < query.since:
            continue
        if query.sources and not query.sources & kept.sources:
            continue
        if query.tags and not _has_tag(kept, query.tags, tagged, current):
            continue
        if text and text not in _folded(kept):
            continue
        yield kept


def _has_tag(kept: Kept, tags: frozenset[str], tagged: set[str], current: set[str]) -> bool:
    """By today's tags; a source that left feeds.yaml keeps those it had when the entry came."""
    return bool(kept.sources & tagged) or any(
        tag in tags and source not in current for tag, source in kept.tags
    )


@lru_cache(FOLDED_KEPT)
def _folded(kept: Kept) -> bytes:
    """Title and text with their case folded, as bytes: searched thirty times faster than packed."""
    article = orjson.loads(packed_json(kept.packed))["article"]
    parts = (article.get("title") or "", article.get("text") or "")
    return "\0".join(parts).casefold().encode("utf-8", "replace")
