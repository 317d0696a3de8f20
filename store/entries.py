"""Reads entries and stories by id, address or place; reads changes; story ids of before a wipe."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote

from core.feeds.new_entries import SourceMemory, still_known
from core.ids import CONTENT_DIGEST, PREFIX
from core.models import Article, Decision, EntryRecord, FeedEntry, Frozen, Story
from core.urls import canonical_url
from store import keys
from store.connection import Store, store_errors
from store.layout import unpack


def url_key(url: str) -> str:
    """The key of the list of entries under an address, for all its spellings."""
    digest = hashlib.blake2b(canonical_url(url).encode("utf-8", "surrogatepass"), digest_size=16)
    return keys.url(digest.hexdigest())


def url_keys(record: EntryRecord) -> set[str]:
    """The keys of all addresses of an entry."""
    stated = [record.url]
    if record.article is not None:
        stated += [record.article.link, record.article.original_url]
    return {url_key(url) for url in {*stated} if url}


async def load_remembered(store: Store, source: str) -> SourceMemory:
    """What is stored of a source's entries, in one call."""
    pipe = store.redis.pipeline(transaction=False)
    pipe.hget(keys.source(source), "items")
    pipe.hgetall(keys.seen(source))
    pipe.get(keys.learned(source))
    pipe.exists(keys.FORGOTTEN)
    with store_errors():
        items, values, learned, forgotten = await pipe.execute()
    seen = {guid: value[:CONTENT_DIGEST] for guid, value in values.items()}
    return SourceMemory(still_known(items or b"", seen), seen, learned, bool(forgotten))


class StoredArticle(Frozen):
    """An article stored beside its entry: its story shows the article of another member."""

    article: Article


def kept_form(record: EntryRecord, shown: Article | None) -> EntryRecord:
    """The stored form of an entry whose story shows the article `shown`.

    A shown article is stored in the story only. Of the feed's text of a settled entry only the
    fields that recognise another entry under the same guid are kept.
    """
    update: dict[str, object] = {}
    if record.article is not None and record.article == shown:
        update["article"] = None
    if record.raw is not None and record.decision is not Decision.PENDING:
        raw = record.raw
        update["raw"] = FeedEntry(
            guid=raw.guid, position=raw.position, title=raw.title, link=raw.link
        )
    return record.model_copy(update=update)


async def load_entries(store: Store, ids: Sequence[str]) -> list[EntryRecord | None]:
    """The records of `ids`, in that order, with their articles from entry or story."""
    records = await load_bare(store, ids)
    wanted = {r.id: r.story for r in records if r and r.article is None and r.story}
    if not wanted:
        return records
    articles = await _shown_articles(store, wanted)
    return [
        record and record.model_copy(update={"article": articles.get(record.id, record.article)})
        for record in records
    ]


async def load_bare(store: Store, ids: Sequence[str]) -> list[EntryRecord | None]:
    """The records of `ids`, in that order; without the article if their story shows it."""
    found = await store.field_of_each(map(keys.entry, ids), "doc")
    return [None if doc is None else unpack(EntryRecord, doc) for doc in found]


async def _shown_articles(store: Store, wanted: Mapping[str, str]) -> dict[str, Article]:
    """Entry id -> its article, from its story or beside it, wherever it is stored now."""
    with store_errors():
        pipe = store.redis.pipeline()  # in one moment: it moves from one to the other
        for entry_id, story_id in wanted.items():
            pipe.hget(keys.story(story_id), "doc")
            pipe.hget(keys.entry(entry_id), "article")
        found = await pipe.execute()
    articles = {}
    for entry_id, story, beside in zip(wanted, found[::2], found[1::2], strict=True):
        shown = None if story is None else unpack(Story, story)
        if shown is not None and shown.representative == entry_id:
            articles[entry_id] = shown.article
        elif beside is not None:
            articles[entry_id] = unpack(StoredArticle, beside).article
    return articles


async def load_entry(store: Store, entry_id: str) -> EntryRecord | None:
    """The record of one entry, or None."""
    return (await load_entries(store, [entry_id]))[0]


async def entries_by_url(store: Store, url: str) -> list[EntryRecord]:
    """All entries under an address, newest first.

    Also when `url` comes from a browser, which does not quote characters such as `,` and `[`.
    """
    head, slashes, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    quoted = f"{head}{slashes}{host}{slash}{quote(unquote(path), safe='/?#=&%')}"
    with store_errors():
        found = await store.redis.zrevrange(url_key(url), 0, -1)
        found = found or await store.redis.zrevrange(url_key(quoted), 0, -1)
    ids = [i.decode() for i in found]
    return [record for record in await load_entries(store, ids) if record is not None]


async def entries_named(store: Store, asked: str) -> list[EntryRecord]:
    """The entry with an id, or all entries under an address."""
    if not asked.startswith(PREFIX):
        return await entries_by_url(store, asked)
    record = await load_entry(store, asked)
    return [record] if record else []


_AT_ONCE = 200


async def kept_entries(store: Store) -> AsyncIterator[EntryRecord]:
    """All entry records, in no order; those written during the scan may be missing."""
    prefix = keys.entry("")
    seen: set[str] = set()
    cursor = 0
    while True:
        with store_errors():
            cursor, found = await store.redis.scan(cursor, match=prefix + "*", count=_AT_ONCE)
        fresh = {key.decode().removeprefix(prefix) for key in found} - seen
        seen |= fresh
        for record in await load_entries(store, sorted(fresh)):
            if record is not None:
                yield record
        if cursor == 0:
            return


class Change(NamedTuple):
    """One element of the stream of changes."""

    id: str  # position in the stream, as Server-Sent Events resume by it
    kind: str  # "new", "changed" or "removed"
    story: str


async def river_ids(store: Store, limit: int) -> list[str]:
    """The ids of the newest stories, in feed order."""
    with store_errors():
        return [i.decode() for i in await store.redis.zrevrange(keys.RIVER, 0, limit - 1)]


async def river_size(store: Store) -> int:
    """The number of stories in the river."""
    with store_errors():
        return int(await store.redis.zcard(keys.RIVER))


async def load_stories(store: Store, ids: Sequence[str]) -> list[Story]:
    """The stories of `ids` that are still kept, in that order."""
    return [unpack(Story, doc) for doc in await load_packed(store, ids) if doc is not None]


async def load_packed(store: Store, ids: Sequence[str]) -> list[bytes | None]:
    """The stories of `ids` in stored form, in that order; None for those no longer kept."""
    return await store.field_of_each(map(keys.story, ids), "doc")


async def story_versions(store: Store, ids: Sequence[str]) -> list[int]:
    """The version of each story, in that order; 0 for those no longer kept."""
    found = await store.field_of_each(map(keys.story, ids), "v")
    return [int(version or 0) for version in found]


async def changes_after(
    store: Store, position: str, *, wait: float, count: int = 500
) -> list[Change]:
    """The changes after `position`, oldest first; waits up to `wait` seconds for the first one."""
    block = int(wait * 1000) or None
    with store_errors():
        answer = await store.redis.xread({keys.CHANGES: position}, count=count, block=block)
    if not answer:
        return []
    return [
        Change(element.decode(), fields[b"kind"].decode(), fields[b"story"].decode())
        for element, fields in answer[0][1]
    ]


async def first_after_trim(store: Store) -> str | None:
    """The position of the oldest kept change; None while none was trimmed."""
    with store_errors():
        if not await store.redis.exists(keys.CHANGES):
            return None
        stream = await store.redis.xinfo_stream(keys.CHANGES)
    if stream["entries-added"] <= stream["length"] or stream["first-entry"] is None:
        return None
    position: str = stream["first-entry"][0].decode()
    return position


_MARK = b""  # field without a meaning: the hash exists, even if there was nothing to remember
_NAMES_AT_ONCE = 1000
_PARTIAL_SECONDS = 60
_PARTIAL = keys.NAMES + ":partial"  # until it is whole


async def story_ids_written(store: Store) -> bool:
    """Whether story ids were written back into this store; False for a new or wiped one."""
    with store_errors():
        return bool(await store.redis.exists(keys.NAMES))


async def write_story_ids(store: Store, names: Mapping[str, str]) -> None:
    """Write remembered story ids (entry id -> story id), and mark them as complete."""
    pairs = [*names.items()]
    with store_errors():
        for start in range(0, len(pairs), _NAMES_AT_ONCE):
            chunk = dict(pairs[start : start + _NAMES_AT_ONCE])
            await store.redis.hset(_PARTIAL, mapping=chunk)
            await store.redis.expire(_PARTIAL, _PARTIAL_SECONDS)
        pipe = store.redis.pipeline()
        if pairs:
            pipe.rename(_PARTIAL, keys.NAMES)
        pipe.hset(keys.NAMES, mapping={_MARK: b""})
        pipe.expire(keys.NAMES, keys.NAMES_SECONDS)
        await pipe.execute()


async def add_story_ids(store: Store, names: Mapping[str, str]) -> None:
    """Write further story ids: the store lost stories, as in a failover to a late replica."""
    with store_errors():
        if names and await store.redis.hlen(keys.NAMES) < keys.NAMES_KEPT:
            await store.redis.hset(keys.NAMES, mapping=dict(names))
