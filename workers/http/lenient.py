"""A second GET for responses whose header aiohttp refuses, but curl and browsers read.

Examples: two equal lengths, a length beside chunks, a header name with a blank. The response is
fetched again over a connection that is then closed, so that its end cannot be confused with the
start of another one. The standard library parses it.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import re
import ssl
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from core.errors import FetchError, TooLarge
from workers.http.address_guard import Guard
from workers.http.connect import look_up
from workers.http.decoding import Decoding
from workers.http.response import RedirectChain, Response, as_sent, in_words, shown_host

MAX_HEAD = 65_536  # bytes; the standard library reads as many of one line
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,200})[ \t]*:[ \t]*([^\r\n\x00]*)")
_NUMBER = re.compile(rb"[+-]?\d{1,15}(?:\.\d{1,3})?")
_CHUNKED = re.compile(rb"\bchunked\b", re.IGNORECASE)


async def fetch_leniently(
    url: str,
    chain: RedirectChain,
    guard: Guard,
    user_agent: str,
    refused: aiohttp.ClientResponseError,
    started: float,
) -> Response:
    """The response to a GET that aiohttp `refused`, within the time that its chain has left.

    Not through a proxy, which may have sent the refused response itself. Raises FetchError.
    """
    fault = FetchError("{host}: {reason}", host=shown_host(url), reason=in_words(refused))
    if chain.body is not None or chain.proxy:
        raise fault from refused
    headers = {"User-Agent": user_agent, "Accept-Encoding": "gzip", **chain.headers_for(url)}
    limit = chain.max_bytes
    try:
        async with asyncio.timeout(chain.left - (time.monotonic() - started)):
            came = await _raw_get(as_sent(url), headers, guard=guard, limit=limit)
        status, found, body, whole = read_answer(came, limit=limit)
    except TooLarge:
        raise
    except (OSError, ValueError, FetchError) as error:  # a timeout is an OSError
        raise fault from error
    seconds = time.monotonic() - started
    return Response(status, url, found, body, whole, seconds, repaired=in_words(refused))


async def _raw_get(target: URL, headers: Mapping[str, str], *, guard: Guard, limit: int) -> bytes:
    """The bytes that a server sends for a GET, until the stated length or the end.

    Raises OSError when no connection is made or permitted, TooLarge.
    """
    host, port = target.raw_host or "", target.port or 80
    reader, writer = await _connected(host, port, guard, secure=target.scheme == "https")
    try:
        lines = [f"GET {target.raw_path_qs} HTTP/1.1", f"Host: {target.raw_authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8", "replace"))
        await writer.drain()
        return await read_whole(reader, limit=limit)
    finally:
        writer.close()


async def read_whole(reader: asyncio.StreamReader, *, limit: int) -> bytes:
    """The bytes received until the stated length or the end of the connection.

    The header is parsed once, not for each piece: a server may send it in thousands of lines,
    and then byte by byte. Raises FetchError, TooLarge.
    """
    came, begin, length = bytearray(), 0, None
    while piece := await reader.read(65_536):
        came += piece
        if len(came) > limit + MAX_HEAD:
            raise TooLarge("more than {limit} bytes", limit=str(limit))
        if not begin:
            end = _HEAD_END.search(came, max(0, len(came) - len(piece) - 3), MAX_HEAD)
            if end is not None:
                begin, length = end.end(), _body_length(bytes(came[: end.start()]))
            elif len(came) > MAX_HEAD:
                raise FetchError("the answer has no head")
        last_chunk = length is None and came.endswith(b"\n0\r\n\r\n")
        if begin and (last_chunk or (length is not None and len(came) - begin >= length)):
            break
    return bytes(came)


def read_answer(came: bytes, *, limit: int) -> tuple[int, CIMultiDictProxy[str], bytes, bool]:
    """Status, headers, decoded body, and whether the body is whole. Raises FetchError, TooLarge."""
    end = _HEAD_END.search(came, 0, MAX_HEAD)
    if end is None:
        raise FetchError("the answer has no head")
    head = _plain_head(came[: end.start()])
    answer = http.client.HTTPResponse(_Received(head + came[end.end() :]), method="GET")  # type: ignore[arg-type]
    try:
        answer.begin()
        body, whole = answer.read(), True
    except http.client.IncompleteRead as torn:
        body, whole = torn.partial, False
    except (http.client.HTTPException, ValueError, OverflowError) as error:  # a length beyond all
        raise FetchError("the answer cannot be read: {fault}", fault=repr(error)) from error
    decoding = Decoding(answer.headers.get("Content-Encoding", ""), limit=limit)
    decoding.feed(body)
    decoded, complete = decoding.finish()
    headers = CIMultiDict((name, _in_utf8(value)) for name, value in answer.headers.items())
    return answer.status, CIMultiDictProxy(headers), decoded, whole and complete


def _in_utf8(value: str) -> str:
    """A header as aiohttp decodes it; the standard library decodes all as ISO 8859-1."""
    return value.encode("latin-1").decode("utf-8", "surrogateescape")


class _Received(io.BytesIO):
    """Received bytes in the form of the socket from which the standard library reads."""

    def makefile(self, _: str) -> io.BytesIO:
        return self


async def _connected(
    host: str, port: int, guard: Guard, *, secure: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    found = await look_up(host, port)
    fault: OSError = OSError(f"{host} has no address")
    for address in found:
        try:
            made = await guard.connect(address)
        except OSError as error:
            fault = error
            continue
        context: Any = ssl.create_default_context() if secure else None
        name = host if secure else None
        return await asyncio.open_connection(sock=made, ssl=context, server_hostname=name)
    raise fault


def _body_length(head: bytes) -> int | None:
    """The stated length in bytes; None for chunks, 2**60 when none is stated."""
    if _CHUNKED.search(head):
        return None
    lengths = _lengths(_headers(head))
    value = lengths.pop() if len(lengths) == 1 else b""
    return int(value) if value.isdigit() and len(value) < 16 else 2**60


def _headers(head: bytes) -> list[tuple[bytes, bytes]]:
    found = (_HEADER.fullmatch(line.rstrip(b"\r")) for line in head.split(b"\n")[1:])
    return [(each[1], each[2].strip()) for each in found if each]


def _lengths(headers: list[tuple[bytes, bytes]]) -> set[bytes]:
    """The stated lengths, also of a list such as `12, 12` (RFC 9110, 8.6)."""
    lines = [value for name, value in headers if name.lower() == b"content-length"]
    return {length.strip() for line in lines for length in line.split(b",") if length.strip()}


def _plain_head(head: bytes) -> bytes:
    """The status line and the valid headers, with one length or none."""
    headers = _headers(head)
    chunked = any(n.lower() == b"transfer-encoding" and _CHUNKED.search(v) for n, v in headers)
    lengths = _lengths(headers)
    if not chunked and (len(lengths) > 1 or not all(map(_NUMBER.fullmatch, lengths))):
        raise FetchError("the answer states no length that can be believed")
    kept = [
        (n, v) for n, v in headers if n.lower() not in (b"content-length", b"transfer-encoding")
    ]
    if chunked:
        kept.append((b"Transfer-Encoding", b"chunked"))
    elif lengths and (length := lengths.pop()).isdigit():  # -1: up to the end of the connection
        kept.append((b"Content-Length", length))
    status = head.split(b"\n", 1)[0].strip()
    return b"\r\n".join([status, *(n + b": " + v for n, v in kept), b"", b""])
