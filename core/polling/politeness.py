"""What a publisher states about polling: how long an answer keeps, moved addresses, robots.txt,
and its WebSub hub, with the signatures of what a hub sends.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

from protego import Protego

from core.dates import http_date
from core.feeds.charset import decode
from core.models import Frozen
from core.urls import web_url

DAY = 86400.0
HOUR = 3600.0
ANSWERS_NEEDED = 3  # that redirect to the same address, before it is believed

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,18})", re.IGNORECASE)
_STALE_AT_ONCE = re.compile(r"(?:^|[,\s])(?:no-cache|no-store)(?:$|[,\s])", re.IGNORECASE)
_SECONDS = re.compile(r"\+?(\d{1,18})(?:\.\d+)?")
_LINK = re.compile(
    r'<([^<>]{1,2000})>((?:\s*;\s*[\w*-]{1,20}\s*=\s*(?:"[^"]{0,200}"|[^\s";,]{0,200}))*)'
)
_REL = re.compile(r'(?:^|[;\s])rel\s*=\s*(?:"([^"]*)"|([^\s";,]+))', re.IGNORECASE)
_METHODS = frozenset(("sha1", "sha256", "sha384", "sha512"))


class Subscription(Frozen):
    """What was requested of a hub for one source. Times are seconds of the store's clock."""

    id: str  # unguessable: requests that carry it are the hub's
    source: str
    topic: str
    hub: str
    secret: str  # key of the hub's signatures
    state: Literal["wanted", "active", "denied"] = "wanted"
    until: float | None = None  # end of the lease
    tries: int = 0  # requests to the hub that it did not confirm, in a row


def linked(headers: Iterable[str], relation: str, *, base: str) -> str | None:
    """The address of a relation in the `Link` headers of an answer."""
    for header in headers:
        for target, parameters in _LINK.findall(header[:8192]):
            found = _REL.search(parameters)
            if found and relation in (found[1] or found[2]).lower().split():
                return web_url(target, base)
    return None


def is_signed(header: str | None, body: bytes, *, secret: str) -> bool:
    """Whether `X-Hub-Signature` proves that the body comes from who knows the secret."""
    method, _, stated = (header or "").strip().partition("=")
    if method.lower() not in _METHODS or not stated.isascii():
        return False
    true = hmac.new(secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    return hmac.compare_digest(true, stated.strip().lower())


def signature(body: bytes, *, secret: str) -> str:
    """The value that proves to who knows the secret that the body is ours."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def freshness(headers: Mapping[str, str], *, now: float) -> float:
    """Seconds for which an answer stays fresh: 0 if it does not state it, at most a day.

    `headers` answers to names in any case, as aiohttp's do.
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
    """Seconds that Retry-After asks to wait, or None where it is missing or junk.

    What is longer than a day is taken as a mistake and answered with `cap`.
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
    """`when`, or the first full hour after it that a feed's skipHours and skipDays leave open.

    A feed that closes the whole week is not believed.
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
    """A permanent redirect that is being watched."""

    to: str
    since: float
    count: int = 1


def watch(before: RedirectWatch | None, to: str | None, *, now: float) -> RedirectWatch | None:
    """What is known after one more complete answer; `to` is None when it was no such redirect."""
    if to is None:
        return None
    if before is None or before.to != to:
        return RedirectWatch(to=to, since=now)
    return RedirectWatch(to=to, since=before.since, count=before.count + 1)


def believed(seen: RedirectWatch | None, *, now: float, persistence: float) -> bool:
    """True once the redirect was met often enough and for long enough."""
    if seen is None:
        return False
    return seen.count >= ANSWERS_NEEDED and now - seen.since >= persistence


def robots_allow(robots: bytes, *, url: str, agent: str) -> bool:
    """Whether `robots` lets `agent` fetch `url`; what cannot be read forbids nothing."""
    rules = Protego.parse(decode(robots).text)
    allowed: bool = rules.can_fetch(url, agent)
    return allowed
