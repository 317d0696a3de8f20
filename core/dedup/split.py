"""Members that leave a story, by later evidence or by a person's choice; stories joined by hand.

A member that leaves appears under its own id, at the time it was first seen; the founder keeps its
story and its id. Evidence is a later text that no longer agrees, or a further copy that shows the
texts to be one template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.dedup.compare import Pair
from core.dedup.copy import Copy
from core.dedup.decide import Claim, StoryChange, founded
from core.dedup.fingerprint import fingerprint_of
from core.dedup.idf import Idf
from core.dedup.representative import Contender, elect
from core.dedup.swaps import Kind
from core.dedup.table import row_of
from core.errors import MillraceError
from core.models import Article, Decision, EntryRecord, Member, Story

PARTED = "parted"  # the rule of an entry that left its story


def spoken_against(entry: Copy, founder: Copy, members: Mapping[str, Copy], idf: Idf) -> set[str]:
    """Members of a story that `entry`, were it one too, shows to be no copies of its founder.

    The third text under a third headline that no word of it supports is standing text; the third
    value in one place of otherwise equal sentences is a template. One correction gives no third.
    """
    with_entry = Pair.of(founder, entry, idf)
    if not (with_entry.evidence.told_apart or with_entry.is_unsupported):
        return set()
    pairs = {i: Pair.of(founder, copy, idf) for i, copy in members.items()}
    return {i for i, pair in pairs.items() if _third(with_entry, pair, members[i], idf)}


def _third(with_entry: Pair, with_member: Pair, member: Copy, idf: Idf) -> bool:
    if with_entry.is_unsupported and with_member.is_unsupported:
        between = Pair.of(with_entry.held, member, idf)
        return not between.agree
    slots, others = _slots(with_entry), _slots(with_member)
    third = [slot for slot in slots.keys() & others.keys() if slots[slot] != others[slot]]
    # A single figure may be a count that goes up: 9, 17 and 21 dead in one place.
    return len(third) > 1 or any(kind == "name" for kind, _ in third)


def _slots(pair: Pair) -> dict[tuple[Kind, str], str]:
    """By kind and what the founder has there: what the other text has."""
    found = {}
    for swap in pair.evidence.swaps:
        if (swap.one, swap.other) in pair.evidence.told_apart:
            sides = (swap.one, swap.other)
            ours, theirs = sides if pair.evidence.first_is_short else sides[::-1]
            found[swap.kind, ours] = theirs
    return found


@dataclass(frozen=True)
class Leaver:
    """A member that leaves, with all that is kept of it."""

    member: Member
    record: EntryRecord  # with its article
    copy: Copy


@dataclass
class Parting:
    """What leaving members found."""

    stories: list[Story] = field(default_factory=list)
    records: list[EntryRecord] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)


def part(leaving: Sequence[Leaver], *, idf: Idf, now: datetime) -> Parting:
    """The stories of `leaving`: those that are copies of each other stay together."""
    groups: list[list[Leaver]] = []
    for leaver in leaving:
        group = next((g for g in groups if is_copy(leaver.copy, g[0].copy, idf)), None)
        if group is None:
            groups.append([leaver])
        else:
            group.append(leaver)
    parting = Parting()
    for group in groups:
        _found(group, parting, idf, now)
    return parting


def is_copy(one: Copy, other: Copy, idf: Idf) -> bool:
    """Whether the table takes two texts for one story."""
    row = row_of(Pair.of(one, other, idf))
    return row is not None and row.same


def _found(group: Sequence[Leaver], parting: Parting, idf: Idf, now: datetime) -> None:
    first = group[0]
    alone = {"rule": PARTED, "distance": None, "similarity": 1.0}
    record = first.record.model_copy(
        update={**alone, "decision": Decision.PUBLISHED, "story": first.record.id}
    )
    member = first.member.model_copy(update={**alone, "decision": Decision.PUBLISHED})
    story = founded(record, member)
    others = group[1:]
    shown = elect(Contender(each.member.id, each.copy, each.member.priority) for each in group)
    assert shown is not None  # noqa: S101 - a group has a first member
    parting.stories.append(
        story.model_copy(
            update={
                "updated": now,
                "members": (member, *(each.member for each in others)),
                "representative": shown.id,
                "article": shown.copy.article,
            }
        )
    )
    parting.records.append(record)
    parting.records += [
        each.record.model_copy(update={"story": story.id, "compared_with": story.id})
        for each in others
    ]
    print_ = fingerprint_of(first.copy.article, idf, source=first.record.source)
    parting.claims.append(Claim(story.id, story.id, print_, weighed=None))


SPLIT = "split by hand"
JOINED = "joined by hand"


class ChoiceRefused(MillraceError):
    """The choice cannot be carried out; the text says why."""


def split(
    story: Story, record: EntryRecord, shown: EntryRecord | None, *, now: datetime
) -> tuple[list[StoryChange], EntryRecord]:
    """`record` leaves `story` and founds one of its own; `shown` is the founder's record.

    Returns both stories and the entry as it is then. Raises ChoiceRefused.
    """
    member = next((m for m in story.members if m.id == record.id), None)
    if member is None:
        raise ChoiceRefused(f"{record.id} is no member of {story.id}")
    if member.id == story.id:
        raise ChoiceRefused("the founder gives its story the id and stays; split the others off")
    if record.article is None:
        raise ChoiceRefused("its text is no longer kept")
    alone = record.model_copy(
        update={
            "decision": Decision.PUBLISHED,
            "rule": SPLIT,
            "story": record.id,
            "distance": None,
            "similarity": 1.0,
        }
    )
    founder = member.model_copy(
        update={"decision": Decision.PUBLISHED, "rule": SPLIT, "distance": None, "similarity": 1.0}
    )
    new = Story(
        id=record.id,
        first_seen=record.place,
        arrived=record.arrived,
        order=record.order,
        updated=now,
        version=1,
        representative=record.id,
        members=(founder,),
        article=record.article,
    )
    return [_without(story, member, shown, now), StoryChange(new, 0)], alone


def join(kept: Story, absorbed: Story, *, now: datetime) -> StoryChange:
    """All members of `absorbed` become members of `kept`, which shows what it showed."""
    if kept.id == absorbed.id:
        raise ChoiceRefused("a story cannot be joined with itself")
    moved = tuple(
        m.model_copy(update={"decision": Decision.MERGED, "rule": JOINED}) for m in absorbed.members
    )
    there = {m.id for m in kept.members}
    members = (*kept.members, *(m for m in moved if m.id not in there))
    story = kept.model_copy(
        update={"members": members, "updated": now, "version": kept.version + 1}
    )
    return StoryChange(story, kept.version)


def moved_record(record: EntryRecord, story: str) -> EntryRecord:
    """A member's record after its story was joined with `story`."""
    return record.model_copy(update={"decision": Decision.MERGED, "rule": JOINED, "story": story})


def _without(story: Story, member: Member, shown: EntryRecord | None, now: datetime) -> StoryChange:
    members = tuple(m for m in story.members if m.id != member.id)
    update: dict[str, object] = {
        "members": members,
        "updated": now,
        "version": story.version + 1,
    }
    if story.representative == member.id:
        if shown is None or shown.article is None:
            raise ChoiceRefused("the text of the story's founder is no longer kept")
        article: Article = shown.article
        update |= {"representative": shown.id, "article": article}
    return StoryChange(story.model_copy(update=update), story.version)
