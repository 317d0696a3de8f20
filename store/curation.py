"""Carries out a person's choices about stories, and remembers them for all later decisions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from core.dedup import curation
from core.dedup.curation import ChoiceRefused
from core.dedup.fingerprint import Fingerprint, fingerprint_of
from core.dedup.outcome import Claim
from core.models import EntryRecord, Story
from store import keys
from store.commit import Batch, commit
from store.connection import Store, store_errors
from store.entries import load_entries
from store.forget import remove_stories
from store.idf import SharedIdf
from store.stories import load_stories


async def split(store: Store, story_id: str, entry_id: str) -> str:
    """Take an entry out of a story into one of its own; returns its id. Raises ChoiceRefused."""
    story = await _story(store, story_id)
    record, founder = await load_entries(store, [entry_id, story_id])
    if record is None:
        raise ChoiceRefused(f"{entry_id} is no longer kept")
    changes, alone = curation.split(story, record, founder, now=await _now(store))
    claim = Claim(alone.id, alone.id, await _fingerprint(store, alone), weighed=None)
    refused = await commit(store, Batch(entries=[alone], stories=changes, claims=[claim]))
    if refused is not None:
        raise ChoiceRefused("the story changed meanwhile: look at it and try again")
    await _remember(store, {alone.id: alone.id})
    return alone.id


async def join(store: Store, kept_id: str, absorbed_id: str) -> str:
    """Make two stories one, under the first's id. Raises ChoiceRefused."""
    kept, absorbed = await _story(store, kept_id), await _story(store, absorbed_id)
    change = curation.join(kept, absorbed, now=await _now(store))
    found = await load_entries(store, [member.id for member in absorbed.members])
    moved = [curation.moved_record(record, kept_id) for record in found if record is not None]
    # Remembered first: a repost of the absorbed story that comes now must find the other one.
    await _remember(store, {absorbed_id: kept_id, **{record.id: kept_id for record in moved}})
    if await commit(store, Batch(entries=moved, stories=[change])) is not None:
        raise ChoiceRefused("the story changed meanwhile: look at it and try again")
    await remove_stories(store, [absorbed_id])
    return kept_id


async def chosen_stories(store: Store, ids: Iterable[str]) -> dict[str, str]:
    """Where a person put these entries or stories; those never chosen about are missing."""
    asked = sorted(set(ids))
    if not asked:
        return {}
    with store_errors():
        found = await store.redis.hmget(keys.CHOICES, asked)  # type: ignore[misc]
    return {i: story.decode() for i, story in zip(asked, found, strict=True) if story is not None}


async def _remember(store: Store, choices: dict[str, str]) -> None:
    with store_errors():
        if await store.redis.hlen(keys.CHOICES) >= keys.CHOICES_KEPT:  # type: ignore[misc]
            raise ChoiceRefused(f"more than {keys.CHOICES_KEPT} choices are remembered already")
        await store.redis.hset(keys.CHOICES, mapping=choices)  # type: ignore[misc]


async def _story(store: Store, story_id: str) -> Story:
    found = await load_stories(store, [story_id])
    if not found or found[0] is None:
        raise ChoiceRefused(f"{story_id} is no story, or no longer kept")
    return found[0]


async def _fingerprint(store: Store, record: EntryRecord) -> Fingerprint:
    article = record.article
    assert article is not None  # noqa: S101 - curation.split asked
    shared = SharedIdf(store)
    await shared.open()
    return fingerprint_of(article, shared.idf, source=record.source)


async def _now(store: Store) -> datetime:
    return datetime.fromtimestamp(await store.now(), UTC)
