"""Ends tasks for certain: a cancellation can get lost on its way, so it is said again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

_SAY_AGAIN = 0.5  # seconds
_TIMES = 10


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` and wait until they have ended.

    Before Python 3.12 `asyncio.wait_for` swallows a cancellation that arrives together with the
    result it waited for (python/cpython#86296). One that ignores ten of them is left behind.
    """
    left = set(tasks)
    for _ in range(_TIMES):
        if not left:
            break
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_SAY_AGAIN)
