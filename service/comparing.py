"""Comparisons of two copies for /stories/ID?compare=, in the background threads.

Renders and pages share the default threads: eight large comparisons there, whose clients had left,
kept every feed waiting.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from aiohttp import web

from core.errors import MillraceError
from core.render.differences import Stretch, difference, shared_sentences
from service.background import Background

WAITING = 8  # different comparisons; each takes a fifth of a second at most

Key = tuple[str, int, str]  # story, its version, the member beside it


class NotCompared(MillraceError):
    """Too many comparisons are waiting, or the reader left before the turn of this one."""


class Comparison(NamedTuple):
    """How a copy differs from what is shown."""

    stretches: list[Stretch]
    shared: int  # of the copy's sentences, those that are word for word in what is shown
    sentences: int


@dataclass
class _Asked:
    """One comparison with the readers who wait for it."""

    readers: list[web.Request] = field(default_factory=list)
    result: asyncio.Future[Comparison | None] | None = None


class Comparisons:
    """Compares texts for readers who are still there."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._asked: dict[Key, _Asked] = {}

    async def compare(self, request: web.Request, key: Key, old: str, new: str) -> Comparison:
        """How `new` differs from `old`; raises NotCompared.

        Clients that request the same `key` at the same time share one comparison.
        """
        asked = self._asked.get(key)
        if asked is None:
            if len(self._asked) >= WAITING:
                raise NotCompared("too many comparisons at once; try again in a moment")
            asked = self._asked[key] = _Asked()
        asked.readers.append(request)
        if asked.result is None:
            work = self._background.run(_compared, asked.readers, old, new)
            asked.result = asyncio.ensure_future(work)
            asked.result.add_done_callback(lambda _: self._asked.pop(key))
        found = await asyncio.shield(asked.result)
        if found is None:
            raise NotCompared("the reader left")
        return found


def _compared(readers: list[web.Request], old: str, new: str) -> Comparison | None:
    if all(reader.transport is None for reader in readers):
        return None
    return Comparison(difference(old, new), *shared_sentences(new, old))


COMPARISONS = web.AppKey("comparisons", Comparisons)
