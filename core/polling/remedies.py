"""What helps against a source's failure: the command or the line of feeds.yaml, as one clause.

The first row that fits a fault counts; a status has its own table. A new fault is a new row.
"""

from __future__ import annotations

from core.errors import (
    BadStatus,
    BrokeOff,
    DocumentError,
    FetchError,
    ForbiddenAddress,
    MillraceError,
    NotAFeed,
    RateLimited,
    ResourceLimit,
    TooLarge,
    Unreachable,
    UntrustedHost,
)

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
    410: "polled again with another `url`, or by `millrace poll {name}`",
    429: _SLOWER,
    451: _ADDRESS,
}

# Narrow before wide.
_BY_FAULT: tuple[tuple[type[MillraceError], str | None], ...] = (
    (RateLimited, None),  # its text has when it goes on and how the limit is raised
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


def remedy(fault: MillraceError, name: str) -> str | None:
    """What helps the source `name` against `fault`; None where the fault itself has it."""
    if isinstance(fault, BadStatus) and not isinstance(fault, RateLimited):
        status = _BY_STATUS.get(fault.status)
        return (status or (_AGAIN if fault.status >= 500 else _ADDRESS)).format(name=name)
    for kind, words in _BY_FAULT:
        if isinstance(fault, kind):
            return None if words is None else words.format(name=name)
    return "report it with the line of the log"


def with_remedy(fault: MillraceError, name: str) -> str:
    """A fault and what helps against it, in one line."""
    words = remedy(fault, name)
    return str(fault) if words is None else f"{fault}; {words}"
