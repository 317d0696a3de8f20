"""When a source is polled again: its own rhythm, what it asks for, and backoff when it fails.

Pure: the moment, what is known and one random number in [0, 1) come in; seconds come out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from core.config.settings import FetchSettings
from core.models import Frozen
from core.polling.politeness import DAY, HOUR, after_skips

RHYTHM_WINDOW = 28 * DAY  # whole weeks, so that weekends weigh alike
ARRIVALS_KEPT = 64  # newest arrivals that the rhythm is learned from
PATIENCE = 0.5  # entries expected to wait at the source when it is polled
FIRST_STEPS = 4.0  # a source without history starts at this many min_intervals: an hour
WIDENING = 1.5  # per poll without any arrival known
SPREAD = 0.25  # of an interval: no 5 % window holds more than a fifth of the polls
SPREAD_CAP = 25.0  # seconds that a fixed interval may be overstepped by
FAILURE_SPREAD = 0.2  # below 2 / 1.5 - 1, so that gaps grow by half at least


class Wishes(Frozen):
    """What a source's last answer stated about the next poll."""

    fresh: float = 0.0  # seconds: Cache-Control, Expires, ttl or sy:update*, the longest
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()


def next_interval(
    fetch: FetchSettings,
    *,
    now: float,
    chance: float,
    every: float | None = None,
    arrivals: Sequence[float] = (),
    last: float | None = None,
    wishes: Wishes | None = None,
) -> float:
    """Seconds until the next poll of a source that has just answered well.

    `every` is its fixed interval, `arrivals` are moments when its entries were published,
    `last` is its last interval, `chance` a random number in [0, 1).
    """
    wishes = wishes or Wishes()
    if every is not None:
        planned = _fixed(max(every, fetch.min_interval), fetch.min_interval, chance)
    else:
        planned = _spread(own_rhythm(fetch, now=now, arrivals=arrivals, last=last), fetch, chance)
    wait = max(planned, wishes.fresh)
    return after_skips(now + wait, wishes.skip_hours, wishes.skip_days) - now


def after_failure(
    fetch: FetchSettings,
    *,
    interval: float,
    failures: int,
    chance: float,
    retry_after: float | None = None,
) -> float:
    """Seconds until a source is tried again after `failures` failures in a row.

    A stated Retry-After is obeyed, above the floor of all intervals.
    """
    if retry_after is not None:
        return max(retry_after, fetch.min_interval) * (1 + 0.1 * chance)
    base = max(interval, fetch.backoff.base)
    doubled = base * 2.0 ** min(max(failures, 1), 64)
    gap = min(doubled * (1 + FAILURE_SPREAD * chance), fetch.backoff.cap)
    if gap == fetch.backoff.cap:
        gap *= 1 - 0.1 * chance  # a crowd that failed together does not come back together
    return max(gap, fetch.min_interval)


def own_rhythm(
    fetch: FetchSettings, *, now: float, arrivals: Sequence[float], last: float | None
) -> float:
    """Seconds in which half an entry is to be expected, by hour of the day, within the limits."""
    recent = [at for at in arrivals if now - RHYTHM_WINDOW < at <= now][-ARRIVALS_KEPT:]
    if not recent:
        first = fetch.min_interval * FIRST_STEPS
        return _within(fetch, first if last is None or arrivals else last * WIDENING)
    return _within(fetch, _until_expected(now, sorted(recent), limit=fetch.max_interval))


def _until_expected(now: float, arrivals: Sequence[float], *, limit: float) -> float:
    """Walk the coming hours, each at its own rate, until PATIENCE entries are due."""
    span = max(now - arrivals[0], HOUR)
    per_second = len(arrivals) / span
    weights = _hour_weights(arrivals)
    due, at = PATIENCE, now
    while at - now < limit:
        hour = datetime.fromtimestamp(at, UTC).hour
        rate = per_second * weights[hour]
        step = (at // HOUR + 1) * HOUR - at
        if rate * step >= due:
            return at - now + due / rate
        due -= rate * step
        at += step
    return limit


def _hour_weights(arrivals: Collection[float]) -> list[float]:
    """How busy each hour of the day is, 1 on average; few arrivals change little."""
    counts = [1.0] * 24  # one arrival of prior belief in each hour
    for at in arrivals:
        hour = datetime.fromtimestamp(at, UTC).hour
        for offset, weight in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            counts[(hour + offset) % 24] += weight
    mean = sum(counts) / 24
    return [count / mean for count in counts]


def _fixed(every: float, floor: float, chance: float) -> float:
    """A fixed interval is not exceeded where there is room below it."""
    room = min(every - floor, every * SPREAD)
    if room >= every * SPREAD / 2:
        return every - room * chance
    return every + min(every * SPREAD, SPREAD_CAP) * chance


def _spread(interval: float, fetch: FetchSettings, chance: float) -> float:
    if interval * (1 + SPREAD) > fetch.max_interval:
        return max(interval * (1 - SPREAD * chance), fetch.min_interval)
    return interval * (1 + SPREAD * chance)


def _within(fetch: FetchSettings, interval: float) -> float:
    return max(fetch.min_interval, min(interval, max(fetch.max_interval, fetch.min_interval)))
