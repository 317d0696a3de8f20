"""What anyone may ask for costs the usual feeds and /health nothing, however much it is."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import pytest

from core.config.settings import Settings, Source
from service import documents
from service.documents import (
    TRANSFERS,
    WAITING,
    Background,
    Document,
    SharedDocuments,
    TooBusy,
    Transfers,
)
from service.feeds import handlers, query, render
from service.feeds.query import FeedQuery, select
from tests.service.conftest import LIVE, SETTINGS, Serve, Served, longest_turn, make_story


def document(size: int = 10) -> Document:
    return Document(b"x" * size, {}, datetime.now(UTC))


async def test_what_many_ask_for_at_once_is_made_once() -> None:
    shared, made = SharedDocuments(), 0

    async def make() -> Document:
        nonlocal made
        made += 1
        await asyncio.sleep(0)
        return document()

    found = await asyncio.gather(*(shared.document("key", make) for _ in range(10)))

    assert made == 1
    assert all(each is found[0] for each in found)


async def test_a_reader_who_leaves_takes_nobodys_document_along() -> None:
    shared, go_on = SharedDocuments(), asyncio.Event()

    async def make() -> Document:
        await go_on.wait()
        return document()

    first = asyncio.create_task(shared.document("key", make))
    second = asyncio.create_task(shared.document("key", make))
    await asyncio.sleep(0)
    first.cancel()
    go_on.set()

    assert (await second).body == b"x" * 10


async def test_what_could_not_be_made_is_tried_again() -> None:
    shared = SharedDocuments()

    async def fail() -> Document:
        raise TooBusy("busy")

    async def make() -> Document:
        return document()

    with pytest.raises(TooBusy):
        await shared.document("key", fail)
    assert await shared.document("key", make)


async def test_shared_documents_are_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "BYTES_KEPT", 250)
    monkeypatch.setattr(documents, "SHARE", 1e-9)
    shared, made = SharedDocuments(), list[str]()

    async def ask(key: str, size: int = 100) -> None:
        async def make() -> Document:
            made.append(key)
            return document(size)

        await shared.document(key, make)

    for key in ("a", "b", "b", "c", "b", "c", "a"):
        await ask(key)
    await ask("giant", 1000)
    await ask("giant", 1000)

    assert made == ["a", "b", "c", "a", "giant"]


async def test_more_work_than_can_wait_is_refused() -> None:
    held, threads = threading.Event(), Background()
    tasks = [asyncio.create_task(threads.run(held.wait, 10)) for _ in range(WAITING)]
    await asyncio.sleep(0)

    with pytest.raises(TooBusy):
        await threads.run(held.wait, 10)
    held.set()
    assert await asyncio.gather(*tasks) == [True] * WAITING
    threads.close()


@pytest.mark.parametrize("path", ["/sources", "/sources.opml", "/metrics"])
async def test_very_many_sources_keep_nobody_waiting(serve: Serve, path: str) -> None:
    """Ten clients at /sources of 50,000 sources held /health/live up for 1.5 s each."""
    sources = tuple(
        Source(url=f"https://s{number}.example/rss", name=f"s{number}") for number in range(20_000)
    )
    served = await serve(Settings(sources=sources))
    await served.publish(make_story(1))
    accepted = ["application/json", "text/html"] if path == "/sources" else ["*/*"]

    longest = await longest_turn(
        [
            served.client.get(path, headers={"Accept": accepted[number % len(accepted)]})
            for number in range(10)
        ]
    )

    assert longest < LIVE


async def test_searches_for_other_texts_keep_nobody_waiting(served: Served) -> None:
    stories = [make_story(number) for number in range(2_000)]
    await served.publish(*stories)

    longest = await longest_turn(
        [served.client.get(f"/feed.json?q=word{number}") for number in range(20)]
    )

    assert longest < LIVE


def giant(number: int, *, letters: int = 500_000) -> Any:
    """A story whose body is as long as one may be, and packs to nothing."""
    story = make_story(number, sources=("second",))
    text = f"{number} zap. " * (letters // 7)
    article = story.article.model_copy(update={"text": text, "html": f"<p>{text}</p>"})
    return story.model_copy(update={"article": article})


async def test_giant_entries_lose_their_bodies_before_others_do(served: Served) -> None:
    """Ten of them at each poll made every reader's feed 78 MB, and `limit=1000` gigabytes."""
    small = [make_story(number) for number in range(20)]
    await served.publish(*small, *(giant(100 + number) for number in range(20)))

    answer = await served.client.get("/feed.json?limit=1000")
    items = (await answer.json(content_type=None))["items"]

    with_body = {item["title"] for item in items if "Body of story" in str(item)}
    assert len(items) == 40
    assert with_body == {f"Story {number}" for number in range(20)}
    assert len(await answer.read()) < 3 * render.LETTERS_AT_LEAST


async def test_rendered_pieces_and_searched_texts_are_bounded_by_letters(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    folded = query._Folded()
    monkeypatch.setattr(query, "_folded", folded)
    monkeypatch.setattr(query, "FOLDED_BYTES", 300_000)
    monkeypatch.setattr(render, "LETTERS_KEPT", 300_000)
    await served.publish(*(giant(number, letters=50_000) for number in range(20)))

    assert len(select(served.river.newest(), FeedQuery(text="19 zap"), SETTINGS)) == 1
    await served.client.get("/feed.json?limit=20")

    assert folded._size <= 300_000
    assert render._letters <= 350_000


async def test_an_ordinary_feed_keeps_all_bodies(served: Served) -> None:
    await served.publish(*(giant(number, letters=20_000) for number in range(100)))

    assert render.without_bodies(served.river.newest()) == frozenset()


async def test_very_many_queries_keep_a_bounded_memory(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kept the whole document: 4 MB more with every request that had another query."""
    monkeypatch.setattr(handlers, "BYTES_KEPT", 100_000)
    monkeypatch.setattr(handlers, "FEEDS_KEPT", 20)
    await served.publish(*(make_story(number) for number in range(50)))

    for number in range(60):
        await served.client.get(f"/feed.json?limit=50&x={number}")

    feeds_kept = served.client.app[handlers.FEEDS]._feeds.values()
    assert len(feeds_kept) <= 20
    assert sum(each.document.size for each in feeds_kept) <= 100_000


async def test_what_is_new_since_many_documents_is_kept_for_a_few(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "RENDER_EVERY", 0.0)
    monkeypatch.setattr(handlers, "DELTAS_KEPT", 3)
    tags = []
    for number in range(8):
        await served.publish(make_story(number))
        tags.append((await served.client.get("/feed.json")).headers["ETag"])

    for tag in tags:
        await served.client.get("/feed.json", headers={"If-None-Match": tag, "A-IM": "feed"})

    (answer,) = served.client.app[handlers.FEEDS]._feeds.values()
    assert answer.document is not None
    assert len(answer.document.deltas) <= 3


async def test_bodies_that_are_sent_slowly_are_bounded_in_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sixty slow readers, each of another long feed, held 782 MB."""
    monkeypatch.setattr(documents, "BYTES_SENT", 250)
    refused = Counter[str]()
    transfers, readers = Transfers(refused), [Mock(spec=asyncio.Transport) for _ in range(5)]
    shared = bytes(100)

    with transfers.sending(readers[0], shared), transfers.sending(readers[1], shared):
        with pytest.raises(TooBusy), transfers.sending(readers[2], bytes(201)):
            pass
        monkeypatch.setattr(documents, "SLOW_SECONDS", 0.0)
        with transfers.sending(readers[3], bytes(202)):
            pass

    assert [reader.abort.called for reader in readers] == [True, True, False, False, False]
    with transfers.sending(readers[4], bytes(103)):
        assert refused["slow"] == 2
        assert transfers._bytes == 103


async def test_few_long_feeds_wait_for_each_other(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "LONG_WAITING", 2)
    monkeypatch.setattr(handlers, "LONG", 5)

    answers = await asyncio.gather(
        *(served.client.get(f"/feed.json?limit={10 + number}") for number in range(5))
    )

    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200, 200, 503, 503, 503]


async def test_a_reader_that_takes_nothing_gives_way_to_another(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "SLOW_SECONDS", 0.0)
    await served.publish(*(giant(number, letters=30_000) for number in range(200)))
    transfers = served.client.app[TRANSFERS]
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    deaf.connect(("127.0.0.1", served.client.port))
    reader, writer = await asyncio.open_connection(sock=deaf)
    writer.write(b"GET /feed.json?limit=200 HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readexactly(100)
    monkeypatch.setattr(documents, "BYTES_SENT", transfers._bytes)

    headers = {"Accept-Encoding": "identity"}
    answer = await served.client.get("/feed.json?limit=199", headers=headers)
    assert len(await answer.read()) > documents.SLICE
    writer.close()

    assert transfers._refused["slow"] == 1
    assert transfers._bytes == 0


async def test_unusual_feeds_are_made_one_after_the_other(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred clients, each with another `limit`, delayed /health by 1.9 s."""
    await served.publish(*(make_story(number) for number in range(200)))
    making, most, real = set[int](), 0, handlers.render

    def counted(*arguments: Any, **named: Any) -> Document:
        nonlocal most
        making.add(threading.get_ident())
        most = max(most, len(making))
        try:
            return real(*arguments, **named)
        finally:
            making.discard(threading.get_ident())

    monkeypatch.setattr(handlers, "render", counted)
    get = served.client.get
    paths = [f"/feed.json?limit={number}" for number in range(150, 170)]
    hosts = [{"X-Forwarded-Host": f"h{number}.example"} for number in range(20)]
    answers = await asyncio.gather(
        *(get(path) for path in paths), *(get("/feed.json", headers=host) for host in hosts)
    )

    assert {answer.status for answer in answers} == {200}
    assert most == 1
