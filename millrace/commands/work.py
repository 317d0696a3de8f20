"""`millrace work`: one worker, until SIGTERM."""

from __future__ import annotations

import asyncio
import gc

from millrace.process.lifetime import LONGEST_END, run_loop, stop_event
from millrace.process.watch import LiveSettings, follow, live_settings
from workers.worker import run_worker

# New objects after which Python looks for circles among them. Polls and pages leave hardly any, and
# at 700 those under way were looked through so often that it was a tenth of an unchanged poll.
GARBAGE = 5000


def work_alone(*, config: str, redis: str) -> None:
    """Work until SIGTERM; raises ConfigError when feeds.yaml cannot be used."""
    live = live_settings(config)
    gc.collect()
    gc.freeze()  # what is loaded stays
    gc.set_threshold(GARBAGE)
    run_loop(_work(live, redis))


async def _work(live: LiveSettings, redis: str) -> None:
    stop = stop_event(cut_off=LONGEST_END)
    following = asyncio.create_task(follow(live))
    try:
        await run_worker(redis_url=redis, settings=live, stop=stop)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
