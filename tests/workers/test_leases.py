"""A worker works on as many leases as it has places for, and ends them."""

from __future__ import annotations

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from core.errors import StoreAway, StoreError
from store.connection import end_tasks
from store.schedule import Lease
from tests.until import until
from workers import leases as places
from workers.leases import LEASE_SECONDS, Places, Role


class Work:
    """A job that goes on until it is released."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()
        self.ended: list[str] = []

    async def __call__(self, lease: Lease) -> None:
        await self.goes_on.wait()
        self.ended.append(lease.name)


def leases(count: int) -> list[Lease]:
    return [Lease(f"source{n}", f"token{n}") for n in range(count)]


async def test_a_lease_takes_a_place_from_the_hint_to_the_end_of_its_work() -> None:
    work = Work()
    held = Places({Role.POLL: 4}, {Role.POLL: work})
    one, two = leases(2)

    held.hint(Role.POLL, [one, two])
    after_hint = held.room(Role.POLL)
    held.start(Role.POLL, one)
    after_start = held.room(Role.POLL)
    work.goes_on.set()
    await held.drain(5)

    assert (after_hint, after_start, held.room(Role.POLL)) == (2, 2, 3)
    assert work.ended == ["source0"]


async def test_a_hint_that_another_worker_took_gives_its_place_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "_HINTED_SECONDS", 0.0)
    held = Places({Role.POLL: 4}, {})

    held.hint(Role.POLL, leases(4))

    assert held.room(Role.POLL) == 4


async def test_a_full_worker_takes_no_more_and_the_other_kind_of_work_goes_on() -> None:
    work = Work()
    held = Places({Role.POLL: 4, Role.PAGE: 4}, {Role.POLL: work, Role.PAGE: work})

    started = [held.start(Role.POLL, lease) for lease in leases(6)]

    assert started == [True] * 5 + [False]
    assert held.room(Role.POLL) < 0
    assert held.start(Role.PAGE, leases(1)[0])
    await held.drain(0)


async def test_what_does_not_end_in_time_is_cancelled() -> None:
    work = Work()
    held = Places({Role.POLL: 4}, {Role.POLL: work})
    held.start(Role.POLL, leases(1)[0])

    await held.drain(0.01)

    assert held.running == 0
    assert work.ended == []


@pytest.mark.parametrize("fault", [StoreAway("no answer from the store"), ValueError("a bug")])
async def test_work_that_fails_ends_nothing_else(fault: Exception) -> None:
    async def fail(_: Lease) -> None:
        raise fault

    held = Places({Role.POLL: 4}, {Role.POLL: fail})
    held.start(Role.POLL, leases(1)[0])

    await held.drain(5)

    assert held.running == 0
    assert held.room(Role.POLL) == 4


async def test_jobs_that_the_store_interrupts_are_one_line_of_the_log() -> None:
    full = "the disk is full"
    faults = [StoreError(full), StoreError(full), StoreAway("no answer")]

    async def fail(_: Lease) -> None:
        raise faults.pop()

    held = Places({Role.POLL: 4}, {Role.POLL: fail})
    with capture_logs() as lines:
        for lease in leases(3):
            held.start(Role.POLL, lease)
        await held.drain(5)

    assert [line["reason"] for line in lines if line["log_level"] == "warning"] == [full]


async def test_a_late_worker_has_fewer_leases_and_holds_them_longer() -> None:
    work = Work()
    held = Places({Role.POLL: 20}, {Role.POLL: work})
    measuring = asyncio.create_task(held.lateness.measure())
    await asyncio.sleep(0)
    time.sleep(2)  # noqa: ASYNC251  keeps the loop from its timers, as too much work does
    await until(lambda: held.lateness.seconds > 0)

    assert LEASE_SECONDS + 4 < held.lateness.lease <= 27
    assert held.room(Role.POLL) == 2
    held.start(Role.POLL, *leases(1))
    await until(lambda: held.room(Role.POLL) == 19)
    assert held.lateness.lease < LEASE_SECONDS + 5
    await end_tasks([measuring])
    work.goes_on.set()
    await held.drain(5)
