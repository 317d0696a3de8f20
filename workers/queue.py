"""The only module that knows arq.

arq is in maintenance and leaves when the store goes away, so little is asked of it: it carries
hints, as JSON and never as pickles, that a lease waits to be worked on. Whatever it loses or
doubles, the schedule makes good.

Each worker has queues of its own: hints that a killed one leaves behind stay in arq's books for
minutes, and on a shared queue they would take the places of live ones.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import structlog
from arq.connections import ArqRedis
from arq.worker import Function, Worker, func

from core.errors import StoreError
from store.connection import Store, store_errors
from store.keys import PREFIX
from store.schedule import Lease
from workers.ending import end_tasks

# arq orders its queue by the enqueuer's clock, and a host whose clock is ahead would hide its jobs
# from the others. One fixed time for all makes every job due; ids grow, so they stay in order.
_ALWAYS_DUE = datetime(2001, 1, 1, tzinfo=UTC)
_HINT_SECONDS = 120  # a hint older than this is about a lease that ran out
_POLL_DELAY = 0.05  # seconds between two looks at the queue; 0.4 % of a core
TOGETHER = 8  # leases in one hint: arq's own five calls a job cost as much as an unchanged poll
_QUEUE_SECONDS = 1800  # after the last hint; then its worker is gone

log = structlog.get_logger()

Job = Callable[[Lease], Awaitable[None]]


class Role(StrEnum):
    """A queue per kind of work, so that slow pages do not hold up polls."""

    POLL = "poll"
    PAGE = "page"


def _queue_name(role: Role, worker: str) -> str:
    return f"{PREFIX}queue:{role}:{worker}"


def _dumps(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def connect(store: Store) -> ArqRedis:
    """arq's client over the store's own connections."""
    return ArqRedis(store.redis.connection_pool, job_serializer=_dumps, job_deserializer=json.loads)


async def hint(arq: ArqRedis, role: Role, worker: str, leases: Sequence[Lease]) -> None:
    """Tell a worker that these leases wait to be worked on."""
    name = _queue_name(role, worker)
    with store_errors():
        for start in range(0, len(leases), TOGETHER):
            batch = leases[start : start + TOGETHER]
            await arq.enqueue_job(
                role,
                [list(lease) for lease in batch],
                _job_id=f"{batch[0].token}:{role}",
                _queue_name=name,
                _defer_until=_ALWAYS_DUE,
                _expires=_HINT_SECONDS,
            )
        if leases:
            await arq.expire(name, _QUEUE_SECONDS)


async def waiting(arq: ArqRedis, role: Role, worker: str) -> int:
    """Hints in a worker's queue, those being worked on included."""
    with store_errors():
        return int(await arq.zcard(_queue_name(role, worker)))


def _function(run: Any, role: Role, timeout: float) -> Function:
    return func(run, name=str(role), timeout=timeout, keep_result=0, max_tries=2)


class QueueWorker:
    """Takes hints of one role from the queue and runs `job` for each."""

    def __init__(
        self, store: Store, role: Role, worker: str, job: Job, *, at_once: int, timeout: float
    ) -> None:
        async def run(_: dict[Any, Any], leases: list[list[str]]) -> None:
            await asyncio.gather(*(work_on(Lease(*lease)) for lease in leases))

        async def work_on(lease: Lease) -> None:
            try:
                await job(lease)
            except StoreError as error:  # the lease runs out and the work is done again
                log.warning("job.interrupted", role=str(role), name=lease.name, reason=str(error))

        self.role = role
        self._arq = connect(store)
        self._worker = Worker(
            functions=[_function(run, role, timeout)],
            queue_name=_queue_name(role, worker),
            redis_pool=self._arq,
            handle_signals=False,
            max_jobs=at_once,
            poll_delay=_POLL_DELAY,
            health_check_interval=30,
            job_serializer=_dumps,
            job_deserializer=json.loads,
            log_results=False,
        )
        logging.getLogger("arq.worker").setLevel(logging.WARNING)

    @property
    def running(self) -> int:
        """Jobs under way."""
        return len(self._worker.tasks)

    async def run(self) -> None:
        """Work until cancelled; raises StoreError when the store goes away."""
        try:
            with store_errors():
                await self._worker.async_run()
        except BaseException:  # whatever ended arq's loop, nobody reaps its jobs any more
            await self._abandon()
            raise

    async def look(self) -> None:
        """Take hints now rather than at the next look: half of a pushed entry's way was waiting."""
        with store_errors():
            await self._worker._poll_iteration()

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
                task.exception()  # looked at, so that nothing complains that nobody did
        self._worker.tasks.clear()
