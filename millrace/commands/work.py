"""`millrace work`: runs one worker until it is stopped."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from millrace.commands.options import DEFAULT_CONFIG
from millrace.healthcheck import keep_heartbeat
from millrace.process import logs
from millrace.process.cluster import followed
from millrace.process.config import LiveSettings
from millrace.process.lifetime import LONGEST_END, run_loop, stop_event
from workers.worker import run_worker

# New objects after which Python searches for reference cycles. Polls and pages leave few, and with
# Python's default of 700 the searches took a tenth of the time of an unchanged poll.
GARBAGE = 5000


def work_alone(*, config: str, redis: str) -> None:
    """Work until SIGTERM. Raises ConfigError when feeds.yaml is invalid."""
    run_loop(_work(config, redis))


async def _work(config: str, redis: str) -> None:
    stop = stop_event(cut_off=LONGEST_END)
    async with _followed(config, redis, stop) as live:
        await run_worker(redis_url=redis, settings=live, stop=stop, in_force=live.in_force)


@asynccontextmanager
async def settings_from_environment(redis: str) -> AsyncIterator[LiveSettings]:
    """The settings of a worker that arq's command starts, with logs set up. Raises ConfigError."""
    logs.configure(logs.form_from_environment())
    config = os.environ.get("MILLRACE_CONFIG") or DEFAULT_CONFIG
    async with _followed(config, redis, asyncio.Event()) as live:
        yield live


@asynccontextmanager
async def _followed(config: str, redis: str, stop: asyncio.Event) -> AsyncIterator[LiveSettings]:
    """The settings that all processes follow."""
    async with followed(config, redis, role="worker", stop=stop) as live:
        gc.collect()
        gc.freeze()  # what is loaded stays
        gc.set_threshold(GARBAGE)
        breathing = asyncio.create_task(keep_heartbeat())
        try:
            yield live
        finally:
            breathing.cancel()
            await asyncio.gather(breathing, return_exceptions=True)
