"""Every error Millrace raises on purpose.

MillraceError
├── ConfigError            feeds.yaml or a setting is wrong; holds one line per fault
├── FetchError             a source or page could not be fetched
│   ├── Unreachable        no connection: the name does not resolve, refused, timed out
│   ├── NoResponse         a connection, and then not one byte in time
│   ├── ForbiddenAddress   the address guard refused the connection
│   ├── UntrustedHost      its certificate is for another name, or from an unknown issuer
│   ├── TooLarge           more bytes than the limit, on the wire or decoded
│   ├── Disallowed         robots.txt asks not to fetch this page
│   ├── HostBusy           the host's turn is too far off; put the request off
│   └── BadStatus          an answer that is neither 2xx nor 304
│       └── RateLimited    the host allows no more requests for now
├── DocumentError          the document arrived but cannot be used
│   └── NotAFeed           it is something else: a web page, garbage, nothing
├── ResourceLimit          parsing or extracting was stopped at its time or memory limit
│   └── Overdue            by the clock, before its CPU ran out: the machine was busy
└── StoreError             the store cannot be used
    ├── StoreAway          no connection; comes back by itself
    └── LayoutMismatch     written by a newer Millrace
"""

from __future__ import annotations


class MillraceError(Exception):
    """Base of all; its text says what, where and what to do."""


class ConfigError(MillraceError):
    """feeds.yaml or a setting is wrong. `faults` holds one printable line per fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class FetchError(MillraceError):
    """A source or page could not be fetched."""


class Unreachable(FetchError):
    """No connection was made. It may be our own network, so it is retried when that is back.

    `unresolved`: because the name of the host has no address.
    """

    def __init__(self, message: str, *, unresolved: bool = False) -> None:
        super().__init__(message)
        self.unresolved = unresolved


class NoResponse(FetchError):
    """Connected, and no answer began in time: the host, or a network that drops what it took."""


class ForbiddenAddress(FetchError):
    """The address guard refused the connection."""


class UntrustedHost(FetchError):
    """The host's certificate does not prove that it is who it says."""


class TooLarge(FetchError):
    """More bytes than the limit, on the wire or decoded."""


class Disallowed(FetchError):
    """robots.txt asks not to fetch this page."""


class HostBusy(FetchError):
    """The host's turn is too far off: ask again after `wait` seconds. No failure of the source."""

    def __init__(self, message: str, *, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


class BadStatus(FetchError):
    """An answer that is neither 2xx nor 304."""

    def __init__(
        self,
        status: int,
        host: str,
        *,
        retry_after: float | None = None,
        message: str | None = None,
    ) -> None:
        super().__init__(message or f"{host} answered {status}")
        self.status = status
        self.retry_after = retry_after  # seconds, where the answer says so


class RateLimited(BadStatus):
    """The host allows no more requests for now: fetch again after `retry_after` seconds."""


class DocumentError(MillraceError):
    """The document arrived but cannot be used."""


class BrokeOff(DocumentError):
    """The document ends in the middle. `body_hash` tells whether it is the same one again."""

    def __init__(self, message: str, *, body_hash: str) -> None:
        super().__init__(message)
        self.body_hash = body_hash


class NotAFeed(DocumentError):
    """The document is no feed. `alternates` are the feeds it names as a web page."""

    def __init__(self, message: str, alternates: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.alternates = alternates


class ResourceLimit(MillraceError):
    """Parsing or extracting was stopped at its time or memory limit."""


class Overdue(ResourceLimit):
    """Stopped by the clock before its CPU ran out: the machine is busy."""


class StoreError(MillraceError):
    """The store cannot be used."""


class StoreAway(StoreError):
    """No connection to the store; it is tried again."""


class LayoutMismatch(StoreError):
    """The store was written by a newer Millrace."""
