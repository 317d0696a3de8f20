"""Reads single entries: by id, by address, and what a source has listed before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from core.ids import CONTENT_DIGEST, guid_digest
from core.models import EntryRecord
from core.urls import canonical_url
from store import keys
from store.connection import Store, store_errors
from store.packing import unpack


def url_key(url: str) -> str:
    """Key of the list of entries under one address, however it is spelled."""
    digest = hashlib.blake2b(canonical_url(url).encode("utf-8", "surrogatepass"), digest_size=16)
    return keys.url(digest.hexdigest())


def url_keys(record: EntryRecord) -> set[str]:
    """Keys of all addresses of an entry."""
    stated = [record.url]
    if record.article is not None:
        stated += [record.article.link, record.article.original_url]
    return {url_key(url) for url in stated if url}


async def load_seen(store: Store, source: str, guids: Sequence[str]) -> list[bytes | None]:
    """For each guid the digest of what was last seen under it, or None if it is new."""
    if not guids:
        return []
    with store_errors():
        found = await store.redis.hmget(keys.seen(source), [guid_digest(g) for g in guids])  # type: ignore[misc]
    return [None if value is None else bytes(value[:CONTENT_DIGEST]) for value in found]


async def seen_digests(store: Store, source: str) -> set[bytes]:
    """The digests of everything that `source` listed lately, under whatever guid."""
    with store_errors():
        values = await store.redis.hvals(keys.seen(source))  # type: ignore[misc]
    return {bytes(value[:CONTENT_DIGEST]) for value in values}


async def load_entries(store: Store, ids: Sequence[str]) -> list[EntryRecord | None]:
    """The records of `ids`, in that order."""
    if not ids:
        return []
    with store_errors():
        pipe = store.redis.pipeline(transaction=False)
        for entry_id in ids:
            pipe.hget(keys.entry(entry_id), "doc")
        found = await pipe.execute()
    return [None if doc is None else unpack(EntryRecord, doc) for doc in found]


async def load_entry(store: Store, entry_id: str) -> EntryRecord | None:
    """The record of one entry."""
    return (await load_entries(store, [entry_id]))[0]


async def entries_by_url(store: Store, url: str) -> list[EntryRecord]:
    """Every entry taken in under this address, the newest first."""
    with store_errors():
        ids = [i.decode() for i in await store.redis.zrevrange(url_key(url), 0, -1)]
    return [record for record in await load_entries(store, ids) if record is not None]
