"""Select the published member of a story; let members leave a story; join stories by hand.

Among full texts the source's priority decides. With equal priority, a longer copy is published only
if it comes from the same source, or from the site that owns the URL of the published one. Otherwise
any source could take over a story by adding words. A link post, or a teaser that is the beginning
of the article, is replaced by the article of that site at any priority.

A member that leaves, by later evidence or by a user's choice, appears under its own id at the time
it was first seen. The founder keeps the story and its id. Evidence is a changed text that no longer
agrees, or another copy that shows the texts to be one template.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from core.dedup.compare import AGREE, Pair, headlines
from core.dedup.copy import ArticleCopy, unlinked
from core.dedup.decide import Claim, StoryChange, new_story
from core.dedup.fingerprint import fingerprint_of
from core.dedup.idf import Idf
from core.dedup.reading import SHINGLE
from core.dedup.simhash import shingles
from core.dedup.swaps import Kind
from core.dedup.table import row_of
from core.dedup.tokens import tokens
from core.errors import MillraceError
from core.models import Article, Decision, EntryRecord, Member, Story

HOLDS = 0.85  # share of the published shingles; allows edited sentences, but not a new lead
ADDS = 0.05  # share of new text that makes a copy longer, and at least ADDS_TOKENS
ADDS_TOKENS = 30  # two sentences; fewer are a credit line or a note of the newspaper
LONGEST = 2.5  # a page this many times as long contains other stories
TEASES = 0.65  # share of a teaser that the beginning of its article contains
BEGINNING = 3  # times the length of the teaser, plus ADDS_TOKENS
TEASER = 0.5  # largest length of a teaser relative to the article
# Rules of entries that left their story, and of those that were joined by hand.
PARTED, SPLIT, JOINED = "parted", "split by hand", "joined by hand"


class Contender(NamedTuple):
    """A member whose text is stored."""

    id: str
    copy: ArticleCopy
    priority: int


def elect(members: Iterable[Contender]) -> Contender | None:
    """The member to publish; `members` are in the order in which they joined."""
    shown: Contender | None = None
    for member in members:
        if shown is None or replaces(member, shown):
            shown = member
    return shown


def replaces(challenger: Contender, shown: Contender) -> bool:
    """Whether `challenger` should be published instead of `shown`."""
    ours, theirs = challenger.copy, shown.copy
    same_source = ours.source is not None and ours.source == theirs.source
    trusted = same_source or ours.owns_one_of(theirs.addresses)
    if not trusted and challenger.priority <= shown.priority:
        return False
    if not ours.article.text or not ours.has_prose:
        return False
    if not theirs.has_prose or is_teaser(theirs, ours):
        agree, _ = headlines(ours.reading.title, theirs.reading.title)
        return trusted or (challenger.priority > shown.priority and agree >= AGREE)
    if challenger.priority < shown.priority:
        return False
    held, holding = _shingles_of(theirs.article.text), _shingles_of(ours.article.text)
    if _share_held(holding, held) < HOLDS or len(holding) > LONGEST * max(len(held), ADDS_TOKENS):
        return False
    return challenger.priority > shown.priority or (trusted and _adds_text(ours, held))


def is_teaser(short: ArticleCopy, long: ArticleCopy) -> bool:
    """Whether `short` is only the beginning of `long`."""
    size = short.reading.size
    if not size or size > TEASER * long.reading.size:
        return False
    beginning = long.reading.hashes[: BEGINNING * size + ADDS_TOKENS]
    lead = set(np.unique(shingles(beginning, SHINGLE)).tolist())
    return _share_held(lead, set(short.reading.shingles.tolist())) >= TEASES


def _adds_text(challenger: ArticleCopy, shown: set[int]) -> bool:
    """Whether the challenger has more text; links do not count."""
    new = _shingles_of(unlinked(challenger.article)) - shown
    return len(new) >= max(ADDS_TOKENS, ADDS * len(shown))


def _share_held(outer: set[int], inner: set[int]) -> float:
    return len(inner & outer) / len(inner) if inner else 1.0


def _shingles_of(text: str) -> set[int]:
    return set(np.unique(shingles(tokens(text), SHINGLE)).tolist())


def disproved_members(
    entry: ArticleCopy, founder: ArticleCopy, members: Mapping[str, ArticleCopy], idf: Idf
) -> set[str]:
    """Members that `entry`, if it joined the story, proves not to be copies of the founder.

    The third text under a third headline that shares no words with it is standing text; the third
    value at one place of otherwise equal sentences is a template. A correction has no third value.
    """
    with_entry = Pair.of(founder, entry, idf)
    if not (with_entry.evidence.told_apart or with_entry.is_unsupported):
        return set()
    pairs = {i: Pair.of(founder, copy, idf) for i, copy in members.items()}
    return {i for i, pair in pairs.items() if _is_third_variant(with_entry, pair, members[i], idf)}


def _is_third_variant(with_entry: Pair, with_member: Pair, member: ArticleCopy, idf: Idf) -> bool:
    if with_entry.is_unsupported and with_member.is_unsupported:
        between = Pair.of(with_entry.held, member, idf)
        return not between.agree
    slots, others = _swapped_values(with_entry), _swapped_values(with_member)
    third = [slot for slot in slots.keys() & others.keys() if slots[slot] != others[slot]]
    # A single number may be a rising count: 9, 17 and 21 dead at one place.
    return len(third) > 1 or any(kind == "name" for kind, _ in third)


def _swapped_values(pair: Pair) -> dict[tuple[Kind, str], str]:
    """(kind, value in the founder's text) -> value in the other text."""
    found = {}
    for swap in pair.evidence.swaps:
        if (swap.one, swap.other) in pair.evidence.told_apart:
            sides = (swap.one, swap.other)
            ours, theirs = sides if pair.evidence.first_is_short else sides[::-1]
            found[swap.kind, ours] = theirs
    return found


@dataclass(frozen=True)
class Leaver:
    """A leaving member, with its record and text."""

    member: Member
    record: EntryRecord  # including its article
    copy: ArticleCopy


@dataclass
class PartedStories:
    """The stories founded by leaving members."""

    stories: list[Story] = field(default_factory=list)
    records: list[EntryRecord] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)


def partition_leavers(leaving: Sequence[Leaver], *, idf: Idf, now: datetime) -> PartedStories:
    """Found stories for `leaving`; members that are copies of each other stay together."""
    groups: list[list[Leaver]] = []
    for leaver in leaving:
        group = next((g for g in groups if is_copy(leaver.copy, g[0].copy, idf)), None)
        if group is None:
            groups.append([leaver])
        else:
            group.append(leaver)
    parting = PartedStories()
    for group in groups:
        _found_story(group, parting, idf, now)
    return parting


def is_copy(one: ArticleCopy, other: ArticleCopy, idf: Idf) -> bool:
    """Whether the table decides that two texts are one story."""
    row = row_of(Pair.of(one, other, idf))
    return row is not None and row.same


def _found_story(group: Sequence[Leaver], parting: PartedStories, idf: Idf, now: datetime) -> None:
    first = group[0]
    alone = _founder_fields(PARTED)
    record = first.record.model_copy(update={**alone, "story": first.record.id})
    member = first.member.model_copy(update=alone)
    story = new_story(record, member)
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


def _founder_fields(rule: str) -> dict[str, Any]:
    return {"decision": Decision.PUBLISHED, "rule": rule, "distance": None, "similarity": 1.0}


class ChoiceRefused(MillraceError):
    """The choice cannot be executed; the message gives the reason."""


def split(
    story: Story, record: EntryRecord, shown: EntryRecord | None, *, now: datetime
) -> tuple[list[StoryChange], EntryRecord]:
    """Move the member `record` out of `story`; `shown` is the founder's record.

    Returns both changed stories and the new record. Raises ChoiceRefused.
    """
    member = next((m for m in story.members if m.id == record.id), None)
    if member is None:
        raise ChoiceRefused("{entry} is no member of {story}", entry=record.id, story=story.id)
    if member.id == story.id:
        raise ChoiceRefused("the founder gives its story the id and stays; split the others off")
    if record.article is None:
        raise ChoiceRefused("its text is no longer kept")
    alone = record.model_copy(update={**_founder_fields(SPLIT), "story": record.id})
    founder = member.model_copy(update=_founder_fields(SPLIT))
    new = new_story(alone, founder).model_copy(update={"updated": now})
    return [_without_member(story, member, shown, now), StoryChange(new, 0)], alone


def join(kept: Story, absorbed: Story, *, now: datetime) -> StoryChange:
    """Move all members of `absorbed` to `kept`; the published article of `kept` stays."""
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
    """The record of a member after its story was joined with `story`."""
    return record.model_copy(update={"decision": Decision.MERGED, "rule": JOINED, "story": story})


def _without_member(
    story: Story, member: Member, shown: EntryRecord | None, now: datetime
) -> StoryChange:
    members = tuple(m for m in story.members if m.id != member.id)
    update: dict[str, object] = {"members": members, "updated": now, "version": story.version + 1}
    if story.representative == member.id:
        if shown is None or shown.article is None:
            raise ChoiceRefused("the text of the story's founder is no longer kept")
        article: Article = shown.article
        update |= {"representative": shown.id, "article": article}
    return StoryChange(story.model_copy(update=update), story.version)
