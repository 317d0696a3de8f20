"""One connection pool to the store; calls made at the same moment share one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis.asyncio as aioredis
from redis import exceptions
from redis.asyncio.connection import parse_url
from redis.asyncio.sentinel import Sentinel
from redis.commands.core import AsyncScript
from redis.connection import HiredisRespSerializer

from core.errors import StoreAway, StoreError
from store import scripts

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


CONNECT_TIMEOUT = 5.0  # seconds
ANSWER_TIMEOUT = 15.0  # seconds; above any script of ours, below a job's end

_AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.BusyLoadingError,
    exceptions.WatchError,  # what redis-py makes of a connection lost in a transaction
    OSError,
)
_REFUSED_LOGIN = "the store refuses the password: correct REDIS_URL"
# A certificate for another name is refused; redis-py asks for that only from version 6 on.
_NAMED: dict[str, Any] = {"ssl_check_hostname": True}
_DISTRUST = "CERTIFICATE_VERIFY_FAILED"
# redis-py makes a plain ConnectionError of these when they answer its greeting.
_REFUSALS = ("Authentication required", "username-password", "WRONGPASS", "NOAUTH")


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
        return cls(_client(url), url)

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


@contextmanager
def store_errors():  # type: ignore[no-untyped-def]
    """Turn what redis-py raises into the errors of `core/errors.py`."""
    try:
        yield
    except exceptions.OutOfMemoryError as error:
        raise StoreError(
            "the store is at its memory limit: raise maxmemory or keep less"
        ) from error
    except exceptions.AuthenticationError as error:
        raise StoreError(_REFUSED_LOGIN) from error
    except _AWAY as error:
        if any(words in str(error) for words in _REFUSALS):
            raise StoreError(_REFUSED_LOGIN) from error
        if _DISTRUST in str(error):
            raise StoreError(_distrusted(str(error))) from error
        raise StoreAway(f"no answer from the store: {error}") from error
    except exceptions.ResponseError as error:
        if str(error).startswith("MISCONF"):
            raise StoreError(
                "the store's append-only file cannot be written: is the disk full?"
            ) from error
        raise StoreError(f"the store refused: {error}") from error
    except (TypeError, RuntimeError) as error:
        if _is_torn(error):
            raise StoreAway("no answer from the store: the connection was lost") from error
        raise


def _distrusted(said: str) -> str:
    reason = said.rpartition("certificate verify failed: ")[2].partition(" (_ssl")[0].rstrip(".")
    return (
        f"the store's certificate is not trusted: {reason}; "
        "name its issuer in REDIS_URL: ?ssl_ca_certs=FILE"
    )


def _is_torn(error: TypeError | RuntimeError) -> bool:
    """Whether the loop stumbled over a transport that was closed under it.

    From Python 3.12 on asyncio's `writelines` calls a method that a lost connection has taken
    away; uvloop says that the handler is closed.
    """
    if isinstance(error, RuntimeError):
        return "handler is closed" in str(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and "asyncio" in trace.tb_frame.f_code.co_filename


def connection_options(url: str) -> dict[str, Any]:
    """Host, port, path, db, login and TLS options in a store's address; raises StoreError."""
    parts = urlsplit(url)
    try:
        if parts.scheme != "redis+sentinel":
            return dict(parse_url(url))
        login, database = parts.netloc.rpartition("@")[0], sentinel_nodes(url)[2]
        return dict(parse_url(f"redis://{login}@host/{database}"))
    except ValueError as error:
        raise StoreError(f"REDIS_URL is not the address of a store: {error}") from error


def sentinel_nodes(url: str) -> tuple[list[tuple[str, int]], str, str]:
    """The sentinels in an address, the service that they watch, and the database."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2]
    service, _, database = parts.path.strip("/").partition("/")
    pairs = [
        host.rpartition(":") if ":" in host else (host, "", "26379") for host in hosts.split(",")
    ]
    return [(name, int(port)) for name, _, port in pairs], service or "mymaster", database or "0"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """A store that is closed again at the end of the block."""
    store = Store.open(url)
    try:
        yield store
    finally:
        await store.close()


def _client(url: str) -> aioredis.Redis:
    options: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": ANSWER_TIMEOUT,
        "health_check_interval": 15,
    }
    if urlsplit(url).scheme == "redis+sentinel":
        return _sentinel_client(url, options)
    if urlsplit(url).scheme == "rediss":
        options |= _NAMED if "ssl_cert_reqs=none" not in url else {}
    from_url: Callable[..., aioredis.Redis] = aioredis.Redis.from_url
    return _packing(from_url(url, **options))


def _sentinel_client(url: str, options: dict[str, Any]) -> aioredis.Redis:
    """redis+sentinel://[user][:password@]host:port[,host:port]/service[/db][?ssl=true&…].

    The login is the store's. Further options are those of `rediss://`, and `sentinel_username` and
    `sentinel_password` for sentinels that want a login of their own.
    """
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    nodes, service, database = sentinel_nodes(url)
    asked = dict(parse_qsl(parts.query))
    secure = asked.pop("ssl", "false") == "true"
    watching = {name: asked.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    said: dict[str, Any] = dict(parse_url(f"rediss://{login}@host/{database}?{urlencode(asked)}"))
    for name in ("host", "connection_class"):
        del said[name]
    tls = {name: value for name, value in said.items() if name.startswith("ssl_")}
    if tls.get("ssl_cert_reqs") != "none":
        tls = {**_NAMED, **tls}
    shared = {**options, **({**tls, "ssl": True} if secure else {})}
    sentinel = Sentinel(nodes, sentinel_kwargs={**shared, **watching})  # type: ignore[no-untyped-call]
    master = {name: value for name, value in said.items() if not name.startswith("ssl_")}
    client: aioredis.Redis = sentinel.master_for(service, **shared, **master)
    return _packing(client)


class _Packing:
    """A connection whose commands hiredis packs; redis-py does that only where nothing awaits."""

    def pack_command(self, *arguments: Any) -> list[bytes]:
        return HiredisRespSerializer().pack(*arguments)  # type: ignore[no-any-return]


def _packing(client: aioredis.Redis) -> aioredis.Redis:
    pool = client.connection_pool
    pool.connection_class = type("Packing", (_Packing, pool.connection_class), {})
    return client
