"""A store in trouble is one line when it begins and one when it ends, however many calls fail."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from store.connection import Store
from workers import recovery as store_watch
from workers.recovery import StoreWatch


async def test_a_replica_is_one_line_when_it_begins_and_one_when_it_ends(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_watch, "QUIET_SECONDS", 0.0)
    watch = StoreWatch(store)
    await store.redis.replicaof("127.0.0.1", "1")
    try:
        with capture_logs() as during:
            for _ in range(20):  # each loop of a worker meets it several times a second
                watch.failed("READONLY You can't write against a read only replica")
                await watch.look()
    finally:
        await store.redis.replicaof("NO", "ONE")
    with capture_logs() as after:
        await watch.look()
        await watch.look()

    assert [entry["event"] for entry in during] == ["store.away"]
    assert [entry["event"] for entry in after] == ["store.back"]


async def test_a_store_that_is_away_is_noticed_by_the_watch_itself() -> None:
    nowhere = Store.open("unix:///nowhere/store.sock")
    watch = StoreWatch(nowhere)
    before = watch.pause

    with capture_logs() as logs:
        await watch.look()
        await watch.look()
    await nowhere.close()

    (entry,) = logs
    assert entry["event"] == "store.away"
    assert "start it, or correct REDIS_URL" in entry["reason"]
    assert watch.pause < before


async def test_a_setting_that_will_cost_data_is_logged_once_and_when_it_is_right_again(
    store: Store,
) -> None:
    watch = StoreWatch(store)

    with capture_logs() as logs:
        await watch.look()
        await store.redis.config_set("maxmemory-policy", "allkeys-lru")
        await watch.look()
        await watch.look()
        await store.redis.config_set("maxmemory-policy", "noeviction")
        await watch.look()

    assert [entry["event"] for entry in logs] == ["store.unfit", "store.fit"]
    assert "CONFIG SET maxmemory-policy noeviction" in logs[0]["reason"]
