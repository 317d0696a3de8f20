"""Opens and runs one worker process, for `millrace work` or for arq's own command."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from core.config.settings import VERSION, Settings
from store.address import store_address
from store.connection import Store, opened
from store.hosts import HostTurns
from store.index import SharedIdf
from store.keys import QUEUE
from store.revision import InForce
from workers.context import WorkerContext
from workers.http.client import Fetcher
from workers.http.robots import Robots
from workers.jobs.deliver import callback_settings
from workers.loops import WorkerProcess
from workers.queue import (
    CRON_JOBS,
    FUNCTIONS,
    HEALTH_SECONDS,
    POLL_DELAY,
    dumps,
    quiet_logs,
    redis_settings,
    run_queue,
)
from workers.sandbox.pool import Sandbox
from workers.settle import Sequencer

# For arq's own command, with arq's default.
_REDIS_URL = store_address(os.environ.get("REDIS_URL") or "redis://localhost:6379/0", os.environ)


async def run_worker(
    *,
    redis_url: str,
    settings: Callable[[], Settings],
    stop: asyncio.Event,
    sequencer: Sequencer | None = None,
    in_force: InForce | None = None,
) -> None:
    """Work on the store at `redis_url` until `stop` is set, also while the store is away at times.

    `in_force` states whether `settings` are those that all processes follow; without it they are.
    """
    async with (
        opened(redis_url) as store,
        _worker(store, settings, sequencer, in_force) as worker,
    ):
        await worker.run(stop, partial(run_queue, WorkerSettings, store, worker))


@asynccontextmanager
async def _worker(
    store: Store,
    settings: Callable[[], Settings],
    sequencer: Sequencer | None = None,
    in_force: InForce | None = None,
) -> AsyncIterator[WorkerProcess]:
    """A worker process with its connections and children, which are closed at the end."""
    async with AsyncExitStack() as open_things:
        fetch = settings().fetch
        turns = HostTurns(store, fetch.per_host, timeout=fetch.timeout)
        fetcher = await open_things.enter_async_context(Fetcher(fetch, turns=turns))
        outgoing = await open_things.enter_async_context(Fetcher(fetch))
        callbacks = await open_things.enter_async_context(Fetcher(callback_settings(fetch)))
        sandbox = Sandbox()
        open_things.push_async_callback(sandbox.close)
        context = WorkerContext(
            store=store,
            settings=settings,
            fetcher=fetcher,
            outgoing=outgoing,
            callbacks=callbacks,
            robots=Robots(store, fetcher, sandbox),
            sandbox=sandbox,
            shared_idf=SharedIdf(store),
            version=VERSION,
            sequencer=sequencer or Sequencer(),
        )
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        worker = WorkerProcess(name, context, in_force)
        looking = asyncio.create_task(worker.watch.look())  # logged while children start
        await sandbox.start()
        await asyncio.gather(looking, return_exceptions=True)  # the loops look again
        yield worker


async def start_worker(ctx: dict[str, Any]) -> None:
    """Start a worker without its queue, which arq's command runs.

    The settings come from the package `millrace`. It is imported by name, because no package may
    import upwards.
    """
    quiet_logs()
    wiring = importlib.import_module("millrace.commands.work")
    ctx["open"] = open_things = AsyncExitStack()
    settings = await open_things.enter_async_context(wiring.settings_from_environment(_REDIS_URL))
    store = await open_things.enter_async_context(opened(_REDIS_URL))
    ctx["worker"] = worker = await open_things.enter_async_context(
        _worker(store, settings, in_force=settings.in_force)
    )
    open_things.push_async_callback(worker.end)
    worker.start()


async def end_worker(ctx: dict[str, Any]) -> None:
    """End the worker that `start_worker` started."""
    await ctx["open"].aclose()


class WorkerSettings:
    """The settings for arq's command: `arq workers.worker.WorkerSettings`, with `--check`.

    REDIS_URL names the store, MILLRACE_CONFIG the list of sources. Unlike `millrace work`, arq's
    command ends when the store stays away, and must be restarted.
    """

    functions = FUNCTIONS
    cron_jobs = CRON_JOBS
    queue_name = QUEUE
    redis_settings = redis_settings(_REDIS_URL)
    on_startup = start_worker
    on_shutdown = end_worker
    job_serializer = dumps
    job_deserializer = json.loads
    keep_result = 0
    poll_delay = POLL_DELAY
    health_check_interval = HEALTH_SECONDS
    log_results = False
