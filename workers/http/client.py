"""One guarded HTTP session for feeds, pages and everything else: polite, bounded, no cookies.

A request either gives a `Response`, whatever its status, or raises a FetchError. Redirects are
followed by hand, because each hop is a request to a stranger like the first.
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
    Journey,
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
MAX_REPLY = 65_536  # bytes of an answer to a POST
PATIENCE = 5.0  # seconds a request waits for its host's turn before it is put off
HOP_PATIENCE = 30.0  # the same in the middle of a chain of redirects
FEED_TYPES = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, text/html;q=0.7, */*;q=0.5"
)
PAGE_TYPES = "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.5"

_PERMANENT = frozenset((301, 308))


class Turns(Protocol):
    """Who may fetch from a host now: limits at once and a second, over all workers."""

    async def take(self, host: str, holder: str, *, line: float = FEED_LINE) -> float:
        """0 when the turn is taken, else the seconds after which to ask again."""

    async def give_back(self, host: str, holder: str) -> None:
        """The request is over."""

    async def refuse(self, host: str, holder: str, seconds: float) -> None:
        """The host told `holder` to wait so long."""

    def adopt(self, limits: PerHost, *, timeout: float) -> None:
        """Go on under other limits."""


class Fetcher:
    """Asks other people's servers. Open it once, close it at the end."""

    def __init__(self, fetch: FetchSettings, *, turns: Turns | None = None) -> None:
        self.settings = fetch
        self._turns = turns
        self._guard = Guard(fetch.allow_private)
        self._ports = {*fetch.ports, *self._guard.ports}
        self._session: aiohttp.ClientSession | None = None
        self._retiring: dict[asyncio.Task[None], aiohttp.ClientSession] = {}

    def adopt(self, fetch: FetchSettings) -> None:
        """Go on under other settings; requests under way end under those they began with."""
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
        """The answer to a GET of `url` after at most `redirects` redirects; with 0 also a redirect.

        `access` is what the source that named this address may use; `allowed` is called before each
        hop. Raises HostBusy when the turn is over `patience` away; within `line` its place is kept.
        """
        journey = Journey(
            max_bytes=max_bytes or self.settings.max_bytes.feed,
            headers={"Accept": accept, **conditional(etag, last_modified), **(headers or {})},
            access=access,
            left=self.settings.timeout,
            line=line,
        )
        here, permanent, only_permanent, elapsed = url, None, True, 0.0
        for _ in range(redirects + 1):
            answer = await self._hop(here, journey, allowed, patience, first=here == url)
            target = redirect_target(answer)
            if target is None or redirects == 0:
                return answer.after(permanent, elapsed) if elapsed else answer
            journey.keep_cookies(answer)
            elapsed += answer.elapsed
            only_permanent = only_permanent and answer.status in _PERMANENT
            permanent = target if only_permanent else permanent
            here, patience = target, HOP_PATIENCE
        raise FetchError("more than {count} redirects", count=str(redirects))

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], access: Access | None = None
    ) -> Response:
        """The answer to a POST under the same guard, limits and turns, without redirects."""
        self._check(url, access)
        left = self.settings.timeout
        journey = Journey(MAX_REPLY, {"Accept": "*/*", **headers}, access, left, body)
        return await self._in_turn(url, journey, HOP_PATIENCE)

    async def reaches(self, access: Access) -> bool:
        """Whether the host of a source takes a connection now. Sends it no request."""
        return await can_connect(access.url, access.proxy, self._guard)

    async def resolves(self, access: Access) -> bool:
        """Whether the name of a source's host has an address now. Sends the host nothing."""
        return await resolves(access.url, access.proxy)

    async def _hop(
        self,
        url: str,
        journey: Journey,
        allowed: Callable[[str], Awaitable[bool]] | None,
        patience: float,
        *,
        first: bool,
    ) -> Response:
        """One request of a chain of redirects; each goes to a stranger like the first."""
        self._check(url, journey.access)
        if allowed is not None and not await allowed(url):
            raise Disallowed("robots.txt of {host} does not allow this page", host=shown_host(url))
        try:
            return await self._in_turn(url, journey, patience)
        except Unreachable as fault:
            if first:
                raise
            # The redirect came: the network is there.
            raise FetchError(fault.phrase.text, **fault.phrase.values) from fault

    async def _in_turn(self, url: str, journey: Journey, patience: float) -> Response:
        """One request, made when its host may be asked."""
        if self._turns is None:
            return await self._ask(url, journey)
        host, waited = turn_key(url), 0.0
        while (wait := await self._turns.take(host, url, line=journey.line)) > 0:
            waited += wait
            if waited > patience:  # its place in the line is kept
                late = wait * random.uniform(1, 2) if wait > journey.line else wait  # noqa: S311
                raise HostBusy("{host} is being asked by others", host=host, wait=late)
            await asyncio.sleep(wait)
        try:
            answer = await self._ask(url, journey)
        finally:
            await self._turns.give_back(host, url)
        if answer.status == 429:
            seconds = retry_after(answer.headers, now=time.time(), cap=self.settings.backoff.cap)
            await self._turns.refuse(host, url, seconds or 0.0)
        return answer

    async def _ask(self, url: str, journey: Journey) -> Response:
        started, journey.connected, journey.answered = time.monotonic(), False, False
        try:
            async with asyncio.timeout(journey.left):
                return await self._exchange(url, journey, started)
        except TimeoutError as error:
            raise timed_out(url, journey, seconds=self.settings.timeout) from error
        except aiohttp.ClientConnectorError as error:
            raise connection_fault(error, url) from error
        except aiohttp.ClientResponseError as refused:  # by its parser: we raise for no status
            agent = self.settings.user_agent
            return await fetch_leniently(url, journey, self._guard, agent, refused, started)
        except (aiohttp.ClientError, HttpProcessingError, ValueError, OSError) as error:
            reason = in_words(error)
            raise FetchError("{host}: {reason}", host=shown_host(url), reason=reason) from error
        finally:
            journey.left = max(0.001, journey.left - (time.monotonic() - started))

    async def _exchange(self, url: str, journey: Journey, started: float) -> Response:
        target = as_sent(url)
        asked.set(Endpoint((target.raw_host or "").lower(), target.port or 0))
        proxied.set(proxy_endpoint(journey.proxy))
        headers = journey.headers_for(url)
        async with self._open().request(
            "GET" if journey.body is None else "POST",
            target,
            headers=headers,
            data=journey.body,
            proxy=journey.proxy,
            allow_redirects=False,
            trace_request_ctx=journey,
        ) as answer:
            journey.answered = True
            body, whole = await read_body(answer, journey.max_bytes)
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
        """Refuse what is no public web address before anything is looked up."""
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
        # Through a proxy the guard sees only the proxy: what names an inner machine is refused.
        # It is looked at as it is sent; what two parsers take for two names is public by both.
        named = is_public_name(sent) and is_public_name(host)
        if access is not None and access.proxy and not named:
            raise ForbiddenAddress("{host} is refused by the address guard: no public name, and "
                                   "fetched through a proxy", host=host)  # fmt: skip


async def _retire(session: aiohttp.ClientSession, seconds: float) -> None:
    """Close a session when the last of its requests must have ended."""
    await asyncio.sleep(seconds)
    await session.close()
