"""Value types of feeds.yaml: durations, sizes, URLs, expressions, selectors.

Each is validated where it is declared, so an invalid value is reported before the start.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cssselect import GenericTranslator, SelectorError
from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from core.urls import without_feed_scheme

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)")
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def parse_duration(value: Any) -> float:
    """Parse `500ms`, `10s`, `15m`, `1h` or `7d` into seconds."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f"a duration is a number with a unit (500ms, 10s, 15m, 1h, 7d){_given(value)}"
            f"{_suggestion(value, ('s', 'm', 'h', 'd'), bare='m')}"
        )
    return float(match[1]) * _SECONDS[match[2]]


def format_duration(seconds: float) -> str:
    """Format seconds in the shortest exact way: `900.0` is `15m`."""
    for unit in ("d", "h", "m", "s"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:g}{unit}"
    return f"{seconds * 1000:g}ms"


def parse_size(value: Any) -> int:
    """Parse `10MiB` or `512KiB` into bytes; whole numbers are bytes."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f"a size is a number with a unit (512KiB, 10MiB){_given(value)}"
            f"{_suggestion(value, ('KiB', 'MiB', 'GiB', 'B'), bare='MiB')}"
        )
    return int(float(match[1]) * _BYTES[match[2]])


def format_size(size: int) -> str:
    """Format bytes in the shortest exact way: 10485760 is `10MiB`."""
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return f"{size}B"


# URLs of the common form skip the full parser, which takes six times as long in large files.
_PLAIN_ADDRESS = re.compile(
    r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[1-9]\d{,3})?(?:/[\w./~%+&=?-]*)?", re.ASCII
)


def check_address(value: str) -> str:
    """Return an http(s) URL with a host; `feed:` is converted. Raises ValueError for others."""
    if _PLAIN_ADDRESS.fullmatch(value):
        return value
    value = without_feed_scheme(value)
    try:
        parts = urlsplit(value)
        port_is_wrong = parts.port == 0
    except ValueError as error:
        raise ValueError(f"{value!r} is not an address: {error}") from error
    if parts.scheme.lower() not in ("http", "https"):
        raise ValueError(f"{value!r} is not a web address: it must begin with https:// or http://")
    odd = re.search(r"[\s<>\"]", value) or not value.isprintable()
    if not parts.hostname or port_is_wrong or odd:
        raise ValueError(f"{value!r} is not a web address: it must look like https://host/path")
    return value


def check_zone(value: str) -> str:
    """Return `value` if it is the name of a time zone. Raises ValueError otherwise."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{value!r} is not a time zone: write it as in Asia/Shanghai") from error
    return value


def check_expression(value: str) -> str:
    """Return `value` if it compiles as a regular expression. Raises ValueError otherwise."""
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from error
    return value


def check_selector(value: str) -> str:
    """Return `value` if it is a valid CSS selector. Raises ValueError otherwise."""
    try:
        GenericTranslator().css_to_xpath(value)
    except SelectorError as error:
        raise ValueError(f"{value!r} is not a CSS selector: {error}") from error
    return value


def check_tag(value: str) -> str:
    """Return `value` if it can be one step of a URL path. Raises ValueError otherwise."""
    if not value.strip() or re.search(r"[/?#\\\s\x00-\x1f]", value) or value in (".", ".."):
        raise ValueError(f"{value!r} is not a tag: a word without spaces and without / ? #")
    return value


def check_allowance(value: str) -> str:
    """Validate an exception to the ban on private addresses: `host:port` or `CIDR:port`."""
    host, colon, port = value.strip().rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{value!r} must be host:port or CIDR:port, as in '10.0.0.0/8:80'")
    host = host.removeprefix("[").removesuffix("]")
    if not re.fullmatch(r"[A-Za-z0-9._-]+", host):
        try:
            ipaddress.ip_network(host, strict=False)
        except ValueError as error:
            raise ValueError(f"{value!r} must be host:port or CIDR:port: {error}") from error
    return value.strip()


def _given(value: Any) -> str:
    return f", not {value!r}"


def _suggestion(value: Any, units: tuple[str, ...], *, bare: str) -> str:
    """Suggest the intended value: `30m` for `30 minutes`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(value))
    if match is None:
        return ""
    word = match[2].lower()
    unit = next((each for each in units if each[0].lower() == word[:1]), bare)
    return f"; did you mean `{match[1]}{unit}`?"


_DURATION_SCHEMA = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?(ms|s|m|h|d)\s*$"}
_SIZE_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": r"^\s*\d+(\.\d+)?(B|KiB|MiB|GiB)\s*$"},
    ]
}

Duration = Annotated[  # seconds
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, when_used="json"),
    WithJsonSchema(_DURATION_SCHEMA),
]
Size = Annotated[  # bytes
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, when_used="json"),
    WithJsonSchema(_SIZE_SCHEMA),
]
Address = Annotated[
    str,
    AfterValidator(check_address),
    WithJsonSchema({"type": "string", "pattern": r"^([Hh][Tt][Tt][Pp][Ss]?://.+|.*\$\{.*)"}),
]
Zone = Annotated[str, AfterValidator(check_zone)]
Patterns = Annotated[  # a single pattern needs no list
    tuple[str, ...],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Expression = Annotated[
    str,
    AfterValidator(check_expression),
    WithJsonSchema({"type": "string", "format": "regex"}),
]
Selector = Annotated[str, AfterValidator(check_selector)]
Tag = Annotated[str, AfterValidator(check_tag)]
Allowance = Annotated[str, AfterValidator(check_allowance)]
