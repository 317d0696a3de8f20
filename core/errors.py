"""Every error Millrace raises on purpose, and what a person can do about it.

MillraceError
├── ConfigError            feeds.yaml or a setting is wrong; holds one line per fault
├── FetchError             a source or page could not be fetched
│   ├── Unreachable        no connection: the name does not resolve, refused, timed out
│   ├── NoResponse         a connection, and then not one byte in time
│   ├── ForbiddenAddress   the address guard refused the connection
│   ├── UntrustedHost      its certificate is for another name, or from an unknown issuer
│   ├── TooLarge           more bytes than the limit, on the wire or decoded
│   ├── Disallowed         robots.txt disallows this page
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

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Phrase(NamedTuple):
    """Words for people: English with places in braces, and what fills them.

    The pages look `text` and each value up in the catalogue of the reader's language, so the texts
    of errors are literals. tests/service/test_languages.py fails where one has no translation.
    """

    text: str
    values: dict[str, str]

    def __str__(self) -> str:
        return self.text.format(**self.values) if self.values else self.text


class MillraceError(Exception):
    """Base of all; its text states what failed, where, and what to do.

    `values` fill the places in braces of `text`.
    """

    def __init__(self, text: str, /, **values: str) -> None:
        self.phrase = Phrase(text, values)
        super().__init__(str(self.phrase))


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

    def __init__(self, text: str, /, *, unresolved: bool = False, **values: str) -> None:
        super().__init__(text, **values)
        self.unresolved = unresolved


class NoResponse(FetchError):
    """Connected, and no answer began in time: the host, or a network that drops what it took."""


class ForbiddenAddress(FetchError):
    """The address guard refused the connection."""


class UntrustedHost(FetchError):
    """The host's certificate is not valid for its name, or from an unknown issuer."""


class TooLarge(FetchError):
    """More bytes than the limit, on the wire or decoded."""


class Endless(FetchError):
    """An answer began and did not end in time."""


class Disallowed(FetchError):
    """robots.txt disallows this page."""


class HostBusy(FetchError):
    """The host's turn is too far off: retry after `wait` seconds. Not a failure of the source."""

    def __init__(self, text: str, /, *, wait: float, **values: str) -> None:
        super().__init__(text, **values)
        self.wait = wait


class BadStatus(FetchError):
    """An answer that is neither 2xx nor 304."""

    def __init__(
        self,
        status: int,
        host: str,
        *,
        retry_after: float | None = None,
        phrase: Phrase | None = None,
    ) -> None:
        text, values = phrase or Phrase("{host} answered {status}", {})
        super().__init__(text, **(values or {"host": host, "status": str(status)}))
        self.status = status
        self.retry_after = retry_after  # seconds, where the answer states it


class RateLimited(BadStatus):
    """The host allows no more requests for now: fetch again after `retry_after` seconds.

    `phrase` has when it goes on, `advice` how the limit is raised.
    """

    def __init__(
        self,
        status: int,
        host: str,
        *,
        retry_after: float,
        phrase: Phrase,
        advice: Phrase | None = None,
    ) -> None:
        super().__init__(status, host, retry_after=retry_after, phrase=phrase)
        self.advice = advice


class DocumentError(MillraceError):
    """The document arrived but cannot be used."""


class BrokeOff(DocumentError):
    """The document ends in the middle. `body_hash` tells whether it is the same one again."""

    def __init__(self, text: str, /, *, body_hash: str, **values: str) -> None:
        super().__init__(text, **values)
        self.body_hash = body_hash


class NotAFeed(DocumentError):
    """The document is no feed. `alternates` are the feeds it names as a web page.

    `titles` are what it calls them and others that it links to, `places` where one may be that it
    does not name; `moved` is where the document itself says that its feed is now.
    """

    def __init__(
        self,
        text: str,
        /,
        alternates: tuple[str, ...] = (),
        titles: Mapping[str, str] | None = None,
        places: tuple[str, ...] = (),
        moved: str | None = None,
    ) -> None:
        super().__init__(text)
        self.alternates = alternates
        self.titles = dict(titles or {})
        self.places = places
        self.moved = moved


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


# What helps, as one clause: a command or a line of feeds.yaml.
_AGAIN = "polled again by itself; at once: `millrace poll {name}`"
_ADDRESS = "correct `url` of {name}; `millrace add` finds the feed of a site"
_LOGIN = "set `auth` or `headers` of {name}"
_SLOWER = "raise `every` of {name}, or lower `fetch.per_host`"

_BY_STATUS = {
    400: _ADDRESS,
    401: _LOGIN,
    402: _LOGIN,
    # Many hosts turn away what they take for a robot; some mean "too often" (docs/fetching.md).
    403: "set `fetch.user_agent`, or `auth` or `headers` of {name}, or raise its `every`",
    404: _ADDRESS,
    407: "correct `proxy` of {name}",
    410: "after a second 410 it is polled only with another `url`, or by `millrace poll {name}`",
    429: _SLOWER,
    451: _ADDRESS,
}

# The first row that fits a fault counts: narrow before wide. A new fault is a new row.
_BY_FAULT: tuple[tuple[type[MillraceError], str | None], ...] = (
    (ForbiddenAddress, None),  # names the line of `fetch.allow_private`
    (
        Unreachable,
        "polled as soon as the host takes connections; at once: `millrace poll {name}`",
    ),
    (UntrustedHost, "the host must renew its certificate, or correct `url` of {name}"),
    (TooLarge, "raise `fetch.max_bytes.feed`"),
    (BrokeOff, _AGAIN),
    (
        NotAFeed,
        "`millrace add` finds the feed of a site; a page that lists articles needs "
        "`kind: page` and `links`",
    ),
    (DocumentError, "`millrace extract FILE --kind feed` shows what is made of it"),
    (ResourceLimit, "read again when it changes; `fetch.max_bytes.feed` bounds its size"),
    (FetchError, _AGAIN),
)


_REPORT = "report it with the line of the log"
_GONE = "polled again with another `url`, or by `millrace poll {name}`"


def remedy(fault: MillraceError, name: str) -> Phrase | None:
    """What helps the source `name` against `fault`; None where the fault itself has it."""
    if isinstance(fault, RateLimited):
        return fault.advice
    if isinstance(fault, BadStatus):
        status = _BY_STATUS.get(fault.status)
        return Phrase(status or (_AGAIN if fault.status >= 500 else _ADDRESS), {"name": name})
    words = next((words for kind, words in _BY_FAULT if isinstance(fault, kind)), _REPORT)
    return None if words is None else Phrase(words, {"name": name})


def with_remedy(fault: MillraceError, name: str, *, gone: bool = False) -> tuple[Phrase, ...]:
    """A fault and what helps against it; `gone`: it is not polled any more by itself."""
    words = Phrase(_GONE, {"name": name}) if gone else remedy(fault, name)
    return (fault.phrase,) if words is None else (fault.phrase, words)


def in_english(phrases: Iterable[Phrase]) -> str:
    """Phrases in one line, for the log and for scripts."""
    return "; ".join(map(str, phrases))


# The texts above, and what the pages say of a source besides (`service.context.fault_of`).
REMEDIES = frozenset(
    {_AGAIN, _ADDRESS, _REPORT, _GONE, *_BY_STATUS.values()}
    | {words for _, words in _BY_FAULT if words}
)
