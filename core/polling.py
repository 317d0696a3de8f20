"""When and how politely a source is polled: its publishing rhythm, HTTP hints and backoff.

Pure functions: the current time, the history and one random number in [0, 1) come in; seconds
come out. Also reads what a publisher states: cache lifetime, permanent redirects, robots.txt, and
its WebSub hub, including the signatures of the hub's requests.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from protego import Protego

from core.config.settings import FetchSettings
from core.dates import http_date
from core.feeds.charset import decode
from core.models import Frozen
from core.urls import web_url

DAY = 86400.0
HOUR = 3600.0
RHYTHM_WINDOW = 28 * DAY  # whole weeks, so that each weekday has the same weight
ARRIVALS_KEPT = 64  # newest arrivals that the rhythm is computed from
PATIENCE = 0.5  # entries expected to be waiting at the source when it is polled
FIRST_STEPS = 4.0  # a source without history starts at this many min_intervals: an hour
WIDENING = 1.5  # factor per poll while no arrival is known
SPREAD = 0.25  # of an interval: no 5 % window holds more than a fifth of the polls
SPREAD_CAP = 25.0  # seconds by which a fixed interval may be exceeded
FAILURE_SPREAD = 0.2  # below 2 / 1.5 - 1, so that each gap is at least 1.5 times the one before
ANSWERS_NEEDED = 3  # consecutive redirects to the same URL before it is adopted

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,18})", re.IGNORECASE)
_STALE_AT_ONCE = re.compile(r"(?:^|[,\s])(?:no-cache|no-store)(?:$|[,\s])", re.IGNORECASE)
_SECONDS = re.compile(r"\+?(\d{1,18})(?:\.\d+)?")
_LINK = re.compile(
    r'<([^<>]{1,2000})>((?:\s*;\s*[\w*-]{1,20}\s*=\s*(?:"[^"]{0,200}"|[^\s";,]{0,200}))*)'
)
_REL = re.compile(r'(?:^|[;\s])rel\s*=\s*(?:"([^"]*)"|([^\s";,]+))', re.IGNORECASE)
_METHODS = frozenset(("sha1", "sha256", "sha384", "sha512"))


class PollingHints(Frozen):
    """Polling hints of a source's last response."""

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
    wishes: PollingHints | None = None,
) -> float:
    """Seconds until the next poll of a source, after a successful one.

    `every` is its fixed interval in seconds, `arrivals` are times when its entries were published,
    `last` is its last interval, `chance` a random number in [0, 1).
    """
    wishes = wishes or PollingHints()
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
    """Seconds until a source is retried after `failures` failures in a row.

    A stated Retry-After is obeyed, but never below the minimum of all intervals.
    """
    if retry_after is not None:
        return max(retry_after, fetch.min_interval) * (1 + 0.1 * chance)
    base = max(interval, fetch.backoff.base)
    doubled = base * 2.0 ** min(max(failures, 1), 64)
    gap = min(doubled * (1 + FAILURE_SPREAD * chance), fetch.backoff.cap)
    if gap == fetch.backoff.cap:
        gap *= 1 - 0.1 * chance  # sources that failed together are not retried together
    return max(gap, fetch.min_interval)


def own_rhythm(
    fetch: FetchSettings, *, now: float, arrivals: Sequence[float], last: float | None
) -> float:
    """Seconds until PATIENCE entries are expected, by hour of the day, within the limits."""
    recent = [at for at in arrivals if now - RHYTHM_WINDOW < at <= now][-ARRIVALS_KEPT:]
    if not recent:
        first = fetch.min_interval * FIRST_STEPS
        return _clamped(fetch, first if last is None or arrivals else last * WIDENING)
    return _clamped(fetch, _until_expected(now, sorted(recent), limit=fetch.max_interval))


def _until_expected(now: float, arrivals: Sequence[float], *, limit: float) -> float:
    """Sum the expected entries of the coming hours, each at its rate, until they reach PATIENCE."""
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
    """Weight of each hour of the day, 1 on average; few arrivals change little."""
    counts = [1.0] * 24  # prior: one arrival in each hour
    for at in arrivals:
        hour = datetime.fromtimestamp(at, UTC).hour
        for offset, weight in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            counts[(hour + offset) % 24] += weight
    mean = sum(counts) / 24
    return [count / mean for count in counts]


def _fixed(every: float, floor: float, chance: float) -> float:
    """Spread a fixed interval downwards if the minimum leaves room, else slightly upwards."""
    room = min(every - floor, every * SPREAD)
    if room >= every * SPREAD / 2:
        return every - room * chance
    return every + min(every * SPREAD, SPREAD_CAP) * chance


def _spread(interval: float, fetch: FetchSettings, chance: float) -> float:
    if interval * (1 + SPREAD) > fetch.max_interval:
        return max(interval * (1 - SPREAD * chance), fetch.min_interval)
    return interval * (1 + SPREAD * chance)


def _clamped(fetch: FetchSettings, interval: float) -> float:
    return max(fetch.min_interval, min(interval, max(fetch.max_interval, fetch.min_interval)))


class HubSubscription(Frozen):
    """A subscription at a hub for one source. Times are Unix times of the store's clock."""

    id: str  # unguessable: requests that contain it come from the hub
    source: str
    topic: str
    hub: str
    secret: str  # key of the hub's HMAC signatures
    state: Literal["wanted", "active", "denied"] = "wanted"
    until: float | None = None  # end of the lease
    tries: int = 0  # requests to the hub in a row that it did not confirm


def link_target(headers: Iterable[str], relation: str, *, base: str) -> str | None:
    """The target of a link relation in the `Link` headers of a response."""
    for header in headers:
        for target, parameters in _LINK.findall(header[:8192]):
            found = _REL.search(parameters)
            if found and relation in (found[1] or found[2]).lower().split():
                return web_url(target, base, whole=True)
    return None


def is_signed(header: str | None, body: bytes, *, secret: str) -> bool:
    """Whether `X-Hub-Signature` proves that the sender of the body has the secret."""
    method, _, stated = (header or "").strip().partition("=")
    if method.lower() not in _METHODS or not stated.isascii():
        return False
    true = hmac.new(secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    return hmac.compare_digest(true, stated.strip().lower())


def signature(body: bytes, *, secret: str) -> str:
    """The `X-Hub-Signature` value of a body that Millrace sends."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def freshness(headers: Mapping[str, str], *, now: float) -> float:
    """Seconds for which a response stays fresh: 0 if it states none, at most a day.

    `headers` looks names up in any case, as aiohttp's mappings do.
    """
    control = headers.get("Cache-Control", "")
    if _STALE_AT_ONCE.search(control):
        return 0.0
    stated = _MAX_AGE.search(control)
    if stated is not None:
        age = _SECONDS.fullmatch(headers.get("Age", "").strip())
        return _within_a_day(int(stated[1]) - (int(age[1]) if age else 0))
    expires = http_date(headers.get("Expires"))
    if expires is None:
        return 0.0
    return _within_a_day(expires - (http_date(headers.get("Date")) or now))


def retry_after(headers: Mapping[str, str], *, now: float, cap: float = DAY) -> float | None:
    """The delay in seconds that Retry-After states; None if it is missing or invalid.

    A delay above one day is treated as a mistake and replaced by `cap`.
    """
    value = headers.get("Retry-After", "").strip()
    seconds = _SECONDS.fullmatch(value)
    if seconds is not None:
        wait = float(seconds[0])
    else:
        moment = http_date(value)
        if moment is None:
            return None
        wait = max(0.0, moment - (http_date(headers.get("Date")) or now))
    return wait if wait <= DAY else min(cap, DAY)


def after_skips(when: float, hours: Collection[int], days: Collection[int]) -> float:
    """`when`, or the next full hour that a feed's skipHours and skipDays allow.

    A feed that excludes the whole week is ignored.
    """
    moment = when
    for _ in range(7 * 24):
        at = datetime.fromtimestamp(moment, UTC)
        if at.hour not in hours and at.weekday() not in days:
            return moment
        moment = (moment // HOUR + 1) * HOUR
    return when


def _within_a_day(seconds: float) -> float:
    return min(max(0.0, seconds), DAY)


class RedirectWatch(Frozen):
    """A permanent redirect seen in recent responses."""

    to: str
    since: float
    count: int = 1


def watch_redirect(
    before: RedirectWatch | None, to: str | None, *, now: float
) -> RedirectWatch | None:
    """The state after one more complete response; `to` is None if it did not redirect."""
    if to is None:
        return None
    if before is None or before.to != to:
        return RedirectWatch(to=to, since=now)
    return RedirectWatch(to=to, since=before.since, count=before.count + 1)


def is_persistent(seen: RedirectWatch | None, *, now: float, persistence: float) -> bool:
    """Whether the redirect was seen often enough and for long enough (`persistence`, seconds)."""
    if seen is None:
        return False
    return seen.count >= ANSWERS_NEEDED and now - seen.since >= persistence


def robots_allow(robots: bytes, *, url: str, agent: str) -> bool:
    """Whether `robots` allows `agent` to fetch `url`; unreadable rules forbid nothing."""
    rules = Protego.parse(decode(robots).text)
    allowed: bool = rules.can_fetch(url, agent)
    return allowed
