"""A person's choices about stories: take a member out into a story of its own, or join two."""

from __future__ import annotations

from datetime import datetime

from core.dedup.outcome import StoryChange
from core.errors import MillraceError
from core.models import Article, Decision, EntryRecord, Member, Story

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
