"""Fetches pictures for the service, through the guarded session of the workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from core.config.settings import FetchSettings, Settings
from core.errors import BadStatus
from workers.http.client import Fetcher

_TIMEOUT = 10.0  # seconds; somebody is looking at the page
_TYPES = "image/avif, image/webp, image/png, image/jpeg, image/gif;q=0.9, */*;q=0.1"


@asynccontextmanager
async def picture_fetcher(
    settings: Callable[[], Settings],
) -> AsyncIterator[Callable[[str], Awaitable[bytes]]]:
    """A callable from an address to the bytes found there; it raises MillraceError."""
    async with Fetcher(_hurried(settings().fetch)) as fetcher:

        async def fetched(url: str) -> bytes:
            fetcher.adopt(_hurried(settings().fetch))
            # Sites that refuse to be linked to look for a page of their own here.
            origin = urlsplit(url)._replace(path="/", query="", fragment="").geturl()
            limit = fetcher.settings.max_bytes.picture
            answer = await fetcher.get(
                url, max_bytes=limit, accept=_TYPES, headers={"Referer": origin}
            )
            if answer.status != 200:
                raise BadStatus(answer.status, urlsplit(answer.url).hostname or "its site")
            return answer.body

        yield fetched


def _hurried(fetch: FetchSettings) -> FetchSettings:
    return fetch.model_copy(update={"timeout": min(fetch.timeout, _TIMEOUT)})
