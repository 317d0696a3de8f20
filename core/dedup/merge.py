"""Merge a batch of arrivals into stories, without access to the store.

Arrivals are processed in order; each sees the stories founded earlier in the batch. The outcome
includes the versions it is based on, so that the store can reject it if these have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from core.config.settings import DedupSettings
from core.dedup.compare import Pair
from core.dedup.copy import ArticleCopy, CopyLookup
from core.dedup.decide import (
    DECIDED,
    NEW,
    Arrival,
    BatchIndex,
    Claim,
    Outcome,
    StoryChange,
    Subject,
    agrees,
    decide,
    decision_of,
    member_of,
    new_story,
    same_article,
    with_decision,
    with_member,
)
from core.dedup.idf import Idf
from core.dedup.members import (
    JOINED,
    Contender,
    Leaver,
    disproved_members,
    elect,
    is_copy,
    partition_leavers,
    replaces,
)
from core.dedup.prints import StoryCandidate, Verdict
from core.models import Article, Decision, EntryRecord, Member, Story

MEMBERS_KEPT = 200  # further reposts are stored as entries, but not listed in the story
MEMBERS_READ = 20  # members whose texts are compared when a member of the story changes


def merge(
    arrivals: Sequence[Arrival],
    *,
    candidates: Mapping[str, Sequence[StoryCandidate]],
    stories: Mapping[str, Story],
    settings: DedupSettings,
    now: datetime,
    idf: Idf,
    names: Mapping[str, str] = MappingProxyType({}),
    records: Mapping[str, EntryRecord | None] = MappingProxyType({}),
    site_of: Callable[[str], str | None] = lambda _: None,
) -> Outcome:
    """Decide on `arrivals` in order.

    `candidates` (by entry id) are the founders that the store found by keys. `stories` contains
    every story of those candidates and of known records that is still stored. `names` are the
    stories of entries before the store was wiped. `records` are those of entries whose text may be
    needed; if more are needed, the outcome's `wanted` lists them, and the caller must call again
    with them. `site_of` returns the host of a source's configured URL.
    """

    def kept(changing: Mapping[str, Story]) -> CopyLookup:
        return CopyLookup(changing, records, site_of)

    batch = _Batch(stories, settings, now, names, idf, kept)
    for arrival in arrivals:
        if arrival.known is not None and arrival.known.story is not None:
            batch.revise(arrival, arrival.known)
        else:
            batch.take_in(arrival, candidates.get(arrival.record.id, ()))
    batch.outcome.wanted = batch.kept.wanted
    batch.outcome.standing = batch.idf.standing.take_learned()
    return batch.outcome


class _Batch:
    def __init__(
        self,
        stories: Mapping[str, Story],
        settings: DedupSettings,
        now: datetime,
        names: Mapping[str, str],
        idf: Idf,
        kept: Callable[[Mapping[str, Story]], CopyLookup],
    ) -> None:
        self.outcome = Outcome()
        self._stories = dict(stories)
        self._before = dict(stories)
        self.kept = kept(self._stories)
        self._founded = BatchIndex()
        self._settings = settings
        self._now = now
        self._names = names
        self.idf = idf.aside()

    def take_in(self, arrival: Arrival, found: Sequence[StoryCandidate]) -> None:
        """Let a new entry found a story or join one."""
        near = [*found, *self._founded.near(arrival.fingerprint)]
        name = self._names.get(arrival.record.id, arrival.record.id)
        subject = Subject(arrival.fingerprint, arrival.copy)
        copies = self.kept.founder
        verdict, turned = decide(subject, near, self._settings, copies=copies, idf=self.idf)
        against = self._spoken_against(arrival, verdict)
        if against:
            verdict = NEW
        against |= {i: leaving for i in turned if (leaving := self._without_own_text(i))}
        if verdict.story is None and name in self._stories:
            verdict = Verdict(name, "remembered")
        story_id = verdict.story or name
        record = with_decision(arrival.record, verdict, story_id)
        founder = verdict.story is None
        if not founder and story_id not in self._stories:
            # The story is no longer published, so the body would never be read.
            record = record.model_copy(update={"raw": None, "article": None})
        self.kept.put(record, arrival.copy)
        self.outcome.entries.append(record)
        weighed = frozenset(candidate.entry for candidate in found)
        claimed = story_id if founder else record.id
        self.outcome.claims.append(Claim(claimed, story_id, arrival.fingerprint, weighed))
        if founder:
            self._founded.add(story_id, arrival.fingerprint)
            self._change(new_story(record, member_of(arrival, record)))
        elif story_id in self._stories:
            self._join(arrival, record)
        for story, leaving in against.items():
            self._part(self._stories[story], leaving)

    def _spoken_against(
        self, arrival: Arrival, verdict: Verdict
    ) -> dict[str, dict[str, tuple[Member, EntryRecord]]]:
        """Members that this entry proves not to be copies, by story; then neither is the entry."""
        story = self._stories.get(verdict.story or "")
        if story is None or arrival.copy is None or len(story.members) < 2:
            return {}
        founder = self.kept.founder(story.id)
        read = [(m, self.kept.copy(m.id, story)) for m in story.members[1:MEMBERS_READ]]
        copies = {m.id: copy for m, copy in read if copy is not None}
        if founder is None:
            return {}
        apart = disproved_members(arrival.copy, founder, copies, self.idf)
        leaving = self._records(story, apart)
        return {story.id: leaving} if leaving else {}

    def _without_own_text(self, story_id: str) -> dict[str, tuple[Member, EntryRecord]]:
        """Members of a story that are not copies once standing text is ignored."""
        story = self._stories.get(story_id)
        founder = self.kept.founder(story_id)
        if story is None or founder is None:
            return {}
        read = [(m.id, self.kept.copy(m.id, story)) for m in story.members[1:MEMBERS_READ]]
        gone = {i for i, copy in read if copy and not is_copy(founder, copy, self.idf)}
        return self._records(story, gone)

    def _records(self, story: Story, ids: set[str]) -> dict[str, tuple[Member, EntryRecord]]:
        found = [(m, self.kept.record(m.id)) for m in story.members if m.id in ids]
        return {m.id: (m, record) for m, record in found if record is not None}

    def revise(self, arrival: Arrival, known: EntryRecord) -> None:
        """A source changed an entry: update its story, under the same id.

        If the new text no longer agrees with the other copies, the member leaves; if it is the
        founder, the others leave.
        """
        assert known.story is not None  # noqa: S101 - checked by the caller
        record = arrival.record.model_copy(
            update={
                **{name: getattr(known, name) for name in DECIDED},
                "decision": decision_of(known),
                "revised": self._now,
            }
        )
        story = self._stories.get(known.story)
        shown = story.article if story and story.representative == record.id else known.article
        if story is None or same_article(arrival.record.article, shown):
            self.outcome.entries.append(record)
            return
        self.kept.put(record, arrival.copy)
        if story.members[0].id == record.id:
            # Later reposts of the new text must find it; the old text is already known.
            self.outcome.claims.append(Claim(story.id, story.id, arrival.fingerprint, weighed=None))
        leaving = self._leaving(record, story)
        if record.id in leaving:
            self._part(story, {record.id: (member_of(arrival, record), record)})
            return
        if story.representative == record.id:
            record = record.model_copy(update={"decision": Decision.UPDATED})
        self.outcome.entries.append(record)
        self._join(arrival, record, revised=True)
        self._part(self._stories[story.id], self._records(story, leaving))

    def _leaving(self, record: EntryRecord, story: Story) -> set[str]:
        """Members that must leave after the text of `record` changed."""
        contenders = {each.id: each.copy for each in self._contenders(story)}
        revised = contenders.pop(record.id, None)
        others = {i: copy for i, copy in contenders.items() if copy.has_prose}
        if revised is None or not revised.has_prose or not others:
            return set()
        founder = story.members[0].id
        if record.id == founder:
            return {i for i, copy in others.items() if not self._agree(revised, copy)}
        reference = others.get(founder) or next(iter(others.values()))
        return set() if self._agree(revised, reference) else {record.id}

    def _agree(self, one: ArticleCopy, other: ArticleCopy) -> bool:
        return agrees(Pair.of(one, other, self.idf))

    def _contenders(self, story: Story) -> list[Contender]:
        """The first members and the published one, if their texts are stored."""
        members = story.members[:MEMBERS_READ]
        shown = [m for m in story.members[MEMBERS_READ:] if m.id == story.representative]
        found = [(m, self.kept.copy(m.id, story)) for m in (*members, *shown)]
        return [Contender(m.id, copy, m.priority) for m, copy in found if copy is not None]

    def _part(self, story: Story, leaving: Mapping[str, tuple[Member, EntryRecord]]) -> None:
        """Let members found their own stories; `story` publishes its best remaining copy."""
        copies = {i: self.kept.copy(i, story) for i in leaving}
        leavers = [
            Leaver(member, record, copy)
            for i, (member, record) in leaving.items()
            if (copy := copies[i]) is not None
            and member.rule != JOINED  # members joined by hand are never separated by rules
        ]
        if not leavers:
            return
        gone = {leaver.member.id for leaver in leavers}
        parting = partition_leavers(leavers, idf=self.idf, now=self._now)
        remaining = tuple(m for m in story.members if m.id not in gone)
        rest = story.model_copy(update={"members": remaining})
        if story.representative in gone:
            shown = elect(self._contenders(rest))
            if shown is None:
                return  # no remaining member can be published
            rest = _showing(rest, shown, self._now)
        self._change(rest)
        for new in parting.stories:
            self._change(new)
        entries = {record.id: record for record in self.outcome.entries}
        self.outcome.undone += sorted(gone - entries.keys())  # the others had not been written
        entries |= {record.id: record for record in parting.records}
        self.outcome.entries = list(entries.values())
        self.outcome.claims += parting.claims
        for claim in parting.claims:
            self._founded.add(claim.story, claim.fingerprint)

    def _join(self, arrival: Arrival, record: EntryRecord, *, revised: bool = False) -> None:
        """Add or update a member; publish its copy if it is better."""
        assert record.story is not None  # noqa: S101 - checked by the caller
        story = self._stories[record.story]
        member = member_of(arrival, record)
        others = tuple(m for m in story.members if m.id != member.id)
        if len(others) >= MEMBERS_KEPT and len(others) == len(story.members):
            return
        joined = story.model_copy(update={"members": with_member(story.members, member)})
        if record.id == story.representative:
            self._change(self._with_changed_representative(joined, record))
            return
        shown = next((m for m in story.members if m.id == story.representative), None)
        copy = self.kept.copy(story.representative, story)
        if arrival.copy is not None and copy is not None:
            ours = Contender(record.id, arrival.copy, arrival.priority)
            if replaces(ours, Contender("", copy, shown.priority if shown else 0)):
                joined = _showing(joined, ours, self._now)
        self._change(joined)

    def _with_changed_representative(self, story: Story, record: EntryRecord) -> Story:
        """The story after its published member was changed."""
        article = record.article or Article()
        story = story.model_copy(update={"article": article, "updated": self._now})
        if len(story.members) == 1:
            return story
        shown = elect(self._contenders(story))
        if shown is None or shown.id == record.id:
            return story
        return _showing(story, shown, self._now)

    def _change(self, story: Story) -> None:
        before = self._before.get(story.id)
        expected = before.version if before else 0
        story = story.model_copy(update={"version": expected + 1})
        self._stories[story.id] = story
        if before is not None and before.representative == story.representative:
            before = None
        self.outcome.stories[story.id] = StoryChange(story, expected, before)


def _showing(story: Story, shown: Contender, now: datetime) -> Story:
    update = {"article": shown.copy.article, "representative": shown.id, "updated": now}
    return story.model_copy(update=update)
