"""The leases that one worker works on: renewed while work goes on, counted, and ended.

A lease under way is a task of this process and lives by its lease alone: whatever becomes of the
hint that it came in with, or of the connection, it ends by itself or is cancelled at the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from enum import StrEnum
from typing import Any

import structlog

from core.errors import StoreError
from store.connection import Store
from store.schedule import PAGES, SOURCES, Lease, Queue, renew

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


log = structlog.get_logger()

Job = Callable[[Lease], Coroutine[Any, Any, None]]

# A hint that this worker gave counts as a place taken until the work begins; after this time some
# other worker has taken it, because each looks into the queue ten times a second.
_HINTED_SECONDS = 1.0
# Work is refused only beyond this share of the places: a worker that asked for no more may still
# get the hints of another, or of a sweep that came late.
_OVERFULL = 1.25


class Role(StrEnum):
    """A kind of work. Each has places of its own, so that slow pages do not hold up polls."""

    POLL = "poll"
    PAGE = "page"


# Leases under way in one process. Most of them wait for a stranger, and many may wait in vain.
LIMITS = {Role.POLL: 300, Role.PAGE: 100}
SCHEDULES: Mapping[Role, Queue] = {Role.POLL: SOURCES, Role.PAGE: PAGES}


class Places:
    """Starts work under leases, counts it, and ends it."""

    def __init__(self, limits: Mapping[Role, int], jobs: Mapping[Role, Job]) -> None:
        self.limits = limits
        self._jobs = jobs
        self._running: dict[Role, set[asyncio.Task[None]]] = {role: set() for role in limits}
        self._hinted: dict[Role, dict[str, float]] = {role: {} for role in limits}

    @property
    def running(self) -> int:
        """Leases that are being worked on."""
        return sum(map(len, self._running.values()))

    def room(self, role: Role) -> int:
        """How many more leases there is a place for."""
        oldest = time.monotonic() - _HINTED_SECONDS
        hinted = {token: at for token, at in self._hinted[role].items() if at > oldest}
        self._hinted[role] = hinted
        return self.limits[role] - len(self._running[role]) - len(hinted)

    def hint(self, role: Role, leases: Iterable[Lease]) -> None:
        """Count leases that this worker put into the queue and will probably take itself."""
        now = time.monotonic()
        self._hinted[role].update((lease.token, now) for lease in leases)

    def start(self, role: Role, lease: Lease) -> bool:
        """Start the work under a lease; False when there is no place for it."""
        self._hinted[role].pop(lease.token, None)
        running = self._running[role]
        if len(running) >= self.limits[role] * _OVERFULL:
            return False
        task = asyncio.create_task(self._work(role, lease))
        running.add(task)
        task.add_done_callback(running.discard)
        return True

    async def _work(self, role: Role, lease: Lease) -> None:
        try:
            await self._jobs[role](lease)
        except StoreError as error:  # the lease expires and the work is done again
            log.warning("job.interrupted", role=str(role), name=lease.name, reason=str(error))
        except Exception:  # as above; one lease that went wrong must not end the worker
            log.exception("job.failed", role=str(role), name=lease.name)

    async def drain(self, seconds: float) -> None:
        """Let what runs end within `seconds`, then cancel it; its leases expire."""
        running = set().union(*self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=seconds)
            await end_tasks(late)
