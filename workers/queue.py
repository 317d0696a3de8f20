"""arq's side of the work: one queue, shared by all workers, that carries hints.

A job names leases that wait to be worked on. It starts that work in the worker that took the job,
and ends; it does not wait for the work, for three reasons. A running job stays in arq's queue, and
every worker looks at each of them at every poll, in four round trips: a hundred sources that
answer slowly would keep a core busy. The mark of a killed worker hides its jobs for the longest
timeout + 10 s (python-arq/arq#402), so timeouts have to be short, and a poll may take minutes. And
a worker ends with its connection (python-arq/arq#386), which need not end the work.

What arq loses or doubles, the schedule makes good: store/schedule.py.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from arq import ArqRedis, Worker, cron, func
from arq.connections import RedisSettings
from arq.worker import create_worker

from core.errors import StoreError
from store.address import connection_options, sentinel_nodes
from store.connection import Store, store_errors
from store.keys import QUEUE
from store.schedule import Lease
from workers.leases import Role, end_tasks

# Half of this passes on average from a hint to its start. At ten looks a second an idle worker
# takes 1 % of a core (benchmarks/polling.py).
POLL_DELAY = 0.1
HEALTH_SECONDS = 15
_START_TIMEOUT = 10  # seconds; to start work is one call of the store at most
_TIDY_TIMEOUT = 20  # seconds; what was not reached is removed at the next tick
_END_SECONDS = 1.0  # that jobs have to end by themselves
_HINT_SECONDS = 120  # a hint that old is about a lease that expired
# arq orders its queue by the enqueuer's clock, and a host whose clock is ahead would hide its jobs
# from the others. One fixed time makes every job due; ids grow, so they stay in order.
_ALWAYS_DUE = datetime(2000, 1, 1, tzinfo=UTC)


class WorkStarter(Protocol):
    """What the jobs need of the worker that runs them; it is `ctx["worker"]`."""

    async def take(self, role: Role, leases: Sequence[Lease]) -> None:
        """Start the work under these leases."""

    async def tidy(self) -> None:
        """Remove what retention no longer keeps."""


def dumps(value: dict[str, Any]) -> bytes:
    """A job as JSON: writing into the store must not mean running code here, as with pickle."""
    return json.dumps(value, default=str).encode()  # arq also writes down exceptions


def arq_redis(store: Store) -> ArqRedis:
    """arq's client on the connections of a store."""
    return ArqRedis(
        store.redis.connection_pool,
        job_serializer=dumps,
        job_deserializer=json.loads,
        default_queue_name=QUEUE,
    )


async def enqueue(redis: ArqRedis, role: Role, leases: Sequence[Lease]) -> None:
    """Hint to all workers that these leases wait: one job for all, under an id of its own."""
    if leases:
        with store_errors():
            await redis.enqueue_job(
                str(role),
                [list(lease) for lease in leases],
                _job_id=f"{role}:{leases[0].token}",
                _defer_until=_ALWAYS_DUE,
                _expires=_HINT_SECONDS,
            )


# A job that the store failed is not reported by arq, in a line for each: its lease expires, the
# next tick tidies, and workers/recovery.py logs once that the store is away.


async def poll(ctx: dict[str, Any], leases: list[list[str]]) -> None:
    """The job that starts polls."""
    with suppress(StoreError):
        await _worker(ctx).take(Role.POLL, [Lease(*lease) for lease in leases])


async def page(ctx: dict[str, Any], leases: list[list[str]]) -> None:
    """The job that starts fetching and reading pages."""
    with suppress(StoreError):
        await _worker(ctx).take(Role.PAGE, [Lease(*lease) for lease in leases])


async def tidy(ctx: dict[str, Any]) -> None:
    """The job that keeps the store small; a tick that is missed or doubled harms nothing."""
    with suppress(StoreError):
        await _worker(ctx).tidy()


def _worker(ctx: dict[str, Any]) -> WorkStarter:
    worker: WorkStarter = ctx["worker"]
    return worker


FUNCTIONS = [
    func(poll, name=str(Role.POLL), timeout=_START_TIMEOUT, keep_result=0, max_tries=2),
    func(page, name=str(Role.PAGE), timeout=_START_TIMEOUT, keep_result=0, max_tries=2),
]
# Every ten seconds: until then a flood stands before the stories of all others. At the start too:
# `millrace once` may end before that.
_TIDY_AT = set(range(0, 60, 10))
CRON_JOBS = [cron(tidy, second=_TIDY_AT, run_at_startup=True, timeout=_TIDY_TIMEOUT, keep_result=0)]


async def run_queue(settings: type, store: Store, starter: WorkStarter) -> None:
    """Run jobs until cancelled; raises StoreError when the connection is lost.

    arq's worker ends then, and a second call starts a fresh one. `settings` is a class such as the
    command `arq` takes; what it would open and close is open here.
    """
    quiet_logs()
    worker: Worker = create_worker(
        settings,
        redis_pool=arq_redis(store),
        ctx={"worker": starter},
        on_startup=None,
        on_shutdown=None,
        handle_signals=False,
    )
    try:
        with store_errors():
            await worker.async_run()
    finally:
        jobs = set(worker.tasks.values())
        if jobs:  # what fails with the connection ends by itself; cancelled, it is never retrieved
            await asyncio.wait(jobs, timeout=_END_SECONDS)
        await end_tasks(job for job in jobs if not job.done())
        for job in jobs:
            if job.done() and not job.cancelled():
                job.exception()  # fetched, so that asyncio does not report it as never retrieved


def quiet_logs() -> None:
    """Keep arq from two lines for every hint; what polls and pages did is logged by them."""
    logging.getLogger("arq.worker").setLevel(logging.WARNING)


def redis_settings(url: str) -> RedisSettings:
    """The store's address as arq wants it; raises StoreError when it is not an address."""
    if urlsplit(url).scheme == "redis+sentinel":
        nodes, service, _ = sentinel_nodes(url)
        options = connection_options(url)
        return RedisSettings(
            host=nodes,
            sentinel=True,
            sentinel_master=service,
            database=options.get("db", 0),
            username=options.get("username"),
            password=options.get("password"),
        )
    options = connection_options(url)
    tls = urlsplit(url).scheme == "rediss"
    checked = options.get("ssl_cert_reqs", "required")
    return RedisSettings(
        host=options.get("host", "localhost"),
        port=options.get("port", 6379),
        unix_socket_path=options.get("path"),
        database=options.get("db", 0),
        username=options.get("username"),
        password=options.get("password"),
        ssl=tls,
        ssl_ca_certs=options.get("ssl_ca_certs"),
        ssl_cert_reqs=checked,
        ssl_check_hostname=tls and checked != "none",
    )
