"""The guarded HTTP client for feeds, pages and everything else: polite, bounded, no cookie jar.

A request returns a `Response`, whatever its status, or raises a FetchError. The client follows
redirects itself, because each hop needs the same checks as the first request.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from core.config.settings import FetchSettings, PerHost
from core.errors import (
    Disallowed,
    FetchError,
    ForbiddenAddress,
    HostBusy,
    Unreachable,
)
from core.polling import retry_after
from workers.http.address_guard import Endpoint, Guard, asked, is_public_name, proxied
from workers.http.connect import (
    can_connect,
    connection_fault,
    open_session,
    proxy_endpoint,
    resolves,
    timed_out,
)
from workers.http.lenient import fetch_leniently
from workers.http.response import (
    FEED_LINE,
    Access,
    RedirectChain,
    Response,
    as_sent,
    conditional,
    in_words,
    origin_of,
    read_body,
    redirect_target,
    shown_host,
    turn_key,
)

MAX_REDIRECTS = 5
MAX_REPLY = 65_536  # bytes of a response to a POST
PATIENCE = 5.0  # seconds for which a request waits for its host before it is postponed
HOP_PATIENCE = 30.0  # the same within a chain of redirects
FEED_TYPES = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, text/html;q=0.7, */*;q=0.5"
)
PAGE_TYPES = "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.5"

_PERMANENT = frozenset((301, 308))


class Turns(Protocol):
    """The limits per host, in parallel and per second, over all workers."""

    async def take(self, host: str, holder: str, *, line: float = FEED_LINE) -> float:
        """Take a turn: 0 when it was taken, else the seconds after which to try again."""

    async def give_back(self, host: str, holder: str) -> None:
        """Return the turn: the request has ended."""

    async def refuse(self, host: str, holder: str, seconds: float) -> None:
        """Stop fetching from the host for `seconds`: it answered 429 to `holder`."""

    def adopt(self, limits: PerHost, *, timeout: float) -> None:
        """Use other limits from now on."""


class Fetcher:
    """Sends requests to servers on the web. Open it once, close it at the end."""

    def __init__(self, fetch: FetchSettings, *, turns: Turns | None = None) -> None:
        self.settings = fetch
        self._turns = turns
        self._guard = Guard(fetch.allow_private)
        self._ports = {*fetch.ports, *self._guard.ports}
        self._session: aiohttp.ClientSession | None = None
        self._retiring: dict[asyncio.Task[None], aiohttp.ClientSession] = {}

    def adopt(self, fetch: FetchSettings) -> None:
        """Use other settings from now on; requests in progress end with their own."""
        if fetch == self.settings:
            return
        self.settings = fetch
        self._guard = Guard(fetch.allow_private)
        self._ports = {*fetch.ports, *self._guard.ports}
        if self._turns is not None:
            self._turns.adopt(fetch.per_host, timeout=fetch.timeout)
        if self._session is not None:
            leaving = asyncio.create_task(_retire(self._session, fetch.timeout))
            self._retiring[leaving] = self._session
            leaving.add_done_callback(lambda task: self._retiring.pop(task, None))
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        for task, session in list(self._retiring.items()):
            task.cancel()
            await session.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(
        self,
        url: str,
        *,
        max_bytes: int | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
        accept: str = FEED_TYPES,
        headers: Mapping[str, str] | None = None,
        access: Access | None = None,
        allowed: Callable[[str], Awaitable[bool]] | None = None,
        patience: float = PATIENCE,
        line: float = FEED_LINE,
        redirects: int = MAX_REDIRECTS,
    ) -> Response:
        """The response to a GET of `url` after at most `redirects` redirects.

        With `redirects=0` a redirect is returned. `access` holds the credentials, port and proxy of
        the source; `allowed` is called before each hop. Raises HostBusy when the host is free only
        after `patience` seconds; if that is within `line` seconds, the request keeps its place.
        """
        chain = RedirectChain(
            max_bytes=max_bytes or self.settings.max_bytes.feed,
            headers={"Accept": accept, **conditional(etag, last_modified), **(headers or {})},
            access=access,
            left=self.settings.timeout,
            line=line,
        )
        here, permanent, only_permanent, elapsed = url, None, True, 0.0
        for _ in range(redirects + 1):
            answer = await self._hop(here, chain, allowed, patience, first=here == url)
            target = redirect_target(answer)
            if target is None or redirects == 0:
                return answer.after(permanent, elapsed) if elapsed else answer
            chain.keep_cookies(answer)
            elapsed += answer.elapsed
            only_permanent = only_permanent and answer.status in _PERMANENT
            permanent = target if only_permanent else permanent
            here, patience = target, HOP_PATIENCE
        raise FetchError("more than {count} redirects", count=str(redirects))

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], access: Access | None = None
    ) -> Response:
        """The response to a POST, under the same guard and limits, without redirects."""
        self._check(url, access)
        left = self.settings.timeout
        chain = RedirectChain(MAX_REPLY, {"Accept": "*/*", **headers}, access, left, body)
        return await self._in_turn(url, chain, HOP_PATIENCE)

    async def reaches(self, access: Access) -> bool:
        """Whether the host of a source accepts a connection now. Sends no request."""
        return await can_connect(access.url, access.proxy, self._guard)

    async def resolves(self, access: Access) -> bool:
        """Whether the host name of a source resolves now. Sends the host nothing."""
        return await resolves(access.url, access.proxy)

    async def _hop(
        self,
        url: str,
        chain: RedirectChain,
        allowed: Callable[[str], Awaitable[bool]] | None,
        patience: float,
        *,
        first: bool,
    ) -> Response:
        """One request of a chain of redirects, with all checks."""
        self._check(url, chain.access)
        if allowed is not None and not await allowed(url):
            raise Disallowed("robots.txt of {host} does not allow this page", host=shown_host(url))
        try:
            return await self._in_turn(url, chain, patience)
        except Unreachable as fault:
            if first:
                raise
            # A redirect arrived, so the network is up: the fault is the target's.
            raise FetchError(fault.phrase.text, **fault.phrase.values) from fault

    async def _in_turn(self, url: str, chain: RedirectChain, patience: float) -> Response:
        """One request, sent when the limits of its host permit."""
        if self._turns is None:
            return await self._ask(url, chain)
        host, waited = turn_key(url), 0.0
        while (wait := await self._turns.take(host, url, line=chain.line)) > 0:
            waited += wait
            if waited > patience:  # the request keeps its place for the next attempt
                late = wait * random.uniform(1, 2) if wait > chain.line else wait  # noqa: S311
                raise HostBusy("{host} is being asked by others", host=host, wait=late)
            await asyncio.sleep(wait)
        try:
            answer = await self._ask(url, chain)
        finally:
            await self._turns.give_back(host, url)
        if answer.status == 429:
            seconds = retry_after(answer.headers, now=time.time(), cap=self.settings.backoff.cap)
            await self._turns.refuse(host, url, seconds or 0.0)
        return answer

    async def _ask(self, url: str, chain: RedirectChain) -> Response:
        started, chain.connected, chain.answered = time.monotonic(), False, False
        try:
            async with asyncio.timeout(chain.left):
                return await self._exchange(url, chain, started)
        except TimeoutError as error:
            raise timed_out(url, chain, seconds=self.settings.timeout) from error
        except aiohttp.ClientConnectorError as error:
            raise connection_fault(error, url) from error
        except aiohttp.ClientResponseError as refused:  # from its parser, not for a status
            agent = self.settings.user_agent
            return await fetch_leniently(url, chain, self._guard, agent, refused, started)
        except (aiohttp.ClientError, HttpProcessingError, ValueError, OSError) as error:
            reason = in_words(error)
            raise FetchError("{host}: {reason}", host=shown_host(url), reason=reason) from error
        finally:
            chain.left = max(0.001, chain.left - (time.monotonic() - started))

    async def _exchange(self, url: str, chain: RedirectChain, started: float) -> Response:
        target = as_sent(url)
        asked.set(Endpoint((target.raw_host or "").lower(), target.port or 0))
        proxied.set(proxy_endpoint(chain.proxy))
        headers = chain.headers_for(url)
        async with self._open().request(
            "GET" if chain.body is None else "POST",
            target,
            headers=headers,
            data=chain.body,
            proxy=chain.proxy,
            allow_redirects=False,
            trace_request_ctx=chain,
        ) as answer:
            chain.answered = True
            body, whole = await read_body(answer, chain.max_bytes)
            return Response(
                status=answer.status,
                url=url,
                headers=answer.headers,
                body=body,
                complete=whole,
                elapsed=time.monotonic() - started,
            )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(self._guard, self.settings.user_agent)
        return self._session

    def _check(self, url: str, access: Access | None) -> None:
        """Refuse addresses that are not public web addresses, before any look-up."""
        try:
            scheme, host, port = origin_of(url)
            own = origin_of(access.url)[2] if access else None
            sent = as_sent(url).raw_host or ""
        except ValueError as error:
            raise FetchError("no address: {reason}", reason=in_words(error)) from error
        if scheme not in ("http", "https") or not host:
            given = repr(scheme[:20])
            raise ForbiddenAddress("only http and https are fetched, not {scheme}", scheme=given)
        if port not in self._ports and port != own:
            raise ForbiddenAddress("port {port} of {host} is not among `fetch.ports`",
                                   port=str(port), host=host)  # fmt: skip
        # Behind a proxy the guard sees only the proxy, so names of internal hosts are refused here.
        # Where two parsers read different names, both must be public.
        named = is_public_name(sent) and is_public_name(host)
        if access is not None and access.proxy and not named:
            raise ForbiddenAddress("{host} is refused by the address guard: no public name, and "
                                   "fetched through a proxy", host=host)  # fmt: skip


async def _retire(session: aiohttp.ClientSession, seconds: float) -> None:
    """Close a session after `seconds`, when its last request must have ended."""
    await asyncio.sleep(seconds)
    await session.close()
