"""The store says how much room it has, and why it takes nothing in."""

from __future__ import annotations

from store.connection import Store
from store.heartbeat import vitals


async def test_a_store_with_room_has_no_fault(store: Store) -> None:
    said = await vitals(store)

    assert said.memory > 0
    assert (said.memory_limit, said.fault) == (0, None)


async def test_a_store_at_its_limit_says_so(store: Store) -> None:
    await store.redis.config_set("maxmemory", "1mb")
    try:
        said = await vitals(store)
    finally:
        await store.redis.config_set("maxmemory", "0")

    assert "full" in str(said.fault)
