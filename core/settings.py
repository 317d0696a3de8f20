"""What feeds.yaml may say: the models, with every field documented where it stands.

They are the single truth: the schema for editors, the reference page and the error messages are
made from them. Reading the file is `core/configfile.py`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from core.models import Frozen

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)")
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def parse_duration(value: Any) -> Any:
    """Seconds from `500ms`, `10s`, `15m`, `1h`, `7d`; other values are left to pydantic."""
    if not isinstance(value, str):
        raise ValueError("a duration is a number with a unit: 500ms, 10s, 15m, 1h, 7d")
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError("a duration is a number with a unit: 500ms, 10s, 15m, 1h, 7d")
    return float(match[1]) * _SECONDS[match[2]]


def parse_size(value: Any) -> Any:
    """Bytes from `10MiB`, `512KiB`; whole numbers are bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a size is a number with a unit: 512KiB, 10MiB")
    return int(float(match[1]) * _BYTES[match[2]])


Duration = Annotated[float, BeforeValidator(parse_duration)]  # seconds
Size = Annotated[int, BeforeValidator(parse_size)]  # bytes


class FeedSettings(Frozen):
    """The merged feed itself."""

    title: str = Field("Millrace", description="Title of the merged feed.")
    link: str | None = Field(None, description="Public address of this service.")
    language: str | None = Field(None, description="Language of the feed, as in `zh` or `en-GB`.")
    limit: int = Field(100, ge=1, le=10_000, description="Entries in the feed unless asked.")
    show_reposts: Literal["none", "footer"] = Field(
        "none", description="`footer` adds a visible line that names the other copies."
    )


class Source(Frozen):
    """One line of `sources`."""

    url: str = Field(description="Address of the feed, repository folder or listing page.")
    name: str = Field(
        "", pattern=r"^[a-z0-9-]*$", description="Unique; made from the URL if unset."
    )
    tags: tuple[str, ...] = Field((), description="Each tag has a feed of its own.")
    kind: Literal["auto", "feed", "github", "page"] = Field("auto", description="What the URL is.")
    every: Duration | None = Field(None, description="Fixed interval; unset: adaptive.")
    enabled: bool = Field(True, description="`false`: not polled.")
    full_text: Literal["auto", "feed", "page"] = Field(
        "auto",
        description="Where the body comes from; `auto` reads the page where the feed has none.",
    )
    link: Literal["original", "source"] = Field(
        "original", description="Which address the entry links to when a mirror states both."
    )
    links: str | None = Field(None, description="CSS selector of the links of a listing page.")
    priority: int = Field(0, description="Higher wins when a story's representative is chosen.")
    keep: tuple[str, ...] = Field(
        (), description="Regular expressions; only entries that match one."
    )
    drop: tuple[str, ...] = Field((), description="Regular expressions; entries that match one go.")
    remove: tuple[str, ...] = Field((), description="CSS selectors, cut from the body.")
    keep_blocks: tuple[str, ...] = Field(
        (), description="Blocks never cut as boilerplate: a part of their text."
    )
    junk_blocks: tuple[str, ...] = Field((), description="Blocks always cut: a part of their text.")
    max_per_day: int | None = Field(None, ge=1, description="At most this many new stories a day.")


class Backoff(Frozen):
    """How the gap grows when a source fails."""

    base: Duration = Field(60.0, description="Smallest gap after a failure.")
    cap: Duration = Field(86400.0, description="Largest gap after failures.")


class PerHost(Frozen):
    """Limits per host, over feeds and pages and all workers."""

    in_flight: int = Field(2, ge=1, description="Requests under way at once.")
    per_second: float = Field(1.0, gt=0, description="New requests a second.")


class MaxBytes(Frozen):
    """Size limits, decoded and on the wire."""

    feed: Size = Field(10 * 2**20, description="Of a feed document.")
    page: Size = Field(5 * 2**20, description="Of an article page.")


class GithubSettings(Frozen):
    """Addresses of the GitHub endpoints."""

    api: str = Field("https://api.github.com", description="REST API.")
    raw: str = Field("https://raw.githubusercontent.com", description="Raw files.")


class FetchSettings(Frozen):
    """How strangers' servers are asked."""

    user_agent: str = Field(
        "Millrace/0.1 (+https://github.com/millrace/millrace)",
        description="Sent with every request.",
    )
    min_interval: Duration = Field(900.0, ge=1, description="Floor under every interval.")
    max_interval: Duration = Field(86400.0, description="Longest adaptive interval.")
    timeout: Duration = Field(30.0, gt=0, description="Of one request, all of it.")
    backoff: Backoff = Backoff()
    redirect_persistence: Duration = Field(
        86400.0, description="How long a permanent redirect must hold before it is believed."
    )
    per_host: PerHost = PerHost()
    max_bytes: MaxBytes = MaxBytes()
    ports: tuple[int, ...] = Field((80, 443), description="Ports that may be asked.")
    github: GithubSettings = GithubSettings()
    allow_private: tuple[str, ...] = Field(
        (),
        description="Exceptions to the ban on non-public addresses, as in '10.0.0.0/8:80'.",
    )


class DedupSettings(Frozen):
    """When two entries are one story."""

    window: Duration = Field(30 * 86400.0, description="How long an entry can be found again.")
    radius: int = Field(32, ge=0, le=64, description="Bits of 128 in which reposts may differ.")


class RetentionSettings(Frozen):
    """How much is kept."""

    entries: int = Field(5000, ge=1, description="Stories kept with their bodies.")
    days: int = Field(30, ge=1, description="Days since a story was first seen.")


class ServiceSettings(Frozen):
    """The HTTP service."""

    token: str | None = Field(None, description="For actions (POST); unset: refused with 403.")
    private: bool = Field(False, description="Reading needs the token too.")


class Settings(Frozen):
    """The whole of feeds.yaml."""

    feed: FeedSettings = FeedSettings()
    sources: tuple[Source, ...] = ()
    fetch: FetchSettings = FetchSettings()
    dedup: DedupSettings = DedupSettings()
    retention: RetentionSettings = RetentionSettings()
    service: ServiceSettings = ServiceSettings()
    webhooks: tuple[str, ...] = ()
