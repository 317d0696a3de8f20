"""The only module that knows arq.

arq is in maintenance and leaves when the store goes away, so it does little here: it carries
hints, as JSON and never as pickles, that leases wait to be worked on. Whatever it loses or
doubles, the schedule makes good.

Each worker has queues of its own: hints that a killed one leaves behind stay in arq's books for
minutes, and on a shared queue they would take the places of live ones. So who hints and who works
are one process, and the one wakes the other, instead of looking twenty times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any

import structlog
from arq.connections import ArqRedis
from arq.constants import job_key_prefix
from arq.jobs import serialize_job
from arq.worker import Function, Worker, func

from core.errors import StoreError
from store.connection import Store, store_errors
from store.keys import PREFIX
from store.schedule import Lease
from workers.ending import end_tasks
from workers.leases import LEASE_SECONDS

# arq orders its queue by the enqueuer's clock, and a host whose clock is ahead would hide its jobs
# from the others. One fixed time for all makes every job due; ids grow, so they stay in order.
_ALWAYS_DUE = 1  # ms since 1970
_HINT_SECONDS = 120  # a hint older than this is about a lease that ran out
_LOOK_SECONDS = 1.0  # between two looks at the queue without a hint
_QUEUE_SECONDS = 1800  # after the last hint; then its worker is gone

log = structlog.get_logger()

Job = Callable[[Lease], Awaitable[None]]


class Role(StrEnum):
    """A queue per kind of work, so that slow pages do not hold up polls."""

    POLL = "poll"
    PAGE = "page"


def _dumps(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


class Hints:
    """One worker's queue of one role: what was announced, and how many places are left.

    A place is taken by a lease, not by the job that it came in with: one that hangs takes one.
    """

    def __init__(self, store: Store, role: Role, worker: str, *, places: int) -> None:
        self.queue = f"{PREFIX}queue:{role}:{worker}"
        self.arq = ArqRedis(
            store.redis.connection_pool, job_serializer=_dumps, job_deserializer=json.loads
        )
        self.places = places
        self.given = asyncio.Event()
        self._role = role
        self._announced: dict[str, float] = {}  # token -> when
        self._running = 0

    @property
    def running(self) -> int:
        """Leases that are being worked on."""
        return self._running

    @property
    def room(self) -> int:
        """How many more leases there is a place for."""
        oldest = time.monotonic() - LEASE_SECONDS  # leases announced before have run out
        self._announced = {t: at for t, at in self._announced.items() if at > oldest}
        return self.places - self._running - len(self._announced)

    async def give(self, leases: Sequence[Lease]) -> None:
        """Announce that these leases wait to be worked on.

        In one job, and in one call: arq would make three, to see whether the job is known.
        """
        if not leases:
            return
        job = f"{leases[0].token}:{self._role}"
        told = serialize_job(
            self._role, ([list(lease) for lease in leases],), {}, None, 0, serializer=_dumps
        )
        with store_errors():
            pipe = self.arq.pipeline()
            pipe.set(job_key_prefix + job, told, ex=_HINT_SECONDS)
            pipe.zadd(self.queue, {job: _ALWAYS_DUE})
            pipe.expire(self.queue, _QUEUE_SECONDS)
            await pipe.execute()
        self._announced |= {lease.token: time.monotonic() for lease in leases}
        self.given.set()

    @contextlib.contextmanager
    def at_work(self, lease: Lease) -> Iterator[None]:
        """Take the place of a lease for as long as it is worked on."""
        self._announced.pop(lease.token, None)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


def _function(run: Any, role: Role, timeout: float) -> Function:
    return func(run, name=str(role), timeout=timeout, keep_result=0, max_tries=2)


class _Worker(Worker):
    """arq's worker, that looks into its queue when something was put there."""

    given: asyncio.Event

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start what does not run yet.

        Without arq's lock on each, which takes four calls: no other worker reads this queue.
        """
        for job in (job_id.decode() for job_id in job_ids):
            if job in self.tasks:
                continue
            if self.job_counter >= self.max_jobs:
                return
            await self.sem.acquire()
            self.job_counter += 1
            task = self.loop.create_task(self.run_job(job, _ALWAYS_DUE))
            task.add_done_callback(lambda _: self._release_sem_dec_counter_on_complete())
            self.tasks[job] = task

    async def heart_beat(self) -> None:
        """The end of one look: wait here for a reason to take another."""
        await super().heart_beat()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self.given.wait()
        self.given.clear()


class QueueWorker:
    """Takes hints of one role from the queue and runs `job` for each of their leases."""

    def __init__(self, hints: Hints, role: Role, job: Job, *, timeout: float) -> None:
        async def run(_: dict[Any, Any], leases: list[list[str]]) -> None:
            await asyncio.gather(*(work_on(Lease(*lease)) for lease in leases))

        async def work_on(lease: Lease) -> None:
            with hints.at_work(lease):
                try:
                    await job(lease)
                except StoreError as error:  # the lease runs out and the work is done again
                    log.warning(
                        "job.interrupted", role=str(role), name=lease.name, reason=str(error)
                    )

        self._worker = _Worker(
            functions=[_function(run, role, timeout)],
            queue_name=hints.queue,
            redis_pool=hints.arq,
            handle_signals=False,
            max_jobs=hints.places,
            poll_delay=0,
            health_check_interval=30,
            job_serializer=_dumps,
            job_deserializer=json.loads,
            log_results=False,
        )
        self._worker.given = hints.given
        logging.getLogger("arq.worker").setLevel(logging.WARNING)

    async def run(self) -> None:
        """Work until cancelled; raises StoreError when the store goes away."""
        try:
            with store_errors():
                await self._worker.async_run()
        except BaseException:  # whatever ended arq's loop, its jobs are reaped here
            await self._abandon()
            raise

    async def drain(self, seconds: float) -> None:
        """Take no new hints, let what runs end within `seconds`, then cancel it."""
        self._worker.allow_pick_jobs = False
        running = set(self._worker.tasks.values())
        if running:
            await asyncio.wait(running, timeout=seconds)
        await self._abandon()

    async def _abandon(self) -> None:
        """Cancel what still runs; its leases run out and it is done again."""
        running = set(self._worker.tasks.values())
        await end_tasks(task for task in running if not task.done())
        for task in running:
            if task.done() and not task.cancelled():
                task.exception()  # retrieved, so that asyncio does not report it as never retrieved
        self._worker.tasks.clear()
