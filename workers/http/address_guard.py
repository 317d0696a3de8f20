"""The address guard: refuses connections to addresses that are not on the public internet.

It runs where sockets are made, so it checks the address of the real connection, also for redirects,
literal addresses and names that resolve differently each time. Exceptions are exact endpoints.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import unicodedata
from collections.abc import Iterable
from contextlib import ExitStack
from contextvars import ContextVar
from typing import Any, NamedTuple
from urllib.parse import unquote

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Written out, because `is_private` and `is_global` differ between Python versions and call
# 64:ff9b::7f00:1, 2002:7f00:1::, fec0::1 and 224.0.0.1 global.
_FORBIDDEN_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32",
        "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24",
        "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_FORBIDDEN_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)

REFUSED = "refused by the address guard"

# What home routers, offices, clouds and clusters call their own machines; RFC 6761, 6762, 8375 and
# ICANN's list of names in collision. Through a proxy a name is all that can be looked at.
_INTERNAL = frozenset(
    """
    local localhost localdomain internal intranet lan home corp private office domain workgroup
    svc cluster consul docker test invalid arpa onion mail
    """.split()
)
_INTERNAL_NAMES = ("fritz.box", "speedport.ip", "easy.box")
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class RefusedAddress(OSError):
    """The guard refused an address; an OSError, so that aiohttp tries the name's next address."""


class Endpoint(NamedTuple):
    """The host and port of a request, as its address states them."""

    host: str
    port: int


# The endpoint of the present request, and its proxy, if any.
asked: ContextVar[Endpoint | None] = ContextVar("asked", default=None)
proxied: ContextVar[Endpoint | None] = ContextVar("proxied", default=None)


class Guard:
    """Makes sockets to public addresses and to the listed exceptions only."""

    def __init__(self, allow_private: Iterable[str] = ()) -> None:
        self._networks: list[tuple[Network, int]] = []
        self._names: set[Endpoint] = set()
        for entry in allow_private:
            host, _, port = entry.strip().rpartition(":")
            host = host.removeprefix("[").removesuffix("]").lower()
            try:
                self._networks.append((ipaddress.ip_network(host, strict=False), int(port)))
            except ValueError:
                self._names.add(Endpoint(host, int(port)))

    @property
    def ports(self) -> set[int]:
        """The ports of the exceptions."""
        return {port for _, port in self._networks} | {name.port for name in self._names}

    def make_socket(self, addr_info: Any) -> socket.socket:
        """A socket for the address aiohttp is about to connect to; raises RefusedAddress."""
        family, kind, protocol, _, where = addr_info
        if not self.allows(str(where[0]), int(where[1])):
            raise RefusedAddress(f"{where[0]} is {REFUSED}: not a public address")
        return socket.socket(family=family, type=kind, proto=protocol)

    async def connect(self, addr_info: Any) -> socket.socket:
        """A socket that is connected to an address, as `getaddrinfo` gives it; raises OSError."""
        with ExitStack() as undo:
            made = self.make_socket(addr_info)
            undo.callback(made.close)
            made.setblocking(False)
            await asyncio.get_running_loop().sock_connect(made, addr_info[4])
            undo.pop_all()  # from here on its transport closes it
        return made

    def allows(self, address: str, port: int) -> bool:
        """Whether a connection to this address and port may be made."""
        proxy = proxied.get()
        if proxy is not None and proxy.port == port:
            return True  # the operator's own proxy; its connections cannot be checked here
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return is_public(found) or self._is_exception(found, port)

    def _is_exception(self, address: Address, port: int) -> bool:
        name = asked.get()
        if name in self._names and name.port == port:
            return True
        plain = _mapped(address)
        return any(port == own and plain in network for network, own in self._networks)


def is_public(address: Address) -> bool:
    """Whether an address, or the IPv4 address embedded in it, is on the public internet."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _FORBIDDEN_V4)
    inner = _embedded(address)
    if inner is not None and not is_public(inner):
        return False
    if address.ipv4_mapped is not None or address in _NAT64:
        return True  # the inner address has just been found public
    return address in _PUBLIC_V6 and not any(address in network for network in _FORBIDDEN_V6)


def is_public_name(host: str) -> bool:
    """Whether a host is a public name, and not an address in any spelling.

    By WHATWG URL a host whose last label is a number, 0x included, is an IPv4 address; so it is
    for libc, curl and most proxies (127.1, 0x7f.1, 127.0x0.0.1). Escapes and full-width signs are
    read as they would be.
    """
    plain = unicodedata.normalize("NFKC", unquote(host)).replace("\u3002", ".").lower()
    plain = plain.removesuffix(".")
    try:
        plain = plain.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    if not _NAME.fullmatch(plain):
        return False  # one label, an IPv6 address, or signs that no name has
    last = plain.rpartition(".")[2]
    inner = any(plain == name or plain.endswith(f".{name}") for name in _INTERNAL_NAMES)
    return not (_NUMBER.fullmatch(last) or last in _INTERNAL or inner)


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address embedded in an IPv6 address, if there is one."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    low = int(address) & 0xFFFFFFFF
    isatap = (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
    if address in _NAT64 or isatap:
        return ipaddress.IPv4Address(low)
    return None


def _mapped(address: Address) -> Address:
    """127.0.0.1 for ::ffff:127.0.0.1: one machine, one exception."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
