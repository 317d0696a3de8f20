"""The live duplicate detection without a live store: for files of entries and for replays.

An index in a private store finds candidates and `merge` decides, exactly as in workers. Stories and
entries are kept by the caller, in a `Shelf`, instead of in the store.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import orjson

from core.config.settings import DedupSettings
from core.dedup.decide import Arrival, Claim, Outcome
from core.dedup.fingerprint import Features, learn_features
from core.dedup.idf import Idf
from core.dedup.merge import merge
from core.dedup.prints import StoryCandidate
from core.models import Article, Decision, EntryRecord, Story
from store.connection import Store
from store.index import claim_then_lookup, look_up
from store.layout import pack, unpack

_NOW = datetime(2000, 1, 1, tzinfo=UTC)  # nothing here depends on the time

_ID = "urn:millrace:"
_NONE = -1


class Shelf(Protocol):
    """The place of stories and entries between two decisions."""

    def story(self, story: str) -> Story | None: ...
    def record(self, entry: str) -> EntryRecord | None: ...
    def put(self, outcome: Outcome) -> None: ...


class Offline:
    """Decides batch after batch."""

    def __init__(
        self,
        store: Store,
        idf: Idf,
        settings: DedupSettings,
        shelf: Shelf,
        site_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._store = store
        self._idf = idf
        self._settings = settings
        self._shelf = shelf
        self._site_of = site_of
        self._unfiled: list[Claim] = []

    async def take(self, arrivals: Sequence[Arrival], read: Sequence[Features]) -> Outcome:
        """Decide upon entries that arrived together, then learn from the founders of stories."""
        candidates = await self._candidates(arrivals)
        ids = {c.story for near in candidates.values() for c in near}
        stories = {each.id: each for i in ids if (each := self._shelf.story(i)) is not None}
        records: dict[str, EntryRecord | None] = {}
        while True:
            outcome = merge(
                arrivals, candidates=candidates, stories=stories, settings=self._settings,
                now=_NOW, idf=self._idf, records=records, site_of=self._site_of,
            )  # fmt: skip
            if not outcome.wanted:
                break
            records |= {entry: self._shelf.record(entry) for entry in outcome.wanted}
        self._shelf.put(outcome)
        self._unfiled = [claim for claim in outcome.claims if claim.entry == claim.story]
        named = {a.record.id: a.copy.source if a.copy else a.record.source for a in arrivals}
        source = next(iter(named.values()), None)
        self._idf.standing.learn(outcome.standing, source=source, alone=True)
        features = {a.record.id: each for a, each in zip(arrivals, read, strict=True)}
        for record in outcome.entries:
            if record.decision is Decision.PUBLISHED and record.id in features:
                learn_features(features[record.id], self._idf, source=named[record.id], alone=True)
        return outcome

    async def _candidates(self, arrivals: Sequence[Arrival]) -> dict[str, list[StoryCandidate]]:
        first, *others = arrivals
        found = {
            first.record.id: await claim_then_lookup(
                self._store, self._unfiled, first.fingerprint, self._settings
            )
        }
        if others:
            wanted = {each.record.id: each.fingerprint for each in others}
            found |= (await look_up(self._store, wanted, self._settings)).candidates
        return found


class Final(NamedTuple):
    """The final decision on an entry."""

    story: int  # number of the story's founder
    rule: str
    distance: int | None
    similarity: float


def id_of(number: int) -> str:
    """A line's number in the form of an entry id, for the index."""
    return f"{_ID}{number:032x}"


def number_of(entry: str) -> int:
    """The number that `id_of` was given."""
    return int(entry.removeprefix(_ID), 16)


class ScratchShelf:
    """A Shelf for entries numbered from 0, with their texts in a scratch file.

    It keeps some fifty bytes an entry in memory: the offset of its record, and the decision.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the block
        self._places: array[int] = array("q")  # of records, by number
        self._sizes: array[int] = array("q")
        self._stories: dict[int, Story] = {}  # of several members, without the article
        self._story: array[int] = array("q")
        self._distance: array[int] = array("h")
        self._similarity = array("f")
        self._rule = array("h")
        self._rules: list[str] = []

    def __enter__(self) -> ScratchShelf:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._story)

    def skip(self) -> None:
        """Give the next number to a line without an entry."""
        self._extend(len(self._story) + 1)

    def final(self, number: int) -> Final:
        """The final decision on entry `number`."""
        distance = self._distance[number]
        return Final(
            self._story[number],
            self._rules[self._rule[number]],
            None if distance == _NONE else distance,
            round(self._similarity[number], 3),
        )

    def record(self, entry: str) -> EntryRecord | None:
        """The record of an entry, with its article."""
        number = number_of(entry)
        self._file.seek(self._places[number])
        return unpack(EntryRecord, self._file.read(self._sizes[number]))

    def story(self, story: str) -> Story | None:
        """A story with its shown article."""
        number = number_of(story)
        held = self._stories[number]
        shown = self.record(held.representative)
        article = shown.article if shown and shown.article else Article()
        return held.model_copy(update={"article": article})

    def put(self, outcome: Outcome) -> None:
        """Keep the changes of a batch."""
        for record in outcome.entries:
            self._put(record)
        for change in outcome.stories.values():
            bare = change.story.model_copy(update={"article": Article()})
            self._stories[number_of(change.story.id)] = bare

    def _put(self, record: EntryRecord) -> None:
        number = number_of(record.id)
        self._extend(number + 1)
        packed = pack(record)
        self._places[number] = self._file.seek(0, 2)
        self._sizes[number] = len(packed)
        self._file.write(packed)
        self._story[number] = number_of(record.story or record.id)
        self._distance[number] = _NONE if record.distance is None else record.distance
        self._similarity[number] = record.similarity
        if record.rule not in self._rules:
            self._rules.append(record.rule)
        self._rule[number] = self._rules.index(record.rule)

    def _extend(self, size: int) -> None:
        for each in (self._places, self._sizes, self._story, self._distance, self._rule):
            each.extend([0] * (size - len(each)))
        self._similarity.extend([0.0] * (size - len(self._similarity)))


class LineIds:
    """The ids of the lines in the file, on disk: a repost names the id of its founder."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the block
        self._ends = array("Q")

    def __enter__(self) -> LineIds:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, line_id: Any) -> int:
        """Store the id of the next line; returns the line's number."""
        self._file.seek(0, 2)
        self._file.write(orjson.dumps(line_id))
        self._ends.append(self._file.tell())
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> Any:
        """The id of line `number` in the file."""
        start = self._ends[number - 1] if number else 0
        self._file.seek(start)
        return orjson.loads(self._file.read(self._ends[number] - start))
