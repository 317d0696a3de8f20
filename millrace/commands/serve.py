"""`millrace serve`: the service alone, until SIGTERM."""

from __future__ import annotations

import asyncio
import socket

from millrace.process.lifetime import LONGEST_END, run_loop, stop_event
from millrace.process.listen import is_inherited, listening_socket
from millrace.process.picture_fetch import picture_fetcher
from millrace.process.watch import LiveSettings, follow, live_settings
from service.app import DRAIN, run_service
from store.connection import opened


def serve_alone(*, config: str, host: str, port: int, redis: str) -> None:
    """Serve until SIGTERM; raises ConfigError or MillraceError when it cannot start."""
    live = live_settings(config)
    with listening_socket(host, port) as listener:
        run_loop(_serve(live, redis, listener))


async def _serve(live: LiveSettings, redis: str, listener: socket.socket) -> None:
    stop = stop_event(cut_off=LONGEST_END)
    following = asyncio.create_task(follow(live))
    try:
        async with opened(redis) as store, picture_fetcher(live) as fetch_picture:
            await run_service(
                store,
                live,
                config_fault=lambda: "\n".join(live.faults) or None,
                fetch_picture=fetch_picture,
                listener=listener,
                stop=stop,
                # Behind a supervisor's socket there is no other one that a proxy could go to.
                drain=0.0 if is_inherited() else DRAIN,
            )
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
