"""The schedule is the truth; leases say who may work."""

from store import keys
from store.connection import Store
from store.schedule import (
    SOURCES,
    add_sources,
    begin,
    drop_sources,
    due_times,
    poll_now,
    release,
    renew,
)
from tests.leases import lease_due


async def test_a_due_source_is_leased_once(store: Store):
    await add_sources(store, ["a"])

    first = await lease_due(store, SOURCES, limit=10, seconds=15)
    second = await lease_due(store, SOURCES, limit=10, seconds=15)

    assert [lease.name for lease in first] == ["a"]
    assert second == []


async def test_a_lease_that_nobody_renews_runs_out(store: Store):
    await add_sources(store, ["a"])
    (lost,) = await lease_due(store, SOURCES, limit=10, seconds=0)

    (found,) = await lease_due(store, SOURCES, limit=10, seconds=15)

    assert found.name == "a"
    assert not await begin(store, SOURCES, lost)
    assert await begin(store, SOURCES, found)


async def test_a_token_from_before_a_wipe_is_never_valid_again(store: Store):
    await add_sources(store, ["a"])
    (before,) = await lease_due(store, SOURCES, limit=10, seconds=15)
    await store.redis.flushall()
    await add_sources(store, ["a"])

    (after,) = await lease_due(store, SOURCES, limit=10, seconds=15)

    assert after.token != before.token
    assert not await begin(store, SOURCES, before)


async def test_a_doubled_job_does_not_begin_twice(store: Store):
    await add_sources(store, ["a"])
    (lease,) = await lease_due(store, SOURCES, limit=10, seconds=15)

    assert await begin(store, SOURCES, lease)
    assert not await begin(store, SOURCES, lease)


async def test_only_the_holder_renews_and_releases(store: Store):
    await add_sources(store, ["a"])
    (old,) = await lease_due(store, SOURCES, limit=10, seconds=0)
    (new,) = await lease_due(store, SOURCES, limit=10, seconds=15)

    assert not await renew(store, SOURCES, old, seconds=60)
    assert not await release(store, SOURCES, old, after=0)
    assert await renew(store, SOURCES, new, seconds=60)
    assert await release(store, SOURCES, new, after=0)
    assert await lease_due(store, SOURCES, limit=10, seconds=15)


async def test_new_sources_are_spread_so_that_a_cold_start_makes_no_burst(store: Store):
    await add_sources(store, ["a", "b", "c"], spacing=5)

    first, second, third = await due_times(store, ["a", "b", "c"])

    assert first is not None
    assert second is not None
    assert third is not None
    assert 4.9 < second - first < 5.1
    assert 4.9 < third - second < 5.1


async def test_a_removed_source_leaves_the_schedule_and_its_state_runs_out(store: Store):
    await add_sources(store, ["a", "b"])
    await store.redis.hset(keys.source("a"), "state", "{}")

    gone = await drop_sources(store, {"b"}, forget_after=60)

    assert gone == ["a"]
    assert await due_times(store, ["a"]) == [None]
    assert 0 < await store.redis.ttl(keys.source("a")) <= 60


async def test_poll_now_makes_a_source_due_at_once(store: Store):
    await add_sources(store, ["a", "b"], spacing=600)

    assert await poll_now(store, "b")
    assert not await poll_now(store, "unknown")

    leased = await lease_due(store, SOURCES, limit=10, seconds=15)
    assert {lease.name for lease in leased} == {"a", "b"}


async def test_a_clock_that_is_set_back_puts_nothing_off(store: Store):
    """Nothing was polled for two hours where the store's clock was set back by two hours."""
    await add_sources(store, ["a"])
    await lease_due(store, SOURCES, limit=10, seconds=30)
    await store.redis.zadd(keys.OUTBOX, {"delivery": (await store.now() + 7200) * 1000})
    await store.redis.zincrby(keys.SCHEDULE, 7200_000, "a")
    await store.redis.incrby(keys.CLOCK, 7200_000)  # as if all that was two hours later

    assert await lease_due(store, SOURCES, limit=10, seconds=30) == []
    (due,) = await due_times(store, ["a"])
    (waits,) = await store.redis.zmscore(keys.OUTBOX, ["delivery"])

    now = await store.now()
    assert due is not None
    assert now + 20 < due < now + 31
    assert abs(waits / 1000 - now) < 10
    assert await store.redis.get(keys.CLOCK) <= str(int(now * 1000)).encode()
