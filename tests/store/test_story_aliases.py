"""What a service remembers reaches a wiped store whole, or not at all."""

from store import keys
from store.connection import Store
from store.entries import story_ids_written, write_story_ids


async def test_a_new_store_was_told_nothing(store: Store):
    assert not await story_ids_written(store)

    await write_story_ids(store, {})

    assert await story_ids_written(store)
    assert await store.redis.hget(keys.NAMES, "entry") is None


async def test_names_are_found_by_entry(store: Store):
    await write_story_ids(store, {"entry": "story", "other": "story"})
    await write_story_ids(store, {})  # whoever has nothing to tell takes nothing away

    assert await story_ids_written(store)
    assert await store.redis.hget(keys.NAMES, "entry") == b"story"
