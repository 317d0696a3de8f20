"""Carries out `forget`: stories leave the feed, with all their copies, and are kept out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from core.ids import PREFIX
from core.models import Decision, EntryRecord, Story
from store.commit import Batch, commit
from store.connection import Store
from store.entries import entries_by_url, load_entries, load_entry
from store.forgotten import keep_out
from store.removal import remove_stories
from store.stories import load_stories

_RULE = "forgotten"


class Forgotten(NamedTuple):
    """What was taken out, and how many entries are kept out from now on."""

    stories: int
    entries: int


async def forget(store: Store, asked: str) -> Forgotten:
    """Forget the stories of an address or id; an address under which nothing is is kept out too."""
    found = await _records(store, asked)
    named = {record.story for record in found if record.story}
    # A story may outlive the record of the entry that founded it and gave it its id.
    named |= {asked} if asked.startswith(PREFIX) else set()
    stories = await load_stories(store, sorted(named))
    ids = {record.id for record in found} | {m.id for story in stories for m in story.members}
    records = [record for record in await load_entries(store, sorted(ids)) if record]
    # Kept out before it is taken out: a poll in between must not bring it back.
    await keep_out(store, ids=sorted(ids), urls=_addresses(asked, records, stories))
    await _mark(store, records)
    removed = await remove_stories(store, [story.id for story in stories])
    return Forgotten(removed, len(ids))


async def _records(store: Store, asked: str) -> list[EntryRecord]:
    if asked.startswith(PREFIX):
        record = await load_entry(store, asked)
        return [record] if record else []
    return await entries_by_url(store, asked)


def _addresses(asked: str, records: Sequence[EntryRecord], stories: Sequence[Story]) -> list[str]:
    stated = [record.url for record in records]
    stated += [member.url for story in stories for member in story.members]
    if not asked.startswith(PREFIX):
        stated.append(asked)
    return sorted({url for url in stated if url})


async def _mark(store: Store, records: Sequence[EntryRecord]) -> None:
    """So that `explain` can say why they are gone."""
    marked = [
        record.model_copy(update={"decision": Decision.FILTERED, "rule": _RULE})
        for record in records
    ]
    if marked:
        await commit(store, Batch(entries=marked))
