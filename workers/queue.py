"""The queue in arq: shared by all workers, it carries hints.

A job lists leases whose work is to be started. It starts that work in the worker that took the job,
and ends without waiting for it, for three reasons:
- A running job stays in arq's queue, and every worker reads each of them at every look, in four
  round trips. A hundred slow sources would keep a core busy.
- The in-progress key of a killed worker hides its jobs for the longest timeout + 10 s
  (python-arq/arq#402). So timeouts must be short, but a poll may take minutes.
- An arq worker ends with its connection (python-arq/arq#386), which need not end the work.

Hints that arq loses or doubles do no harm, because the schedule decides: store/schedule.py.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from arq import ArqRedis, Worker, cron, func
from arq.connections import RedisSettings
from arq.worker import create_worker

from core.errors import StoreError
from store.address import connection_options, sentinel_nodes
from store.connection import Store, end_tasks, store_errors
from store.keys import QUEUE
from store.schedule import Lease
from workers.leases import Role

# A hint waits for half of this on average. With ten looks a second an idle worker uses 1 % of a
# core (benchmarks/polling.py).
POLL_DELAY = 0.1
HEALTH_SECONDS = 15
_START_TIMEOUT = 10  # seconds; starting work makes one call to the store at most
_TIDY_TIMEOUT = 20  # seconds; the next run removes what is left
_END_SECONDS = 1.0  # for jobs to end by themselves
_HINT_SECONDS = 120  # the lease of an older hint has expired
# arq orders its queue by the enqueuer's clock, and a host whose clock is ahead would hide its jobs
# from the others. One fixed time makes every job due; ids grow, so they stay in order.
_ALWAYS_DUE = datetime(2000, 1, 1, tzinfo=UTC)


def dumps(value: dict[str, Any]) -> bytes:
    """A job as JSON: with pickle, write access to the store would run code in workers."""
    return json.dumps(value, default=str).encode()  # arq also serializes exceptions


def arq_redis(store: Store) -> ArqRedis:
    """arq's client on the connections of a store."""
    return ArqRedis(
        store.redis.connection_pool,
        job_serializer=dumps,
        job_deserializer=json.loads,
        default_queue_name=QUEUE,
    )


async def enqueue(redis: ArqRedis, role: Role, leases: Sequence[Lease]) -> None:
    """Queue one job for these leases; its id is unique, because tokens of leases are."""
    if leases:
        with store_errors():
            await redis.enqueue_job(
                str(role),
                [list(lease) for lease in leases],
                _job_id=f"{role}:{leases[0].token}",
                _defer_until=_ALWAYS_DUE,
                _expires=_HINT_SECONDS,
            )


# `ctx["worker"]` is the WorkerProcess of workers/loops.py. The jobs suppress StoreError, or arq
# would log each of them: the lease expires, the next run tidies, and workers/recovery.py logs once
# that the store is away.


async def poll(ctx: dict[str, Any], leases: list[list[str]]) -> None:
    """The job that starts polls."""
    with suppress(StoreError):
        await ctx["worker"].take(Role.POLL, [Lease(*lease) for lease in leases])


async def page(ctx: dict[str, Any], leases: list[list[str]]) -> None:
    """The job that starts fetching and reading pages."""
    with suppress(StoreError):
        await ctx["worker"].take(Role.PAGE, [Lease(*lease) for lease in leases])


async def tidy(ctx: dict[str, Any]) -> None:
    """The job that removes data beyond the retention; a missed or doubled run does no harm."""
    with suppress(StoreError):
        await ctx["worker"].tidy()


FUNCTIONS = [
    func(poll, name=str(Role.POLL), timeout=_START_TIMEOUT, keep_result=0, max_tries=2),
    func(page, name=str(Role.PAGE), timeout=_START_TIMEOUT, keep_result=0, max_tries=2),
]
# Every ten seconds, because until then a flood of one source pushes out the stories of others. At
# the start too, because `millrace once` may end before the first run.
_TIDY_AT = set(range(0, 60, 10))
CRON_JOBS = [cron(tidy, second=_TIDY_AT, run_at_startup=True, timeout=_TIDY_TIMEOUT, keep_result=0)]


async def run_queue(settings: type, store: Store, worker_process: Any) -> None:
    """Run jobs until cancelled. Raises StoreError when the connection is lost.

    The arq worker ends with its connection; the caller starts the next. `settings` is the class
    that arq's command takes, without its start-up and shutdown: the caller has opened everything.
    """
    quiet_logs()
    worker: Worker = create_worker(
        settings,
        redis_pool=arq_redis(store),
        ctx={"worker": worker_process},
        on_startup=None,
        on_shutdown=None,
        handle_signals=False,
    )
    try:
        with store_errors():
            await worker.async_run()
    finally:
        jobs = set(worker.tasks.values())
        if jobs:  # most end by themselves with the connection; cancel only those that do not
            await asyncio.wait(jobs, timeout=_END_SECONDS)
        await end_tasks(job for job in jobs if not job.done())
        for job in jobs:
            if job.done() and not job.cancelled():
                job.exception()  # retrieved, or asyncio logs "exception was never retrieved"


def quiet_logs() -> None:
    """Keep arq from logging two lines for each hint; polls and pages log their results."""
    logging.getLogger("arq.worker").setLevel(logging.WARNING)


def redis_settings(url: str) -> RedisSettings:
    """The store's address in the form of arq. Raises StoreError for an invalid address."""
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
