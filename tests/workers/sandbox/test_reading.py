"""A document and what is new in it, read in one trip to a child, or in two."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from core.config.settings import Source
from core.errors import NotAFeed
from core.models import ParsedFeed
from core.pipeline import BATCH, Read
from store.connection import Store
from store.monitoring import Counts
from tests.workers.jobs.test_new_entries import item
from workers.sandbox import documents as reading
from workers.sandbox.documents import Reader
from workers.sandbox.pool import Sandbox

SOURCE = Source(url="https://a.example/feed", name="source", full_text="feed")


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
    monkeypatch.setattr(reading, "read_news", _spin)

    read = await _read(reader, item("a", "mill"))

    assert read.prepared is None
    assert [entry.guid for entry in read.feed.entries] == ["a"]


async def test_what_is_no_feed_is_told_as_such(reader: Reader) -> None:
    with pytest.raises(NotAFeed):
        await reader.read(b"<html><body>x</body></html>", url=SOURCE.url, content_type=None)


async def _read(reader: Reader, *items: str) -> Read:
    document = f"<rss version='2.0'><channel>{''.join(items)}</channel></rss>".encode()
    return await reader.read(document, url=SOURCE.url, content_type=None)


def _spin(
    parse: Callable[[], ParsedFeed], source: Source, seen: Mapping[bytes, bytes], learned: bytes
) -> Read:
    while True:
        parse()
