"""Waits for what other processes and threads do: they tell us nothing, so we look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_LOOK_SECONDS = 0.02


async def until(met: Callable[[], bool], seconds: float = 20) -> None:
    """Return once `met`; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not met():  # noqa: ASYNC110 - there is no event between processes
            await asyncio.sleep(_LOOK_SECONDS)


def wait_until(met: Callable[[], bool], seconds: float = 20) -> None:
    """The same where no loop runs."""
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(_LOOK_SECONDS)
