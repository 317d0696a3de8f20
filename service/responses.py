"""HTTP functions of all handlers: small responses, common headers, request bodies and forms within
limits of bytes and time, the public address of the service, and the client's address.

Forms are UTF-8 by definition (WHATWG URL, section 5.1), so a declared charset is ignored. Some of
Python's codecs take quadratic time: 400 kB declared as `punycode` blocked the service for a minute.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import orjson
import structlog
from aiohttp import hdrs, web

from core.config.settings import Settings
from core.errors import MillraceError
from service.documents import ENCODERS, TooBusy

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)

_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
# A name, parameters of it that are no weight, the weight.
_ACCEPTED = re.compile(
    r"([^\s,;]+)\s*(?:;(?!\s*q\s*=)[^,;]*)*(?:;\s*q\s*=\s*(\d+(?:\.\d*)?|\.\d+))?[^,]*"
)
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+/?")

# We republish strangers' markup: even if one of them got through, no script of theirs would run.
SECURE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Server": "Millrace",  # not which versions
}
FEED_POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' https: http: data:; media-src https: http:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


FORM_TYPE = "application/x-www-form-urlencoded"
FORM_BYTES = 16_384  # the longest allowed topic, callback and secret, percent-encoded, are 13 kB
FORM_FIELDS = 50  # WebSub has five, our actions two
BODY_SECONDS = 30.0  # from the head to the last byte; nginx grants 60 between two reads


def secured(headers: dict[str, str]) -> dict[str, str]:
    """`headers` with the missing security headers added."""
    return {**SECURE, **headers}


def feed_headers(content_type: str, settings: Settings, *, stale: bool) -> dict[str, str]:
    """The headers of a feed document."""
    private = settings.service.private
    headers = {
        "Content-Type": f"{content_type}; charset=utf-8",
        "Content-Security-Policy": FEED_POLICY,
        "Cache-Control": "private, no-cache" if private else "public, max-age=1",
        "Vary": "Accept-Encoding, Sec-Fetch-Dest" + (", Authorization" if private else ""),
    }
    if not private:
        headers["Access-Control-Allow-Origin"] = "*"
    if stale:
        headers["Warning"] = '110 millrace "Response is Stale"'
    return secured(headers)


def guarded(handler: Handler) -> Handler:
    """A handler whose errors become responses with the common headers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as answer:
            answer.headers.update(SECURE)
            raise
        except TooBusy as busy:
            return text_reply(f"{busy}\n", status=503, headers={"Retry-After": "2"})
        except ConnectionError:
            return _broken_off(request)  # the client left, which is no fault
        except Exception:  # one failed request: it is logged, and its reader gets its id
            name = request_id(request)
            log.exception("request.failed", request=name, path=request.path[:200])
            if request.writer.output_size > 0:
                return _broken_off(request)
            reply = f"internal error; see request {name} in the log\n"
            return text_reply(reply, status=500, headers={"X-Request-ID": name})

    return answer


def _broken_off(request: web.Request) -> web.Response:
    """Close a connection on which part of a response was sent, without a log line of aiohttp."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def request_id(request: web.Request) -> str:
    """The request id for the log: from the proxy in front, else random."""
    given = request.headers.get("X-Request-ID", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def last(handler: Handler) -> Handler:
    """A handler after whose response the connection is closed."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            answer.force_close()
            raise
        response.force_close()
        return response

    return answer


def json_reply(value: Any, *, status: int = 200) -> web.Response:
    """`value` as JSON, indented for people."""
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    return web.Response(body=body, status=status, headers=secured(headers))


def text_reply(
    text: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A response of plain text."""
    own = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    return web.Response(
        body=text.encode(), status=status, headers=secured(own | dict(headers or {}))
    )


@lru_cache(1024)
def choose_encoding(accepted: str) -> str:
    """The best encoding that an Accept-Encoding header permits."""
    weights = weighted(accepted.lower())
    fallback = weights.get("*", 0.0)
    best = max(ENCODERS, key=lambda name: weights.get(name, fallback))  # ties: ENCODERS' order
    return best if weights.get(best, fallback) > 0 else "identity"


def weighted(header: str) -> dict[str, float]:
    """The names in an Accept header with their weights (RFC 9110, section 12.4.2)."""
    return {name: float(weight or 1) for name, weight in _ACCEPTED.findall(header)}


def wants_html(request: web.Request) -> bool:
    """Whether the client is a browser: it accepts text/html before JSON."""
    accepted = [part.split(";")[0].strip() for part in request.headers.get("Accept", "").split(",")]
    html = accepted.index("text/html") if "text/html" in accepted else len(accepted)
    json = min((i for i, kind in enumerate(accepted) if "json" in kind), default=len(accepted))
    return html < json


def public_base(request: web.Request, settings: Settings) -> str:
    """The service's public address, ending in a slash: `feed.link`, else from the request.

    Forwarded headers are trusted for links only, and only if they are well-formed.
    """
    if settings.feed.link:
        return settings.feed.link.rstrip("/") + "/"
    headers = request.headers
    host = _first(headers.get("X-Forwarded-Host")) or headers.get("Host", "")
    if not _HOST.fullmatch(host):
        host = "localhost"
    scheme = _first(headers.get("X-Forwarded-Proto"))
    if scheme not in ("http", "https"):
        scheme = request.scheme
    prefix = _first(headers.get("X-Forwarded-Prefix"))
    if not _PREFIX.fullmatch(prefix):
        prefix = ""
    return f"{scheme}://{host}{prefix.rstrip('/')}/"


def way_up(path: str) -> str:
    """The relative path from the page at `path` to the service's root: `./`, `../`, `../../`."""
    return "../" * (path.count("/") - 1) or "./"


def client_of(request: web.Request) -> str:
    """The client of a request, for limits only: an IPv4 address, or a network of IPv6 (/64),
    of which one customer has all addresses.

    Behind a proxy on this machine or network it is the last address of `X-Forwarded-For`, which
    the proxy itself wrote.
    """
    peer = _ip(request.remote)
    if peer is not None and not peer.is_global:
        forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        peer = _ip(forwarded) or peer
    if peer is None:
        return "unknown"
    prefix = 64 if peer.version == 6 else 32
    return str(ipaddress.ip_network((peer, prefix), strict=False).network_address)


def _ip(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _first(header: str | None) -> str:
    return (header or "").split(",")[0].strip()


class BodyRefused(MillraceError):
    """The body is too large or too slow; `status` is the HTTP status of the response."""

    def __init__(self, reason: str, *, status: int) -> None:
        super().__init__(reason)
        self.status = status


async def read_body(request: web.Request, *, limit: int) -> bytes:
    """The whole body. Raises BodyRefused if it exceeds `limit` bytes, is compressed or too slow."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise BodyRefused("send the body as it is, without Content-Encoding", status=415)
    if (request.content_length or 0) > limit:
        raise BodyRefused(f"the body is over {limit} bytes", status=413)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise BodyRefused(f"the body is over {limit} bytes", status=413)
    except TimeoutError as error:
        reason = f"the body took longer than {BODY_SECONDS:.0f} s"
        raise BodyRefused(reason, status=408) from error
    except web.RequestPayloadError as error:
        raise BodyRefused("the body does not match its head", status=400) from error
    return bytes(body)


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a form, the last of each name; empty if the body is not a form.

    Raises BodyRefused.
    """
    if request.content_type != FORM_TYPE:
        return {}
    body = await read_body(request, limit=FORM_BYTES)
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FORM_FIELDS
        )
    except ValueError as error:
        raise BodyRefused(f"the form has over {FORM_FIELDS} fields", status=400) from error
    return dict(pairs)
