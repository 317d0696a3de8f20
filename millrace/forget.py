"""`millrace forget`: takes a story out of the feed and keeps it out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from core.ids import PREFIX
from core.models import Decision, EntryRecord, Story
from millrace.running import running_store
from store.commit import Batch, commit
from store.connection import Store
from store.entries import entries_by_url, load_entries, load_entry
from store.forgotten import keep_out
from store.removal import remove_stories
from store.stories import load_stories

_RULE = "forgotten"


def forget_entry(asked: str, *, data: Path, redis: str | None) -> str:
    """Remove the story of an address or id, with all its copies; one line about it."""
    return asyncio.run(_forget(asked, data, redis))


async def _forget(asked: str, data: Path, redis: str | None) -> str:
    async with running_store(data=data, redis=redis) as store:
        found = await _records(store, asked)
        stories = await load_stories(store, sorted({r.story for r in found if r.story}))
        known = {record.id for record in found}
        members = {member.id for story in stories for member in story.members} - known
        records = [*found, *(r for r in await load_entries(store, sorted(members)) if r)]
        # Kept out before it is taken out: a poll in between must not bring it back.
        await keep_out(store, ids=[r.id for r in records], urls=_addresses(asked, records, stories))
        await _mark(store, records)
        removed = await remove_stories(store, [story.id for story in stories])
    if not records:
        return f"{asked}: nothing under it yet; it is kept out from now on"
    return f"{asked}: {removed} taken out of the feed, {len(records)} entries kept out"


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
