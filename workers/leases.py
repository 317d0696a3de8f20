"""Holds a lease while work goes on, by renewing it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.errors import StoreAway
from store.connection import Store
from store.schedule import Lease, Queue, renew
from workers.ending import end_tasks

LEASE_SECONDS = 9.0  # a killed worker's source is due again after it, and within 10 s of a crash
_RENEW_SECONDS = LEASE_SECONDS / 3


@asynccontextmanager
async def held(store: Store, queue: Queue, lease: Lease) -> AsyncIterator[None]:
    """Renew `lease` until the block ends. Losing it ends nothing here: the commit is refused."""
    renewing = asyncio.create_task(_keep_renewing(store, queue, lease))
    try:
        yield
    finally:
        await end_tasks([renewing])


async def _keep_renewing(store: Store, queue: Queue, lease: Lease) -> None:
    while True:
        await asyncio.sleep(_RENEW_SECONDS)
        try:
            if not await renew(store, queue, lease, seconds=LEASE_SECONDS):
                return
        except StoreAway:
            continue  # it may be back before the lease runs out
