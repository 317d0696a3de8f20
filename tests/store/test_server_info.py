"""The store says how much room it has, and why it takes nothing in."""

from __future__ import annotations

import time

import pytest

from store.connection import Store
from store.monitoring import server_info


async def test_a_store_with_room_has_no_fault(store: Store) -> None:
    said = await server_info(store)

    assert said.memory > 0
    assert (said.memory_limit, said.fault) == (0, None)


async def test_a_store_at_its_limit_says_so(store: Store) -> None:
    await store.redis.config_set("maxmemory", "1mb")
    try:
        said = await server_info(store)
    finally:
        await store.redis.config_set("maxmemory", "0")

    assert "full" in str(said.fault)


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("maxmemory-policy", "allkeys-lru", "CONFIG SET maxmemory-policy noeviction"),
        ("save", "", "CONFIG SET appendonly yes"),
    ],
)
async def test_a_setting_that_will_cost_data_is_named_with_the_line_that_helps(
    store: Store, name: str, wrong: str, words: str
) -> None:
    well = await server_info(store)
    right = (await store.redis.config_get(name))[name]
    await store.redis.config_set(name, wrong)
    try:
        (warning,) = (await server_info(store)).warnings
    finally:
        await store.redis.config_set(name, right)

    assert well.warnings == ()
    assert words in warning


async def test_little_head_room_is_named_before_the_store_is_full(store: Store) -> None:
    used = (await server_info(store)).memory
    await store.redis.config_set("maxmemory", int(used / 0.95))
    try:
        said = await server_info(store)
    finally:
        await store.redis.config_set("maxmemory", 0)

    assert said.fault is None
    assert "raise maxmemory, or lower retention.entries" in said.warnings[0]


async def test_a_clock_that_differs_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 7200)

    (warning,) = (await server_info(store)).warnings

    assert "ahead of that of this host: set both by NTP" in warning
