"""Comparisons of two copies for /stories/ID?compare=: one at a time, beside everything else.

They have a thread of their own, because renders and pages share the default one: readers who asked
for eight large comparisons and left kept every feed waiting.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from aiohttp import web

from core.errors import MillraceError
from core.render.differences import Stretch, difference

WAITING = 8  # different comparisons; each takes half a second at most

Key = tuple[str, int, str]  # story, its version, the member beside it


class NotCompared(MillraceError):
    """Too many comparisons are waiting, or the reader left before the turn of this one."""


@dataclass
class _Asked:
    """One comparison with the readers who wait for it."""

    readers: list[web.Request] = field(default_factory=list)
    result: asyncio.Future[list[Stretch] | None] | None = None


class Comparisons:
    """Compares texts for readers who are still there."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compare")
        self._asked: dict[Key, _Asked] = {}

    async def compare(self, request: web.Request, key: Key, old: str, new: str) -> list[Stretch]:
        """How `new` differs from `old`; raises NotCompared.

        Readers who ask for the same `key` at one time share one comparison.
        """
        asked = self._asked.get(key)
        if asked is None:
            if len(self._asked) >= WAITING:
                raise NotCompared("too many comparisons at once; try again in a moment")
            asked = self._asked[key] = _Asked()
        asked.readers.append(request)
        if asked.result is None:
            loop = asyncio.get_running_loop()
            asked.result = loop.run_in_executor(self._thread, _compared, asked.readers, old, new)
            asked.result.add_done_callback(lambda _: self._asked.pop(key))
        found = await asyncio.shield(asked.result)
        if found is None:
            raise NotCompared("the reader left")
        return found

    def close(self) -> None:
        """End the thread once the present comparison is done; waiting ones are dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _compared(readers: list[web.Request], old: str, new: str) -> list[Stretch] | None:
    if all(reader.transport is None for reader in readers):
        return None
    return difference(old, new)


COMPARISONS = web.AppKey("comparisons", Comparisons)
