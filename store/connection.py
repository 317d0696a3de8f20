"""One connection pool to the store; calls made at the same moment share one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Generic, TypeVar

import redis.asyncio as aioredis
from redis.commands.core import AsyncScript

from store import scripts
from store.address import connect
from store.faults import store_errors as store_errors  # whoever speaks to the store needs both

MOST = 128  # in one call; the store serves no other client meanwhile

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Together(Generic[Asked, Answer]):
    """Gathers calls and gives each its own answer."""

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


class Store:
    """The store of one process. Use `store.redis` inside `store/` only."""

    def __init__(self, redis: aioredis.Redis, url: str) -> None:
        self.redis = redis
        self.url = url
        self._scripts: dict[str, AsyncScript] = {}
        self._together: dict[Any, Together[Any, Any]] = {}

    @classmethod
    def open(cls, url: str) -> Store:
        """A store at `url` (redis, rediss, unix or redis+sentinel); connects at its first use."""
        return cls(connect(url), url)

    async def close(self) -> None:
        """Give all connections back."""
        await self.redis.aclose()
        watched = getattr(self.redis.connection_pool, "sentinel_manager", None)
        for sentinel in watched.sentinels if watched else ():
            await sentinel.aclose()

    def script(self, *names: str) -> AsyncScript:
        """The server-side script made of the files `store/lua/NAME.lua`: store/scripts.py."""
        key = "+".join(names)
        if key not in self._scripts:
            self._scripts[key] = self.redis.register_script(scripts.script(*names))
        return self._scripts[key]

    async def call(self, script: AsyncScript, keys: list[Any], args: list[Any]) -> Any:
        """Run a server-side script; raises StoreAway or StoreError."""
        with store_errors():
            return await script(keys=keys, args=args)

    async def gathered(
        self, call: Callable[[Store, Sequence[Asked]], Awaitable[Sequence[Answer]]], one: Asked
    ) -> Answer:
        """The answer to `one` of a `call` that is made for all who ask for it just now."""
        if call not in self._together:
            self._together[call] = Together(partial(call, self))
        together: Together[Asked, Answer] = self._together[call]
        return await together.ask(one)

    async def now(self) -> float:
        """The store's clock in seconds: the only clock that leases and order trust."""
        with store_errors():
            seconds, micros = await self.redis.time()
        return float(seconds) + float(micros) / 1e6

    async def ping(self) -> None:
        """Raise StoreAway unless the store answers."""
        with store_errors():
            await self.redis.ping()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """A store that is closed again at the end of the block."""
    store = Store.open(url)
    try:
        yield store
    finally:
        await store.close()
