"""/digest.xml, .atom and .json: which stories each entry of the digest names."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

from core.config.settings import Settings
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
from service.languages import day_name, feed_language, in_zone, translations
from service.window import Kept


def digest_items(
    stories: Sequence[Kept],
    settings: Settings,
    now: datetime,
    *,
    url: str,
    item_of: Callable[[Kept], FeedItem],
) -> list[FeedItem]:
    """The entries of the digest, the last period first; `stories` are the newest first.

    A period of which retention may have taken stories is left out, for its entry would shrink.
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


def most_carried(stories: Sequence[Kept], period: Period) -> list[tuple[Kept, datetime]]:
    """The stories of a period that most sources had at its end, the newest first among equals,
    each with the moment before which its copies count.

    Only as many stories are unpacked as may be among them: what a story counts today is no less.
    """
    first, last = (
        bisect_right(stories, -moment.timestamp(), key=lambda kept: kept.rank[0])
        for moment in (period.end, period.start)
    )
    within = [kept for kept in stories[first:last] if len(kept.sources) >= CARRIED]
    within.sort(key=lambda kept: -len(kept.sources))
    counted: list[tuple[int, Kept, datetime]] = []
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
    """The day it is: the digest of yesterday comes with the next one."""
    return in_zone(now or datetime.now(UTC), settings.feed).date()
