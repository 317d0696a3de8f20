"""Entries join stories: what a batch of arrivals changes, worked out without touching the store.

Arrivals are taken in order; each sees what those before it in the batch founded. The result says
what to write and what it was decided upon, so that the store can refuse it when that has moved on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from core.config.settings import DedupSettings
from core.dedup.decide import Candidate, Verdict, candidate_of, decide
from core.dedup.fingerprint import Fingerprint
from core.dedup.representative import replaces
from core.models import Article, Decision, EntryRecord, Member, Story

NEAR_IN_BATCH = 200  # founders of one batch that an entry is held against, the first ones
MEMBERS_KEPT = 200  # further reposts are remembered as entries but no longer listed in the story


@dataclass(frozen=True)
class Arrival:
    """One clean entry, ready to be decided upon."""

    record: EntryRecord  # with its article
    fingerprint: Fingerprint
    priority: int
    tags: tuple[str, ...]
    known: EntryRecord | None = None  # what was remembered of the same entry before


@dataclass(frozen=True)
class StoryChange:
    """A story as it shall be, and the version it was made from (0: it is new)."""

    story: Story
    expected: int
    before: Story | None = None  # what was shown in that version, if another member is shown now


@dataclass(frozen=True)
class Claim:
    """That nothing unweighed is near an entry; a founder's fingerprint is filed under its story."""

    entry: str
    story: str  # the founder's is its own id
    fingerprint: Fingerprint
    weighed: frozenset[str] | None  # founders that were weighed; None: a founder's text changed


@dataclass
class Outcome:
    """What a batch changes."""

    entries: list[EntryRecord] = field(default_factory=list)
    stories: dict[str, StoryChange] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)


def merge(
    arrivals: Sequence[Arrival],
    *,
    candidates: Mapping[str, Sequence[Candidate]],
    stories: Mapping[str, Story],
    settings: DedupSettings,
    now: datetime,
    names: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """Decide upon `arrivals` in order.

    `candidates` (by entry id) are the founders that the store found under its keys and anchors;
    `stories` holds every story those candidates and the known records belong to, if still kept.
    `names` are the stories in which entries stood before the store was wiped.
    """
    batch = _Batch(stories, settings, now, names)
    for arrival in arrivals:
        if arrival.known is not None and arrival.known.story is not None:
            batch.revise(arrival, arrival.known)
        else:
            batch.take_in(arrival, candidates.get(arrival.record.id, ()))
    return batch.outcome


def _keys(fingerprint: Fingerprint) -> set[tuple[str, int]]:
    """What two entries must share one of to be held against each other."""
    keys = {("anchor", anchor) for anchor in fingerprint.anchors}
    keys |= {("url", key) for key in fingerprint.url_keys}
    return keys | {("headline", fingerprint.headline_key)} if fingerprint.headline_key else keys


class _Batch:
    def __init__(
        self,
        stories: Mapping[str, Story],
        settings: DedupSettings,
        now: datetime,
        names: Mapping[str, str],
    ) -> None:
        self.outcome = Outcome()
        self._stories = dict(stories)
        self._kept = dict(stories)
        self._founded: list[tuple[str, Fingerprint]] = []
        self._under: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._settings = settings
        self._now = now
        self._names = names

    def take_in(self, arrival: Arrival, found: Sequence[Candidate]) -> None:
        """A new entry founds a story or joins one."""
        near = [*found, *self._near_in_batch(arrival.fingerprint)]
        name = self._names.get(arrival.record.id, arrival.record.id)
        verdict = decide(arrival.fingerprint, near, self._settings)
        if verdict.story is None and name in self._stories:
            verdict = Verdict(name, "remembered")
        story_id = verdict.story or name
        record = _decided(arrival.record, verdict, story_id)
        founder = verdict.story is None
        if not founder and story_id not in self._stories:
            # A repost of what is no longer shown: no reader would ever see its body.
            record = record.model_copy(update={"raw": None, "article": None})
        self.outcome.entries.append(record)
        self.outcome.claims.append(
            Claim(
                story_id if founder else record.id,
                story_id,
                arrival.fingerprint,
                frozenset(candidate.entry for candidate in found),
            )
        )
        if founder:
            self._file(story_id, arrival.fingerprint)
            self._found(arrival, record)
        elif story_id in self._stories:
            self._join(arrival, record)

    def _near_in_batch(self, fingerprint: Fingerprint) -> list[Candidate]:
        """Stories that this very batch founded; the store does not know them yet."""
        places = {place for key in _keys(fingerprint) for place in self._under.get(key, ())}
        near = [self._founded[place] for place in sorted(places)[:NEAR_IN_BATCH]]
        found = [candidate_of(story, other, fingerprint) for story, other in near]
        return [candidate for candidate in found if candidate is not None]

    def _file(self, story: str, fingerprint: Fingerprint) -> None:
        """Find the story under its keys: a first poll may bring two thousand."""
        for key in _keys(fingerprint):
            if len(self._under[key]) < NEAR_IN_BATCH:  # later ones are never looked up
                self._under[key].append(len(self._founded))
        self._founded.append((story, fingerprint))

    def revise(self, arrival: Arrival, known: EntryRecord) -> None:
        """A source changed an entry: its story shows the new text, under the same id."""
        assert known.story is not None  # noqa: S101 - the caller asked
        record = arrival.record.model_copy(
            update={
                **{name: getattr(known, name) for name in _DECIDED},
                "decision": _decision_of(known),
                "revised": self._now,
            }
        )
        story = self._stories.get(known.story)
        shown = story.article if story and story.representative == record.id else known.article
        if story is None or same_article(arrival.record.article, shown):
            self.outcome.entries.append(record)
            return
        if story.representative == record.id:
            record = record.model_copy(update={"decision": Decision.UPDATED})
        self.outcome.entries.append(record)
        if story.id == record.id:
            # Reposts of the new text must find it; those of the old one came already.
            claim = Claim(record.id, story.id, arrival.fingerprint, weighed=None)
            self.outcome.claims.append(claim)
        self._join(arrival, record)

    def _found(self, arrival: Arrival, record: EntryRecord) -> None:
        story = Story(
            id=record.story or record.id,
            first_seen=record.place,
            arrived=record.arrived,
            order=record.order,
            updated=record.arrived,
            version=1,
            representative=record.id,
            members=(_member(arrival, record),),
            article=record.article or Article(),
        )
        self._change(story)

    def _join(self, arrival: Arrival, record: EntryRecord) -> None:
        """Add or renew a member; show its copy if that is the better one."""
        assert record.story is not None  # noqa: S101 - the caller asked
        story = self._stories[record.story]
        member = _member(arrival, record)
        others = tuple(m for m in story.members if m.id != member.id)
        if len(others) >= MEMBERS_KEPT:
            return
        members = _in_place_of(story.members, member)
        update: dict[str, object] = {"members": members}
        if self._is_to_be_shown(arrival, record, story):
            update |= {
                "article": record.article,
                "representative": record.id,
                "updated": self._now,
            }
        self._change(story.model_copy(update=update))

    def _is_to_be_shown(self, arrival: Arrival, record: EntryRecord, story: Story) -> bool:
        if record.id == story.representative:
            return True
        shown = next((m for m in story.members if m.id == story.representative), None)
        return record.article is not None and replaces(
            record.article,
            story.article,
            priority=arrival.priority,
            shown_priority=shown.priority if shown else 0,
        )

    def _change(self, story: Story) -> None:
        before = self._kept.get(story.id)
        expected = before.version if before else 0
        story = story.model_copy(update={"version": expected + 1})
        self._stories[story.id] = story
        if before is not None and before.representative == story.representative:
            before = None
        self.outcome.stories[story.id] = StoryChange(story, expected, before)


_DECIDED = (
    *("rule", "story", "distance", "similarity", "compared_with"),
    *("arrived", "place", "order"),
)


def _decision_of(known: EntryRecord) -> Decision:
    """What was decided of an entry before; while its page was read again it only looked pending."""
    if known.decision not in (Decision.PENDING, Decision.FILTERED):
        return known.decision
    return Decision.PUBLISHED if known.story == known.id else Decision.MERGED


def same_article(one: Article | None, other: Article | None) -> bool:
    """Whether a reader would see no difference."""
    if one is None or other is None:
        return one is other
    return (one.title, one.html, one.lead_image, one.link) == (
        other.title,
        other.html,
        other.lead_image,
        other.link,
    )


def _decided(record: EntryRecord, verdict: Verdict, story_id: str) -> EntryRecord:
    founder = verdict.story is None
    return record.model_copy(
        update={
            "decision": Decision.PUBLISHED if founder else Decision.MERGED,
            "rule": verdict.rule,
            "story": story_id,
            "distance": verdict.distance,
            "similarity": 1.0 if founder else (verdict.similarity or 0.0),
            "compared_with": verdict.story,
        }
    )


def _member(arrival: Arrival, record: EntryRecord) -> Member:
    return Member(
        id=record.id,
        source=record.source,
        url=record.url,
        title=record.title,
        first_seen=record.arrived,
        decision=record.decision,
        rule=record.rule,
        distance=record.distance,
        similarity=record.similarity,
        priority=arrival.priority,
        published=record.article.published if record.article else None,
        tags=arrival.tags,
    )


def _in_place_of(members: tuple[Member, ...], member: Member) -> tuple[Member, ...]:
    """`members` with `member` where it stood before, or at the end."""
    if all(m.id != member.id for m in members):
        return (*members, member)
    return tuple(member if m.id == member.id else m for m in members)
