"""One connection pool to the store: calls are gathered, errors of redis-py translated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Generic, TypeVar

import redis.asyncio as aioredis
from redis import exceptions
from redis.commands.core import AsyncScript

from core.errors import StoreAway, StoreError
from store import layout
from store.address import connect

_AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.BusyLoadingError,
    exceptions.WatchError,  # what redis-py makes of a connection lost in a transaction
    OSError,
)
_LOGIN = "the store refuses the login: correct REDIS_PASSWORD (or the password in REDIS_URL)"
# Part of a message -> what it means and what helps. redis-py raises a plain ConnectionError for a
# refused login, and removes the code (WRONGPASS, NOPERM, READONLY) from most messages.
_REMEDIES = {
    "called without any password": "the store asks for no password: "
    "unset REDIS_PASSWORD, and take the password out of REDIS_URL",
    "Authentication required": _LOGIN,
    "username-password": _LOGIN,
    "WRONGPASS": _LOGIN,
    "NOAUTH": _LOGIN,
    "unknown command 'GET'": "that is a sentinel: "
    "write redis+sentinel://HOST:PORT/NAME as REDIS_URL, with the name of its master",
    "Protocol error": "what answers there is no Redis or Valkey: "
    "correct host and port in REDIS_URL",
    "DB index is out of range": "the store has fewer databases: "
    "correct the number at the end of REDIS_URL",
    "WRONG_VERSION_NUMBER": "the store speaks no TLS there: "
    "write redis:// for rediss:// in REDIS_URL, or name its TLS port",
    "read only replica": "the store is a replica and takes nothing in: "
    "point REDIS_URL at the primary",
    "MISCONF": "the store's append-only file cannot be written: is the disk full?",
    "has no permissions": "the store's user lacks a permission: ACL SETUSER NAME ~millrace:* +@all",
}
# The same for trouble that may end by itself, such as a failover.
_WAITS = {
    "No master found": "no sentinel answers for a master of that name: "
    "start the sentinels, or correct the name after the hosts in REDIS_URL",
    "Timeout connecting": "the store takes no connection: start it, or correct host, port "
    "and TLS (rediss://, else redis://) in REDIS_URL",
}
_DISTRUST = "CERTIFICATE_VERIFY_FAILED"


@contextmanager
def store_errors():  # type: ignore[no-untyped-def]  # typed, it would seem to swallow errors
    """Turn exceptions of redis-py into those of core/errors.py."""
    try:
        yield
    except exceptions.OutOfMemoryError as error:
        raise StoreError(
            "the store is at its memory limit: raise maxmemory or keep less"
        ) from error
    except (*_AWAY, exceptions.ResponseError, exceptions.InvalidResponse) as error:
        raise _fault_of(error) from error
    except (TypeError, RuntimeError) as error:
        if _is_torn(error):
            raise StoreAway("no answer from the store: the connection was lost") from error
        raise


def _fault_of(error: exceptions.RedisError | OSError) -> StoreError:
    message = str(error)
    for words, remedy in _REMEDIES.items():
        if words in message:
            return StoreError(remedy)
    if _DISTRUST in message:
        return StoreError(_distrusted(message))
    if isinstance(error, exceptions.AuthenticationError):
        return StoreError(_LOGIN)
    for words, remedy in _WAITS.items():
        if words in message:
            return StoreAway(remedy)
    if isinstance(error, _AWAY):
        reason = message.rstrip(".")
        help_ = "start it, or correct REDIS_URL (`millrace run` starts its own again by itself)"
        return StoreAway(f"no answer from the store: {reason}; {help_}")
    return StoreError(f"the store refused: {message}")


def _distrusted(message: str) -> str:
    reason = message.rpartition("certificate verify failed: ")[2].partition(" (_ssl")[0].rstrip(".")
    return (
        f"the store's certificate is not trusted: {reason}; "
        "name its issuer in REDIS_URL: ?ssl_ca_certs=FILE"
    )


def _is_torn(error: TypeError | RuntimeError) -> bool:
    """Whether an error comes from writing to a connection that was closed in the meantime.

    From Python 3.12 on asyncio's `writelines` fails with an AttributeError then; uvloop raises a
    RuntimeError about a closed handler.
    """
    if isinstance(error, RuntimeError):
        return "handler is closed" in str(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and "asyncio" in trace.tb_frame.f_code.co_filename


MOST = 128  # in one call; the store serves no other client meanwhile

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class CallBatcher(Generic[Asked, Answer]):
    """Gathers concurrent calls into one, and returns to each its own result."""

    def __init__(self, call: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]) -> None:
        self._call = call
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._calling: asyncio.Task[None] | None = None

    async def ask(self, one: Asked) -> Answer:
        """The result for `one`. Raises what the shared call raised."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, answer))
        if self._calling is None:
            self._calling = asyncio.create_task(self._call_all())
        return await answer

    async def _call_all(self) -> None:
        """Runs from the next pass of the event loop on, when all concurrent callers are waiting."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._call_for(batch)
        finally:
            self._calling = None

    async def _call_for(self, batch: Sequence[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        waiting = [answer for _, answer in batch]
        try:
            found = await self._call([one for one, _ in batch])
        except asyncio.CancelledError:
            for answer in (*waiting, *(answer for _, answer in self._waiting)):
                answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - each of them raises it
            for answer in waiting:
                if not answer.done():  # else its caller was cancelled
                    answer.set_exception(error)
        else:
            for answer, each in zip(waiting, found, strict=True):
                if not answer.done():
                    answer.set_result(each)


class Store:
    """The store of one process. Use `store.redis` inside `store/` only."""

    def __init__(self, redis: aioredis.Redis, url: str) -> None:
        # Any: redis-py 5 types its commands as "awaitable or value", which no caller can use.
        self.redis: Any = redis
        self.url = url
        self._scripts: dict[str, AsyncScript] = {}
        self._calls: dict[Any, CallBatcher[Any, Any]] = {}

    @classmethod
    def open(cls, url: str) -> Store:
        """The store at `url` (redis, rediss, unix or redis+sentinel); connects at its first use."""
        return cls(connect(url), url)

    async def close(self) -> None:
        """Close all connections."""
        await self.redis.aclose()
        watched = getattr(self.redis.connection_pool, "sentinel_manager", None)
        for sentinel in watched.sentinels if watched else ():
            await sentinel.aclose()

    def script(self, *names: str) -> AsyncScript:
        """The server-side script made of the files store/lua/NAME.lua: see store/layout.py."""
        key = "+".join(names)
        if key not in self._scripts:
            self._scripts[key] = self.redis.register_script(layout.script(*names))
        return self._scripts[key]

    async def call(self, script: AsyncScript, keys: list[Any], args: list[Any]) -> Any:
        """Run a server-side script. Raises StoreAway or StoreError."""
        with store_errors():
            return await script(keys=keys, args=args)

    async def gathered(
        self, call: Callable[[Store, Sequence[Asked]], Awaitable[Sequence[Answer]]], one: Asked
    ) -> Answer:
        """The result for `one` of a `call` that is made once for all concurrent callers."""
        if call not in self._calls:
            self._calls[call] = CallBatcher(partial(call, self))
        batcher: CallBatcher[Asked, Answer] = self._calls[call]
        return await batcher.ask(one)

    async def field_of_each(self, hashes: Iterable[str], field: str) -> list[bytes | None]:
        """One field of each of these hashes, in one round trip."""
        with store_errors():
            pipe = self.redis.pipeline(transaction=False)
            for key in hashes:
                pipe.hget(key, field)
            found: list[bytes | None] = await pipe.execute() if len(pipe) else []
        return found

    async def now(self) -> float:
        """The store's clock in Unix seconds: the only clock used for leases and order."""
        with store_errors():
            seconds, micros = await self.redis.time()
        return float(seconds) + float(micros) / 1e6

    async def ping(self) -> None:
        """Raise StoreAway unless the store answers."""
        with store_errors():
            await self.redis.ping()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """A store that is closed at the end of the block."""
    store = Store.open(url)
    try:
        yield store
    finally:
        await store.close()


_CANCEL_AGAIN_SECONDS = 0.5
_CANCELLATIONS = 10


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` and wait until they have ended.

    redis-py and, before Python 3.12, `asyncio.wait_for` swallow a cancellation that arrives with
    the result or the timeout (python/cpython#86296), so tasks are cancelled up to ten times.
    """
    left = set(tasks)
    for _ in range(_CANCELLATIONS):
        if not left:
            break
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_SECONDS)
