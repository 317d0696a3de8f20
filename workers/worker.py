"""One worker process: sweeps the schedule, works through the queue, survives store outages.

arq leaves when its connection breaks, and every loop here may see the store go: each is started
again as soon as the store answers, so that a worker never ends by itself.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

import structlog

from core.config.settings import FetchSettings, Settings
from core.errors import StoreAway, StoreError
from store.connection import opened
from store.heartbeat import WorkerBeat, beat, leave
from store.hosts import HostTurns
from store.idf import SharedIdf
from store.layout import ensure_layout
from store.schedule import Lease, rung
from workers.context import Kit
from workers.ending import end_tasks
from workers.http.client import Fetcher
from workers.http.robots import Robots
from workers.jobs.deliver import deliver_operators, deliver_subscribers
from workers.jobs.page import read_page
from workers.jobs.poll import refresh
from workers.jobs.sequencer import Order
from workers.jobs.verify import callback_settings, verify_due
from workers.queue import QueueWorker, Role
from workers.recovery import LOOK_SECONDS, Recovery
from workers.sandbox.pool import Sandbox
from workers.scheduler import Sweeper
from workers.sources.websub import tend_subscriptions

log = structlog.get_logger()

# Leases under way in one process. Most of them wait for a stranger, and many may wait in vain.
PLACES = {Role.POLL: 300, Role.PAGE: 100}
SWEEP_SECONDS = 0.25
BUSY_SWEEP_SECONDS = 0.05  # while more is due than one sweep takes
QUIET_SWEEP_SECONDS = 1.0  # while nothing runs, so that nothing can become due before its time
BEAT_SECONDS = 3.0
TIDY_SECONDS = 30.0
EXCHANGE_SECONDS = 5.0
TEND_EVERY = 2.0
DELIVER_EVERY = 0.5
HUB_EVERY = 1.0  # subscribers of our hub
REFUSED_SECONDS = (
    12.0  # for which a refusal is counted; a lease, after which it is met again, is shorter
)
AWAY_SECONDS = 0.5  # between two attempts while the store is away
DRAIN_SECONDS = 8.0  # inside the 10 s that a supervisor grants
_JOB_SECONDS_BEYOND_FETCH = 120.0


class WorkerProcess:
    """All loops of one worker process."""

    def __init__(self, worker_id: str, kit: Kit) -> None:
        self._id = worker_id
        self._kit = kit
        self._store = kit.store
        self._sweeper = Sweeper(kit.store, kit.settings, PLACES, worker=worker_id, order=kit.order)
        self._queues: dict[Role, QueueWorker] = {}
        self._started: float | None = None
        self._refused: tuple[float, str] | None = None  # when the store last refused, and why

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain."""
        loops = [
            asyncio.create_task(self._outlive(body))
            for body in (
                self._sweep,
                self._beat,
                self._tidy,
                self._exchange,
                self._tend,
                self._recover,
                self._webhooks,
                self._hub,
                self._verifications,
                self._polls,
                self._pages,
            )
        ]
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([*loops, stopping], return_when=asyncio.FIRST_COMPLETED)
        await self._drain(loops)
        stopping.cancel()
        for loop in loops:
            if loop.done() and not loop.cancelled():
                loop.result()  # a loop that ended by itself has a fault to show

    async def _drain(self, loops: list[asyncio.Task[None]]) -> None:
        await asyncio.gather(*(q.drain(DRAIN_SECONDS) for q in self._queues.values()))
        await end_tasks(loops)
        try:
            await leave(self._store, self._id)
        except StoreError as error:
            log.warning("worker.leave_failed", reason=str(error))

    async def _outlive(self, body: Callable[[], Awaitable[None]]) -> None:
        """Run a loop until cancelled, across every absence of the store."""
        name, away = body.__name__.strip("_"), False
        while True:
            try:
                await ensure_layout(self._store)
                if away:
                    log.info("store.back", loop=name)
                    away = False
                await body()
            except StoreError as error:
                if not isinstance(error, StoreAway):
                    self._refused = (time.monotonic(), str(error))
                if not away:
                    log.warning("store.away", loop=name, reason=str(error))
                away = True
                await asyncio.sleep(AWAY_SECONDS)
            except asyncio.CancelledError:
                if _is_ending():
                    raise
                log.warning("loop.cut_off", loop=name)  # a job's cancellation came up through arq
            except Exception:  # one round that went wrong must not end all the other work
                log.exception("loop.stumbled", loop=name)
                await asyncio.sleep(AWAY_SECONDS)

    async def _sweep(self) -> None:
        while True:
            self._adopt(self._kit.settings().fetch)
            if await self._sweeper.sweep():  # announced, too: the store takes everything again
                self._refused = None
            await rung(self._store, seconds=self._pause())

    def _adopt(self, fetch: FetchSettings) -> None:
        for fetcher in (self._kit.fetcher, self._kit.outgoing):
            fetcher.adopt(fetch)
        self._kit.callbacks.adopt(callback_settings(fetch))

    def _pause(self) -> float:
        if self._sweeper.more:
            return BUSY_SWEEP_SECONDS
        return QUIET_SWEEP_SECONDS if self._sweeper.quiet else SWEEP_SECONDS

    async def _tidy(self) -> None:
        while True:
            await ensure_layout(self._store)  # it may have been wiped, or migrated under us
            await self._sweeper.tidy()
            await asyncio.sleep(TIDY_SECONDS)

    async def _beat(self) -> None:
        while True:
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
                    running=sum(hints.running for hints in self._sweeper.hints.values()),
                    fault=self._last_fault(),
                ),
            )
            await asyncio.sleep(BEAT_SECONDS)

    def _last_fault(self) -> str | None:
        if self._refused is None or time.monotonic() - self._refused[0] > REFUSED_SECONDS:
            return None
        return self._refused[1]

    async def _exchange(self) -> None:
        await self._kit.shared_idf.open()
        while True:
            await self._kit.shared_idf.push()
            await self._kit.shared_idf.pull()
            await asyncio.sleep(EXCHANGE_SECONDS)

    async def _tend(self) -> None:
        while True:
            await tend_subscriptions(self._kit)
            await asyncio.sleep(TEND_EVERY)

    async def _recover(self) -> None:
        if self._kit.order.strict:  # one round polls each source once
            await asyncio.Event().wait()
        recovery = Recovery(self._kit)
        while True:
            await recovery.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _webhooks(self) -> None:
        await self._repeat(deliver_operators, every=DELIVER_EVERY)

    async def _hub(self) -> None:
        await self._repeat(deliver_subscribers, every=HUB_EVERY)

    async def _verifications(self) -> None:
        await self._repeat(verify_due, every=HUB_EVERY)

    async def _repeat(self, send_due: Callable[[Kit], Awaitable[int]], *, every: float) -> None:
        """Each kind in a loop of its own: a round lasts as long as its slowest answer."""
        while True:
            if not await send_due(self._kit):
                await asyncio.sleep(every)

    async def _polls(self) -> None:
        await self._work(Role.POLL, refresh)

    async def _pages(self) -> None:
        await self._work(Role.PAGE, read_page)

    async def _work(self, role: Role, job: Callable[[Kit, Lease], Awaitable[None]]) -> None:
        timeout = self._kit.settings().fetch.timeout + _JOB_SECONDS_BEYOND_FETCH
        self._queues[role] = QueueWorker(
            self._sweeper.hints[role], role, partial(job, self._kit), timeout=timeout
        )
        await self._queues[role].run()


def _is_ending() -> bool:
    """Whether somebody cancelled this very task."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def run_worker(
    *,
    redis_url: str,
    settings: Callable[[], Settings],
    stop: asyncio.Event,
    version: str = "",
    order: Order | None = None,
) -> None:
    """Work on the store at `redis_url` until `stop` is set; survives every absence of the store."""
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    async with AsyncExitStack() as open_things:
        store = await open_things.enter_async_context(opened(redis_url))
        fetch = settings().fetch
        turns = HostTurns(store, fetch.per_host, timeout=fetch.timeout)
        fetcher = await open_things.enter_async_context(Fetcher(fetch, turns=turns))
        outgoing = await open_things.enter_async_context(Fetcher(fetch))
        callbacks = await open_things.enter_async_context(Fetcher(callback_settings(fetch)))
        sandbox = Sandbox()
        open_things.push_async_callback(sandbox.close)
        await sandbox.start()
        kit = Kit(
            store=store,
            settings=settings,
            fetcher=fetcher,
            outgoing=outgoing,
            callbacks=callbacks,
            robots=Robots(store, fetcher, sandbox),
            sandbox=sandbox,
            shared_idf=SharedIdf(store),
            version=version,
            order=order or Order(),
        )
        await WorkerProcess(worker_id, kit).run(stop)
