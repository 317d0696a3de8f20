from __future__ import annotations

import asyncio
import time

import pytest

from core.config.settings import PerHost
from core.errors import Phrase
from store import keys
from store.connection import Store
from store.hosts import HostTurns, host_pause, pause_host


def turns(
    store: Store, *, in_flight: int = 2, per_second: float = 1, timeout: float = 30
) -> HostTurns:
    return HostTurns(store, PerHost(in_flight=in_flight, per_second=per_second), timeout=timeout)


async def test_the_first_goes_at_once_and_the_next_after_a_gap(store: Store) -> None:
    host = turns(store)

    assert await host.take("a.example", "x") == 0
    assert 0.9 < await host.take("a.example", "y") <= 1.1
    assert await host.take("b.example", "x") == 0


async def test_places_are_promised_in_order_and_kept(store: Store) -> None:
    host = turns(store)
    await host.take("a.example", "first")

    waits = [await host.take("a.example", f"{n}") for n in range(60)]
    again = [await host.take("a.example", f"{n}") for n in range(60)]

    assert waits == sorted(waits)
    assert 60 < waits[-1] < 67
    assert all(0 <= before - after < 1 for before, after in zip(waits, again, strict=True))


async def test_no_feed_stands_behind_a_thousand_pages(store: Store) -> None:
    host = turns(store)
    for n in range(1000):
        await host.take("a.example", f"page {n}", line=5)

    assert await host.take("a.example", "feed") < 7


async def test_no_more_than_so_many_are_under_way_over_all_workers(store: Store) -> None:
    one, other = turns(store, per_second=1000), turns(store, per_second=1000)

    assert await one.take("a.example", "x") == 0
    await asyncio.sleep(0.005)
    assert await other.take("a.example", "y") == 0
    await asyncio.sleep(0.005)
    assert await one.take("a.example", "z") > 0
    await other.give_back("a.example", "y")
    await asyncio.sleep(0.005)
    assert await one.take("a.example", "z") == 0


async def test_eleven_requests_do_not_fit_into_a_second_at_a_limit_of_ten(store: Store) -> None:
    """Also where the first leaves a tenth of a second late."""
    host, began = turns(store, in_flight=99, per_second=10), await store.now()

    waits = [await host.take("a.example", str(number), line=600) for number in range(11)]
    eleventh = await store.now() + waits[10]

    assert waits[0] == 0
    assert eleventh - began >= 1.09


async def test_starts_keep_their_gap_whatever_the_order_of_arrival(store: Store) -> None:
    host = turns(store, in_flight=9, per_second=20)
    starts: list[float] = []

    async def ask(name: str) -> None:
        while (wait := await host.take("a.example", name)) > 0:  # noqa: ASYNC110  told how long
            await asyncio.sleep(wait)
        starts.append(time.monotonic())
        await host.give_back("a.example", name)

    await asyncio.gather(*(ask(str(n)) for n in range(20)))

    assert len(starts) == 20
    assert starts[-1] - starts[0] >= 19 * 0.05
    assert starts[-1] - starts[0] < 3


async def test_a_worker_that_dies_gives_its_turn_back_by_itself(store: Store) -> None:
    host = turns(store, in_flight=1, per_second=1000, timeout=-9.95)
    await host.take("a.example", "dies")

    await asyncio.sleep(0.06)

    assert await host.take("a.example", "lives") == 0


async def test_a_store_whose_clock_was_set_back_holds_no_host_up(store: Store) -> None:
    """Two hours back, and the sources of a host that was just polled waited for up to four."""
    host = turns(store)
    await host.take("a.example", "first")
    await host.take("a.example", "promised")
    before = (await store.now() + 7200) * 1000
    await store.redis.hset(
        keys.host("a.example", "state"), mapping={"last": before, "next": before}
    )
    await store.redis.zadd(keys.host("a.example", "promised"), {"promised": before})
    await store.redis.zadd(keys.host("a.example", "running"), {"one": before, "other": before})
    await store.redis.zadd(keys.host("a.example", "refused"), {"one": before, "other": before})

    assert await host.take("a.example", "promised") == 0
    assert 0.9 < await host.take("a.example", "next") <= 1.1


async def test_a_host_that_told_two_sources_to_wait_is_left_alone(store: Store) -> None:
    host = turns(store, per_second=1000)

    await host.refuse("a.example", "x", 5)
    assert await host.take("a.example", "y") == 0
    await host.refuse("a.example", "y", 8)

    assert 4 < await host.take("a.example", "z") <= 5
    assert await host.take("b.example", "z") == 0


@pytest.mark.parametrize("seconds", [0.05])
async def test_a_host_is_asked_again_when_the_wait_is_over(store: Store, seconds: float) -> None:
    host = turns(store, per_second=1000)
    await host.refuse("a.example", "x", seconds)
    await host.refuse("a.example", "y", seconds)

    await asyncio.sleep(seconds + 0.01)

    assert await host.take("a.example", "z") == 0


async def test_what_is_kept_of_a_host_ends_by_itself(store: Store) -> None:
    host = turns(store)
    await host.take("a.example", "x")
    await host.take("a.example", "y")
    await host.refuse("a.example", "x", 5)

    kept = [key async for key in store.redis.scan_iter("millrace:host:*")]

    assert len(kept) == 4
    assert all([await store.redis.pttl(key) > 0 for key in kept])


async def test_the_reason_of_a_pause_is_kept_for_every_language(store: Store) -> None:
    reason = Phrase("{host} limits requests: nothing is fetched before {time} UTC", {
        "host": "api.example", "time": "12:00",
    })  # fmt: skip
    await pause_host(store, "api.example", 60, reason)
    # As earlier versions wrote it.
    await store.redis.set(keys.host("old.example", "paused"), "old.example {limits}", px=60_000)

    found, old = await host_pause(store, "api.example"), await host_pause(store, "old.example")
    assert found is not None
    assert (59 < found[0] <= 60, found[1]) == (True, reason)
    assert old is not None
    assert str(old[1]) == "old.example {limits}"
    assert await host_pause(store, "other.example") is None
