"""The models of feeds.yaml; each field is documented at its definition.

feeds.schema.json, docs/feeds-yaml.md and the error messages are generated from them.
`core/config/file.py` reads the file; `core/config/fields.py` defines the value types.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from core.config.fields import Address, Allowance, Duration, Patterns, Size, Tag, Zone
from core.config.source import Filters, Source, SourceOptions, with_values
from core.models import Frozen

__all__ = ["Settings", "Source", "SourceOptions"]

VERSION = "0.1.0"


class FeedSettings(Frozen):
    """The merged feed."""

    title: str = Field("Millrace", min_length=1, description="Title of the merged feed.")
    link: Address | None = Field(
        None,
        description="Public URL of this service, as readers use it; it may have a path. "
        "Unset: the URL of each request.",
    )
    language: str | None = Field(
        None,
        pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$",
        examples=["zh", "en-GB"],
        description="Language of the feed, as in `zh` or `en-GB`; also that of the pages, if a "
        "browser requests neither English nor Chinese.",
    )
    timezone: Zone = Field(
        "UTC",
        examples=["Asia/Shanghai"],
        description="Time zone in which days begin, and of times on pages without JavaScript.",
    )
    digest: Literal["off", "daily", "weekly"] = Field(
        "off",
        description="`/digest.xml`, `.atom` and `.json`: one entry after each day or week, with "
        "the stories that most sources carried.",
    )
    limit: int = Field(
        100, ge=1, le=10_000, description="Entries in the feed unless a reader asks for `?limit=`."
    )
    hub: Address | None = Field(
        None,
        description="A WebSub hub that notifies subscribers. Unset: the hub of this service, "
        "at `/hub`.",
    )
    show_source: Literal["none", "title", "footer"] = Field(
        "none",
        description="Adds the name of the source to the text, for readers that do not display it: "
        "`title` before each headline, `footer` below each body.",
    )
    show_reposts: Literal["none", "footer"] = Field(
        "none",
        description="`footer` adds a line below each body with links to the other copies.",
    )


class Backoff(Frozen):
    """The delay after failures of a source: max(interval, base) x 2^n, at most cap."""

    base: Duration = Field(60.0, gt=0, description="Shortest delay after a failure.")
    cap: Duration = Field(86400.0, gt=0, description="Longest delay after failures.")


class PerHost(Frozen):
    """Limits per host, for feeds and pages together, over all workers."""

    in_flight: int = Field(2, ge=1, description="Concurrent requests.")
    per_second: float = Field(1.0, gt=0, description="New requests per second.")


class MaxBytes(Frozen):
    """Size limits, on the wire and decoded."""

    feed: Size = Field(10 * 2**20, ge=1024, description="Of a feed document.")
    page: Size = Field(5 * 2**20, ge=1024, description="Of an article page.")
    picture: Size = Field(5 * 2**20, ge=1024, description="Of an image served by the proxy.")


class GithubSettings(Frozen):
    """URLs of the GitHub endpoints; the token is read from `GITHUB_TOKEN`."""

    api: Address = Field("https://api.github.com", description="REST API.")
    raw: Address = Field("https://raw.githubusercontent.com", description="Raw files.")


class FetchSettings(Frozen):
    """How sources and pages are fetched."""

    user_agent: str = Field(
        f"Millrace/{VERSION} (feed aggregator)",
        min_length=1,
        pattern=r"^[\x20-\x7e]+$",
        examples=["Morning river (+https://news.example.org/about)"],
        description="Sent with every request; should contain a contact address. "
        "Unset, and `feed.link` set: contains the URL of this service's `/about` page.",
    )
    min_interval: Duration = Field(900.0, ge=1, description="Shortest interval between polls.")
    max_interval: Duration = Field(86400.0, ge=1, description="Longest adaptive interval.")
    timeout: Duration = Field(30.0, gt=0, description="Of one request, from connect to last byte.")
    backoff: Backoff = Field(Backoff(), description="The delay after failures of a source.")
    redirect_persistence: Duration = Field(
        86400.0, description="How long a permanent redirect must persist before it is adopted."
    )
    per_host: PerHost = Field(PerHost(), description="Limits per host, over all workers.")
    max_bytes: MaxBytes = Field(MaxBytes(), description="Size limits, on the wire and decoded.")
    ports: tuple[int, ...] = Field(
        (80, 443),
        description="Ports that connections may use, besides a source's own port and those of "
        "`allow_private`.",
    )
    github: GithubSettings = Field(GithubSettings(), description="The GitHub endpoints.")
    allow_private: tuple[Allowance, ...] = Field(
        (),
        description="Exact exceptions to the ban on non-public addresses: `127.0.0.1:18080`, "
        "`10.0.0.0/8:80`.",
    )

    @model_validator(mode="after")
    def _limits_are_in_order(self) -> Self:
        if self.min_interval > self.max_interval:
            raise ValueError("min_interval must not be longer than max_interval")
        if self.backoff.base > self.backoff.cap:
            raise ValueError("backoff.base must not be longer than backoff.cap")
        return self


class DedupSettings(Frozen):
    """When two entries belong to one story."""

    window: Duration = Field(
        30 * 86400.0, gt=0, description="How long reposts of an entry are recognized."
    )
    radius: int = Field(
        32,
        ge=0,
        le=64,
        description="Largest number of bits (of 128) in which fingerprints of reposts differ.",
    )


class RetentionSettings(Frozen):
    """How many stories are kept, and for how long."""

    entries: int = Field(
        5000, ge=1, description="Stories kept with their bodies; the oldest are removed first."
    )
    days: int = Field(30, ge=1, description="Days since a story was first seen.")
    removed_sources: Literal["keep", "drop"] = Field(
        "keep",
        description="What happens to the stories of a source removed from feeds.yaml; `drop` "
        "removes those that no other source has.",
    )


class ServiceSettings(Frozen):
    """The HTTP service."""

    token: str | None = Field(
        None,
        repr=False,
        min_length=1,
        description="Token for actions (POST); use `${MILLRACE_TOKEN}`. Unset: actions return 403.",
    )
    private: bool = Field(False, description="`true`: reading requires the token too.")
    hub: bool = Field(
        True,
        description="Whether anyone may subscribe to updates at `/hub` (WebSub).",
    )
    pictures: Literal["direct", "proxy"] = Field(
        "direct",
        description="`proxy`: images are served by this service, at signed URLs; for sites that "
        "block hotlinking, images without https, and the privacy of readers. "
        "`direct`: images are loaded from their own sites.",
    )

    @model_validator(mode="after")
    def _private_needs_a_token(self) -> Self:
        if self.private and self.token is None:
            raise ValueError(
                "private: true needs a token; set service.token, and in the environment what its "
                "${NAME} names"
            )
        return self


class Webhook(Frozen):
    """A URL that receives every new or changed story."""

    url: Address = Field(description="URL to which stories are sent, as signed JSON (POST).")
    secret: str = Field(
        repr=False,
        min_length=8,
        description="Key of the signature (HMAC-SHA256 of the body); use `${NAME}`.",
    )
    tags: tuple[Tag, ...] = Field((), description="Only stories with one of these tags.")


class Settings(Frozen):
    """The root of feeds.yaml."""

    feed: FeedSettings = Field(FeedSettings(), description="The merged feed.")
    sources: tuple[Source, ...] = Field((), description="The sources, one per line.")
    defaults: dict[Tag, SourceOptions] = Field(
        {}, description="Options for all sources with a tag; options of the source take precedence."
    )
    include: Patterns = Field(
        (),
        description="More files with `sources` and `defaults`, as in `feeds.d/*.yaml`; "
        "relative to this file. One pattern, or a list of them.",
    )
    fetch: FetchSettings = Field(FetchSettings(), description="How sources are fetched.")
    dedup: DedupSettings = Field(DedupSettings(), description="When two entries are one story.")
    retention: RetentionSettings = Field(RetentionSettings(), description="How much is kept.")
    service: ServiceSettings = Field(ServiceSettings(), description="The HTTP service.")
    filters: Filters = Field(Filters(), description="Which entries of all sources are accepted.")
    webhooks: tuple[Webhook, ...] = Field((), description="Addresses that receive new stories.")
    cluster: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        examples=["production"],
        description="Name of this Millrace, where several could meet in one store by mistake: "
        "a process that states another name than those that run is refused.",
    )

    @model_validator(mode="after")
    def _share_filters(self) -> Self:
        """Copy the global filters to every source without its own."""
        if self.filters != Filters():
            sources = tuple(
                source if source.filters is not None else with_values(source, filters=self.filters)
                for source in self.sources
            )
            object.__setattr__(self, "sources", sources)  # immutable for all other code
        return self

    @model_validator(mode="before")
    @classmethod
    def _name_about_page(cls, raw: Any) -> Any:
        """Point the default user agent to this service's `/about` page, for publishers."""
        if not isinstance(raw, dict):
            return raw
        feed, fetch = raw.get("feed"), raw.get("fetch", {})
        link = feed.get("link") if isinstance(feed, dict) else None
        if not isinstance(link, str) or not link.isascii() or not isinstance(fetch, dict):
            return raw
        agent = f"Millrace/{VERSION} (+{link.strip().rstrip('/')}/about)"
        return {**raw, "fetch": {"user_agent": agent, **fetch}}
