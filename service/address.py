"""Under which address the reader sees this service: feeds need absolute links."""

from __future__ import annotations

import ipaddress
import re

from aiohttp import web

from core.config.settings import Settings

_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+/?")


def public_base(request: web.Request, settings: Settings) -> str:
    """The service's address with a slash at its end: `feed.link`, else what the request says.

    Forwarded headers are believed for links only, and only where they are well-formed.
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
    """The relative way from the page at `path` to the service's root: `./`, `../`, `../../`."""
    return "../" * (path.count("/") - 1) or "./"


def client_of(request: web.Request) -> str:
    """Whom a request comes from, for limits alone: an IPv4 address, or a network of IPv6 (/64),
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
