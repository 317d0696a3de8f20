"""One request and its answer: what is sent to whom, and the body read within its limit."""

from __future__ import annotations

import base64
import errno
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple, Self
from urllib.parse import quote, urljoin, urlsplit

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from core.config.settings import Source
from core.errors import FetchError, TooLarge
from workers.http.decoding import Decoding

FEED_LINE = 600.0  # seconds ahead for which a feed's place in its host's line is kept
PAGE_LINE = 5.0  # a page's: no feed shall stand behind a thousand pages

COOKIES_KEPT, LONGEST_COOKIE = 20, 4096  # of one chain; browsers keep 180 of 4,096 bytes
_COOKIE = re.compile(
    r"[!#$%&'*+.^_`|~0-9A-Za-z-]+=[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e\x22 ]*"
)
REDIRECTS = frozenset((301, 302, 303, 307, 308))


class Access(NamedTuple):
    """What the operator gave for one source: its port counts, its secrets stay with its host."""

    url: str
    auth: str | None = None  # user:password
    headers: Mapping[str, str] = {}
    proxy: str | None = None


def access_of(source: Source) -> Access:
    """The access that feeds.yaml gives for a source, to its feed and to its pages."""
    return Access(source.url, source.auth, source.headers, source.proxy)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer with its body decompressed."""

    status: int
    url: str
    headers: CIMultiDictProxy[str]
    body: bytes
    complete: bool  # all that was announced arrived; else its validators must not be kept
    elapsed: float  # seconds, without waiting for the host's turn
    permanent_redirect: str | None = None  # where the permanent redirects it began with lead
    repaired: str | None = None  # what was wrong with its head

    @property
    def framed(self) -> bool:
        """Its length was announced, so that `complete` is certain."""
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        return chunked or "Content-Length" in self.headers or self.status in (204, 304)

    @property
    def etag(self) -> str | None:
        """Byte-exact, or None where it cannot be sent back so."""
        return _sendable(self.headers.get("ETag"))

    @property
    def last_modified(self) -> str | None:
        """Byte-exact, or None where it cannot be sent back so."""
        return _sendable(self.headers.get("Last-Modified"))

    @property
    def content_type(self) -> str | None:
        """As stated."""
        return self.headers.get("Content-Type")

    def after(self, redirect: str | None, elapsed: float) -> Self:
        """The same answer as the end of a chain of redirects that took so long before it."""
        return replace(self, permanent_redirect=redirect, elapsed=elapsed + self.elapsed)


def _sendable(validator: str | None) -> str | None:
    """A validator of printable text; bytes that are no UTF-8 arrive as lone surrogates."""
    return validator if validator and validator.isprintable() else None


@dataclass(slots=True)
class Journey:
    """What stays the same from hop to hop, and the seconds that are left."""

    max_bytes: int
    headers: Mapping[str, str]
    access: Access | None
    left: float
    body: bytes | None = None  # of a POST
    line: float = FEED_LINE
    connected: bool = False  # whether the request under way has its connection
    answered: bool = False  # and the head of its answer
    # Of answers that redirected, for the rest of this chain: origin -> name -> value.
    cookies: dict[tuple[str, str, int], dict[str, str]] = field(default_factory=dict)

    @property
    def proxy(self) -> str | None:
        """The proxy that the source is fetched through."""
        return self.access.proxy if self.access else None

    def headers_for(self, url: str) -> dict[str, str]:
        """The headers for one hop; what belongs to the source goes to its own origin only."""
        headers = dict(self.headers)
        cookies = self.cookies.get(origin_of(url))
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        if self.access is None or origin_of(url) != origin_of(self.access.url):
            return headers
        if self.access.auth:
            token = base64.b64encode(self.access.auth.encode()).decode("ascii")
            headers["Authorization"] = f"Basic {token}"
        return headers | dict(self.access.headers)

    def keep_cookies(self, answer: Response) -> None:
        """What a redirect sets is sent to the same origin until the chain ends."""
        own = self.cookies.setdefault(origin_of(answer.url), {})
        for stated in answer.headers.getall("Set-Cookie", ())[:COOKIES_KEPT]:
            name, equals, value = stated.partition(";")[0].partition("=")
            fits = len(stated) <= LONGEST_COOKIE and len(own) < COOKIES_KEPT
            if equals and fits and _COOKIE.fullmatch(f"{name.strip()}={value.strip()}"):
                own[name.strip()] = value.strip()


def conditional(etag: str | None, last_modified: str | None) -> dict[str, str]:
    """Both validators, exactly as they came: servers that zip alter one of them."""
    headers = {}
    if etag is not None:
        headers["If-None-Match"] = etag
    if last_modified is not None:
        headers["If-Modified-Since"] = last_modified
    return headers


async def read_body(answer: aiohttp.ClientResponse, limit: int) -> tuple[bytes, bool]:
    """The decompressed body and whether it is whole. Raises TooLarge.

    That of a redirect is left alone: it need not end, and says nothing that the header does not.
    """
    if answer.status == 304 or (answer.status in REDIRECTS and "Location" in answer.headers):
        return b"", True
    announced = answer.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise TooLarge(
            "{size} bytes announced, {limit} allowed", size=announced[:20], limit=str(limit)
        )
    decoding = Decoding(answer.headers.get("Content-Encoding", ""), limit=limit)
    wire = 0
    try:
        async for piece in answer.content.iter_chunked(65_536):
            wire += len(piece)
            if wire > limit:
                raise TooLarge("more than {limit} bytes", limit=str(limit))
            decoding.feed(piece)
    except (aiohttp.ClientPayloadError, ConnectionError):
        return decoding.finish()[0], False  # torn off: what came is used, its validators are not
    return decoding.finish()


def redirect_target(answer: Response) -> str | None:
    """Where an answer redirects to, if it does."""
    location = answer.headers.get("Location")
    if answer.status not in REDIRECTS or not location:
        return None
    sent = location.encode("utf-8", "surrogateescape").strip()
    try:
        text = sent.decode()
    except UnicodeDecodeError:  # in another charset: sent back byte for byte, as browsers do
        text = quote(sent, safe="%/:?#[]@!$&'()*+,;=")
    path, mark, query = text.partition("?")
    text = path.replace("\\", "/") + mark + query  # WHATWG URL, 4.4
    try:
        target = urljoin(answer.url, text).partition("#")[0]
        parts = urlsplit(target)
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    except ValueError as error:
        raise FetchError(
            "{host} redirects to no address: {fault}",
            host=shown_host(answer.url),
            fault=str(error),
        ) from error
    return bare.geturl()


def as_sent(url: str) -> URL:
    """Plain addresses are sent byte for byte; others are quoted, names in other scripts encoded."""
    plain = url.isascii() and url.isprintable() and " " not in url
    return URL(url.partition("#")[0], encoded=plain)


@lru_cache(maxsize=1024)  # asked four times in each request
def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. Raises ValueError."""
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def turn_key(url: str) -> str:
    """One host is one machine on its usual ports; other ports are services of their own."""
    _, host, port = origin_of(url)
    return host if port in (80, 443) else f"{host}:{port}"


def shown_host(url: str) -> str:
    """The host of an address, for messages."""
    try:
        return urlsplit(url).hostname or "the address"
    except ValueError:
        return "the address"


# Clearer than `[Errno 111] Connect call failed ('192.0.2.1', 443)`. Pages show them translated.
REASONS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "the network is unreachable",
    errno.ETIMEDOUT: "connection timed out",
    socket.EAI_AGAIN: "temporary failure in name resolution",
    getattr(socket, "EAI_NODATA", None): "the name has no address",  # musl has none
    socket.EAI_NONAME: "the name is not known",
}
# By the codes of X509_verify_cert (openssl/x509_vfy.h).
CERTIFICATE_REASONS = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is signed by itself",
    19: "its certificate is from an unknown issuer",
    20: "its certificate is from an unknown issuer",
    62: "its certificate is for another name",
}


def in_words(error: BaseException) -> str:
    """An error in one printable line, for people."""
    if isinstance(error, aiohttp.ClientResponseError):
        text = f"{error.status} {error.message}"  # as text it would hold the whole address
    elif isinstance(error, aiohttp.InvalidURL):
        text = "no address"
    elif isinstance(error, ssl.SSLCertVerificationError):
        text = CERTIFICATE_REASONS.get(error.verify_code) or error.verify_message
    else:
        known = REASONS.get(error.errno or 0) if isinstance(error, OSError) else None
        text = known or str(error) or type(error).__name__
    text = " ".join(text.split())
    return "".join(sign for sign in text if sign.isprintable())[:200]
