"""One entry of `sources` in feeds.yaml: its options, its name, and its filter rules."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Container
from functools import lru_cache
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import ConfigDict, Discriminator, Field, model_validator
from pydantic import Tag as FormOf
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from core.config.fields import Address, Duration, Expression, Selector, Tag
from core.models import Article, Frozen

_LONGEST = 50_000  # characters of text that are matched: an expression may be quadratic


class Condition(Frozen):
    """A condition on an entry; all fields that are set must match."""

    title: Expression | None = Field(None, description="Found in the title.")
    text: Expression | None = Field(None, description="Found in the text.")
    author: Expression | None = Field(None, description="Found in the names of the authors.")
    category: Expression | None = Field(None, description="Found in one of its categories.")
    language: Expression | None = Field(
        None, examples=["^de"], description="Found in its language, as in `de` or `zh-TW`."
    )
    shorter_than: int | None = Field(None, ge=1, description="Characters of text.")

    @model_validator(mode="before")
    @classmethod
    def _is_not_empty(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and not raw:
            raise ValueError("an empty rule matches every entry; name a field, as in {title: Ad}")
        return raw

    def __str__(self) -> str:
        stated = ((name, getattr(self, name)) for name in type(self).model_fields)
        return ", ".join(f"{name}: {value}" for name, value in stated if value is not None)


def _form_of(value: Any) -> str:
    return "fields" if isinstance(value, dict | Condition) else "expression"


Rule = Annotated[  # a bare expression is searched in title and text
    Annotated[Expression, FormOf("expression")] | Annotated[Condition, FormOf("fields")],
    Discriminator(_form_of),
]
RULE_FORMS = frozenset({"expression", "fields"})  # steps of error locations, not of the file


class Filters(Frozen):
    """Filter rules for the entries of all sources; a source adds its own `keep` and `drop`."""

    keep: tuple[Rule, ...] = Field((), description="Only entries that match one are accepted.")
    drop: tuple[Rule, ...] = Field((), description="Entries that match one are dropped.")


class Rules(Protocol):
    """An object with filter rules: `Filters`, or a source."""

    @property
    def keep(self) -> tuple[Rule, ...]: ...
    @property
    def drop(self) -> tuple[Rule, ...]: ...


def filtered_by(article: Article, *holders: Rules | None) -> str | None:
    """The rule that excludes an article, as `drop: PATTERN` or `keep`; None if it passes.

    The article must pass the rules of each holder (the global rules, and the source itself).
    """
    for rules in filter(None, holders):
        for rule in rules.drop:
            if _matches(rule, article):
                return f"drop: {rule}"
        if rules.keep and not any(_matches(rule, article) for rule in rules.keep):
            return "keep"
    return None


def _matches(rule: Rule, article: Article) -> bool:
    text = article.text[:_LONGEST]
    if not isinstance(rule, Condition):
        return bool(_compiled(rule).search(f"{article.title or ''}\n{text}"))
    if rule.shorter_than is not None and len(article.text) >= rule.shorter_than:
        return False
    if rule.category is not None:
        search = _compiled(rule.category).search
        if not any(search(category) for category in article.categories):
            return False
    stated = (
        (rule.title, article.title),
        (rule.text, text),
        (rule.author, article.author),
        (rule.language, article.language),
    )
    return all(wanted is None or _compiled(wanted).search(value or "") for wanted, value in stated)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_STRICT = ConfigDict(extra="forbid")


# With slots, 100,000 sources take 33 MB; as pydantic models they took 119 MB.
@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class SourceOptions:
    """Options of a source, or of all sources with a tag."""

    kind: Literal["auto", "feed", "github", "page"] = Field(
        default="auto",
        description="What the URL is: a feed, a GitHub folder of markdown articles, "
        "a listing page; `auto` detects it.",
    )
    every: Duration | None = Field(
        default=None,
        gt=0,
        description="Fixed interval between polls, never below `fetch.min_interval`. "
        "Unset: adaptive, by how often the source publishes.",
    )
    enabled: bool = Field(
        default=True, description="`false`: not polled; its published entries stay."
    )
    full_text: Literal["auto", "feed", "page"] = Field(
        default="auto",
        description="Where bodies are taken from: the feed, or the linked page. "
        "`auto` fetches the page if the feed has no full article.",
    )
    extraction: Literal["careful", "fast"] = Field(
        default="careful",
        description="Effort of trafilatura, one of the extractors that locate the article of a "
        "page: `careful` allows all of its passes, `fast` only the first one.",
    )
    link: Literal["original", "source"] = Field(
        default="original",
        description="Which URL an entry links to if a mirror states the original one.",
    )
    links: Selector | None = Field(
        default=None,
        description="CSS selector of the article links on a listing page (`kind: page`).",
    )
    priority: int = Field(
        default=0,
        ge=-1000,
        le=1000,
        description="Of full copies, that of the source with the highest priority is published.",
    )
    keep: tuple[Rule, ...] = Field(
        default=(),
        description="Only entries that match one of these are accepted: a regular expression for "
        "title or text, or `{author: …, category: …, language: …, title: …, text: …, "
        "shorter_than: N}`, of which all that are set must match.",
    )
    drop: tuple[Rule, ...] = Field(
        default=(), description="The same; entries that match are dropped."
    )
    filters: Filters | None = Field(
        default=None, description="Replaces the global `filters` for this source."
    )
    remove: tuple[Selector, ...] = Field(
        default=(), description="CSS selectors of elements to cut from the body."
    )
    keep_blocks: tuple[str, ...] = Field(
        default=(), description="Blocks that are never cut, given by a part of their text."
    )
    junk_blocks: tuple[str, ...] = Field(
        default=(), description="Blocks that are always cut, given by a part of their text."
    )
    max_per_day: int | None = Field(
        default=None,
        ge=1,
        description="At most this many new entries per day (UTC); further ones are dropped.",
    )


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Source(SourceOptions):
    """One entry of `sources`."""

    url: Address = Field(
        description="URL of the feed, the GitHub folder or the listing page. "
        "The only required field."
    )
    name: str = Field(
        default="",
        pattern=r"^[a-z0-9-]*$",
        examples=["morning-post"],
        max_length=80,
        description="Unique; lower-case letters, digits and hyphens. Made from the URL if unset. "
        "Ids of entries depend on it: set the name before you change the URL.",
    )
    title: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        examples=["早报"],
        description="Displayed title, in any script. Unset: the feed's own title.",
    )
    site: Address | None = Field(
        default=None,
        examples=["https://paper.example/"],
        description="URL of the website, for OPML and as the source's link. "
        "Unset: as the feed states.",
    )
    tags: tuple[Tag, ...] = Field(default=(), description="Each tag has its own feed.")
    auth: str | None = Field(
        default=None,
        repr=False,
        exclude=True,
        pattern=r"^[^:]+:",
        examples=["user:password"],
        description="`user:password` for a source that requires it; use `${NAME}` to read it from "
        "the environment. Never displayed.",
    )
    headers: dict[str, str] = Field(
        default={},
        repr=False,
        exclude=True,
        description="Sent only to the host of this source; use `${NAME}` to read values from the "
        "environment. Never displayed.",
    )
    proxy: Address | None = Field(
        default=None,
        repr=False,
        exclude=True,
        description="HTTP proxy for this source. Never displayed.",
    )

    @model_validator(mode="before")
    @classmethod
    def _move_credentials_to_auth(cls, raw: Any) -> Any:
        """Split `https://user:pw@host/` into `url`, which is displayed, and hidden `auth`."""
        raw = raw.kwargs if isinstance(raw, ArgsKwargs) else raw
        if (
            not isinstance(raw, dict)
            or not isinstance(raw.get("url"), str)
            or "@" not in raw["url"]
        ):
            return raw
        try:
            parts = urlsplit(raw["url"].strip())
        except ValueError:
            return raw  # the field's own validator reports it
        userinfo, at, host = parts.netloc.rpartition("@")
        if not at:
            return raw
        user, _, password = userinfo.partition(":")
        bare = urlunsplit(parts._replace(netloc=host))
        return {"auth": f"{unquote(user)}:{unquote(password)}", **raw, "url": bare}

    @property
    def request_line(self) -> str:
        """Everything that affects the request, secrets included; a change may fix a failure."""
        return json.dumps([self.url, self.auth, sorted(self.headers.items()), self.proxy])


def with_values(source: Source, **values: object) -> Source:
    """A copy with other valid values; it skips validation, which would double the time."""
    changed = copy.copy(source)
    for name, value in values.items():
        object.__setattr__(changed, name, value)  # immutable for all other code
    return changed


LONGEST = 64  # characters of a generated name; a stated one may have 80


def name_from_url(url: str, *, taken: Container[str] = ()) -> str:
    """`https://example.org/rss.xml` becomes `example-org-rss-xml`.

    If another URL has taken the name, a digest of the URL is appended. The same URL twice gets the
    same name twice, which the caller reports.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower().removeprefix("www.")
    whole = "/".join(filter(None, (host, parts.path, parts.query)))
    name = re.sub(r"[^a-z0-9]+", "-", whole.lower()).strip("-")
    is_unique = len(name) <= LONGEST and whole.isascii()
    if not is_unique:
        name = f"{name[: LONGEST - 9].strip('-')}-{_digest(url)}".strip("-")
    elif name in taken:
        name = f"{name[: LONGEST - 9]}-{_digest(url)}"
    return name


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:8]
