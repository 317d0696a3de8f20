"""Batches of entries that use up their time, by themselves or for want of a machine."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence

import pytest

from core.config.settings import Source
from core.errors import Overdue
from core.models import FeedEntry
from core.pipeline import Prepared
from store.monitoring import Counts
from workers.sandbox import documents as preparing
from workers.sandbox.pool import Sandbox

SOURCE = Source(url="https://a.example/feed")
ENTRIES = [FeedEntry(guid=f"{n}", position=n, title=f"Entry {n}") for n in range(4)]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    box = Sandbox(children=1)
    yield box
    await box.close()


def spin(entries: Sequence[FeedEntry], source: Source, learned: bytes | None) -> Prepared:
    while True:
        pass


def rest(entries: Sequence[FeedEntry], source: Source, learned: bytes | None) -> Prepared:
    time.sleep(60)
    raise AssertionError


async def test_entries_that_use_up_their_time_share_a_bounded_one(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "prepare", spin)
    monkeypatch.setattr(preparing, "BATCH_SECONDS", 0.2)
    monkeypatch.setattr(preparing, "LEAST_SECONDS", 0.05)
    monkeypatch.setattr("workers.sandbox.pool.WALL_FACTOR", 300.0)  # only CPU stops it here
    given: list[float] = []
    run = sandbox.run

    async def noted(*args: object, timeout: float) -> object:  # noqa: ASYNC109
        given.append(timeout)
        return await run(*args, timeout=timeout)  # type: ignore[arg-type]

    monkeypatch.setattr(sandbox, "run", noted)

    prepared = await preparing.prepare_entries(sandbox, ENTRIES, SOURCE, None, Counts())

    assert [made.article.title for made in prepared.entries] == [e.title for e in ENTRIES]
    assert given[1:] == [0.2, 0.05, 0.05, 0.05]


async def test_entries_that_only_the_clock_stopped_are_left_for_a_later_try(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "prepare", rest)
    monkeypatch.setattr(preparing, "BATCH_SECONDS", 0.1)
    monkeypatch.setattr(preparing, "LEAST_SECONDS", 0.1)

    with pytest.raises(Overdue):
        await preparing.prepare_entries(sandbox, ENTRIES, SOURCE, None, Counts())
