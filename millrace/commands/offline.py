"""The live duplicate detection without a live store: for files of entries and for replays.

An index in a private store finds candidates and `merge` decides, exactly as in workers. Stories and
entries are kept in a `Shelf` instead of in the store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

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


class Offline:
    """Decides batches of entries, one after the other."""

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


def id_of(number: int) -> str:
    """A line's number in the form of an entry id, for the index."""
    return f"{_ID}{number:032x}"


def number_of(entry: str) -> int:
    """The line's number from `id_of`."""
    return int(entry.removeprefix(_ID), 16)


class Shelf:
    """The stories and entries between two decisions, with their texts in a temporary database."""

    def __init__(self) -> None:
        self._records = sqlite3.connect("")  # a file that is deleted when it is closed
        self._records.execute("CREATE TABLE records (id TEXT PRIMARY KEY, doc BLOB)")
        self._stories: dict[str, Story] = {}

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, *_: object) -> None:
        self._records.close()

    def record(self, entry: str) -> EntryRecord | None:
        """The record of an entry, with its article and the last decision on it."""
        row = self._records.execute("SELECT doc FROM records WHERE id = ?", (entry,)).fetchone()
        return None if row is None else unpack(EntryRecord, row[0])

    def story(self, story: str) -> Story | None:
        """A story with its shown article."""
        kept = self._stories.get(story)
        if kept is None:
            return None
        shown = self.record(kept.representative)
        article = shown.article if shown and shown.article else Article()
        return kept.model_copy(update={"article": article})

    def put(self, outcome: Outcome) -> None:
        """Keep the changes of a batch."""
        rows = [(record.id, pack(record)) for record in outcome.entries]
        self._records.executemany("INSERT OR REPLACE INTO records VALUES (?, ?)", rows)
        for change in outcome.stories.values():
            bare = change.story.model_copy(update={"article": Article()})
            self._stories[change.story.id] = bare
