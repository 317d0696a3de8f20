"""Holds a lease while work goes on, by renewing it; and ends tasks for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from core.errors import StoreError
from store.connection import Store
from store.schedule import Lease, Queue, renew

_SAY_AGAIN = 0.5  # seconds
_TIMES = 10


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` and wait until they have ended.

    Before Python 3.12 `asyncio.wait_for` swallows a cancellation that arrives together with the
    result it waited for (python/cpython#86296). One that ignores ten of them is left behind.
    """
    left = set(tasks)
    for _ in range(_TIMES):
        if not left:
            break
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_SAY_AGAIN)


LEASE_SECONDS = 9.0  # a killed worker's source is due again after it, and within 10 s of a crash
_RENEW_SECONDS = LEASE_SECONDS / 3


class held:  # in lower case like those of contextlib
    """Renew a lease until the block ends. Losing it ends nothing here: the commit is refused.

    Mostly a timer: hardly any poll takes long enough for its lease to be renewed.
    """

    def __init__(self, store: Store, queue: Queue, lease: Lease) -> None:
        self._store, self._queue, self._lease = store, queue, lease
        self._loop = asyncio.get_running_loop()
        self._renewing: asyncio.Task[None] | None = None
        self._ended = False

    def __enter__(self) -> None:
        self._wait()

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._timer.cancel()
        if self._renewing is not None:
            self._renewing.cancel()

    def _wait(self) -> None:
        self._timer = self._loop.call_later(_RENEW_SECONDS, self._begin)

    def _begin(self) -> None:
        self._renewing = self._loop.create_task(self._renew())

    async def _renew(self) -> None:
        try:
            ours = await renew(self._store, self._queue, self._lease, seconds=LEASE_SECONDS)
        except StoreError:
            ours = True  # it may be back before the lease runs out
        if ours and not self._ended:
            self._wait()
