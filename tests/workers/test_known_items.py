"""Items that are known are not read again, and nobody could tell from what is published."""

from __future__ import annotations

import random
from typing import Any

import pytest

from store import keys
from store.connection import Store
from store.entries import load_remembered
from store.websub import add_push
from tests.origin import Origin
from tests.workers.desk import Desk
from tests.workers.jobs.test_new_entries import desk, feed, item
from workers.sandbox.pool import Sandbox

_NEWEST = 5  # entries that a document holds


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_remembered_is_the_same_as_if_all_were_read_again(
    store: Store, sandbox: Sandbox, origin: Origin, seed: int
) -> None:
    documents = _history(random.Random(seed))

    told = await _snapshots(store, sandbox, origin, documents, forgetful=False)
    await store.redis.flushdb()
    read_again = await _snapshots(store, sandbox, origin, documents, forgetful=True)

    assert told == read_again


async def test_only_what_is_new_is_read_of_a_document(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    first, second = feed(item("a", "mill")), feed(item("b", "bread"), item("a", "mill"))
    async with desk(store, sandbox, origin, first, second) as at:
        await at.poll()
        known_before = await _known(store)
        await at.poll()
        known = await _known(store)

    assert len(known_before) == 1 + 40
    assert len(known) == 1 + 80
    assert known_before[1:] in known


async def test_an_item_counts_as_known_only_while_what_it_says_was_seen_last(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    document = feed(item("a", "mill"), item("b", "bread"))
    async with desk(store, sandbox, origin, document) as at:
        await at.poll()
        (guid, *_) = await store.redis.hkeys(keys.seen("source"))
        await store.redis.hdel(keys.seen("source"), guid)

        known = await _known(store)

    assert len(known) == 1 + 40
    assert guid not in known


async def test_a_push_leaves_what_is_known_of_the_document(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    hub = (
        "<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='hub' href='https://h.example/'/>"
    )
    document = feed(hub, item("a", "mill"))
    pushed = str(feed(item("b", "bread")).body).encode()
    async with desk(store, sandbox, origin, document) as at:
        await at.poll()
        known = await _known(store)
        await add_push(store, "source", body=pushed, content_type="application/rss+xml")
        await at.poll()

        assert await _known(store) == known
        assert len(await at.entries()) == 2


async def _known(store: Store) -> bytes:
    return (await load_remembered(store, "source")).items


def _history(chance: random.Random) -> list[list[str]]:
    """What a source lists over time: new entries, edits, guids that change or are used again."""
    listed, documents = [], []
    for n in range(8):
        for _ in range(chance.randint(0, 3)):
            listed.insert(0, _entry(f"g-{chance.randint(0, 12)}", f"{n}-{chance.random()}"))
        listed = [_whim(chance, each) for each in listed][:_NEWEST]
        documents.append([_item(each) for each in listed])
    return documents


def _entry(guid: str, text: str) -> dict[str, str]:
    return {"guid": guid, "text": text, "link": f"https://example.org/{text}", "title": text}


def _whim(chance: random.Random, entry: dict[str, str]) -> dict[str, str]:
    """Now and then a source changes something about what it listed before."""
    match chance.randint(0, 12):
        case 0:
            return entry | {"text": entry["text"] + " changed"}
        case 1:
            return entry | {"guid": entry["guid"] + "x"}
        case 2:
            return _entry(entry["guid"], f"another {chance.random()}")
        case 3:
            return entry | {"guid": ""}
        case 4:
            return entry | {"date": f"<pubDate>Fri, {chance.randint(1, 20)} Nov 2026</pubDate>"}
    return entry


def _item(entry: dict[str, str]) -> str:
    return (
        item(entry["guid"], "mill", link=entry["link"], title=entry["title"])
        .replace("The council", f"{entry['text']}: the council")
        .replace("<title>", entry.get("date", "") + "<title>")
    )


async def _snapshots(
    store: Store, sandbox: Sandbox, origin: Origin, documents: list[list[str]], *, forgetful: bool
) -> list[Any]:
    found = []
    async with desk(store, sandbox, origin, *(feed(*items) for items in documents)) as at:
        for _ in documents:
            if forgetful:
                await store.redis.hdel(keys.source("source"), "items")
            await at.poll()
            found.append(await _snapshot(at))
    return found


async def _snapshot(at: Desk) -> Any:
    """All that is remembered of a source and its entries, but for the time."""
    redis = at.context.store.redis
    seen = await redis.hgetall(keys.seen("source"))
    listed = await redis.hget(keys.source("source"), "listed") or b""
    return (
        {guid: (value[:8], value[8:] == b"\xff" * 4) for guid, value in seen.items()},
        sorted(listed[n : n + 16] for n in range(0, len(listed), 16)),
        sorted((r.guid, r.decision, r.rule, r.order, r.title or "") for r in await at.entries()),
        sorted((s.id, s.article.title or "", s.article.text) for s in await at.stories()),
    )
