"""Takes stories out: by retention, and as a person chose (forgotten, split and joined)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from core.dedup import split as curation
from core.dedup.decide import Claim
from core.dedup.fingerprint import Fingerprint, fingerprint_of
from core.dedup.split import ChoiceRefused
from core.ids import PREFIX, entry_id
from core.models import Article, Decision, EntryRecord, FeedEntry, Story
from store import keys
from store.commit import Batch, commit
from store.connection import Store, store_errors
from store.entries import (
    entries_by_url,
    load_bare,
    load_entries,
    load_entry,
    load_stories,
    url_key,
    url_keys,
)
from store.index import SharedIdf
from store.plan import pack, unpack


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


async def forgotten_among(
    store: Store, source: str, entries: Sequence[FeedEntry]
) -> frozenset[str]:
    """The ids of those `entries` that a person took out before."""
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
    """Remember that these entries and addresses are not wanted."""
    now = await store.now()
    marks: dict[str, float] = dict.fromkeys([*ids, *(url_key(url) for url in urls)], now)
    pipe = store.redis.pipeline()
    pipe.zadd(keys.FORGOTTEN, marks)
    pipe.zremrangebyrank(keys.FORGOTTEN, 0, -keys.FORGOTTEN_KEPT - 1)
    with store_errors():
        await pipe.execute()


_AT_ONCE = 100  # stories unpacked between two looks at everything else


async def remove_stories(store: Store, ids: Sequence[str]) -> int:
    """Remove these stories; returns how many were in the river."""
    if not ids:
        return 0
    answer = await store.call(
        store.script("remove_stories"),
        [keys.RIVER, keys.ARRIVALS, keys.CHANGES],
        [keys.story(""), keys.CHANGES_KEPT, *ids],
    )
    return int(answer)


async def drop_orphans(
    store: Store, sources: Collection[str], *, days: int = 30, entries: int = 5000
) -> int:
    """Take out the stories that none of these sources has; returns how many went.

    They are kept aside for `days`, up to `entries` of them: `return_stories`.
    """
    with store_errors():
        ids = [i.decode() for i in await store.redis.zrange(keys.RIVER, 0, -1)]
    removed = 0
    for start in range(0, len(ids), _AT_ONCE):
        stories = await load_stories(store, ids[start : start + _AT_ONCE])
        orphans = [s.id for s in stories if not any(m.source in sources for m in s.members)]
        if orphans:
            limits = [keys.CHANGES_KEPT, days * 86_400, entries]
            removed += await _move_aside(store, "drop_stories", limits, orphans)
    return removed


async def return_stories(store: Store, sources: Collection[str]) -> int:
    """Bring back the stories of sources that left and are here again; returns how many came."""
    with store_errors():
        ids = [i.decode() for i in await store.redis.zrange(keys.DROPPED, 0, -1)]
    back = 0
    for start in range(0, len(ids), _AT_ONCE):
        chunk = ids[start : start + _AT_ONCE]
        with store_errors():
            pipe = store.redis.pipeline(transaction=False)
            for story_id in chunk:
                pipe.hget(keys.dropped(story_id), "doc")
            found = await pipe.execute()
        stories = [unpack(Story, doc) for doc in found if doc is not None]
        wanted = [s for s in stories if any(m.source in sources for m in s.members)]
        if not wanted:
            continue
        members = [member.id for story in wanted for member in story.members]
        with store_errors():
            scores = await store.redis.zmscore(keys.FORGOTTEN, members)
        taken_out = {m for m, score in zip(members, scores, strict=True) if score is not None}
        kept = [s.id for s in wanted if not any(m.id in taken_out for m in s.members)]
        back += await _move_aside(store, "return_stories", [keys.CHANGES_KEPT], kept)
    return back


async def _move_aside(store: Store, script: str, limits: list[int], ids: Sequence[str]) -> int:
    answer = await store.call(
        store.script(script),
        [keys.RIVER, keys.ARRIVALS, keys.CHANGES, keys.DROPPED],
        [keys.story(""), keys.dropped(""), *limits, *ids],
    )
    return int(answer)


_RULE = "forgotten"


class Forgotten(NamedTuple):
    """What was taken out, and how many entries are kept out from now on."""

    stories: int
    entries: int


async def forget(store: Store, asked: str) -> Forgotten:
    """Forget the stories of an address or id; an address under which nothing is is kept out too."""
    found = await _records(store, asked)
    named = {record.story for record in found if record.story}
    # A story may remain longer than the record of the entry that founded it and gave it its id.
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


_TRIM_AT_ONCE = 100  # stories a call; the script must not hold the store up

_CHANGES_PER_STORY = 4  # of those kept; enough for any follower of the stream
_FEWEST_CHANGES = 1000


async def trim(store: Store, *, entries: int, days: float, window: float = 30 * 86_400.0) -> int:
    """Remove stories beyond `entries`, and those that arrived more than `days` days ago.

    Returns how many went. Their fingerprints stay for the dedup window: a repost of a story that
    is no longer shown must not come back as news. Their entries stay as long, without the bodies.
    """
    removed, most = 0, max(_FEWEST_CHANGES, _CHANGES_PER_STORY * entries)
    with store_errors():
        await store.redis.xtrim(keys.CHANGES, maxlen=min(most, keys.CHANGES_KEPT))
    while True:
        went = await store.call(
            store.script("trim"),
            [keys.RIVER, keys.ARRIVALS, keys.CHANGES],
            [entries, int(days * 86_400_000), keys.story(""), _TRIM_AT_ONCE, keys.CHANGES_KEPT],
        )
        stories = [unpack(Story, document) for document in went if document]
        await _drop_bodies(store, stories, window)
        removed += len(went)
        if len(went) < _TRIM_AT_ONCE:
            return removed


async def _drop_bodies(store: Store, stories: Sequence[Story], window: float) -> None:
    ids = [member.id for story in stories for member in story.members]
    shown = {story.representative: story.article for story in stories}
    found = await load_bare(store, ids)
    kept = [_with_article(record, shown) for record in found if record is not None]
    if kept:
        script = store.script("drop_bodies")
        pairs = [(pack(_bare(record)), " ".join(url_keys(record))) for record in kept]
        arguments = [part for pair in pairs for part in pair]
        await store.call(
            script, [keys.entry(r.id) for r in kept], [max(1, int(window)), *arguments]
        )


def _with_article(record: EntryRecord, shown: Mapping[str, Article]) -> EntryRecord:
    """Its article names addresses of the entry, which end with it."""
    return record.model_copy(update={"article": record.article or shown.get(record.id)})


def _bare(record: EntryRecord) -> EntryRecord:
    return record.model_copy(update={"raw": None, "article": None})


async def trim_seen(store: Store, source: str, *, window: float) -> int:
    """Forget guids that `source` stopped listing more than `window` seconds ago."""
    answer = await store.call(store.script("trim_seen"), [keys.seen(source)], [int(window)])
    return int(answer)
