"""Opens HTTP sessions, classifies failed connections, and tests connections without a request.

A host that cannot be reached (Unreachable) differs from one that answers badly: our own network
may be the cause, and the source is polled again as soon as the network is back.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
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
from workers.http.response import Journey, in_words, origin_of, shown_host

CONNECT_TIMEOUT = 10.0  # seconds
CONNECTIONS = 512  # more than a worker's leases: none waits for a connection that hangs
KEPT_ALIVE = 4.0  # seconds; servers keep idle connections for five or more
MAX_HEADERS = 256
MAX_HEADER_BYTES = 8190  # of one line


def open_session(guard: Guard, user_agent: str) -> aiohttp.ClientSession:
    """A session without cookies or redirects whose connections the guard allows."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            socket_factory=guard.make_socket,
            limit=CONNECTIONS,
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
        journey: Journey = context.trace_request_ctx
        journey.connected = True

    trace.on_connection_create_end.append(note)
    trace.on_connection_reuseconn.append(note)
    return trace


def timed_out(url: str, journey: Journey, *, seconds: float) -> FetchError:
    """The error for a request that timed out, by how far it came."""
    if not journey.connected:
        seconds = min(seconds, CONNECT_TIMEOUT)
    host, given = shown_host(url), f"{seconds:g}"
    if not journey.connected:
        return Unreachable("no connection to {host} within {seconds} s", host=host, seconds=given)
    if not journey.answered:
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
            return bool(await asyncio.get_running_loop().getaddrinfo(host, port))
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
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
            for address in found:
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
