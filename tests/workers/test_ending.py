"""Tasks end for certain."""

from __future__ import annotations

import asyncio

from workers.leases import end_tasks


async def test_a_task_that_loses_its_first_cancellation_ends_all_the_same() -> None:
    lost = asyncio.Event()

    async def forgetful() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(forgetful())
    await asyncio.sleep(0)

    await end_tasks([task])

    assert lost.is_set()
    assert task.cancelled()
