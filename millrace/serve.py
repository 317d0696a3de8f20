"""`millrace serve`: the service alone, until it is told to end."""

from __future__ import annotations

import asyncio
import socket

from millrace.lifetime import stop_event
from millrace.listen import listening_socket
from millrace.loop import run_loop
from millrace.watch import LiveSettings, follow, live_settings
from service.app import run_service
from store.connection import opened


def serve_alone(*, config: str, host: str, port: int, redis: str) -> None:
    """Serve until SIGTERM; raises ConfigError or MillraceError when it cannot start."""
    live = live_settings(config)
    with listening_socket(host, port) as listener:
        run_loop(_serve(live, redis, listener))


async def _serve(live: LiveSettings, redis: str, listener: socket.socket) -> None:
    stop = stop_event()
    following = asyncio.create_task(follow(live))
    try:
        async with opened(redis) as store:
            await run_service(
                store,
                live,
                config_fault=lambda: "\n".join(live.faults) or None,
                listener=listener,
                stop=stop,
            )
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
