"""`millrace serve`: runs the service alone, until SIGTERM.

It fetches pictures through the guarded HTTP client of the workers.
"""

from __future__ import annotations

import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from core.config.settings import FetchSettings, Settings
from core.errors import BadStatus
from millrace.process.cluster import followed
from millrace.process.lifetime import (
    LONGEST_END,
    is_inherited,
    listening_socket,
    run_loop,
    stop_event,
)
from service.app import DRAIN, run_service
from store.connection import opened
from workers.http.client import Fetcher

_TIMEOUT = 10.0  # seconds; a reader is waiting for the page
_TYPES = "image/avif, image/webp, image/png, image/jpeg, image/gif;q=0.9, */*;q=0.1"


def serve_alone(*, config: str, host: str, port: int, redis: str) -> None:
    """Serve until SIGTERM. Raises ConfigError or MillraceError when it cannot start."""
    with listening_socket(host, port) as listener:
        run_loop(_serve(config, redis, listener))


async def _serve(config: str, redis: str, listener: socket.socket) -> None:
    stop = stop_event(cut_off=LONGEST_END)
    async with (
        followed(config, redis, role="service", stop=stop) as live,
        opened(redis) as store,
        picture_fetcher(live) as fetch_picture,
    ):
        gc.collect()
        gc.freeze()  # 50,000 sources are a million objects, and each search for garbage visits them
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


@asynccontextmanager
async def picture_fetcher(
    settings: Callable[[], Settings],
) -> AsyncIterator[Callable[[str], Awaitable[bytes]]]:
    """A function that fetches a picture: address -> bytes. It raises MillraceError."""
    async with Fetcher(_hurried(settings().fetch)) as fetcher:

        async def fetched(url: str) -> bytes:
            fetcher.adopt(_hurried(settings().fetch))
            # Sites that refuse to be linked to look for a page of their own here.
            origin = urlsplit(url)._replace(path="/", query="", fragment="").geturl()
            limit = fetcher.settings.max_bytes.picture
            answer = await fetcher.get(
                url, max_bytes=limit, accept=_TYPES, headers={"Referer": origin}
            )
            if answer.status != 200:
                raise BadStatus(answer.status, urlsplit(answer.url).hostname or "its site")
            return answer.body

        yield fetched


def _hurried(fetch: FetchSettings) -> FetchSettings:
    return fetch.model_copy(update={"timeout": min(fetch.timeout, _TIMEOUT)})
