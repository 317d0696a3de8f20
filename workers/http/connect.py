"""Opens HTTP sessions, classifies failed connections, and tests connections without a request.

A host that cannot be reached (Unreachable) differs from one that answers badly: our own network
may be the cause, and the source is polled again as soon as the network is back.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from core.errors import (
    Endless,
    FetchError,
    ForbiddenAddress,
    NoResponse,
    Unreachable,
    UntrustedHost,
)
from workers.http.address_guard import REFUSED, Endpoint, Guard, asked, proxied
from workers.http.decoding import ACCEPTED
from workers.http.response import RedirectChain, in_words, origin_of, shown_host

CONNECT_TIMEOUT = 10.0  # seconds
CONNECTIONS = 512  # more than a worker's leases: none waits for a connection that hangs,
LOOKUPS = 512  # or for a name whose servers do not answer
KEPT_ALIVE = 4.0  # seconds; servers keep idle connections for five or more
MAX_HEADERS = 256
MAX_HEADER_BYTES = 8190  # of one line


_looking_up = threading.BoundedSemaphore(LOOKUPS)


async def look_up(host: str, port: int, family: int = 0) -> list[Any]:
    """The addresses of a host, as `getaddrinfo` returns them. Raises OSError.

    It runs in a separate daemon thread. The event loop has six threads for all work, and a look-up
    takes up to half a minute when the name servers do not answer; it must not delay the end either.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Any]] = loop.create_future()

    def settle(addresses: list[Any], fault: Exception | None) -> None:
        if found.done():
            return  # cancelled
        if fault is None:
            found.set_result(addresses)
        else:
            found.set_exception(fault)

    def work() -> None:
        addresses, fault = list[Any](), None
        try:
            addresses = socket.getaddrinfo(
                host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG
            )
        except (OSError, ValueError) as error:  # ValueError: the name is not valid
            fault = error
        finally:
            _looking_up.release()
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, addresses, fault)

    if not _looking_up.acquire(blocking=False):
        raise OSError("too many names are being looked up")
    threading.Thread(target=work, name="lookup", daemon=True).start()
    return await found


class _Resolver:
    """Looks names up for a session, in the form of aiohttp's resolvers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host, host=where[0], port=port, family=kind, proto=proto, flags=numeric
            )
            for kind, _, proto, _, where in await look_up(host, port, family)
        ]

    async def close(self) -> None:
        """Nothing is open."""


def open_session(guard: Guard, user_agent: str) -> aiohttp.ClientSession:
    """A session without cookies or redirects whose connections the guard allows."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            socket_factory=guard.make_socket,
            limit=CONNECTIONS,
            resolver=cast(AbstractResolver, _Resolver()),
            ttl_dns_cache=60,
            keepalive_timeout=KEPT_ALIVE,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
        headers={"User-Agent": user_agent, "Accept-Encoding": ACCEPTED, "Accept-Language": "*"},
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        max_headers=MAX_HEADERS,
        trace_configs=[_noting_connections()],
        middlewares=[_sent_once],
    )


async def _sent_once(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep the session from repeating a request at once when the server closes the connection.

    It has no option for that (aio-libs/aiohttp#10790), but it retries only two kinds of errors. A
    retry helps where an idle connection was closed; idle ones are kept for a few seconds only.
    """
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise  # the session does not retry it, and callers need its kind
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientError(in_words(error)) from error


def _noting_connections() -> aiohttp.TraceConfig:
    """A trace that sets `connected` of a request's Journey (its trace context)."""
    trace = aiohttp.TraceConfig()

    async def note(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        chain: RedirectChain = context.trace_request_ctx
        chain.connected = True

    trace.on_connection_create_end.append(note)
    trace.on_connection_reuseconn.append(note)
    return trace


def timed_out(url: str, chain: RedirectChain, *, seconds: float) -> FetchError:
    """The error for a request that timed out, by how far it came."""
    if not chain.connected:
        seconds = min(seconds, CONNECT_TIMEOUT)
    host, given = shown_host(url), f"{seconds:g}"
    if not chain.connected:
        return Unreachable("no connection to {host} within {seconds} s", host=host, seconds=given)
    if not chain.answered:
        return NoResponse("{host} did not answer within {seconds} s", host=host, seconds=given)
    return Endless("{host} did not answer in full within {seconds} s", host=host, seconds=given)


def connection_fault(error: aiohttp.ClientConnectorError, url: str) -> FetchError:
    """The error for a failed or untrusted connection."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = in_words(error.certificate_error)
        return UntrustedHost("{host}: {reason}", host=shown_host(url), reason=reason)
    if REFUSED in str(error.os_error):
        _, host, port = origin_of(url)
        return ForbiddenAddress(
            "{host} is refused by the address guard: it leads to a non-public address; if that is "
            'meant, write `allow_private: ["{entry}"]` under `fetch:`',
            host=host,
            entry=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        )
    return Unreachable(
        "no connection to {host}: {reason}",
        host=shown_host(url),
        reason=in_words(error.os_error),
        unresolved=isinstance(error, aiohttp.ClientConnectorDNSError),
    )


async def resolves(url: str, proxy: str | None) -> bool:
    """Whether the name of the host of `url`, or of the proxy to it, has an address."""
    _, host, port = origin_of(proxy or url)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            return bool(await look_up(host, port))
    except (OSError, ValueError):
        return False


def proxy_endpoint(proxy: str | None) -> Endpoint | None:
    """Where a proxy listens."""
    if proxy is None:
        return None
    address = URL(proxy)
    return Endpoint((address.raw_host or "").lower(), address.port or 80)


async def can_connect(url: str, proxy: str | None, guard: Guard) -> bool:
    """Whether the host of `url`, or the proxy to it, takes a connection; nothing is requested.

    For https that includes the handshake: a host that accepts and then stays silent is not back.
    """
    scheme, host, port = origin_of(url)
    asked.set(Endpoint(host, port))
    through = proxy_endpoint(proxy)
    proxied.set(through)
    if through is not None:
        scheme, host, port = "http", *through
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            for address in await look_up(host, port):
                if await _connect(address, guard, host if scheme == "https" else None):
                    return True
    except (OSError, ValueError):  # the name does not resolve, or the time is up
        return False
    return False


async def _connect(address: Any, guard: Guard, secure_for: str | None) -> bool:
    context = ssl.create_default_context() if secure_for else None
    try:
        made = await guard.connect(address)
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol, sock=made, ssl=context, server_hostname=secure_for
        )
    except ssl.SSLError:
        return True  # it answers; what is wrong with its certificate is the source's own fault
    except OSError:
        return False
    transport.abort()
    return True
