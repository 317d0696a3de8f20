"""`millrace add`: finds the feed at an address, shows its entries, adds it to feeds.yaml.

It finds what a poll finds with `kind: auto`: a feed, the first feed that a page names, a list of
articles, or a GitHub folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson

from core.body.clean import CleanOptions, clean_entry
from core.config.fields import check_address
from core.config.opml import OpmlFeed
from core.config.settings import FetchSettings, Settings
from core.errors import (
    ConfigError,
    DocumentError,
    FetchError,
    MillraceError,
    NotAFeed,
    UntrustedHost,
)
from core.feeds.discovery import guessed_feed, header_feeds
from core.feeds.github import commits_url, folder_of, is_github
from core.feeds.listing import read_listing
from core.feeds.parse import parse_feed
from core.models import ParsedFeed
from millrace.commands.opml import add_to_file, named, same_address
from millrace.process.config import read_config
from workers.http.client import Fetcher
from workers.http.response import Access, Response

_SHOWN = 3  # entries
_TEXT = 200  # characters of each
_OTHERS = 10  # further feeds that are named


class Shown(NamedTuple):
    """One entry as it would be published, shortened."""

    title: str
    text: str


class FoundFeed(NamedTuple):
    """The feed that was found, and whether it was added."""

    url: str
    title: str
    entries: int
    newest: list[Shown]
    kind: str  # feed, listing or folder
    others: dict[str, str]  # further feeds that the page names: address and title
    config: str
    name: str | None  # in feeds.yaml; None after a dry run
    added: bool

    def lines(self) -> list[str]:
        """The result as lines for people."""
        lines = [f"{self.title or f'a {self.kind} without a title'}: {self.url}"]
        if self.kind == "folder":
            lines.append("a GitHub folder; its articles come with the first poll")
        elif self.kind == "listing":
            lines.append(f"a page that lists {self.entries} articles; each is read from its page:")
        else:
            count = "1 entry" if self.entries == 1 else f"{self.entries} entries"
            lines.append(f"{count}{'; the newest, cleaned:' if self.newest else ''}")
        for entry in self.newest:
            lines.append(f"  {entry.title or '(no title)'}")
            lines += [f"    {entry.text}"] if entry.text else []
        if self.others:
            lines += ["further feeds there, each can be added by its address:"]
            lines += [f"  {url}  {title}".rstrip() for url, title in self.others.items()]
        if self.added:
            lines.append(f"{self.config}: added as {self.name}")
        elif self.name:
            lines.append(f"{self.config}: has it already, as {self.name}")
        return lines


def add_source(url: str, *, config: str, tags: list[str], dry: bool) -> FoundFeed:
    """Add the feed at `url`. Raises ConfigError or MillraceError."""
    settings = read_config(config) if Path(config).exists() else Settings()
    at = asyncio.run(_find_any(_addresses(url), settings.fetch))
    found = FoundFeed(
        at.url, at.feed.title or "", len(at.feed.entries), _newest(at.feed), at.kind, at.others,
        config, None, False,
    )  # fmt: skip
    for source in settings.sources:
        if same_address(source.url) == same_address(at.url):
            return found._replace(name=source.name)
    if dry:
        return found
    subscription = OpmlFeed(url=at.url, title=found.title, tags=tuple(tags))
    new = named(subscription, {source.name for source in settings.sources})
    add_to_file(config, [new], known=settings)
    return found._replace(name=new.name, added=True)


def _addresses(url: str) -> list[str]:
    """The address; without a scheme, its https and http forms, in this order."""
    schemes = [""] if "://" in url else ["https://", "http://"]
    try:
        return [check_address(scheme + url) for scheme in schemes]
    except ValueError as error:
        raise ConfigError([f"add: {error}"]) from error


class Candidate(NamedTuple):
    """The feed, listing or folder at an address."""

    url: str
    feed: ParsedFeed
    kind: str = "feed"
    others: dict[str, str] = {}  # noqa: RUF012 - never changed; address and title


async def _find_any(addresses: list[str], fetch: FetchSettings) -> Candidate:
    """The candidate at the first address that accepts a connection."""
    async with Fetcher(fetch) as fetcher:
        for address in addresses[:-1]:
            try:
                return await _find(fetcher, address)
            except UntrustedHost:
                raise  # plain http would send the request without any protection
            except FetchError:
                continue
        return await _find(fetcher, addresses[-1])


async def _find(fetcher: Fetcher, url: str) -> Candidate:
    """The feed at `url`, the first that the page there names, its list, or a GitHub folder."""
    if is_github(url):
        return await _find_folder(fetcher, url)
    answer = await _fetch(fetcher, url)
    where = answer.permanent_redirect or url
    try:
        return Candidate(where, await asyncio.to_thread(_parsed, answer))
    except NotAFeed as error:
        fault, titles, places = str(error), error.titles, error.places
        header = {
            feed.url: feed.title
            for feed in header_feeds(answer.headers.getall("Link", ()), url=url)
        }
        guess = guessed_feed(url)
        named = list(dict.fromkeys([*header, *error.alternates, *([guess] if guess else [])]))
        titles = header | titles
    for number, alternate in enumerate([*named, *places]):
        try:
            found = await _fetch(fetcher, alternate)
            feed = await asyncio.to_thread(_parsed, found)
        except (DocumentError, MillraceError) as error:
            if alternate in named:
                fault = f"none of the feeds it names can be read: {error}"
            continue
        elsewhere = [url for url in titles if url not in named]  # linked to, on other sites
        further = [*named[number + 1 :], *elsewhere][:_OTHERS]
        others = {url: titles.get(url, "") for url in further}
        return Candidate(found.permanent_redirect or alternate, feed, others=others)
    try:
        listing = await asyncio.to_thread(_parsed, answer, partial(read_listing, strict=True))
    except NotAFeed:
        raise MillraceError(
            f"{url}: {fault}; if it is a page that lists articles, add it by hand with "
            f"`kind: page` and `links`, a CSS selector of the links to its articles"
        ) from None
    return Candidate(where, listing, "listing")


async def _find_folder(fetcher: Fetcher, url: str) -> Candidate:
    folder = folder_of(url)
    assert folder is not None  # noqa: S101 - is_github says so
    answer = await _fetch(fetcher, commits_url(fetcher.settings.github.api, folder))
    if not orjson.loads(answer.body):
        raise MillraceError(f"{url}: there is no such folder, or nothing in it")
    title = "/".join(part for part in (folder.owner, folder.repository, folder.path) if part)
    return Candidate(url, ParsedFeed(title=title, entries=()), "folder")


async def _fetch(fetcher: Fetcher, url: str) -> Response:
    answer = await fetcher.get(url, access=Access(url))  # its own port counts, as once it is added
    if answer.status >= 400:
        raise MillraceError(f"{url} answered {answer.status}")
    return answer


def _parsed(answer: Response, parse: Callable[..., ParsedFeed] = parse_feed) -> ParsedFeed:
    return parse(answer.body, url=answer.url, content_type=answer.content_type)


def _newest(feed: ParsedFeed) -> list[Shown]:
    shown = []
    for entry in feed.entries[:_SHOWN]:
        article = clean_entry(entry, options=CleanOptions(), learned=None).article
        text = " ".join(article.text.split())
        shown.append(Shown(article.title or "", text if len(text) <= _TEXT else text[:_TEXT] + "…"))
    return shown
