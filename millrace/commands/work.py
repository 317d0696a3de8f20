"""`millrace work`: one worker, until it is stopped."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from millrace.healthcheck import breathe
from millrace.options import DEFAULT_CONFIG
from millrace.process import logs
from millrace.process.config import LiveSettings, follow, live_settings
from millrace.process.lifetime import LONGEST_END, run_loop, stop_event
from workers.worker import run_worker

# New objects after which Python looks for circles among them. Polls and pages leave hardly any, and
# at 700 those under way were looked through so often that it was a tenth of an unchanged poll.
GARBAGE = 5000


def work_alone(*, config: str, redis: str) -> None:
    """Work until SIGTERM; raises ConfigError when feeds.yaml cannot be used."""
    run_loop(_work(config, redis))


async def _work(config: str, redis: str) -> None:
    stop = stop_event(cut_off=LONGEST_END)
    async with _followed(config) as settings:
        await run_worker(redis_url=redis, settings=settings, stop=stop)


@asynccontextmanager
async def settings_from_environment() -> AsyncIterator[LiveSettings]:
    """The settings, and the logs, of a worker that arq's command starts; raises ConfigError."""
    logs.configure(logs.form_from_environment())
    async with _followed(os.environ.get("MILLRACE_CONFIG") or DEFAULT_CONFIG) as settings:
        yield settings


@asynccontextmanager
async def _followed(config: str) -> AsyncIterator[LiveSettings]:
    """The settings in feeds.yaml, kept at what the file says."""
    live = live_settings(config)
    gc.collect()
    gc.freeze()  # what is loaded stays
    gc.set_threshold(GARBAGE)
    beside = [asyncio.create_task(follow(live)), asyncio.create_task(breathe())]
    try:
        yield live
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
