"""What began earlier is settled earlier, whoever answers first."""

from __future__ import annotations

import asyncio

from workers.settle import Line, Order


async def test_who_began_later_waits_for_those_before() -> None:
    line, settled = Line(60), list[str]()
    line.take("first")
    line.take("second")

    async def settle(name: str) -> None:
        turn = line.take(name)
        await turn.come()
        settled.append(name)
        turn.end()

    waiting = asyncio.create_task(settle("second"))
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    await settle("first")
    await waiting

    assert settled == ["first", "second"]


async def test_patience_ends_before_a_silent_one_answers() -> None:
    line = Line(0.01)
    line.take("silent")

    async with asyncio.timeout(5):
        await line.take("quick").come()


async def test_who_is_put_off_keeps_the_place() -> None:
    line = Line(60)
    busy = line.take("busy")
    busy.put_off()
    busy.end()

    assert line.take("busy") is busy
    waiting = asyncio.create_task(line.take("next").come())
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    busy.end()
    await waiting


async def test_pages_wait_for_polls_under_way() -> None:
    order = Order()
    poll = order.polls.take("source")
    page = order.pages.take("entry", after=order.polls)

    waiting = asyncio.create_task(page.come())
    poll.end()

    await waiting


def test_all_of_a_strict_round_arrives_at_one_moment() -> None:
    strict, usual = Order(strict=True), Order()

    assert [strict.moment(now) for now in (5.0, 6.0)] == [5.0, 5.0]
    assert [usual.moment(now) for now in (5.0, 6.0)] == [5.0, 6.0]
    assert not strict.pages_may_begin
    assert usual.pages_may_begin
