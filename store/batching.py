"""Calls that are made at the same moment go to the store in one.

A call of its own costs more than all that the store does for an unchanged poll. Who calls first
waits for nobody: what comes up while its call is under way goes together in the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

MOST = 128  # in one call; the store serves nobody else meanwhile

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Together(Generic[Asked, Answer]):
    """Gathers what is asked and gives each his own answer."""

    def __init__(self, call: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]) -> None:
        self._call = call
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._calling: asyncio.Task[Sequence[Answer]] | None = None

    async def ask(self, one: Asked) -> Answer:
        """The answer to `one`; raises what the call raised that it went with."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, answer))
        if self._calling is None:
            self._begin()
        return await answer

    def _begin(self) -> None:
        batch: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._calling = asyncio.create_task(self._ask(batch))
        self._calling.add_done_callback(lambda called: self._end(called, batch))

    async def _ask(self, batch: list[tuple[Asked, asyncio.Future[Answer]]]) -> Sequence[Answer]:
        batch += self._waiting[:MOST]  # only now, when all who were about to ask have asked
        del self._waiting[:MOST]
        return await self._call([one for one, _ in batch])

    def _end(
        self,
        called: asyncio.Task[Sequence[Answer]],
        batch: list[tuple[Asked, asyncio.Future[Answer]]],
    ) -> None:
        self._calling = None
        if self._waiting:
            self._begin()
        error = None if called.cancelled() else called.exception()
        for number, (_, answer) in enumerate(batch):
            if answer.done():  # who asked has gone
                continue
            if called.cancelled():
                answer.cancel()
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(called.result()[number])
