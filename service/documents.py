"""Documents: made once, cached in every requested encoding, shared by all clients.

Compressing for each request costs 180 times as much as sending cached bytes. Work whose cost a
client chooses (searches, comparisons, very long feeds, the list of all sources) runs in separate
threads, so that the default threads stay free for ordinary feeds and pages.
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import time
import zlib
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import ParamSpec, TypeVar

import brotli
from aiohttp import hdrs, web
from multidict import CIMultiDict

from core import zstd
from core.dates import http_date
from core.errors import MillraceError
from core.render.items import rfc822

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# Bytes written to a connection at once; the next slice waits until the reader has read them. So a
# slow reader keeps one slice in buffers, not a copy of the document.
SLICE = 256 * 1024
SMALLEST_COMPRESSED = 256  # bytes; below, the header costs more than compression saves
# Total of the bodies longer than a slice that are being sent. A slow reader keeps its document in
# memory: 60 readers of different feeds with `limit=5000` kept 782 MB.
BYTES_SENT = 48 * 2**20
SLOW_SECONDS = 10.0  # after which a transfer is ended when others need its bytes

THREADS = 2  # more would compete with the event loop for the interpreter lock
WAITING = 32  # calls; with comparisons of .2 s each the last one waits 3 s
BYTES_KEPT = 64 * 2**20  # of shared documents
SHARE = 0.1  # of the time may go into making one document: one that took 3 s is served for 30 s


def gzip(body: bytes) -> bytes:
    """`body` as gzip without a timestamp: the same bytes each time."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstd.compress(body, level=6),
    "br": lambda body: brotli.compress(body, quality=5),
    "gzip": gzip,
}
_SUFFIX = {"identity": "", "zstd": "-zs", "br": "-br", "gzip": "-gz"}
_ON_304 = ("Cache-Control", "Vary", "Warning", "Access-Control-Allow-Origin")


@dataclass(slots=True)
class Representation:
    """A document in one encoding, with the headers of its responses."""

    encoding: str
    body: bytes
    headers: CIMultiDict[str]
    not_modified: CIMultiDict[str]  # of a 304


@dataclass(slots=True)
class Document:
    """One rendered response body. Its headers are complete: handlers add none."""

    body: bytes
    headers: Mapping[str, str]  # content type, caching and security
    modified: datetime
    position: str = ""  # of the last change that it shows
    digest: str = ""
    kept: dict[str, Representation] = field(default_factory=dict)
    deltas: dict[str, Document] = field(default_factory=dict)  # by the reader's position

    def __post_init__(self) -> None:
        self.digest = hashlib.sha256(self.body).hexdigest()[:24]

    def encoded(self, encoding: str) -> Representation:
        """The document in `encoding`. The first use compresses: call it off the event loop."""
        found = self.kept.get(encoding)
        if found is None:
            found = self.kept[encoding] = self._encode(encoding)
        return found

    @property
    def size(self) -> int:
        """Bytes in memory, in all encodings."""
        own = len(self.body) + sum(len(kept.body) for kept in self.kept.values())
        return own + sum(delta.size for delta in self.deltas.values())

    def etag(self, encoding: str = "identity") -> str:
        """The strong ETag of one encoding, with the position from which a delta can be made."""
        place = f".{self.position.replace('-', '_')}" if self.position else ""
        return f'"{self.digest}{place}{_SUFFIX[encoding]}"'

    def known_to(self, if_none_match: str | None, if_modified_since: str | None) -> bool:
        """Whether the reader already has this document, in any encoding."""
        if if_none_match is not None:
            # A proxy may have weakened our tag or changed the encoding; the content is the same.
            return self.digest in if_none_match or if_none_match.strip() == "*"
        since = http_date(if_modified_since)
        return since is not None and int(self.modified.timestamp()) <= since

    def respond(
        self, request: web.Request, encoding: str, *, conditional: bool = True
    ) -> Awaitable[web.StreamResponse]:
        """Send the document, or 304 when the reader has it.

        The returned awaitable keeps one encoding in memory, not the document: a slow reader of 4 MB
        kept 22 MB.
        """
        made, headers = self.encoded(encoding), request.headers
        tag, since = headers.get(hdrs.IF_NONE_MATCH), headers.get(hdrs.IF_MODIFIED_SINCE)
        if self.known_to(tag, since if conditional else None):
            return _sent(request, 304, made.not_modified, None)
        return _sent(request, 200, made.headers, made.body)

    def respond_with_delta(
        self, request: web.Request, encoding: str, *, whole: Document
    ) -> Awaitable[web.StreamResponse]:
        """Send this document as a delta of `whole` (RFC 3229): the entries the reader lacks."""
        made = self.encoded(encoding)
        headers = made.headers.copy()
        headers["IM"] = "feed"
        headers["ETag"] = whole.etag(encoding)
        headers["Last-Modified"] = rfc822(whole.modified)
        headers["Cache-Control"] = "no-store"  # for caches that do not support deltas
        return _sent(request, 226, headers, made.body)

    def _encode(self, encoding: str) -> Representation:
        small = len(self.body) < SMALLEST_COMPRESSED
        encoding = "identity" if small else encoding
        body = self.body if encoding == "identity" else ENCODERS[encoding](self.body)
        shared = {"ETag": self.etag(encoding), "Last-Modified": rfc822(self.modified)}
        repeated = {name: self.headers[name] for name in _ON_304 if name in self.headers}
        headers = CIMultiDict({**self.headers, **shared})
        if encoding != "identity":
            headers["Content-Encoding"] = encoding
        return Representation(encoding, body, headers, CIMultiDict(shared | repeated))


async def _sent(
    request: web.Request, status: int, headers: CIMultiDict[str], body: bytes | None
) -> web.StreamResponse:
    if body is None or len(body) <= SLICE or request.method == hdrs.METH_HEAD:
        return web.Response(status=status, headers=headers, body=body)
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    whole = memoryview(body)
    # A reader may disconnect. aiohttp would log that, and keep the body in its traceback.
    with suppress(ConnectionError), request.app[TRANSFERS].sending(request.transport, body):
        await response.prepare(request)
        for start in range(0, len(body), SLICE):
            await response.write(whole[start : start + SLICE])
        await response.write_eof()
    return response


def return_memory() -> None:
    """Return freed memory to the system: glibc keeps 12 MB more after each long feed."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


class TooBusy(MillraceError):
    """Too many requests of this kind are waiting; the reader may retry in a moment."""


class Transfers:
    """Long bodies that are being sent; each is in memory until its last reader has received it."""

    def __init__(self, refused: Counter[str]) -> None:
        self._refused = refused  # by reason, for /metrics
        self._bodies: OrderedDict[asyncio.Transport, tuple[float, bytes]] = OrderedDict()
        self._readers = Counter[int]()  # by id of the body
        self._bytes = 0

    @contextmanager
    def sending(self, transport: asyncio.Transport | None, body: bytes) -> Iterator[None]:
        """Count `body` as being sent to the reader at `transport`. Raises TooBusy.

        Beyond the limit the oldest transfers are ended; if all are recent, this one is refused.
        """
        if transport is None:
            raise ConnectionResetError("the reader left")
        now = time.monotonic()
        added = 0 if id(body) in self._readers else len(body)
        while added and self._bodies and self._bytes + added > BYTES_SENT:
            slowest, (since, _) = next(iter(self._bodies.items()))
            if now - since < SLOW_SECONDS:
                raise TooBusy("too many long answers are being sent; try again in a moment")
            self._refused["slow"] += 1
            self._release(slowest)
            slowest.abort()
        self._bodies[transport] = (now, body)
        self._readers[id(body)] += 1
        self._bytes += added
        try:
            yield
        finally:
            self._release(transport)

    def _release(self, transport: asyncio.Transport) -> None:
        _, body = self._bodies.pop(transport, (0.0, None))
        if body is not None:
            self._readers[id(body)] -= 1
            if not self._readers[id(body)]:
                del self._readers[id(body)]
                self._bytes -= len(body)


class Background:
    """Threads for work whose cost a client chooses."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="background")
        self._waiting = 0

    async def run(
        self,
        work: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        """The result of `work`. Raises TooBusy."""
        if self._waiting >= WAITING:
            raise TooBusy("too much is requested at the same time; try again in a moment")
        self._waiting += 1
        try:
            call = partial(work, *arguments, **named)
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End after the present calls; drop the waiting ones."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass
class _Kept:
    """A document that is made or being made."""

    made: asyncio.Task[Document]
    until: float | None = None  # None: being made
    size: int = 0  # bytes


class SharedDocuments:
    """Documents that are the same for all clients, made once and cached for seconds."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    async def document(self, key: Hashable, make: Callable[[], Awaitable[Document]]) -> Document:
        """The cached document under `key`, or a new one by `make`."""
        kept = self._kept.get(key)
        if kept is None or (kept.until is not None and kept.until < time.monotonic()):
            kept = self._kept[key] = _Kept(asyncio.ensure_future(self._made(key, make)))
        self._kept.move_to_end(key)
        # A client that disconnects must not cancel it for others.
        return await asyncio.shield(kept.made)

    async def _made(self, key: Hashable, make: Callable[[], Awaitable[Document]]) -> Document:
        started = time.monotonic()
        try:
            document = await make()
        except BaseException:
            del self._kept[key]  # the next request tries again
            raise
        now, kept = time.monotonic(), self._kept[key]
        kept.until, kept.size = now + (now - started) / SHARE, document.size
        self._evict(key)
        return document

    def _evict(self, newest: Hashable) -> None:
        """Drop the oldest documents beyond the limit; the newest stays, whatever its size."""
        held = sum(kept.size for kept in self._kept.values())
        for key, kept in list(self._kept.items()):
            if held > BYTES_KEPT and key != newest and kept.until is not None:
                del self._kept[key]
                held -= kept.size


BACKGROUND = web.AppKey("background", Background)
TRANSFERS = web.AppKey("transfers", Transfers)
SHARED = web.AppKey("shared", SharedDocuments)
