"""A document and what is new in it, read in one trip to a child or in two, within its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import pytest

from core.config.settings import Source
from core.errors import NotAFeed, Overdue
from core.models import FeedEntry, ParsedFeed
from core.pipeline import BATCH, ParsedDocument, Prepared
from store.connection import Store
from store.monitoring import Counts
from tests.workers.jobs.test_new_entries import item
from workers.sandbox.pool import Sandbox
from workers.sources import documents
from workers.sources.documents import Reader

SOURCE = Source(url="https://a.example/feed", name="source", full_text="feed")
ENTRIES = [FeedEntry(guid=f"{n}", position=n, title=f"Entry {n}") for n in range(4)]


@pytest.fixture
def reader(store: Store, sandbox: Sandbox) -> Reader:
    return Reader(store, sandbox, SOURCE, Counts())


async def test_what_is_new_comes_clean_with_the_document(reader: Reader) -> None:
    read = await _read(reader, item("a", "mill"), item("b", "bread"))

    assert read.prepared is not None
    titles = [made.article.title for made in read.prepared.entries]
    assert titles == [entry.title for entry in read.feed.entries] == ["Mill", "Bread"]


async def test_more_news_than_one_trip_cleans_are_left_for_others(reader: Reader) -> None:
    read = await _read(reader, *(item(str(n), "mill", title=str(n)) for n in range(BATCH + 1)))

    assert read.prepared is None
    assert len(read.feed.entries) == BATCH + 1


async def test_an_entry_that_uses_up_the_time_takes_nothing_from_its_document(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "read_news", _spin)

    read = await _read(reader, item("a", "mill"))

    assert read.prepared is None
    assert [entry.guid for entry in read.feed.entries] == ["a"]


async def test_what_is_no_feed_is_told_as_such(reader: Reader) -> None:
    with pytest.raises(NotAFeed):
        await reader.read(b"<html><body>x</body></html>", url=SOURCE.url, content_type=None)


async def _read(reader: Reader, *items: str) -> ParsedDocument:
    document = f"<rss version='2.0'><channel>{''.join(items)}</channel></rss>".encode()
    return await reader.read(document, url=SOURCE.url, content_type=None)


def _spin(
    parse: Callable[[], ParsedFeed], source: Source, seen: Mapping[bytes, bytes], learned: bytes
) -> ParsedDocument:
    while True:
        parse()


def _never_end(entries: Sequence[FeedEntry], source: Source, learned: bytes | None) -> Prepared:
    while True:
        pass


def _rest(entries: Sequence[FeedEntry], source: Source, learned: bytes | None) -> Prepared:
    time.sleep(60)
    raise AssertionError


async def test_entries_that_use_up_their_time_share_a_bounded_one(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "prepare", _never_end)
    monkeypatch.setattr(documents, "BATCH_SECONDS", 0.2)
    monkeypatch.setattr(documents, "LEAST_SECONDS", 0.05)
    monkeypatch.setattr("workers.sandbox.pool.WALL_FACTOR", 300.0)  # only CPU stops it here
    given: list[float] = []
    run = sandbox.run

    async def noted(*args: object, timeout: float, **named: object) -> object:  # noqa: ASYNC109
        given.append(timeout)
        return await run(*args, timeout=timeout, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(sandbox, "run", noted)

    prepared = await documents.prepare_entries(sandbox, ENTRIES, SOURCE, None, Counts())

    assert [made.article.title for made in prepared.entries] == [e.title for e in ENTRIES]
    assert given[1:] == [0.2, 0.05, 0.05, 0.05]


async def test_entries_that_only_the_clock_stopped_are_left_for_a_later_try(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "prepare", _rest)
    monkeypatch.setattr(documents, "BATCH_SECONDS", 0.1)
    monkeypatch.setattr(documents, "LEAST_SECONDS", 0.1)

    with pytest.raises(Overdue):
        await documents.prepare_entries(sandbox, ENTRIES, SOURCE, None, Counts())
