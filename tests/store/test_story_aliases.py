"""What a service remembers reaches a wiped store whole, or not at all."""

from store import keys
from store.connection import Store
from store.entries import names_told, tell_names


async def test_a_new_store_was_told_nothing(store: Store):
    assert not await names_told(store)

    await tell_names(store, {})

    assert await names_told(store)
    assert await store.redis.hget(keys.NAMES, "entry") is None


async def test_names_are_found_by_entry(store: Store):
    await tell_names(store, {"entry": "story", "other": "story"})
    await tell_names(store, {})  # whoever has nothing to tell takes nothing away

    assert await names_told(store)
    assert await store.redis.hget(keys.NAMES, "entry") == b"story"
