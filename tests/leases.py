"""Leases as a sweeper takes them, of one queue."""

from __future__ import annotations

from store.connection import Store
from store.schedule import Lease, Queue, lease_all_due


async def lease_due(store: Store, queue: Queue, *, limit: int, seconds: float) -> list[Lease]:
    """Lease up to `limit` of what is due, for `seconds`."""
    return (await lease_all_due(store, {queue: limit}, seconds=seconds))[0].leases
