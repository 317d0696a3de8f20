"""The leases that one worker works on: started as tasks, renewed, counted and ended.

A task does not depend on the hint that started it or on the connection that the hint came by. It
ends by itself, or is cancelled when the worker ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Any

import structlog

from core.errors import StoreAway, StoreError
from store.connection import Store, end_tasks
from store.schedule import PAGES, SOURCES, Lease, Queue, renew

LEASE_SECONDS = 9.0  # the source of a killed worker is due again within 10 s
_RENEW_SECONDS = LEASE_SECONDS / 3
_LONGEST_SECONDS = 27.0  # of a lease; such a source is due again within 30 s
_TURNS = 4  # round trips from a lease to the first renewal: hint, job, begin, renewal


class Lateness:
    """By how many seconds the loop of this process and the store are late, and what follows.

    With 200 sources on a machine at a load of 45 a round trip took seconds: leases expired before
    their renewal, results were refused, and nothing new was published for minutes. So leases last
    longer there, and a late worker has fewer of them at once.
    """

    _measured_every = 0.5
    _too_late = 1.0

    def __init__(self) -> None:
        self.seconds = 0.0

    async def measure(self) -> None:
        """Compare timers with the clock until cancelled."""
        while True:
            due = time.monotonic() + self._measured_every
            await asyncio.sleep(self._measured_every)
            self.seconds /= 2
            self.note(due)

    def note(self, due: float) -> None:
        """Note that work is done only now that was due at `due`, by the monotonic clock."""
        self.seconds = max(self.seconds, time.monotonic() - due)

    @property
    def lease(self) -> float:
        """Seconds that a lease has to last here."""
        return min(LEASE_SECONDS + _TURNS * self.seconds, _LONGEST_SECONDS)

    @property
    def full(self) -> bool:
        """Whether this process has more to do than it can."""
        return self.seconds > self._too_late


@contextmanager
def held(store: Store, queue: Queue, lease: Lease, lateness: Lateness) -> Iterator[None]:
    """Renew a lease until the block ends.

    A lost lease does not end the block; its commit is refused.
    """
    renewing = asyncio.create_task(_renew_until_lost(store, queue, lease, lateness))
    try:
        yield
    finally:
        renewing.cancel()


async def _renew_until_lost(store: Store, queue: Queue, lease: Lease, lateness: Lateness) -> None:
    wait, ours = _RENEW_SECONDS - _TURNS * lateness.seconds, True  # its hint was late too
    while ours:
        due = time.monotonic() + max(0.0, wait)
        await asyncio.sleep(wait)
        with suppress(StoreError):  # the store may be back before the lease expires
            ours = await renew(store, queue, lease, seconds=lateness.lease)
        lateness.note(due)
        wait = _RENEW_SECONDS


log = structlog.get_logger()

Job = Callable[[Lease], Coroutine[Any, Any, None]]

# A hint that this worker queued counts as a place in use until its work begins. After this time
# another worker has taken it, because each reads the queue ten times a second.
_HINTED_SECONDS = 1.0
# Work is refused only beyond this share of the places: hints of other workers, or of a late sweep,
# may arrive at a worker that is full.
_OVERFULL = 1.25


class Role(StrEnum):
    """A kind of work. Each has separate places, so that slow pages do not delay polls."""

    POLL = "poll"
    PAGE = "page"


# Leases in progress in one process. Most of them wait for a server, which may never answer.
LIMITS = {Role.POLL: 300, Role.PAGE: 100}
SCHEDULES: Mapping[Role, Queue] = {Role.POLL: SOURCES, Role.PAGE: PAGES}


class Places:
    """Starts the work of leases as tasks, counts them, and ends them."""

    def __init__(
        self,
        limits: Mapping[Role, int],
        jobs: Mapping[Role, Job],
        lateness: Lateness | None = None,
    ) -> None:
        self.limits = limits
        self.lateness = lateness or Lateness()
        self._jobs = jobs
        self._running: dict[Role, set[asyncio.Task[None]]] = {role: set() for role in limits}
        self._hinted: dict[Role, dict[str, float]] = {role: {} for role in limits}
        self._refusal = ""  # why the store interrupted a job last

    @property
    def running(self) -> int:
        """The number of leases in progress."""
        return sum(map(len, self._running.values()))

    def room(self, role: Role) -> int:
        """The number of free places; a late process has a tenth of them."""
        limit = self.limits[role]
        if self.lateness.full:
            limit = max(1, limit // 10)
        oldest = time.monotonic() - _HINTED_SECONDS
        hinted = {token: at for token, at in self._hinted[role].items() if at > oldest}
        self._hinted[role] = hinted
        return limit - len(self._running[role]) - len(hinted)

    def hint(self, role: Role, leases: Iterable[Lease]) -> None:
        """Count leases that this worker queued and will probably take itself."""
        now = time.monotonic()
        self._hinted[role].update((lease.token, now) for lease in leases)

    def start(self, role: Role, lease: Lease) -> bool:
        """Start the work of a lease; False when there is no place for it."""
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
        except StoreError as error:  # the lease expires and the work is repeated
            # An absent store interrupts all jobs, and is logged as one event: StoreWatch.
            again = isinstance(error, StoreAway) or str(error) == self._refusal
            self._refusal = str(error)
            write = log.debug if again else log.warning
            write("job.interrupted", role=str(role), name=lease.name, reason=self._refusal)
        except Exception:  # the same; the failure of one lease must not end the worker
            log.exception("job.failed", role=str(role), name=lease.name)

    async def drain(self, seconds: float) -> None:
        """Wait up to `seconds` for running work, then cancel it; its leases expire."""
        running = set().union(*self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=seconds)
            await end_tasks(late)
