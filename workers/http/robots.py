"""robots.txt, read before a page is fetched (RFC 9309). Feeds are published to be fetched.

It is kept in the store for a day, so that one request serves all pages of a site.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from core.errors import (
    DocumentError,
    FetchError,
    HostBusy,
    Overdue,
    ResourceLimit,
    TooLarge,
    Unreachable,
)
from core.polling import robots_allow
from store.connection import Store
from store.hosts import asking_robots, keep_robots, load_robots
from store.keys import ROBOTS_SECONDS
from workers.http.client import Fetcher
from workers.http.response import Access, origin_of
from workers.sandbox.pool import Sandbox

LARGE_KEPT = 8  # files of up to a megabyte, in memory
MAX_BYTES = 1_000_000  # RFC 9309 demands 500 KiB or more
RETRY_SECONDS = 600.0  # after which an unreachable robots.txt is fetched again
PARSE_SECONDS = 2.0
CLAIM_SECONDS = 90.0  # after which another worker may fetch it, if this one was killed
WAIT_SECONDS = 0.25  # between two looks whether another worker has stored it
WAITS = 20

_FORBIDS_NOTHING = b""
_FORBIDS_ALL = b"User-agent: *\nDisallow: /\n"


class Robots:
    """Decides whether a page may be fetched."""

    def __init__(self, store: Store, fetcher: Fetcher, sandbox: Sandbox) -> None:
        self._store = store
        self._fetcher = fetcher
        self._sandbox = sandbox
        self._large = OrderedDict[str, tuple[float, bytes]]()  # too large for the store

    @property
    def _agent(self) -> str:
        """Our product token, as robots.txt names it."""
        product = re.match(r"[A-Za-z_-]+", self._fetcher.settings.user_agent)
        return product[0] if product else "Millrace"

    def for_source(self, access: Access | None) -> Callable[[str], Awaitable[bool]]:
        """The argument `allowed` of `Fetcher.get` for the pages of one source."""

        async def allowed(url: str) -> bool:
            return await self.allow(url, access=access)

        return allowed

    async def allow(self, url: str, *, access: Access | None = None) -> bool:
        """Whether robots.txt permits `url`. Raises HostBusy or Unreachable."""
        scheme, host, port = origin_of(url)
        bracketed = f"[{host}]" if ":" in host else host
        origin = f"{scheme}://{bracketed}:{port}"
        robots = await self._known(origin)
        if robots is None:
            robots = await self._ask_or_wait(origin, access)
        if robots in (_FORBIDS_NOTHING, _FORBIDS_ALL):
            return robots == _FORBIDS_NOTHING
        try:
            return await self._sandbox.run(
                robots_allow, robots, url=url, agent=self._agent,
                timeout=PARSE_SECONDS, on_behalf=access.url if access else "",
            )  # fmt: skip
        except Overdue as late:
            raise HostBusy(
                "robots.txt of {host}: {reason}", host=origin, reason=str(late), wait=RETRY_SECONDS
            ) from late
        except (DocumentError, ResourceLimit):
            return False  # its patterns exceed the limits: fetch nothing from this site

    async def _known(self, origin: str) -> bytes | None:
        until, robots = self._large.get(origin, (0.0, b""))
        return robots if time.monotonic() < until else await load_robots(self._store, origin)

    async def _ask_or_wait(self, origin: str, access: Access | None) -> bytes:
        """The file from the site, or from a request already in progress. Raises HostBusy."""
        for _ in range(WAITS):
            async with asking_robots(self._store, origin, seconds=CLAIM_SECONDS) as ours:
                robots = await self._known(origin)
                if robots is None and ours:
                    robots, seconds = await self._fetch(origin, access)
                    if not await keep_robots(self._store, origin, robots, seconds=seconds):
                        self._large[origin] = (time.monotonic() + seconds, robots)
                        while len(self._large) > LARGE_KEPT:
                            self._large.popitem(last=False)
            if robots is not None:
                return robots
            await asyncio.sleep(WAIT_SECONDS)
        wait = WAITS * WAIT_SECONDS
        raise HostBusy("{host} is being asked for its robots.txt", host=origin, wait=wait)

    async def _fetch(self, origin: str, access: Access | None) -> tuple[bytes, float]:
        """The file, and the seconds for which it is valid. A site without one forbids nothing."""
        try:
            answer = await self._fetcher.get(
                origin + "/robots.txt",
                max_bytes=MAX_BYTES,
                accept="text/plain, */*;q=0.5",
                access=access,
            )
        except (HostBusy, Unreachable):
            raise  # nothing was said: the page is not fetched now, and nothing is kept
        except TooLarge:
            return _FORBIDS_ALL, ROBOTS_SECONDS
        except FetchError:
            return _FORBIDS_ALL, RETRY_SECONDS
        if answer.status == 200 and answer.complete:
            return answer.body.strip(), ROBOTS_SECONDS
        if 400 <= answer.status < 500 and answer.status != 429:
            return _FORBIDS_NOTHING, ROBOTS_SECONDS
        return _FORBIDS_ALL, RETRY_SECONDS
