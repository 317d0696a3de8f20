"""What a feed document says about itself, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime


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
    """The same to the millisecond: entries changed in one second are told apart."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc822(moment: datetime) -> str:
    """`Sat, 31 Jan 2026 08:00:00 GMT`, as RSS and HTTP write times."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)
