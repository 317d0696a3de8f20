"""The store of a running Millrace, for commands that ask it something or tell it something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.errors import MillraceError
from core.redact import without_credentials
from millrace.process.data_folder import store_of_run
from store.connection import Store, opened
from store.embedded import socket_path, socket_url
from store.private import answers


@asynccontextmanager
async def running_store(*, data: Path, redis: str | None) -> AsyncIterator[Store]:
    """The store at `redis`, or that of the `millrace run` on this data folder."""
    url = redis or store_of_run(data) or _socket(data)
    if url is None or not await answers(url):
        where = without_credentials(redis) if redis else f"the data folder {data}"
        raise MillraceError(
            f"no running Millrace at {where}: start `millrace run`, or name its store with --redis "
            "or its folder with --data"
        )
    async with opened(url) as store:
        yield store


def _socket(data: Path) -> str | None:
    return socket_url(data) if data.is_dir() and socket_path(data).exists() else None
