"""A store and a Millrace that do not fit together say so, and nothing is harmed."""

from typing import Any

import pytest

from core.errors import LayoutMismatch, StoreError
from store import keys
from store import migration as layout
from store.commit import Batch, commit
from store.connection import Store
from store.migration import ensure_layout


async def test_the_first_use_writes_the_version(store: Store):
    await ensure_layout(store)
    await ensure_layout(store)

    assert await store.redis.get(keys.LAYOUT) == b"%d" % keys.LAYOUT_VERSION


async def test_a_store_of_a_newer_millrace_is_refused_and_not_written_to(store: Store):
    await store.redis.set(keys.LAYOUT, keys.LAYOUT_VERSION + 1)

    with pytest.raises(LayoutMismatch, match="newer Millrace"):
        await ensure_layout(store)
    with pytest.raises(LayoutMismatch):
        await commit(store, Batch())

    assert await store.redis.get(keys.LAYOUT) == b"%d" % (keys.LAYOUT_VERSION + 1)


async def test_an_older_layout_is_migrated_step_by_step(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    done: list[int] = []

    def step(version: int) -> Any:
        async def migrate(_: Store) -> None:
            done.append(version)

        return migrate

    await store.redis.set(keys.LAYOUT, 1)
    monkeypatch.setattr(keys, "LAYOUT_VERSION", 3)
    monkeypatch.setattr(layout, "STEPS", {1: step(1), 2: step(2)})

    await ensure_layout(store)

    assert done == [1, 2]
    assert await store.redis.get(keys.LAYOUT) == b"3"
    assert await store.redis.get(keys.MIGRATING) is None


async def test_a_migration_that_was_cut_off_goes_on_where_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    done: list[str] = []

    async def first(_: Store) -> None:
        done.append("first")

    async def second(_: Store) -> None:
        done.append("second")
        if done.count("second") == 1:
            raise StoreError("gone in the middle")

    await store.redis.set(keys.LAYOUT, 1)
    monkeypatch.setattr(keys, "LAYOUT_VERSION", 3)
    monkeypatch.setattr(layout, "STEPS", {1: first, 2: second})

    with pytest.raises(StoreError, match="gone in the middle"):
        await ensure_layout(store)
    await ensure_layout(store)

    assert done == ["first", "second", "second"]
    assert await store.redis.get(keys.LAYOUT) == b"3"


async def test_an_old_server_is_named_with_its_version(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    async def old(*_: object) -> dict[str, str]:
        return {"redis_version": "6.2.14"}

    monkeypatch.setattr(store.redis, "info", old)

    with pytest.raises(StoreError, match=r"version 6\.2\.14"):
        await ensure_layout(store)
