"""The private store's server as a neighbour: is it there, and away with one that nobody owns.

A supervisor that was killed can leave its server behind. The next one holds the lock of the data
folder, so whatever still listens there is an orphan, and two servers on one journal would ruin it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.errors import StoreAway, StoreError
from store.connection import opened
from store.embedded import socket_path, socket_url

_LOOK_SECONDS = 0.02


async def answers(url: str) -> bool:
    """True if a server answers at `url` now."""
    async with opened(url) as store:
        try:
            await store.ping()
        except StoreAway:
            return False
    return True


async def await_answer(url: str) -> None:
    """Return once the server at `url` answers; loading a long journal takes its time."""
    async with opened(url) as store:
        while True:
            try:
                await store.ping()
            except StoreAway:
                await asyncio.sleep(_LOOK_SECONDS)  # a starting process tells nobody
            else:
                return


async def end_orphan(data: Path) -> bool:
    """End a server that still listens in `data`; True if there was one."""
    if not socket_path(data).exists() or not await answers(socket_url(data)):
        return False
    async with opened(socket_url(data)) as store:
        try:
            await store.redis.shutdown(nosave=True)
        except Exception as error:  # whatever it says while it leaves, the next look decides
            if await answers(socket_url(data)):
                raise StoreError(f"{data}: a store runs here and does not end") from error
    while await answers(socket_url(data)):  # noqa: ASYNC110 - an ending process tells nobody
        await asyncio.sleep(_LOOK_SECONDS)
    return True
