"""Every error Millrace raises on purpose, and the remedy shown to the operator.

MillraceError
├── ConfigError            feeds.yaml or a setting is wrong; holds one line per fault
├── FetchError             a source or page could not be fetched
│   ├── Unreachable        no connection: the name does not resolve, refused, timed out
│   ├── NoResponse         connected, but not one byte arrived in time
│   ├── ForbiddenAddress   the address guard refused the connection
│   ├── UntrustedHost      its certificate is for another name, or from an unknown issuer
│   ├── TooLarge           more bytes than the limit, on the wire or decoded
│   ├── Endless            a response began but did not end in time
│   ├── Disallowed         robots.txt disallows this page
│   ├── HostBusy           too many requests are queued for the host; postpone this one
│   └── BadStatus          a response that is neither 2xx nor 304
│       └── RateLimited    the host allows no more requests for now
├── DocumentError          the document was received but cannot be used
│   ├── BrokeOff           it is truncated
│   └── NotAFeed           it is something else: a web page, garbage, empty
├── ResourceLimit          parsing or extracting was stopped at its time or memory limit
│   └── Overdue            by wall-clock time, before its CPU limit: the machine was busy
└── StoreError             the store cannot be used
    ├── StoreAway          no connection; retried automatically
    └── LayoutMismatch     written by a newer Millrace
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Phrase(NamedTuple):
    """A message for people: English text with placeholders in braces, and their values.

    The web pages look up `text` and each value in the catalogue of the reader's language, so error
    texts are literals. tests/service/test_languages.py fails if a translation is missing.
    """

    text: str
    values: dict[str, str]

    def __str__(self) -> str:
        return self.text.format(**self.values) if self.values else self.text


class MillraceError(Exception):
    """Base class; the message states what failed, where, and what to do.

    `values` fill the placeholders of `text`.
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
    """No connection was made. If the local network is down, it is retried once that is back.

    `unresolved`: the host name has no address.
    """

    def __init__(self, text: str, /, *, unresolved: bool = False, **values: str) -> None:
        super().__init__(text, **values)
        self.unresolved = unresolved


class NoResponse(FetchError):
    """Connected, but no response began in time: the host hangs, or the network drops packets."""


class ForbiddenAddress(FetchError):
    """The address guard refused the connection."""


class UntrustedHost(FetchError):
    """The host's certificate is not valid for its name, or from an unknown issuer."""


class TooLarge(FetchError):
    """More bytes than the limit, on the wire or decoded."""


class Endless(FetchError):
    """A response began but did not end in time."""


class Disallowed(FetchError):
    """robots.txt disallows this page."""


class HostBusy(FetchError):
    """The host's queue is full: retry after `wait` seconds. Not a failure of the source."""

    def __init__(self, text: str, /, *, wait: float, **values: str) -> None:
        super().__init__(text, **values)
        self.wait = wait


class BadStatus(FetchError):
    """A response that is neither 2xx nor 304."""

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
        self.retry_after = retry_after  # seconds, if the response states it


class RateLimited(BadStatus):
    """The host allows no more requests for now: fetch again after `retry_after` seconds.

    `phrase` states when requests resume, `advice` how to raise the limit.
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
    """The document was received but cannot be used."""


class BrokeOff(DocumentError):
    """The document is truncated. `body_hash` shows whether the same bytes were received before."""

    def __init__(self, text: str, /, *, body_hash: str, **values: str) -> None:
        super().__init__(text, **values)
        self.body_hash = body_hash


class NotAFeed(DocumentError):
    """The document is not a feed. `alternates` are the feed URLs that it declares as a web page.

    `titles` maps these and other linked feeds to their names; `places` are guessed feed URLs that
    the page does not declare; `moved` is the feed's new URL if the document states one.
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
    """Stopped by wall-clock time before its CPU limit: the machine is busy."""


class StoreError(MillraceError):
    """The store cannot be used."""


class StoreAway(StoreError):
    """No connection to the store; it is retried."""


class LayoutMismatch(StoreError):
    """The store was written by a newer Millrace."""


# Remedies, each one clause: a command or a line of feeds.yaml.
_AGAIN = "polled again by itself; at once: `millrace poll {name}`"
_ADDRESS = "correct `url` of {name}; `millrace add` finds the feed of a site"
_LOGIN = "set `auth` or `headers` of {name}"
_SLOWER = "raise `every` of {name}, or lower `fetch.per_host`"

_BY_STATUS = {
    400: _ADDRESS,
    401: _LOGIN,
    402: _LOGIN,
    # Many hosts refuse clients they take for bots; some mean "too often" (docs/fetching.md).
    403: "set `fetch.user_agent`, or `auth` or `headers` of {name}, or raise its `every`",
    404: _ADDRESS,
    407: "correct `proxy` of {name}",
    410: "after a second 410 it is polled only with another `url`, or by `millrace poll {name}`",
    429: _SLOWER,
    451: _ADDRESS,
}

# The first matching row counts, so narrow types come first. Each new error type needs a row.
_BY_FAULT: tuple[tuple[type[MillraceError], str | None], ...] = (
    (ForbiddenAddress, None),  # its own text names the line of `fetch.allow_private`
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
    """The remedy for `fault` of the source `name`; None if the message already contains it."""
    if isinstance(fault, RateLimited):
        return fault.advice
    if isinstance(fault, BadStatus):
        status = _BY_STATUS.get(fault.status)
        return Phrase(status or (_AGAIN if fault.status >= 500 else _ADDRESS), {"name": name})
    words = next((words for kind, words in _BY_FAULT if isinstance(fault, kind)), _REPORT)
    return None if words is None else Phrase(words, {"name": name})


def with_remedy(fault: MillraceError, name: str, *, gone: bool = False) -> tuple[Phrase, ...]:
    """A fault and its remedy; `gone`: the source is no longer polled automatically."""
    words = Phrase(_GONE, {"name": name}) if gone else remedy(fault, name)
    return (fault.phrase,) if words is None else (fault.phrase, words)


def in_english(phrases: Iterable[Phrase]) -> str:
    """Join phrases into one line, for the log and for scripts."""
    return "; ".join(map(str, phrases))


# The texts above, for the test that looks for missing translations.
REMEDIES = frozenset(
    {_AGAIN, _ADDRESS, _REPORT, _GONE, *_BY_STATUS.values()}
    | {words for _, words in _BY_FAULT if words}
)
