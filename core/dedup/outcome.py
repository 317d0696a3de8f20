"""What comes into a decision upon entries, what it changes, and how it is written down."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.dedup.copy import Copy
from core.dedup.fingerprint import Fingerprint
from core.dedup.prints import Verdict
from core.models import Article, Decision, EntryRecord, Member, Story

# What an entry keeps of the decision upon it when its source changes it.
DECIDED = (
    *("rule", "story", "distance", "similarity", "compared_with"),
    *("arrived", "place", "order"),
)


@dataclass(frozen=True)
class Arrival:
    """One clean entry, ready to be decided upon."""

    record: EntryRecord  # with its article
    fingerprint: Fingerprint
    priority: int
    tags: tuple[str, ...]
    known: EntryRecord | None = None  # what was remembered of the same entry before
    copy: Copy | None = None  # its text, to be compared; None: its fingerprint decides alone
    source_title: str | None = None
    source_link: str | None = None


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
    undone: list[str] = field(default_factory=list)  # entries whose merge was taken back
    # Entries whose record the decision has to see first: load them and decide again.
    wanted: set[str] = field(default_factory=set)


def decided(record: EntryRecord, verdict: Verdict, story_id: str) -> EntryRecord:
    """`record` with what was decided of it."""
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


def decision_of(known: EntryRecord) -> Decision:
    """What was decided of an entry before; while its page was read again it looked pending."""
    if known.decision not in (Decision.PENDING, Decision.FILTERED):
        return known.decision
    return Decision.PUBLISHED if known.story == known.id else Decision.MERGED


def founded(record: EntryRecord, member: Member) -> Story:
    """The story that an entry founds."""
    return Story(
        id=record.story or record.id,
        first_seen=record.place,
        arrived=record.arrived,
        order=record.order,
        updated=record.arrived,
        version=1,
        representative=record.id,
        members=(member,),
        article=record.article or Article(),
    )


def member_of(arrival: Arrival, record: EntryRecord) -> Member:
    """An entry as its story lists it."""
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
        source_title=arrival.source_title,
        source_link=arrival.source_link,
    )


def with_member(members: tuple[Member, ...], member: Member) -> tuple[Member, ...]:
    """`members` with `member` in its former place, or at the end."""
    if all(m.id != member.id for m in members):
        return (*members, member)
    return tuple(member if m.id == member.id else m for m in members)


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
