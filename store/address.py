"""The store's address: checked before its first use, completed from the environment, connected to.

A wrong address gives one line that names what to correct, never a part of the password. So errors
of libraries are not passed on: they may quote any part of the address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

import redis.asyncio as aioredis
from redis.asyncio.connection import parse_url
from redis.asyncio.sentinel import Sentinel
from redis.connection import HiredisRespSerializer

from core.errors import ConfigError, StoreError

CONNECT_TIMEOUT = 5.0  # seconds
ANSWER_TIMEOUT = 15.0  # seconds; above any script of ours, below a job's end
# The same with sentinels, which take some three seconds to name another master when one hangs; more
# than the longest wait for changes (service/river.py).
SENTINEL_TIMEOUT = 6.0

# A certificate for another name is refused; redis-py checks that by default only from version 6 on.
_NAMED: dict[str, Any] = {"ssl_check_hostname": True}

_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel")
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_RAW = (
    "the password holds a sign that means something in an address; "
    "put it into REDIS_PASSWORD, or write it percent-encoded (/ as %2F, # as %23, ? as %3F)"
)


def store_address(url: str, env: Mapping[str, str]) -> str:
    """`url`, with a missing login taken from `env`.

    Raises ConfigError with one line that names what to correct.
    """
    fault = _fault(url)
    if fault is not None:
        raise ConfigError([f"REDIS_URL or --redis: {fault}"])
    return _with_login(url, env.get("REDIS_USERNAME", ""), _password(env))


def _fault(url: str) -> str | None:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        return f"must begin with {', '.join(f'{each}://' for each in _SCHEMES)}"
    try:
        parts = urlsplit(url)
    except ValueError:
        return _RAW
    behind = url.removeprefix(f"{scheme}://{parts.netloc}")
    if parts.fragment or (scheme != "unix" and "@" in behind):
        return _RAW
    if scheme == "unix":
        if parts.netloc and not parts.netloc.endswith("@"):
            return _RAW
        if not parts.path.strip("/"):
            return "names no socket, as in unix:///run/store.sock"
        return _option_fault(url)
    return _host_fault(parts.netloc.rpartition("@")[2]) or _path_fault(parts) or _option_fault(url)


def _host_fault(hosts: str) -> str | None:
    for host in hosts.split(","):
        name, colon, port = host.rpartition(":")
        if not colon or host.endswith("]"):
            continue
        if ":" in name and not name.endswith("]"):
            return "write an IPv6 address in brackets, as in redis://[::1]:6379/0"
        if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
            return "the port is not a number from 1 to 65535"
    return None


def _path_fault(parts: SplitResult) -> str | None:
    steps = [step for step in parts.path.split("/") if step]
    numbers = steps[1:] if parts.scheme == "redis+sentinel" else steps
    if len(numbers) > 1 or not all(step.isascii() and step.isdigit() for step in numbers):
        return "what follows the host must be the number of a database, as in redis://host:6379/0"
    return None


def _option_fault(url: str) -> str | None:
    options = dict(parse_qsl(urlsplit(url).query))
    for name in _FILES:
        if name in options and not Path(options[name]).is_file():
            return f"{name}: the file cannot be read"
    try:
        connect(url).connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (TypeError, ValueError):
        return f"an option is unknown or has a wrong value: {', '.join(sorted(options))}"
    return None


def _password(env: Mapping[str, str]) -> str:
    """The value of REDIS_PASSWORD, or the content of the file REDIS_PASSWORD_FILE."""
    password, file = env.get("REDIS_PASSWORD", ""), env.get("REDIS_PASSWORD_FILE", "")
    if not file:
        return password
    if password:
        raise ConfigError(["REDIS_PASSWORD and REDIS_PASSWORD_FILE are both set: unset one"])
    try:
        found = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
        raise ConfigError([f"REDIS_PASSWORD_FILE: {file} cannot be read: {reason}"]) from error
    if not found:
        raise ConfigError([f"REDIS_PASSWORD_FILE: {file} is empty: write the password into it"])
    return found


def _with_login(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    given_user, _, given = login.partition(":")
    if "password" in dict(parse_qsl(parts.query)):
        return url
    user, secret = given_user or quote(user, safe=""), given or quote(password, safe="")
    if not user and not secret:
        return url
    login = f"{user}:{secret}" if secret else user
    return urlunsplit(parts._replace(netloc=f"{login}@{host}"))


def connect(url: str) -> aioredis.Redis:
    """A client for `url`, which connects at its first use."""
    options: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": ANSWER_TIMEOUT,
        "health_check_interval": 15,
    }
    if urlsplit(url).scheme == "redis+sentinel":
        return _sentinel_client(url, {**options, "socket_timeout": SENTINEL_TIMEOUT})
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
    login_options: dict[str, Any] = dict(
        parse_url(f"rediss://{login}@host/{database}?{urlencode(asked)}")
    )
    for name in ("host", "connection_class"):
        del login_options[name]
    tls = {name: value for name, value in login_options.items() if name.startswith("ssl_")}
    if tls.get("ssl_cert_reqs") != "none":
        tls = {**_NAMED, **tls}
    shared = {**options, **({**tls, "ssl": True} if secure else {})}
    sentinel = Sentinel(nodes, sentinel_kwargs={**shared, **watching})  # type: ignore[no-untyped-call]
    master = {name: value for name, value in login_options.items() if not name.startswith("ssl_")}
    client: aioredis.Redis = sentinel.master_for(service, **shared, **master)
    return _packing(client)


class _Packing:
    """A connection whose commands are packed by hiredis: 5 µs instead of 42.

    redis-py does that only in its blocking client (redis/redis-py#4176). No other method of
    redis-py is overridden.
    """

    def pack_command(self, *arguments: Any) -> list[bytes]:
        return HiredisRespSerializer().pack(*arguments)  # type: ignore[no-any-return]


def _packing(client: aioredis.Redis) -> aioredis.Redis:
    pool = client.connection_pool
    pool.connection_class = type("Packing", (_Packing, pool.connection_class), {})
    return client


def connection_options(url: str) -> dict[str, Any]:
    """Host, port, path, db, login and TLS options of a store's address. Raises StoreError."""
    parts = urlsplit(url)
    try:
        if parts.scheme != "redis+sentinel":
            return dict(parse_url(url))
        login, database = parts.netloc.rpartition("@")[0], sentinel_nodes(url)[2]
        return dict(parse_url(f"redis://{login}@host/{database}"))
    except ValueError as error:
        raise StoreError("REDIS_URL is not the address of a store") from error


def sentinel_nodes(url: str) -> tuple[list[tuple[str, int]], str, str]:
    """The sentinels in an address, the service that they watch, and the database."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2]
    service, _, database = parts.path.strip("/").partition("/")
    pairs = [
        host.rpartition(":") if ":" in host else (host, "", "26379") for host in hosts.split(",")
    ]
    return [(name, int(port)) for name, _, port in pairs], service or "mymaster", database or "0"
