"""The digest: one entry for each past day or week, with the stories that most sources carried.

Copies are counted as of the end of the period, so that an entry does not change when more copies
arrive. Stories of a source's first poll belong to the day of their own date, when nothing was
counted; for these, copies within one day of their arrival count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from html import escape
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from core.models import Story
from core.render.items import SUMMARY_LENGTH, FeedItem, ItemCopy, Paper

Every = Literal["daily", "weekly"]

# Entries per document: a reader that was away for two weeks, or two months, misses none.
PERIODS = {"daily": 14, "weekly": 8}
STORIES = 20  # per entry; about a newspaper page
LATE = timedelta(days=1)  # for stories that arrived after their period; a round takes minutes
CARRIED = 2  # minimum number of sources; a story of one source is in its feed already


class Period(NamedTuple):
    """A day, or a week from Monday, in one time zone."""

    first: date
    start: datetime  # UTC
    end: datetime  # UTC, exclusive
    key: str  # `2026-11-29` or `2026-W48`


def periods(every: Every, now: datetime, zone: str) -> Iterator[Period]:
    """The last `PERIODS` periods before `now`, newest first."""
    days = 7 if every == "weekly" else 1
    today = now.astimezone(ZoneInfo(zone)).date()
    after = today - timedelta(days=today.weekday()) if every == "weekly" else today
    for _ in range(PERIODS[every]):
        first = after - timedelta(days=days)
        year, week, _ = first.isocalendar()
        key = f"{year}-W{week:02}" if every == "weekly" else first.isoformat()
        yield Period(first, _midnight(first, zone), _midnight(after, zone), key)
        after = first


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def counted_until(story: Story, period: Period) -> datetime:
    """The time before which copies of the story count."""
    return period.end if story.arrived < period.end else story.arrived + LATE


def carried_by(story: Story, until: datetime) -> int:
    """The number of sources that had the story before `until`."""
    return len({member.source for member in story.members if member.first_seen < until})


def digest_item(
    period: Period,
    items: Sequence[tuple[FeedItem, datetime]],
    *,
    title: str,
    also_at: str,
    url: str,
    feed_title: str,
    language: str | None,
) -> FeedItem:
    """The entry of one period.

    `items`: its stories, each with the time before which copies count. `also_at`: the words before
    the links to other copies.
    """
    shown = [_copies_until(item, until) for item, until in items]
    headlines = " · ".join(item.title for item in shown)
    return FeedItem(
        id=digest_id(feed_title, period),
        url=url,
        title=title,
        authors=(),
        published=period.end,
        updated=period.end,
        html="<ol>" + "".join(_list_item(item, also_at) for item in shown) + "</ol>",
        summary=headlines
        if len(headlines) <= SUMMARY_LENGTH
        else headlines[: SUMMARY_LENGTH - 1] + "…",
        image=next((item.image for item in shown if item.image), None),
        language=language,
        tags=(),
        own_tags=(),
        attachments=(),
        copies=tuple(copy for item in shown for copy in item.copies),
        original_url=None,
        method="digest",
        source=Paper(name="digest", title=feed_title, feed=None, link=None),
    )


def digest_id(feed_title: str, period: Period) -> str:
    """An id that differs by feed title (RFC 4287, 4.2.6), not by the URL of the service."""
    feed = sha256(feed_title.encode("utf-8", "replace")).hexdigest()[:12]
    return f"urn:millrace:digest:{feed}:{period.key}"


def _copies_until(item: FeedItem, until: datetime) -> FeedItem:
    copies = tuple(copy for copy in item.copies if copy.first_seen < until)
    return replace(item, copies=copies or item.copies[:1])


def _list_item(item: FeedItem, also_at: str) -> str:
    headline = _link(item.url, item.title)
    first, *others = (_link(copy.url, copy.paper) for copy in _one_per_source(item.copies))
    papers = f"{first} · {escape(also_at)} {', '.join(others)}" if others else first
    return f"<li><h3>{headline}</h3><p>{escape(item.summary)}</p><p>{papers}</p></li>"


def _one_per_source(copies: Sequence[ItemCopy]) -> list[ItemCopy]:
    return list({copy.name: copy for copy in reversed(copies)}.values())[::-1]


def _link(url: str | None, text: str) -> str:
    return f'<a href="{escape(url)}">{escape(text)}</a>' if url else escape(text)
