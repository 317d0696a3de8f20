"""Carries out and stores the choices of a person: stories forgotten, split and joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from core.dedup import members
from core.dedup.decide import Claim
from core.dedup.fingerprint import Fingerprint, fingerprint_of
from core.dedup.members import ChoiceRefused
from core.ids import PREFIX, entry_id
from core.models import Decision, EntryRecord, FeedEntry, Story
from store import keys
from store.commit import Batch, commit
from store.connection import Store, store_errors
from store.entries import entries_named, load_entries, load_stories, url_key
from store.index import SharedIdf


async def split(store: Store, story_id: str, entry_id: str) -> str:
    """Move an entry from its story into a new one; returns that one's id. Raises ChoiceRefused."""
    story = await _story(store, story_id)
    record, founder = await load_entries(store, [entry_id, story_id])
    if record is None:
        raise ChoiceRefused("{entry} is no longer kept", entry=entry_id)
    changes, alone = members.split(story, record, founder, now=await _now(store))
    claim = Claim(alone.id, alone.id, await _fingerprint(store, alone), weighed=None)
    refused = await commit(store, Batch(entries=[alone], stories=changes, claims=[claim]))
    if refused is not None:
        raise ChoiceRefused("the story changed meanwhile: look at it and try again")
    await _remember(store, {alone.id: alone.id})
    return alone.id


async def join(store: Store, kept_id: str, absorbed_id: str) -> str:
    """Join two stories under the id of the first. Raises ChoiceRefused."""
    kept, absorbed = await _story(store, kept_id), await _story(store, absorbed_id)
    change = members.join(kept, absorbed, now=await _now(store))
    found = await load_entries(store, [member.id for member in absorbed.members])
    moved = [members.moved_record(record, kept_id) for record in found if record is not None]
    # Stored first: a repost of the absorbed story that arrives now must find the other one.
    await _remember(store, {absorbed_id: kept_id, **{record.id: kept_id for record in moved}})
    if await commit(store, Batch(entries=moved, stories=[change])) is not None:
        raise ChoiceRefused("the story changed meanwhile: look at it and try again")
    await remove_stories(store, [absorbed_id])
    return kept_id


async def chosen_stories(store: Store, ids: Iterable[str]) -> dict[str, str]:
    """Entry or story id -> the story into which a person put it, where there is such a choice."""
    asked = sorted(set(ids))
    if not asked:
        return {}
    with store_errors():
        found = await store.redis.hmget(keys.CHOICES, asked)
    return {i: story.decode() for i, story in zip(asked, found, strict=True) if story is not None}


async def _remember(store: Store, choices: dict[str, str]) -> None:
    with store_errors():
        if await store.redis.hlen(keys.CHOICES) >= keys.CHOICES_KEPT:
            most = str(keys.CHOICES_KEPT)
            raise ChoiceRefused("more than {most} choices are remembered already", most=most)
        await store.redis.hset(keys.CHOICES, mapping=choices)


async def _story(store: Store, story_id: str) -> Story:
    found = await load_stories(store, [story_id])
    if not found or found[0] is None:
        raise ChoiceRefused("{story} is no story, or no longer kept", story=story_id)
    return found[0]


async def _fingerprint(store: Store, record: EntryRecord) -> Fingerprint:
    article = record.article
    assert article is not None  # noqa: S101 - members.split asked
    shared = SharedIdf(store)
    await shared.open()
    return fingerprint_of(article, shared.idf, source=record.source)


async def _now(store: Store) -> datetime:
    return datetime.fromtimestamp(await store.now(), UTC)


async def forgotten_among(
    store: Store, source: str, entries: Sequence[FeedEntry]
) -> frozenset[str]:
    """The ids of those `entries` that a person removed before."""
    if not entries:
        return frozenset()
    marks = [(entry_id(source, e.guid), entry_id(source, e.guid)) for e in entries]
    marks += [(url_key(e.link), entry_id(source, e.guid)) for e in entries if e.link]
    with store_errors():
        scores = await store.redis.zmscore(keys.FORGOTTEN, [mark for mark, _ in marks])
    return frozenset(
        owner for (_, owner), score in zip(marks, scores, strict=True) if score is not None
    )


async def keep_out(store: Store, *, ids: Sequence[str], urls: Sequence[str]) -> None:
    """Keep these entries and addresses out from now on."""
    now = await store.now()
    marks: dict[str, float] = dict.fromkeys([*ids, *(url_key(url) for url in urls)], now)
    pipe = store.redis.pipeline()
    pipe.zadd(keys.FORGOTTEN, marks)
    pipe.zremrangebyrank(keys.FORGOTTEN, 0, -keys.FORGOTTEN_KEPT - 1)
    with store_errors():
        await pipe.execute()


async def remove_stories(store: Store, ids: Sequence[str]) -> int:
    """Remove these stories; returns the number of those that were in the river."""
    if not ids:
        return 0
    answer = await store.call(
        store.script("remove_stories"),
        [keys.RIVER, keys.ARRIVALS, keys.CHANGES],
        [keys.story(""), keys.CHANGES_KEPT, *ids],
    )
    return int(answer)


_RULE = "forgotten"


class Forgotten(NamedTuple):
    """The number of removed stories, and of entries that are kept out from now on."""

    stories: int
    entries: int


async def forget(store: Store, asked: str) -> Forgotten:
    """Forget the stories of an address or id; an unknown address is kept out too."""
    found = await entries_named(store, asked)
    named = {record.story for record in found if record.story}
    # A story may be stored longer than its founding entry, whose id it has.
    named |= {asked} if asked.startswith(PREFIX) else set()
    stories = await load_stories(store, sorted(named))
    ids = {record.id for record in found} | {m.id for story in stories for m in story.members}
    records = [record for record in await load_entries(store, sorted(ids)) if record]
    # Kept out before it is removed, or a poll in between would bring it back.
    await keep_out(store, ids=sorted(ids), urls=_addresses(asked, records, stories))
    await _mark(store, records)
    removed = await remove_stories(store, [story.id for story in stories])
    return Forgotten(removed, len(ids))


def _addresses(asked: str, records: Sequence[EntryRecord], stories: Sequence[Story]) -> list[str]:
    stated = [record.url for record in records]
    stated += [member.url for story in stories for member in story.members]
    if not asked.startswith(PREFIX):
        stated.append(asked)
    return sorted({url for url in stated if url})


async def _mark(store: Store, records: Sequence[EntryRecord]) -> None:
    """Mark the entries as forgotten, so that `explain` can give the reason."""
    marked = [
        record.model_copy(update={"decision": Decision.FILTERED, "rule": _RULE})
        for record in records
    ]
    if marked:
        await commit(store, Batch(entries=marked))
