"""Work that is due reaches a worker that lives, whatever others left behind."""

from typing import Any

import pytest

from core.config.settings import Settings
from store import keys
from store.connection import Store
from store.entries import write_story_ids
from store.schedule import Lease, due_times, poll_now
from store.sources import SourceState, dump_source
from tests.workers.desk import settings_for
from workers.leases import Places, Role
from workers.scheduler import PER_SWEEP, Sweeper

BACKOFF = {"base": "1s", "cap": "10s"}


@pytest.fixture(autouse=True)
async def told(store: Store) -> None:
    await write_story_ids(store, {})


async def idle(_: Lease) -> None:
    """Work that ends at once."""


def sweeper(store: Store, current, *, places: int = 1) -> Sweeper:
    return Sweeper(store, current, Places(dict.fromkeys(Role, places), dict.fromkeys(Role, idle)))


def settings(count: int):
    return settings_for(*({"url": f"https://example.org/{n}"} for n in range(count)))


async def make_due(store: Store) -> None:
    await store.redis.zadd(
        keys.SCHEDULE, dict.fromkeys(await store.redis.zrange(keys.SCHEDULE, 0, -1), 1)
    )


async def test_an_edit_that_shortens_intervals_takes_effect_at_once(store: Store):
    slow = settings_for({"url": "https://example.org/0"}, max_interval="1h")
    quick = settings_for({"url": "https://example.org/0"}, max_interval="10s", backoff=BACKOFF)
    now = [slow]
    one = sweeper(store, lambda: now[0])
    await one._keep_in_step()
    await store.redis.zadd(keys.SCHEDULE, {"source": (await store.now() + 3000) * 1000})
    assert await one.sweep() == 0

    now[0] = quick

    assert await one.sweep() == 1


async def test_workers_share_what_is_due(store: Store):
    share = PER_SWEEP[Role.POLL]
    many = settings(3 * share)
    crew = [sweeper(store, lambda: many, places=2 * share) for _ in range(3)]
    await crew[0]._keep_in_step()
    await make_due(store)

    assert [await each.sweep() for each in crew] == [share] * 3


async def test_one_lease_is_worked_on_where_it_was_found_and_many_go_to_the_queue(store: Store):
    begun: list[str] = []

    async def work(lease: Lease) -> None:
        begun.append(lease.name)

    three, places = settings(3), Places(dict.fromkeys(Role, 5), dict.fromkeys(Role, work))
    one = Sweeper(store, lambda: three, places)
    await one._keep_in_step()
    await make_due(store)
    await one.sweep()
    queued = await store.redis.zcard(keys.QUEUE)
    await poll_now(store, "source2")

    assert await one.sweep() == 1
    await places.drain(5)

    assert (begun, await store.redis.zcard(keys.QUEUE), queued) == (["source2"], 1, 1)


async def test_a_worker_rests_longer_only_while_nothing_can_become_due(store: Store):
    one = settings(1)
    sweeping = sweeper(store, lambda: one)

    async def quiet_when_due_in(seconds: float) -> bool:
        await store.redis.zadd(keys.SCHEDULE, {"source": (await store.now() + seconds) * 1000})
        await sweeping.sweep()
        return sweeping.quiet

    assert await sweeping.sweep() == 1
    assert not sweeping.quiet  # somebody works

    assert await quiet_when_due_in(60)
    assert not await quiet_when_due_in(5)


async def due_after_edit(store: Store, before: Settings, after: Settings) -> list[str]:
    """What a worker that starts with `after` polls at once, where another one knew `before`."""
    await sweeper(store, lambda: before).sweep()
    later = (await store.now() + 3000) * 1000
    names = [name.decode() for name in await store.redis.zrange(keys.SCHEDULE, 0, -1)]
    await store.redis.zadd(keys.SCHEDULE, dict.fromkeys(names, later))
    restarted = sweeper(store, lambda: after, places=9)
    await restarted.sweep()
    due = zip(names, await due_times(store, names), strict=True)
    return sorted(name for name, at in due if at is not None and at < later / 1000 - 60)


@pytest.mark.parametrize(
    "edit",
    [
        {"url": "https://example.org/other"},
        {"auth": "ann:secret"},
        {"headers": {"X-Key": "secret"}},
        {"proxy": "http://proxy.example:3128"},
    ],
)
async def test_a_source_whose_line_changed_is_polled_at_once_over_a_restart_too(
    store: Store, edit: dict[str, Any]
) -> None:
    lines: list[dict[str, Any]] = [{"url": f"https://example.org/{n}"} for n in range(3)]

    due = await due_after_edit(
        store, settings_for(*lines), settings_for(lines[0], {**lines[1], **edit}, lines[2])
    )

    assert due == ["source1"]
    assert b"secret" not in b"".join(await store.redis.hvals(keys.LINES))


async def test_an_edit_of_other_fields_hastens_nothing(store: Store) -> None:
    line = {"url": "https://example.org/0"}
    edited = settings_for({**line, "tags": ["new"], "every": "2h", "priority": 3})

    assert await due_after_edit(store, settings_for(line), edited) == []


async def test_what_the_guard_refused_is_polled_when_allow_private_changes(store: Store) -> None:
    lines = [{"url": f"http://10.0.0.{n}/feed"} for n in range(2)]
    for name, refused in (("source", True), ("source1", False)):
        state = SourceState(url=lines[0]["url"], configured_url=lines[0]["url"], refused=refused)
        await store.redis.hset(keys.source(name), "state", dump_source(state))

    due = await due_after_edit(
        store, settings_for(*lines), settings_for(*lines, allow_private=["10.0.0.0/24:80"])
    )

    assert due == ["source"]
