from __future__ import annotations

import asyncio

import pytest

from workers.sandbox.fair import FairPlaces, Usage


async def order_of(places: FairPlaces, *sources: str) -> list[str]:
    """The order in which they get the one place, when all want it at the same time."""
    got: list[str] = []

    async def take(source: str) -> None:
        async with places.place(source):
            got.append(source)
            await asyncio.sleep(0)

    async with places.place("first"):
        taking = [asyncio.create_task(take(source)) for source in sources]
        await asyncio.sleep(0)
    await asyncio.gather(*taking)
    return got


async def test_who_used_least_is_next_and_of_equals_who_came_first() -> None:
    usage = Usage()
    with usage.charged("heavy"):
        await asyncio.sleep(0.01)

    found = await order_of(FairPlaces(1, usage), "heavy", "b", "heavy", "a")

    assert found == ["b", "a", "heavy", "heavy"]


async def test_what_was_used_long_ago_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    usage, now = Usage(), 0.0
    monkeypatch.setattr("workers.sandbox.fair.time.monotonic", lambda: now)
    with usage.charged("a"):
        now += 8.0

    now += 120.0

    assert usage.of("a") == 2.0


async def test_a_cancelled_wait_keeps_no_place() -> None:
    places = FairPlaces(1, Usage())
    async with places.place("a"):
        waiting = [asyncio.create_task(order_of(places, "b")) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert await asyncio.wait_for(order_of(places, "c"), 5) == ["c"]


async def test_who_used_much_leaves_the_last_place_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage, now = Usage(), 0.0
    monkeypatch.setattr("workers.sandbox.fair.time.monotonic", lambda: now)
    places = FairPlaces(2, usage)
    async with places.place("heavy"):
        with usage.charged("heavy"):
            now += 8.0  # it is still under way
            second = asyncio.create_task(order_of(places, "heavy"))
            await asyncio.sleep(0)

            async with places.place("light"):
                assert not second.done()
    assert await second == ["heavy"]
