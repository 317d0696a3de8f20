"""When a permanent redirect is believed: the same answer several times, over a while.

A captive portal or a mistake of an hour must not move a source for good.
"""

from __future__ import annotations

from core.models import Frozen

ANSWERS_NEEDED = 3


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
