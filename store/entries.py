"""Reads single entries by id or address, what a source listed before, and all remembered."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import quote, unquote

from core.feeds.new_entries import Remembered, still_known
from core.ids import CONTENT_DIGEST
from core.models import Article, Decision, EntryRecord, FeedEntry, Frozen, Story
from core.urls import canonical_url
from store import keys
from store.connection import Store, store_errors
from store.records import unpack


def url_key(url: str) -> str:
    """Key of the list of entries under one address, however it is spelled."""
    digest = hashlib.blake2b(canonical_url(url).encode("utf-8", "surrogatepass"), digest_size=16)
    return keys.url(digest.hexdigest())


def url_keys(record: EntryRecord) -> set[str]:
    """Keys of all addresses of an entry."""
    stated = [record.url]
    if record.article is not None:
        stated += [record.article.link, record.article.original_url]
    return {url_key(url) for url in {*stated} if url}


async def load_remembered(store: Store, source: str) -> Remembered:
    """What is remembered of a source, in one call."""
    pipe = store.redis.pipeline(transaction=False)
    pipe.hget(keys.source(source), "items")
    pipe.hgetall(keys.seen(source))
    pipe.get(keys.learned(source))
    pipe.exists(keys.FORGOTTEN)
    with store_errors():
        items, values, learned, forgotten = await pipe.execute()
    seen = {guid: value[:CONTENT_DIGEST] for guid, value in values.items()}
    return Remembered(still_known(items or b"", seen), seen, learned, bool(forgotten))


class Held(Frozen):
    """An article beside its entry: the story showed it once and shows another member's now."""

    article: Article


def kept_form(record: EntryRecord, shown: Article | None) -> EntryRecord:
    """What lies in the store of an entry whose story shows the article `shown`.

    The article that is shown lies in the story alone; of a settled entry's own words only what
    tells it from another under the same guid is needed again.
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
    """The records of `ids`, in that order, with their articles wherever those lie."""
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
    """The records of `ids`, in that order; those that their story shows without the article."""
    if not ids:
        return []
    with store_errors():
        pipe = store.redis.pipeline(transaction=False)
        for entry_id in ids:
            pipe.hget(keys.entry(entry_id), "doc")
        found = await pipe.execute()
    return [None if doc is None else unpack(EntryRecord, doc) for doc in found]


async def _shown_articles(store: Store, wanted: Mapping[str, str]) -> dict[str, Article]:
    """Entry -> its article, from its story or from beside it, whichever holds it now."""
    with store_errors():
        pipe = store.redis.pipeline()  # in one moment: it moves from one to the other
        for entry_id, story_id in wanted.items():
            pipe.hget(keys.story(story_id), "doc")
            pipe.hget(keys.entry(entry_id), "article")
        found = await pipe.execute()
    articles = {}
    for entry_id, story, beside in zip(wanted, found[::2], found[1::2], strict=True):
        told = None if story is None else unpack(Story, story)
        if told is not None and told.representative == entry_id:
            articles[entry_id] = told.article
        elif beside is not None:
            articles[entry_id] = unpack(Held, beside).article
    return articles


async def load_entry(store: Store, entry_id: str) -> EntryRecord | None:
    """The record of one entry."""
    return (await load_entries(store, [entry_id]))[0]


async def entries_by_url(store: Store, url: str) -> list[EntryRecord]:
    """Every entry taken in under this address, the newest first.

    Also where its path is quoted in full, as we write it, and `url` came out of a browser, which
    leaves signs such as `,` and `[` in it.
    """
    head, slashes, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    quoted = f"{head}{slashes}{host}{slash}{quote(unquote(path), safe='/?#=&%')}"
    with store_errors():
        found = await store.redis.zrevrange(url_key(url), 0, -1)
        found = found or await store.redis.zrevrange(url_key(quoted), 0, -1)
    ids = [i.decode() for i in found]
    return [record for record in await load_entries(store, ids) if record is not None]


_AT_ONCE = 200


async def kept_entries(store: Store) -> AsyncIterator[EntryRecord]:
    """All entry records, in no order; what is written meanwhile may come or not."""
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
