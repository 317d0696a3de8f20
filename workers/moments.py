"""Stated dates as moments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

_A_DAY_ALONE = len("2026-01-01")
_YEAR = 366 * 86400.0


def moment(published: str | None) -> datetime | None:
    """The moment that an article's `published` stands for; a day alone is its beginning, UTC."""
    if not published:
        return None
    try:
        parsed = datetime.fromisoformat(published)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def rhythm(published: Iterable[str | None], *, now: float) -> list[float]:
    """Moments that may teach a rhythm: days alone, dates to come and very old ones may not."""
    stated = [moment(text) for text in published if text and len(text) > _A_DAY_ALONE]
    times = [time.timestamp() for time in stated if time is not None]
    return [time for time in times if now - _YEAR < time <= now]
