"""The query of a feed address, and the stories that it selects; for /digest.xml, .atom and .json
the stories that each entry of the digest names."""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import cast

import orjson
from multidict import MultiMapping

from core.config.settings import Settings
from core.errors import MillraceError
from core.render.digest import (
    CARRIED,
    STORIES,
    Period,
    carried_by,
    counted_until,
    digest_item,
    periods,
)
from core.render.items import FeedItem
from core.render.variants import Variant
from service.context import listed
from service.documents import Background
from service.languages import day_name, feed_language, in_zone, translations
from service.river import KeptStory
from store.layout import packed_json

LONGEST_QUERY = 200  # characters of `q`: a whole headline
_SPACED_OFFSET = re.compile(r" (\d\d:?\d\d)$")  # a `+` that was not written as %2B


class BadQuery(MillraceError):
    """The query is invalid; the message names the parameter."""


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """One selection of stories, and how to show them."""

    limit: int | None = None  # None: `feed.limit`
    since: datetime | None = None
    text: str | None = None
    sources: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    page: int = 1
    summary: bool = False
    variant: Variant | None = None


def parse_query(
    query: MultiMapping[str], *, source: str | None = None, tag: str | None = None
) -> FeedQuery:
    """The query of a feed; `source` and `tag` come from the path."""
    content = query.get("content", "full")
    variant = query.get("variant")
    if content not in ("full", "summary"):
        raise BadQuery("content is full or summary")
    if variant not in (None, "hans", "hant"):
        raise BadQuery("variant is hans or hant")
    return FeedQuery(
        limit=_number(query, "limit"),
        since=_moment(query.get("since")),
        text=query.get("q", "")[:LONGEST_QUERY].casefold() or None,
        sources=frozenset([source] if source else query.getall("source", [])),
        tags=frozenset([tag] if tag else query.getall("tag", [])),
        page=_number(query, "page") or 1,
        summary=content == "summary",
        variant=cast(Variant | None, variant),
    )


def _number(query: MultiMapping[str], name: str) -> int | None:
    stated = query.get(name)
    if stated is None:
        return None
    if not (stated.isascii() and stated.isdigit() and len(stated) < 10 and int(stated) > 0):
        raise BadQuery(f"{name} is a whole number from 1")
    return int(stated)


def _moment(stated: str | None) -> datetime | None:
    if not stated:
        return None
    try:
        moment = datetime.fromisoformat(_SPACED_OFFSET.sub(r"+\1", stated))
    except ValueError as error:
        raise BadQuery("since is a time as in 2026-01-31T08:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_OVERHEAD = 300  # bytes of one text, beside itself
FOLDED_BYTES = 64 * 2**20  # kept of folded texts, once there is a search; most are 5 kB


def select(
    stories: Sequence[KeptStory], query: FeedQuery, settings: Settings, *, most: int | None = None
) -> Sequence[KeptStory]:
    """The stories that match `query`, in their order, at most `most`."""
    if not (query.since or query.sources or query.tags or query.text):
        return stories[:most]  # the usual case must not grow with what is kept
    found: list[KeptStory] = []
    for kept in _matching(stories, query, settings):
        if most is not None and len(found) >= most:
            break
        found.append(kept)
    return found


async def choose(
    stories: Sequence[KeptStory],
    query: FeedQuery,
    settings: Settings,
    *,
    most: int,
    background: Background,
) -> Sequence[KeptStory]:
    """`select` in the background threads where it may be slow. Raises TooBusy."""
    if not query.text:
        return await asyncio.to_thread(select, stories, query, settings, most=most)
    return await background.run(select, stories, query, settings, most=most)


def is_known_tag(tag: str, settings: Settings, stories: Iterable[KeptStory]) -> bool:
    """Whether a source has this tag, or had it when a kept story arrived."""
    return tag in listed(settings).tags or any(
        tag == each for kept in stories for each, _ in kept.tags
    )


def is_known_source(name: str, settings: Settings, stories: Iterable[KeptStory]) -> bool:
    """Whether feeds.yaml lists this source, or a kept story is from it."""
    return name in listed(settings).names or any(name in kept.sources for kept in stories)


def _matching(
    stories: Sequence[KeptStory], query: FeedQuery, settings: Settings
) -> Iterator[KeptStory]:
    current = listed(settings).names
    tagged = set[str]()
    if query.tags:
        tagged = {s.name for s in settings.sources if query.tags.intersection(s.tags)}
    text = (query.text or "").encode("utf-8", "replace")
    for kept in stories:
        if query.since is not None and kept.seen < query.since:
            continue
        if query.sources and not query.sources & kept.sources:
            continue
        if query.tags and not _has_tag(kept, query.tags, tagged, current):
            continue
        if text and text not in _folded.text(kept):
            continue
        yield kept


def _has_tag(
    kept: KeptStory, tags: frozenset[str], tagged: set[str], current: frozenset[str]
) -> bool:
    """Whether a story has a tag, by the present tags of its sources.

    A source that left feeds.yaml keeps the tags that it had when the entry arrived.
    """
    return bool(kept.sources & tagged) or any(
        tag in tags and source not in current for tag, source in kept.tags
    )


class _Folded:
    """A cache of titles and texts with folded case: searching it is thirty times faster.

    It keeps the last searched ones, bounded by bytes, because one source may publish texts of a
    megabyte. Several threads use it in parallel.
    """

    def __init__(self) -> None:
        self._texts: OrderedDict[KeptStory, bytes] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def text(self, kept: KeptStory) -> bytes:
        """The searchable text of a story."""
        with self._lock:
            known = self._texts.get(kept)
            if known is not None:
                self._texts.move_to_end(kept)
                return known
        article = orjson.loads(packed_json(kept.packed))["article"]
        parts = (article.get("title") or "", article.get("text") or "")
        text = "\0".join(parts).casefold().encode("utf-8", "replace")
        with self._lock:
            if kept not in self._texts:
                self._texts[kept] = text
                self._size += len(text) + _OVERHEAD
            while self._size > FOLDED_BYTES:
                self._size -= len(self._texts.popitem(last=False)[1]) + _OVERHEAD
        return text


_folded = _Folded()


def digest_items(
    stories: Sequence[KeptStory],
    settings: Settings,
    now: datetime,
    *,
    url: str,
    item_of: Callable[[KeptStory], FeedItem],
) -> list[FeedItem]:
    """The entries of the digest, the last period first; `stories` are sorted, newest first.

    Periods that may have lost stories to retention are left out: their entries would shrink.
    """
    every, feed = settings.feed.digest, settings.feed
    if every == "off" or not stories:
        return []
    kept_since = now - timedelta(days=settings.retention.days)
    if len(stories) >= settings.retention.entries:
        kept_since = max(kept_since, stories[-1].seen)
    language = feed_language(feed)
    _ = translations(language).gettext
    found = []
    for number, period in enumerate(periods(every, now, feed.timezone)):
        if number and period.start < kept_since:
            break
        chosen = most_carried(stories, period)
        if chosen:
            day = day_name(period.first, language, weekday=False)
            weekly, daily = _("Digest of the week from %(day)s"), _("Digest of %(day)s")
            item = digest_item(
                period,
                [(item_of(kept), until) for kept, until in chosen],
                title=(weekly if every == "weekly" else daily) % {"day": day},
                also_at=_("Also at"),
                url=f"{url}#{period.key}",
                feed_title=feed.title,
                language=feed.language,
            )
            found.append(item)
    return found


def most_carried(stories: Sequence[KeptStory], period: Period) -> list[tuple[KeptStory, datetime]]:
    """The stories that most sources carried at the end of a period, newest first among equals.

    Each comes with the time before which its copies count. A story's present number of sources is
    an upper bound, so only stories that may be among them are unpacked.
    """
    first, last = (
        bisect_right(stories, -moment.timestamp(), key=lambda kept: kept.rank[0])
        for moment in (period.end, period.start)
    )
    within = [kept for kept in stories[first:last] if len(kept.sources) >= CARRIED]
    within.sort(key=lambda kept: -len(kept.sources))
    counted: list[tuple[int, KeptStory, datetime]] = []
    for kept in within:
        least = sorted(count for count, *_ in counted)[-STORIES:]
        if len(least) == STORIES and len(kept.sources) <= least[0]:
            break
        story = kept.story
        until = counted_until(story, period)
        count = carried_by(story, until)
        if count >= CARRIED:
            counted.append((count, kept, until))
    counted.sort(key=lambda each: (-each[0], each[1].rank))
    return [(kept, until) for _, kept, until in counted[:STORIES]]


def digest_day(settings: Settings, now: datetime | None = None) -> date:
    """The present day in `feed.timezone`; a day's digest appears when the next day begins."""
    return in_zone(now or datetime.now(UTC), settings.feed).date()
