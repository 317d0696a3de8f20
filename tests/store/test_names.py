"""What a service remembers reaches a wiped store whole, or not at all."""

from store.connection import Store
from store.names import names_of, names_told, tell_names


async def test_a_new_store_was_told_nothing(store: Store):
    assert not await names_told(store)

    await tell_names(store, {})

    assert await names_told(store)
    assert await names_of(store, ["entry"]) == {}


async def test_names_are_found_by_entry(store: Store):
    await tell_names(store, {"entry": "story", "other": "story"})
    await tell_names(store, {})  # whoever has nothing to tell takes nothing away

    assert await names_told(store)
    assert await names_of(store, ["entry", "unknown"]) == {"entry": "story"}
