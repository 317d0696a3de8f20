"""Find-or-claim for a batch, and the order in which one worker does it.

Candidates are looked up, core decides, the result is committed; again if it moved on. The commit
refuses when a candidate appeared, a story changed or an entry came in meanwhile, so decision and
claim are one step as far as anyone can see. Another's commit always goes through, so the loop ends.

Which copy of a story is settled first gives the story its id. Answers come as fast as the network
lets them; so that the same sources give the same ids again, an early answer waits a little for
those that were requested before.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count

from core.config.settings import DedupSettings
from core.dedup.decide import Arrival, Outcome
from core.dedup.idf import Idf
from core.dedup.merge import merge
from core.dedup.prints import Candidate
from core.errors import StoreError
from core.models import EntryRecord
from store.commit import Batch, commit
from store.connection import Store
from store.curation import chosen_stories
from store.entries import load_entries, load_stories
from store.index import look_up

# Arrivals of one batch that are worth a thread: 7 ms each where copies are compared, and while they
# are weighed on the loop no lease of this worker is renewed.
MANY = 10
_ATTEMPTS = 50  # each refusal means that another worker's commit went through


@dataclass(frozen=True)
class Knowledge:
    """What a decision rests on beside the store."""

    settings: DedupSettings
    idf: Idf
    site_of: Callable[[str], str | None] = lambda _: None  # host of a source's own address


class LeaseLost(StoreError):
    """The lease of `names` ran out while we worked; its present holder does the work again."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__("the lease of this work ran out")
        self.names = names


async def settle(
    store: Store,
    arrivals: Sequence[Arrival],
    knowledge: Knowledge,
    batch_for: Callable[[Outcome], Batch],
) -> Outcome:
    """Decide upon `arrivals` and write them; returns what was written.

    `batch_for` makes of a decision everything that is to be written with it. Raises LeaseLost
    when a lease of the batch is no longer ours, StoreAway when the store goes.
    """
    there: set[str] = set()
    for _ in range(_ATTEMPTS):
        remaining = [arrival for arrival in arrivals if arrival.record.id not in there]
        outcome, mark = await _decide(store, remaining, knowledge)
        batch = _without(there, _with(batch_for(outcome), outcome, mark, remaining))
        conflict = await commit(store, batch)
        if conflict is None:
            return outcome
        if conflict.fenced:
            raise LeaseLost(conflict.fenced)
        there |= conflict.exists
    raise StoreError(f"gave up after {_ATTEMPTS} conflicting commits")


async def _decide(
    store: Store, arrivals: Sequence[Arrival], knowledge: Knowledge
) -> tuple[Outcome, str | None]:
    """What the arrivals change, and where the index stood when that was decided."""
    if not arrivals:
        return Outcome(), None
    asked = await look_up(store, {a.record.id: a.fingerprint for a in arrivals}, knowledge.settings)
    found, names = await _as_chosen(store, asked.candidates), asked.names
    wanted = {c.story for candidates in found.values() for c in candidates}
    wanted |= {a.known.story for a in arrivals if a.known and a.known.story}
    stories = await load_stories(store, sorted(wanted | set(names.values())))
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
        # A thousand alike take seconds: in a thread, or this worker's leases would run out.
        if len(arrivals) < MANY:
            outcome = weigh(records=records)
        else:
            outcome = await asyncio.to_thread(weigh, records=records)
        if not outcome.wanted:
            return outcome, asked.mark
        missing = sorted(outcome.wanted)
        records |= zip(missing, await load_entries(store, missing), strict=True)


async def _as_chosen(store: Store, found: dict[str, list[Candidate]]) -> dict[str, list[Candidate]]:
    """Founders whose story a person joined with another stand for that one."""
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
    """An entry that is there already was taken in by somebody else, and once is enough."""
    return dataclasses.replace(
        batch,
        entries=[record for record in batch.entries if record.id not in there],
        fresh=batch.fresh - there,
    )


SHORT_PATIENCE = 1.0  # seconds; a slow source must not hold up the first page of a fresh start
LONG_PATIENCE = 60.0  # of a round that ends only when all have answered

_numbers = count()  # over all lines: pages stand behind polls


class Turn:
    """The place of one job in the line; over when its work is written, or is next to be."""

    def __init__(self, name: str, line: Line, behind: Sequence[Line], patience: float) -> None:
        self.name = name
        self.number = next(_numbers)
        self._line = line
        self._behind = behind
        self._patience = patience
        self.over = asyncio.Event()
        self._kept = False

    async def come(self) -> None:
        """Return when everything before is over, or when patience is."""
        before = [turn for line in self._behind for turn in line.before(self)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                for turn in before:
                    await turn.over.wait()

    def put_off(self) -> None:
        """The job ends for now and comes again; its place is kept."""
        self._kept = True

    def end(self) -> None:
        """Let those behind go on, unless the place is kept."""
        if not self._kept:
            self._line.leave(self)
            self.over.set()
        self._kept = False


class Line:
    """The jobs of one kind that are under way, in the order in which they began."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._turns: dict[str, Turn] = {}

    def take(self, name: str, *, after: Line | None = None) -> Turn:
        """A place at the end of the line; who was put off finds the place that was kept."""
        if name not in self._turns:
            behind = (self,) if after is None else (after, self)
            self._turns[name] = Turn(name, self, behind, self._patience)
        return self._turns[name]

    def before(self, turn: Turn) -> list[Turn]:
        """Those that began before `turn` and are not over."""
        return [other for other in self._turns.values() if other.number < turn.number]

    def leave(self, turn: Turn) -> None:
        """Somebody's turn is over."""
        if self._turns.get(turn.name) is turn:
            del self._turns[turn.name]


class Order:
    """The lines of one worker: for first polls, or strictly for one round over all sources.

    In a strict round pages wait until `pages_may_begin`, and all that comes in comes at one moment.
    """

    def __init__(self, *, strict: bool = False) -> None:
        patience = LONG_PATIENCE if strict else SHORT_PATIENCE
        self.strict = strict
        self.polls, self.pages = Line(patience), Line(patience)
        self.pages_may_begin = not strict
        self._moment: float | None = None

    def moment(self, now: float) -> float:
        """When what is found `now` arrived."""
        if not self.strict:
            return now
        self._moment = self._moment or now
        return self._moment
