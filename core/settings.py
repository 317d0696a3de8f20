"""What feeds.yaml may say: the models, with every field documented where it stands.

They are the single truth: feeds.schema.json, docs/feeds-yaml.md and the error messages are made
from them. Reading the file is `core/configfile.py`; the kinds of value are in `core/fields.py`.
"""

from __future__ import annotations

from typing import Any, Literal, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import Field, model_validator

from core.fields import (
    Address,
    Allowance,
    Duration,
    Expression,
    Selector,
    Size,
    Tag,
)
from core.models import Frozen

VERSION = "0.1.0"


class FeedSettings(Frozen):
    """The merged feed itself."""

    title: str = Field("Millrace", min_length=1, description="Title of the merged feed.")
    link: Address | None = Field(
        None,
        description="Public address of this service, as readers see it; sub-paths are fine. "
        "Unset: the address each request came in by.",
    )
    language: str | None = Field(
        None,
        pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$",
        description="Language of the feed, as in `zh` or `en-GB`.",
    )
    limit: int = Field(
        100, ge=1, le=10_000, description="Entries in the feed unless a reader asks for `?limit=`."
    )
    show_reposts: Literal["none", "footer"] = Field(
        "none",
        description="`footer` adds a visible line under each body that names the other copies.",
    )


class SourceOptions(Frozen):
    """What can be said of a source, or of all sources with a tag."""

    kind: Literal["auto", "feed", "github", "page"] = Field(
        "auto",
        description="What stands behind the address: a feed, a GitHub folder of markdown articles, "
        "a listing page; `auto` finds out.",
    )
    every: Duration | None = Field(
        None,
        gt=0,
        description="Fixed interval between polls, never under `fetch.min_interval`. "
        "Unset: adaptive, by how often the source publishes.",
    )
    enabled: bool = Field(True, description="`false`: not polled; what it published stays.")
    full_text: Literal["auto", "feed", "page"] = Field(
        "auto",
        description="Where bodies come from: the feed, or the page behind the link. "
        "`auto` reads the page where the feed holds no article.",
    )
    link: Literal["original", "source"] = Field(
        "original",
        description="Which address an entry links to when a mirror states the first publisher's.",
    )
    links: Selector | None = Field(
        None, description="CSS selector of the article links on a listing page (`kind: page`)."
    )
    priority: int = Field(
        0,
        ge=-1000,
        le=1000,
        description="Higher wins when the representative of a story is chosen.",
    )
    keep: tuple[Expression, ...] = Field(
        (), description="Regular expressions on title or text; only entries that match one stay."
    )
    drop: tuple[Expression, ...] = Field(
        (), description="Regular expressions on title or text; entries that match one are left out."
    )
    remove: tuple[Selector, ...] = Field((), description="CSS selectors, cut from the body.")
    keep_blocks: tuple[str, ...] = Field(
        (), description="Blocks never cut as boilerplate: a part of their text is enough."
    )
    junk_blocks: tuple[str, ...] = Field(
        (), description="Blocks always cut: a part of their text is enough."
    )
    max_per_day: int | None = Field(
        None, ge=1, description="At most this many new stories a day; the rest is left out."
    )


class Source(SourceOptions):
    """One line of `sources`."""

    url: Address = Field(
        description="Address of the feed, the GitHub folder or the listing page. "
        "The only required field."
    )
    name: str = Field(
        "",
        pattern=r"^[a-z0-9-]*$",
        max_length=80,
        description="Unique; small letters, digits and hyphens. Made from the address if unset. "
        "The ids of its entries are made from it: name a source before you move its address.",
    )
    tags: tuple[Tag, ...] = Field((), description="Each tag has a feed of its own.")
    auth: str | None = Field(
        None,
        repr=False,
        exclude=True,
        pattern=r"^[^:]+:",
        description="`user:password` for a source that asks for it; best from the environment, "
        "`${NAME}`. Never shown.",
    )
    headers: dict[str, str] = Field(
        {},
        repr=False,
        exclude=True,
        description="Sent to this source's own host only; values best from the environment, "
        "`${NAME}`. Never shown.",
    )
    proxy: Address | None = Field(
        None,
        repr=False,
        exclude=True,
        description="HTTP proxy this source is asked through. Never shown.",
    )

    @model_validator(mode="before")
    @classmethod
    def _credentials_leave_the_address(cls, raw: Any) -> Any:
        """`https://user:pw@host/` becomes `url` and `auth`: the one is shown, the other never."""
        if not isinstance(raw, dict) or not isinstance(raw.get("url"), str):
            return raw
        try:
            parts = urlsplit(raw["url"].strip())
        except ValueError:
            return raw  # the field's own check says what is wrong
        userinfo, at, host = parts.netloc.rpartition("@")
        if not at:
            return raw
        user, _, password = userinfo.partition(":")
        bare = urlunsplit(parts._replace(netloc=host))
        return {"auth": f"{unquote(user)}:{unquote(password)}", **raw, "url": bare}


class Backoff(Frozen):
    """How the gap grows when a source fails: max(interval, base) x 2^n, at most cap."""

    base: Duration = Field(60.0, gt=0, description="Smallest gap after a failure.")
    cap: Duration = Field(86400.0, gt=0, description="Largest gap after failures.")


class PerHost(Frozen):
    """Limits per host, over feeds and pages and all workers."""

    in_flight: int = Field(2, ge=1, description="Requests under way at once.")
    per_second: float = Field(1.0, gt=0, description="New requests a second.")


class MaxBytes(Frozen):
    """Size limits, on the wire and decoded."""

    feed: Size = Field(10 * 2**20, ge=1024, description="Of a feed document.")
    page: Size = Field(5 * 2**20, ge=1024, description="Of an article page.")


class GithubSettings(Frozen):
    """Addresses of the GitHub endpoints; a token is read from `GITHUB_TOKEN`."""

    api: Address = Field("https://api.github.com", description="REST API.")
    raw: Address = Field("https://raw.githubusercontent.com", description="Raw files.")


class FetchSettings(Frozen):
    """How other people's servers are asked."""

    user_agent: str = Field(
        f"Millrace/{VERSION} (feed aggregator)",
        min_length=1,
        pattern=r"^[\x20-\x7e]+$",
        description="Sent with every request, with an address where you can be reached. "
        "Unset, and `feed.link` set: names the page `/about` of this service.",
    )
    min_interval: Duration = Field(900.0, ge=1, description="Floor under every interval.")
    max_interval: Duration = Field(86400.0, ge=1, description="Longest adaptive interval.")
    timeout: Duration = Field(30.0, gt=0, description="Of one request, from connect to last byte.")
    backoff: Backoff = Field(Backoff(), description="How the gap grows when a source fails.")
    redirect_persistence: Duration = Field(
        86400.0, description="How long a permanent redirect must hold before it is believed."
    )
    per_host: PerHost = Field(PerHost(), description="Limits per host, over all workers.")
    max_bytes: MaxBytes = Field(MaxBytes(), description="Size limits, on the wire and decoded.")
    ports: tuple[int, ...] = Field(
        (80, 443),
        description="Ports that may be asked; a source's own port and those of `allow_private` "
        "count too.",
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
    """When two entries are one story."""

    window: Duration = Field(
        30 * 86400.0, gt=0, description="How long an entry can be found again by a repost."
    )
    radius: int = Field(
        32, ge=0, le=64, description="Bits of 128 in which the texts of reposts may differ."
    )


class RetentionSettings(Frozen):
    """How much is kept."""

    entries: int = Field(5000, ge=1, description="Stories kept with their bodies; the oldest go.")
    days: int = Field(30, ge=1, description="Days since a story was first seen.")
    removed_sources: Literal["keep", "drop"] = Field(
        "keep", description="What becomes of the entries of a source that left feeds.yaml."
    )


class ServiceSettings(Frozen):
    """The HTTP service."""

    token: str | None = Field(
        None,
        repr=False,
        min_length=1,
        description="For actions (POST); best `${MILLRACE_TOKEN}`. Unset: actions get 403.",
    )
    private: bool = Field(False, description="`true`: reading needs the token too.")

    @model_validator(mode="after")
    def _private_needs_a_token(self) -> Self:
        if self.private and self.token is None:
            raise ValueError("private: true needs a token; set service.token")
        return self


class Webhook(Frozen):
    """One address that is told of every new or changed story."""

    url: Address = Field(description="Where the story is sent, as a signed POST of JSON.")
    secret: str = Field(
        repr=False,
        min_length=8,
        description="Key of the signature (HMAC-SHA256 over the body); best `${NAME}`.",
    )
    tags: tuple[Tag, ...] = Field((), description="Only stories with one of these tags.")


class Settings(Frozen):
    """The whole of feeds.yaml."""

    feed: FeedSettings = Field(FeedSettings(), description="The merged feed.")
    sources: tuple[Source, ...] = Field((), description="What is read, one source a line.")
    defaults: dict[Tag, SourceOptions] = Field(
        {}, description="Options for all sources with a tag; what a source says itself wins."
    )
    include: tuple[str, ...] = Field(
        (),
        description="More files with `sources` and `defaults`, as in `feeds.d/*.yaml`; "
        "relative to this file.",
    )
    fetch: FetchSettings = Field(FetchSettings(), description="How sources are asked.")
    dedup: DedupSettings = Field(DedupSettings(), description="When two entries are one story.")
    retention: RetentionSettings = Field(RetentionSettings(), description="How much is kept.")
    service: ServiceSettings = Field(ServiceSettings(), description="The HTTP service.")
    webhooks: tuple[Webhook, ...] = Field((), description="Who is told of new stories.")

    @model_validator(mode="before")
    @classmethod
    def _say_who_we_are(cls, raw: Any) -> Any:
        """A publisher who sees our requests should find out whose they are."""
        if not isinstance(raw, dict):
            return raw
        feed, fetch = raw.get("feed"), raw.get("fetch", {})
        link = feed.get("link") if isinstance(feed, dict) else None
        if not isinstance(link, str) or not link.isascii() or not isinstance(fetch, dict):
            return raw
        agent = f"Millrace/{VERSION} (+{link.strip().rstrip('/')}/about)"
        return {**raw, "fetch": {"user_agent": agent, **fetch}}
