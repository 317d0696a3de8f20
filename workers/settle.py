"""Find-or-claim for a batch of entries, and the order in which one worker settles its batches.

The worker looks up candidates, core decides, and the result is committed. The commit is refused
when a candidate, a story or an entry changed since the look-up; then all of it is repeated. So
decision and claim are one atomic step. Every refusal means that another commit succeeded, so the
loop makes progress.

The copy that is settled first gives its story the id. Responses arrive in any order; an early one
waits a little for those requested before it, so that the same sources give the same ids again.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count

from core.config.settings import DedupSettings
from core.dedup.decide import Arrival, Claim, Outcome
from core.dedup.idf import Idf
from core.dedup.merge import merge
from core.dedup.prints import StoryCandidate
from core.errors import StoreError
from core.models import EntryRecord
from store.commit import Batch, commit
from store.connection import Store
from store.curation import chosen_stories
from store.entries import load_entries, load_stories
from store.index import look_up
from store.retention import yielded_among

# A batch of this many arrivals is decided in a thread. An arrival takes 7 ms where copies are
# compared, and a decision on the event loop delays the renewal of this worker's leases.
MANY = 10
_ATTEMPTS = 50  # each refusal means that another commit succeeded


@dataclass(frozen=True)
class Knowledge:
    """What a decision needs beside the content of the store."""

    settings: DedupSettings
    idf: Idf
    site_of: Callable[[str], str | None] = lambda _: None  # host of a source's own address


class LeaseLost(StoreError):
    """The leases of `names` expired during the work; their present holders repeat it."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__("the lease of this work ran out")
        self.names = names


async def settle(
    store: Store,
    arrivals: Sequence[Arrival],
    knowledge: Knowledge,
    batch_for: Callable[[Outcome], Batch],
) -> Outcome:
    """Decide upon `arrivals`, commit the decision and return it.

    `batch_for` returns everything else that the same commit writes. Raises LeaseLost when a lease
    of the batch has another holder, StoreAway when the store cannot be reached.
    """
    there: set[str] = set()
    clashing: set[str] = set()  # also those that outlived the record of their founding entry
    for _ in range(_ATTEMPTS):
        remaining = [arrival for arrival in arrivals if arrival.record.id not in there]
        outcome, mark = await _decide(store, remaining, knowledge, clashing)
        batch = _without(there, _with(batch_for(outcome), outcome, mark, remaining))
        conflict = await commit(store, batch)
        if conflict is None:
            return outcome
        if conflict.fenced:
            raise LeaseLost(conflict.fenced)
        there |= conflict.exists
        clashing |= conflict.stories
    raise StoreError(f"gave up after {_ATTEMPTS} conflicting commits")


async def _decide(
    store: Store, arrivals: Sequence[Arrival], knowledge: Knowledge, clashing: Collection[str]
) -> tuple[Outcome, str | None]:
    """The outcome for the arrivals, and the position of the index that it is based on."""
    if not arrivals:
        return Outcome(), None
    asked = await look_up(store, {a.record.id: a.fingerprint for a in arrivals}, knowledge.settings)
    found, names = await _as_chosen(store, asked.candidates), asked.names
    wanted = {c.story for candidates in found.values() for c in candidates}
    wanted |= {a.known.story for a in arrivals if a.known and a.known.story}
    stories = await load_stories(store, sorted(wanted | set(names.values()) | set(clashing)))
    found, hidden = await _without_yielded(store, arrivals, found, {s.id for s in stories})
    weigh = partial(
        merge,
        arrivals,
        candidates=found,
        stories={story.id: story for story in stories},
        settings=knowledge.settings,
        now=datetime.fromtimestamp(asked.now, UTC),
        names=names,
        idf=knowledge.idf,
        site_of=knowledge.site_of,
    )
    records: dict[str, EntryRecord | None] = {}
    while True:
        if len(arrivals) < MANY:
            outcome = weigh(records=records)
        else:
            outcome = await asyncio.to_thread(weigh, records=records)
        if not outcome.wanted:
            outcome.claims = [_weighed_too(claim, hidden) for claim in outcome.claims]
            return outcome, asked.mark
        missing = sorted(outcome.wanted)
        records |= zip(missing, await load_entries(store, missing), strict=True)


async def _without_yielded(
    store: Store,
    arrivals: Sequence[Arrival],
    found: dict[str, list[StoryCandidate]],
    kept: Collection[str],
) -> tuple[dict[str, list[StoryCandidate]], frozenset[str]]:
    """Candidates, less those of other sources that lost their story for exceeding their share.

    A source that floods would hide the story of one that brings it later. Also returns the founders
    that were left out.
    """
    yielded = await yielded_among(
        store, {c.story for near in found.values() for c in near}.difference(kept)
    )
    if not yielded:
        return found, frozenset()
    own = {arrival.record.id: arrival.fingerprint.print.source for arrival in arrivals}
    left = {
        entry: [c for c in near if c.story not in yielded or c.print.source == own[entry]]
        for entry, near in found.items()
    }
    founders = {c.entry for near in found.values() for c in near}
    return left, frozenset(founders - {c.entry for near in left.values() for c in near})


def _weighed_too(claim: Claim, founders: frozenset[str]) -> Claim:
    if claim.weighed is None or not founders:
        return claim
    return dataclasses.replace(claim, weighed=claim.weighed | founders)


async def _as_chosen(
    store: Store, found: dict[str, list[StoryCandidate]]
) -> dict[str, list[StoryCandidate]]:
    """The candidates, with the story into which a person joined theirs in place of the old one."""
    chosen = await chosen_stories(store, {c.entry for near in found.values() for c in near})
    return {
        entry: [c._replace(story=chosen.get(c.entry, c.story)) for c in near]
        for entry, near in found.items()
    }


def _with(batch: Batch, outcome: Outcome, mark: str | None, arrivals: Sequence[Arrival]) -> Batch:
    fresh = {arrival.record.id for arrival in arrivals if arrival.known is None}
    return dataclasses.replace(
        batch,
        entries=[*batch.entries, *outcome.entries],
        fresh=batch.fresh | fresh,
        stories=[*batch.stories, *outcome.stories.values()],
        claims=[*batch.claims, *outcome.claims],
        mark=mark,
    )


def _without(there: set[str], batch: Batch) -> Batch:
    """The batch without the entries that another worker has committed."""
    return dataclasses.replace(
        batch,
        entries=[record for record in batch.entries if record.id not in there],
        fresh=batch.fresh - there,
    )


SHORT_PATIENCE = 1.0  # seconds; a slow source must not delay the first page of a fresh start
LONG_PATIENCE = 60.0  # seconds, in a round that ends only when all sources have answered

_numbers = count()  # one count for all sequences: pages wait for polls


class Turn:
    """The position of one job in its sequence, until its result is written or about to be."""

    def __init__(self, name: str, lane: Lane, behind: Sequence[Lane], patience: float) -> None:
        self.name = name
        self.number = next(_numbers)
        self._lane = lane
        self._behind = behind
        self._patience = patience
        self.over = asyncio.Event()
        self._kept = False

    async def wait(self) -> None:
        """Wait until all earlier jobs are finished, but no longer than `patience` seconds."""
        before = [turn for lane in self._behind for turn in lane.before(self)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                for turn in before:
                    await turn.over.wait()

    def keep(self) -> None:
        """Keep the position: the job was postponed and runs again."""
        self._kept = True

    def end(self) -> None:
        """Let later jobs continue, unless the position is kept."""
        if not self._kept:
            self._lane.leave(self)
            self.over.set()
        self._kept = False


class Lane:
    """The jobs of one kind that are in progress, in the order in which they began."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._turns: dict[str, Turn] = {}

    def take(self, name: str, *, after: Lane | None = None) -> Turn:
        """A position at the end; a postponed job gets the position that it kept."""
        if name not in self._turns:
            behind = (self,) if after is None else (after, self)
            self._turns[name] = Turn(name, self, behind, self._patience)
        return self._turns[name]

    def before(self, turn: Turn) -> list[Turn]:
        """The jobs that began before `turn` and are not finished."""
        return [other for other in self._turns.values() if other.number < turn.number]

    def leave(self, turn: Turn) -> None:
        """Remove a finished job."""
        if self._turns.get(turn.name) is turn:
            del self._turns[turn.name]


class Sequencer:
    """The sequences of one worker.

    Normally only the first polls of sources are ordered. In a strict round (`millrace once`) all
    jobs are, pages wait until `pages_may_begin`, and all entries get one time of arrival.
    """

    def __init__(self, *, strict: bool = False) -> None:
        patience = LONG_PATIENCE if strict else SHORT_PATIENCE
        self.strict = strict
        self.polls, self.pages = Lane(patience), Lane(patience)
        self.pages_may_begin = not strict
        self._moment: float | None = None

    def moment(self, now: float) -> float:
        """The time of arrival of entries that are found `now`."""
        if not self.strict:
            return now
        self._moment = self._moment or now
        return self._moment
