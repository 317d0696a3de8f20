"""The loops of one worker process: sweep, take jobs, heartbeat, exchange, send.

A loop ends when it loses the store, and an arq worker when its connection breaks. Each is started
again as soon as the store answers, so that a worker process never ends by itself.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog

from core.config.settings import FetchSettings
from core.errors import StoreAway, StoreError
from store.connection import end_tasks
from store.migration import ensure_layout
from store.monitoring import WorkerBeat, beat, remove_worker
from store.outbox import OPERATOR, SUBSCRIBERS
from store.revision import InForce
from store.schedule import Lease, release, wait_for_wake
from workers.context import WorkerContext
from workers.jobs.deliver import Sender, callback_settings, verify_due
from workers.jobs.page import read_page
from workers.jobs.page_commits import PageCommits
from workers.jobs.poll import refresh
from workers.leases import LIMITS, SCHEDULES, Places, Role
from workers.recovery import LOOK_SECONDS, Recovery, StoreWatch
from workers.scheduler import Sweeper
from workers.sources.websub import tend_subscriptions

log = structlog.get_logger()

SWEEP_SECONDS = 0.25
BUSY_SWEEP_SECONDS = 0.05  # while more is due than one sweep takes
QUIET_SWEEP_SECONDS = 1.0  # while nothing runs, so that nothing can become due before its time
BEAT_SECONDS = 3.0
EXCHANGE_SECONDS = 5.0
TEND_EVERY = 2.0
DELIVER_EVERY = 0.5
HUB_EVERY = 1.0  # subscribers of our hub
REFUSED_SECONDS = 12.0  # for which a refusal is reported: longer than a lease, then it recurs
NOT_CURRENT_SECONDS = 1.0  # after which another worker may lease it
AWAY_SECONDS = 0.5  # between two attempts while the store is away
# Within the 10 s that the supervisor grants; with 8, ending took 10.5 s at a load of 30.
DRAIN_SECONDS = 6.0


class WorkerProcess:
    """All loops of one worker process, and the methods that its jobs call."""

    def __init__(
        self, worker_id: str, context: WorkerContext, in_force: InForce | None = None
    ) -> None:
        self._id = worker_id
        self._context = context
        in_force = in_force or InForce.alone()
        self._current = in_force.ready
        self._store = context.store
        pages = partial(read_page, context, PageCommits(context))
        jobs = {Role.POLL: partial(refresh, context), Role.PAGE: pages}
        self._places = Places(LIMITS, jobs, context.lateness)
        self._sweeper = Sweeper(
            context.store,
            context.settings,
            self._places,
            sequencer=context.sequencer,
            in_force=in_force,
        )
        self._taking: list[asyncio.Task[None]] = []  # the loops that bring new work
        self._others: list[asyncio.Task[None]] = []
        self.watch = StoreWatch(context.store)
        self._started: float | None = None
        self._refused: tuple[float, str] | None = None  # when the store last refused, and why

    async def run(self, stop: asyncio.Event, run_queue: Callable[[], Awaitable[None]]) -> None:
        """Work until `stop` is set, then drain."""
        self.start(run_queue)
        stopping = asyncio.create_task(stop.wait())
        loops = [*self._taking, *self._others]
        await asyncio.wait([*loops, stopping], return_when=asyncio.FIRST_COMPLETED)
        await self.end()
        stopping.cancel()
        for loop in loops:
            if loop.done() and not loop.cancelled():
                loop.result()  # raises the error that ended the loop

    def start(self, run_queue: Callable[[], Awaitable[None]] | None = None) -> None:
        """Start the loops; `run_queue` is None when arq's command runs the queue."""
        taking = [self._sweep]
        if run_queue is not None:
            taking.append(partial(self._take_jobs, run_queue))
        others = (
            self._context.lateness.measure,
            self._watch_store,
            self._beat,
            self._exchange,
            self._tend,
            self._recover,
            self._webhooks,
            self._hub,
            self._verifications,
        )
        self._taking = [asyncio.create_task(self._run_forever(body)) for body in taking]
        self._others = [asyncio.create_task(self._run_forever(body)) for body in others]

    async def end(self) -> None:
        """Take no new work, wait for running work, then stop everything."""
        await end_tasks(self._taking)
        await self._places.drain(DRAIN_SECONDS)
        await end_tasks(self._others)
        try:
            await remove_worker(self._store, WorkerBeat, self._id)
        except StoreError as error:
            log.debug("worker.leave_failed", reason=str(error))  # its heartbeat expires by itself

    async def take(self, role: Role, leases: Sequence[Lease]) -> None:
        """Start the work of these leases; those without a free place become due again at once.

        A worker that cannot follow the current feeds.yaml releases them for others.
        """
        for lease in leases:
            if not self._current.is_set():
                await release(self._store, SCHEDULES[role], lease, after=NOT_CURRENT_SECONDS)
            elif not self._places.start(role, lease):
                await release(self._store, SCHEDULES[role], lease, after=0)

    async def tidy(self) -> None:
        """Remove data beyond the retention."""
        if self._current.is_set():
            await self._sweeper.tidy()

    async def _run_forever(self, body: Callable[[], Awaitable[None]]) -> None:
        """Run a loop until cancelled, and start it again after errors."""
        name = getattr(body, "__name__", "queue").strip("_")
        while True:
            try:
                await ensure_layout(self._store)
                await body()
            except StoreError as error:
                if not isinstance(error, StoreAway):
                    self._refused = (time.monotonic(), str(error))
                self.watch.failed(str(error))
                await asyncio.sleep(AWAY_SECONDS)
            except asyncio.CancelledError:
                if _is_ending():
                    raise
                log.warning("loop.cut_off", loop=name)  # arq passed on the cancellation of a job
            except Exception:  # an error in one loop must not end the others
                log.exception("loop.failed", loop=name)
                await asyncio.sleep(AWAY_SECONDS)

    async def _take_jobs(self, run_queue: Callable[[], Awaitable[None]]) -> None:
        await self._current.wait()
        await run_queue()

    async def _sweep(self) -> None:
        while True:
            await self._current.wait()
            self._adopt(self._context.settings().fetch)
            if await self._sweeper.sweep():  # leases were written: the store accepts writes
                self._refused = None
            await wait_for_wake(self._store, seconds=self._pause())

    def _adopt(self, fetch: FetchSettings) -> None:
        for fetcher in (self._context.fetcher, self._context.outgoing):
            fetcher.adopt(fetch)
        self._context.callbacks.adopt(callback_settings(fetch))

    def _pause(self) -> float:
        if self._sweeper.more:
            return BUSY_SWEEP_SECONDS
        return QUIET_SWEEP_SECONDS if self._sweeper.quiet else SWEEP_SECONDS

    async def _beat(self) -> None:
        while True:
            await ensure_layout(self._store)  # it may have been wiped or migrated since
            now = await self._store.now()
            self._started = self._started or now
            await beat(
                self._store,
                WorkerBeat(
                    id=self._id,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    started=self._started,
                    last=now,
                    running=self._places.running,
                    fault=self._last_fault(),
                ),
            )
            await asyncio.sleep(BEAT_SECONDS)

    def _last_fault(self) -> str | None:
        if self._refused is None or time.monotonic() - self._refused[0] > REFUSED_SECONDS:
            return None
        return self._refused[1]

    async def _watch_store(self) -> None:
        while True:
            await self.watch.look()
            await asyncio.sleep(self.watch.pause)

    async def _exchange(self) -> None:
        await self._context.shared_idf.open()
        while True:
            await self._context.shared_idf.push()
            await self._context.shared_idf.pull()
            await asyncio.sleep(EXCHANGE_SECONDS)

    async def _tend(self) -> None:
        while True:
            await tend_subscriptions(self._context)
            await asyncio.sleep(TEND_EVERY)

    async def _recover(self) -> None:
        if self._context.sequencer.strict:  # one round polls each source once
            await asyncio.Event().wait()
        recovery = Recovery(self._context)
        while True:
            await recovery.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _webhooks(self) -> None:
        await Sender(self._context, OPERATOR, self._context.outgoing).run(every=DELIVER_EVERY)

    async def _hub(self) -> None:
        await Sender(self._context, SUBSCRIBERS, self._context.callbacks).run(every=HUB_EVERY)

    async def _verifications(self) -> None:
        while True:
            if not await verify_due(self._context):
                await asyncio.sleep(HUB_EVERY)


def _is_ending() -> bool:
    """Whether this task itself was cancelled."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
