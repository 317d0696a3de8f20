"""What began earlier is settled earlier, whoever answers first."""

from __future__ import annotations

import asyncio

from workers.settle import Lane, Sequencer


async def test_who_began_later_waits_for_those_before() -> None:
    lane, settled = Lane(60), list[str]()
    lane.take("first")
    lane.take("second")

    async def settle(name: str) -> None:
        turn = lane.take(name)
        await turn.wait()
        settled.append(name)
        turn.end()

    waiting = asyncio.create_task(settle("second"))
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    await settle("first")
    await waiting

    assert settled == ["first", "second"]


async def test_patience_ends_before_a_silent_one_answers() -> None:
    lane = Lane(0.01)
    lane.take("silent")

    async with asyncio.timeout(5):
        await lane.take("quick").wait()


async def test_who_is_put_off_keeps_the_place() -> None:
    lane = Lane(60)
    busy = lane.take("busy")
    busy.keep()
    busy.end()

    assert lane.take("busy") is busy
    waiting = asyncio.create_task(lane.take("next").wait())
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    busy.end()
    await waiting


async def test_pages_wait_for_polls_under_way() -> None:
    order = Sequencer()
    poll = order.polls.take("source")
    page = order.pages.take("entry", after=order.polls)

    waiting = asyncio.create_task(page.wait())
    poll.end()

    await waiting


def test_all_of_a_strict_round_arrives_at_one_moment() -> None:
    strict, usual = Sequencer(strict=True), Sequencer()

    assert [strict.moment(now) for now in (5.0, 6.0)] == [5.0, 5.0]
    assert [usual.moment(now) for now in (5.0, 6.0)] == [5.0, 6.0]
    assert not strict.pages_may_begin
    assert usual.pages_may_begin
