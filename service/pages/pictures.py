"""/pictures/SIGNATURE/ADDRESS: a proxy for pictures of sites that refuse requests from other pages.

It fetches only addresses that this service signed, and passes on only real pictures. The function
that fetches is passed in, because the guarded HTTP client belongs to another package.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web

from core.config.settings import Settings
from core.errors import MillraceError
from core.render.variants import signed_url
from core.urls import without_credentials
from service.context import CONTEXT
from service.documents import Document
from service.responses import client_of, secured, text_reply

AT_ONCE = 16  # pictures being fetched
PER_CLIENT = 6  # of them for one client: browsers open as many connections
WAITING = 100  # requests of one client that may wait; a page has 50 cards
PATIENCE = 20.0  # seconds, waiting included; a fetch alone ends after 10
FRESH = 86_400  # seconds for which clients may cache a picture

# The first bytes of pictures. SVG is not among them, because it may contain scripts.
_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_AVIF_BRANDS = (b"avif", b"avis")

PICTURE = "/pictures/{signature}/{address}"
FetchPicture = Callable[[str], Awaitable[bytes]]  # raises MillraceError


class TooMany(Exception):
    """Too many requests of one client are waiting."""


class Places:
    """Limits the number of pictures fetched at once, in all and for each client."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(AT_ONCE)
        self._clients: dict[str, asyncio.Semaphore] = {}
        self._asking: Counter[str] = Counter()

    @asynccontextmanager
    async def hold(self, client: str) -> AsyncIterator[None]:
        """Wait for a place, and keep it until the block ends. Raises TooMany."""
        if self._asking[client] >= WAITING:
            raise TooMany
        self._asking[client] += 1
        own = self._clients.setdefault(client, asyncio.Semaphore(PER_CLIENT))
        try:
            async with own, self._all:
                yield
        finally:
            self._asking[client] -= 1
            if not self._asking[client]:
                del self._asking[client], self._clients[client]


class Pictures:
    """Passes pictures on, without a cache."""

    def __init__(self, fetch: FetchPicture) -> None:
        self._fetch = fetch
        self._places = Places()

    async def picture(self, request: web.Request) -> web.StreamResponse:
        """GET /pictures/SIGNATURE/ADDRESS. The signature also permits access where private."""
        context = request.app[CONTEXT]
        key, named = context.river.secret, request.match_info
        if context.settings().service.pictures != "proxy":
            return text_reply("pictures are not fetched here\n", status=404)
        if key is None:
            return text_reply("loading\n", status=503, headers={"Retry-After": "1"})
        url = signed_url(named["signature"], named["address"], key=key)
        if url is None:
            return text_reply("not an address that was signed here\n", status=403)
        try:
            async with asyncio.timeout(PATIENCE), self._places.hold(client_of(request)):
                body = await self._fetch(url)
        except TooMany:
            return text_reply("too many at once\n", status=429, headers={"Retry-After": "5"})
        except TimeoutError:
            return text_reply("the picture took too long\n", status=504)
        except MillraceError as error:
            return text_reply(f"no picture: {without_credentials(str(error))}\n", status=502)
        return await _shown(request, body, context.settings())


async def _shown(request: web.Request, body: bytes, settings: Settings) -> web.StreamResponse:
    kind = picture_type(body)
    if kind is None:
        return text_reply("no picture: it is something else\n", status=502)
    reach = "private" if settings.service.private else "public"
    headers = {
        "Content-Type": kind,
        "Cache-Control": f"{reach}, max-age={FRESH}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    document = Document(body, secured(headers), datetime.now(UTC))
    return await document.respond(request, "identity", conditional=False)


def picture_type(body: bytes) -> str | None:
    """The media type of a picture by its first bytes; None if it must not be shown."""
    for beginning, kind in _BEGINNINGS:
        if body.startswith(beginning):
            return kind
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if body[4:8] == b"ftyp" and body[8:12] in _AVIF_BRANDS else None
