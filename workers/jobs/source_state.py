"""The state of a source after a poll, and the time of its next poll."""

from __future__ import annotations

from collections.abc import Sequence

from core.config.settings import FetchSettings, Source
from core.dedup.decide import Outcome
from core.errors import (
    BadStatus,
    BrokeOff,
    Endless,
    ForbiddenAddress,
    MillraceError,
    ResourceLimit,
    TooLarge,
    Unreachable,
    in_english,
    with_remedy,
)
from core.models import Decision, EntryRecord, FeedEntry
from core.polling import ARRIVALS_KEPT, after_failure, is_persistent, next_interval, watch_redirect
from store.sources import Poison, SourceState
from workers.sources.documents import Poisoned, Polled

GONE = 410
GONE_CONFIRMED = 2  # responses; then the source is not polled until its address changes
GONE_SECONDS = 365 * 86400.0
# Good responses that outweigh one which used up the time, bytes or memory of a poll. That one costs
# up to 30 s and 10 MB, so the gaps grow even where every other response is good.
STRAIN = 4
COSTLY = (Endless, TooLarge, ResourceLimit)
MOST_STRAIN = 12 * STRAIN  # a gap that has doubled twelve times is at its maximum
# Consecutive failures at the target of a redirect; then the address in feeds.yaml is fetched again.
LOST_FAILURES = 3
# New entries of one source within a day, or as many as `retention.entries` if that is more: what is
# beyond could not be shown at once in any case.
NEW_A_DAY = 5000
LETTERS_A_DAY = 64 * 10**6  # of their texts as the feed has them, 13,000 each; packed 25 MB
_DAY = 86400


class DailyRoom:
    """What is left of `max_per_day` of a source; days are UTC."""

    def __init__(
        self, state: SourceState, source: Source, *, now: float, stories: int = NEW_A_DAY
    ) -> None:
        today = state.day == (day := int(now // _DAY))
        self._limit, self._most, self._day = source.max_per_day, max(stories, NEW_A_DAY), day
        self._taken = state.day_entries if today else 0
        self._new = state.day_new if today else 0
        self._letters = state.day_letters if today else 0

    def admit(self, entry: FeedEntry) -> bool:
        """Room in the store for one more new entry; what finds none waits for the next day.

        What was published leaves a record and a fingerprint for `dedup.window`, 750 bytes a story
        that is no longer shown: a feed of 2,000 new entries a poll left 140 MB a day.
        """
        if self._new >= self._most or self._letters >= LETTERS_A_DAY:
            return False
        self._new += 1
        self._letters += len(entry.content) + len(entry.summary)
        return True

    def take(self) -> bool:
        """Use up one entry; False when the limit is reached."""
        if self._limit is None:
            return True
        if self._taken >= self._limit:
            return False
        self._taken += 1
        return True

    def written_to(self, state: SourceState) -> SourceState:
        """The state with today's numbers."""
        taken = {"day_entries": self._taken, "day_new": self._new, "day_letters": self._letters}
        return state.model_copy(update={"day": self._day, **taken})


def first_state(source: Source) -> SourceState:
    """The state of a source that was never polled."""
    return SourceState(url=source.url, configured_url=source.url)


def after_answer(
    state: SourceState,
    polled: Polled,
    source: Source,
    fetch: FetchSettings,
    *,
    now: float,
    chance: float,
    arrivals: Sequence[float] = (),
) -> tuple[SourceState, float]:
    """The state after a good response, and the seconds until the next poll."""
    newest = tuple(sorted([*state.arrivals, *arrivals]))[-ARRIVALS_KEPT:]
    if polled.push is not None:
        # A push comes beside the polls: their plan and their validators stay.
        due = max(0.0, (state.next_poll or now) - now)
        return state.model_copy(update={"arrivals": newest}), due
    wait = next_interval(
        fetch, now=now, chance=chance, every=source.every, arrivals=newest,
        last=state.interval, wishes=polled.wishes,
    )  # fmt: skip
    changes = {
        "last_status": polled.status,
        "interval": wait,
        "next_poll": now + wait,
        "arrivals": newest,
        **_all_is_well(now),
        "strain": max(0, state.strain - 1),
        **_validators(state, polled),
        **_moved(state, polled, fetch, now),
        "whole_at": now if polled.status != 304 else state.whole_at or now,
        "false_304": state.false_304 or (polled.whole and polled.feed is not None),
    }
    if polled.feed is not None:
        changes |= _document(state, polled, now)
    return state.model_copy(update=changes), wait


def after_fault(
    state: SourceState,
    fault: MillraceError,
    source: Source,
    fetch: FetchSettings,
    *,
    now: float,
    chance: float,
    version: str,
) -> tuple[SourceState, float]:
    """The state after a failure, and the seconds until the next attempt.

    Failures to connect have a separate back-off: our own network may be the cause.
    """
    failures = state.failures + 1
    strain = min(state.strain + STRAIN * isinstance(fault, COSTLY), MOST_STRAIN)
    unreachable = state.unreachable + (network := isinstance(fault, Unreachable))
    status = fault.status if isinstance(fault, BadStatus) else None
    gone = status == GONE and state.last_status == GONE and failures >= GONE_CONFIRMED
    reason = with_remedy(fault, source.name, gone=gone)
    wait = GONE_SECONDS if gone else after_failure(
        fetch,
        interval=state.interval or source.every or fetch.min_interval,
        failures=unreachable if network else max(failures - unreachable, strain // STRAIN),
        chance=chance,
        retry_after=fault.retry_after if isinstance(fault, BadStatus) else None,
    )  # fmt: skip
    changes: dict[str, object] = {
        "last_poll": now,
        "last_status": status,
        "last_error": in_english(reason),
        "last_fault": reason,
        "failures": failures,
        "strain": strain,
        "unreachable": unreachable,
        "gone": gone,
        "next_poll": None if gone else now + wait,
        **_kind_of_fault(state, fault, version),
    }
    return state.model_copy(update=changes), wait


def _kind_of_fault(state: SourceState, fault: MillraceError, version: str) -> dict[str, object]:
    """The changes that depend on the kind of the fault and on the number of failures before it."""
    changes: dict[str, object] = {
        "refused": isinstance(fault, ForbiddenAddress),
        "unresolved": isinstance(fault, Unreachable) and fault.unresolved,
    }
    if state.failures + 1 >= LOST_FAILURES and state.url != state.configured_url:
        changes |= {"url": state.configured_url, "redirect": None}
    if isinstance(fault, BrokeOff):
        changes["torn_hash"] = fault.body_hash
    if isinstance(fault, Poisoned):
        changes["poison"] = _poison(state, fault.body_hash, version)
    return changes


def with_counts(
    state: SourceState, outcome: Outcome, new_aside: Sequence[EntryRecord] = ()
) -> SourceState:
    """The state with the decisions on a poll's entries, and those that wait, counted in it."""
    waiting = sum(record.decision is Decision.PENDING for record in new_aside)
    decisions = [record.decision for record in outcome.entries if record.revised is None]
    return state.model_copy(
        update={
            "entries": state.entries + len(decisions),
            "awaited": state.awaited + waiting,
            "first_published": state.first_published + decisions.count(Decision.PUBLISHED),
            "reposts": state.reposts + decisions.count(Decision.MERGED),
        }
    )


def _all_is_well(now: float) -> dict[str, object]:
    """The changes that clear every earlier fault."""
    return {
        "last_poll": now,
        "last_success": now,
        "last_error": None,
        "last_fault": (),
        "failures": 0,
        "unreachable": 0,
        "refused": False,
        "unresolved": False,
        "gone": False,
        "poison": None,
        "torn_hash": None,
    }


def _validators(state: SourceState, polled: Polled) -> dict[str, object]:
    """The validators for the next request: a 304 may omit them, a 200 without them removes them."""
    if polled.status == 304:
        return {
            "etag": polled.etag or state.etag,
            "last_modified": polled.last_modified or state.last_modified,
        }
    return {"etag": polled.etag, "last_modified": polled.last_modified}


def _moved(
    state: SourceState, polled: Polled, fetch: FetchSettings, now: float
) -> dict[str, object]:
    if polled.found_at is not None:
        return {"url": polled.found_at, "discovered": True, "redirect": None}
    seen = watch_redirect(state.redirect, polled.permanent_redirect, now=now)
    if seen and is_persistent(seen, now=now, persistence=fetch.redirect_persistence):
        return {"url": seen.to, "redirect": None}
    return {"redirect": seen}


def _document(state: SourceState, polled: Polled, now: float) -> dict[str, object]:
    feed = polled.feed
    assert feed is not None  # noqa: S101 - the caller asked
    return {
        "document": state.document + 1,
        "first_poll_done": True,
        "body_hash": polled.body_hash,
        "notes": polled.notes,
        "waiting": polled.waiting,
        "clock_ahead": feed.clock_ahead or state.clock_ahead,
        "clock_at": now if feed.clock_ahead else state.clock_at,
        "title": feed.title or state.title,
        "link": feed.link or state.link,
        "kind": polled.kind or state.kind,
        "renamed": state.renamed if polled.tree is None else {},
        "hub": polled.hub,
        "self_url": polled.self_url,
        "ttl": feed.ttl or 0.0,
        "skip_hours": feed.skip_hours,
        "skip_days": feed.skip_days,
    }


def _poison(state: SourceState, body_hash: str, version: str) -> Poison:
    before = state.poison
    if before is not None and (before.body_hash, before.version) == (body_hash, version):
        return before.model_copy(update={"tries": before.tries + 1})
    return Poison(body_hash=body_hash, version=version)
