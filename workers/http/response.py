"""One request and its response: which headers go to which origin, and bodies within a limit."""

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

FEED_LINE = 600.0  # seconds ahead for which a feed keeps its place in the queue of its host
PAGE_LINE = 5.0  # the same for pages: a feed must not wait for a thousand pages

COOKIES_KEPT, LONGEST_COOKIE = 20, 4096  # of one chain; browsers keep 180 of 4,096 bytes
_COOKIE = re.compile(
    r"[!#$%&'*+.^_`|~0-9A-Za-z-]+=[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e\x22 ]*"
)
REDIRECTS = frozenset((301, 302, 303, 307, 308))


class Access(NamedTuple):
    """Address, credentials and proxy of one source.

    Its port is permitted, and its secrets are sent to its own origin only.
    """

    url: str
    auth: str | None = None  # user:password
    headers: Mapping[str, str] = {}
    proxy: str | None = None


def access_of(source: Source) -> Access:
    """The access that feeds.yaml gives for a source, to its feed and to its pages."""
    return Access(source.url, source.auth, source.headers, source.proxy)


@dataclass(frozen=True, slots=True)
class Response:
    """One response with its body decompressed."""

    status: int
    url: str
    headers: CIMultiDictProxy[str]
    body: bytes
    complete: bool  # the whole body arrived; otherwise its validators must not be kept
    elapsed: float  # seconds, without the wait for the host
    permanent_redirect: str | None = None  # the target of the permanent redirects at its start
    repaired: str | None = None  # what was wrong with its header

    @property
    def framed(self) -> bool:
        """Whether the response stated its length, so that `complete` is certain."""
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        return chunked or "Content-Length" in self.headers or self.status in (204, 304)

    @property
    def etag(self) -> str | None:
        """The ETag, byte-exact; None when it cannot be sent back unchanged."""
        return _sendable(self.headers.get("ETag"))

    @property
    def last_modified(self) -> str | None:
        """The Last-Modified, byte-exact; None when it cannot be sent back unchanged."""
        return _sendable(self.headers.get("Last-Modified"))

    @property
    def content_type(self) -> str | None:
        """The Content-Type as stated."""
        return self.headers.get("Content-Type")

    def after(self, redirect: str | None, elapsed: float) -> Self:
        """The response as the end of a chain of redirects that took `elapsed` seconds before it."""
        return replace(self, permanent_redirect=redirect, elapsed=elapsed + self.elapsed)


def _sendable(validator: str | None) -> str | None:
    """A validator, if it is printable; bytes that are not UTF-8 arrive as lone surrogates."""
    return validator if validator and validator.isprintable() else None


@dataclass(slots=True)
class RedirectChain:
    """The state of a chain of redirects: what all hops share, and the seconds that are left."""

    max_bytes: int
    headers: Mapping[str, str]
    access: Access | None
    left: float
    body: bytes | None = None  # of a POST
    line: float = FEED_LINE
    connected: bool = False  # whether the present request has its connection
    answered: bool = False  # whether the header of its response has arrived
    # Set by redirects, kept for the rest of this chain: origin -> name -> value.
    cookies: dict[tuple[str, str, int], dict[str, str]] = field(default_factory=dict)

    @property
    def proxy(self) -> str | None:
        """The proxy of the source."""
        return self.access.proxy if self.access else None

    def headers_for(self, url: str) -> dict[str, str]:
        """The headers for one hop; the source's secrets go to its own origin only."""
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
        """Keep the cookies of a redirect for its origin until the chain ends."""
        own = self.cookies.setdefault(origin_of(answer.url), {})
        for stated in answer.headers.getall("Set-Cookie", ())[:COOKIES_KEPT]:
            name, equals, value = stated.partition(";")[0].partition("=")
            fits = len(stated) <= LONGEST_COOKIE and len(own) < COOKIES_KEPT
            if equals and fits and _COOKIE.fullmatch(f"{name.strip()}={value.strip()}"):
                own[name.strip()] = value.strip()


def conditional(etag: str | None, last_modified: str | None) -> dict[str, str]:
    """The headers with both validators, unchanged: servers that compress alter one of them."""
    headers = {}
    if etag is not None:
        headers["If-None-Match"] = etag
    if last_modified is not None:
        headers["If-Modified-Since"] = last_modified
    return headers


async def read_body(answer: aiohttp.ClientResponse, limit: int) -> tuple[bytes, bool]:
    """The decompressed body, and whether it is whole. Raises TooLarge.

    The body of a redirect is not read: it need not end, and the header has all that is needed.
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
        return decoding.finish()[0], False  # truncated: its validators are not used
    return decoding.finish()


def redirect_target(answer: Response) -> str | None:
    """The absolute target of a redirect, or None. Raises FetchError for an invalid one."""
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
    """The address as it is sent: unchanged if it is plain ASCII, else quoted, its host in IDNA."""
    plain = url.isascii() and url.isprintable() and " " not in url
    return URL(url.partition("#")[0], encoded=plain)


@lru_cache(maxsize=1024)  # called four times in each request
def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. Raises ValueError."""
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def turn_key(url: str) -> str:
    """The key of a host's limits: the host, with its port unless that is 80 or 443."""
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
    """An error as one printable line of at most 200 characters."""
    if isinstance(error, aiohttp.ClientResponseError):
        text = f"{error.status} {error.message}"  # str(error) would show the whole address
    elif isinstance(error, aiohttp.InvalidURL):
        text = "no address"
    elif isinstance(error, ssl.SSLCertVerificationError):
        text = CERTIFICATE_REASONS.get(error.verify_code) or error.verify_message
    else:
        known = REASONS.get(error.errno or 0) if isinstance(error, OSError) else None
        text = known or str(error) or type(error).__name__
    text = " ".join(text.split())
    return "".join(sign for sign in text if sign.isprintable())[:200]
