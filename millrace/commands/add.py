"""`millrace add`: finds the feed behind an address, shows what it holds, adds it to feeds.yaml."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

from core.body.clean import CleanOptions, clean_entry
from core.config.fields import check_address
from core.config.opml import Subscription
from core.config.settings import FetchSettings, Settings
from core.errors import (
    ConfigError,
    DocumentError,
    FetchError,
    MillraceError,
    NotAFeed,
    UntrustedHost,
)
from core.feeds.parse import parse_feed
from core.models import ParsedFeed
from millrace.commands.opml import add_to_file, named, same_address
from millrace.process.config import read_config
from workers.http.client import Fetcher
from workers.http.response import Access

_SHOWN = 3  # entries
_TEXT = 200  # characters of each


class Shown(NamedTuple):
    """One entry as it would be published, shortened."""

    title: str
    text: str


class Found(NamedTuple):
    """The feed that was found, and whether it was added."""

    url: str
    title: str
    entries: int
    newest: list[Shown]
    config: str
    name: str | None  # in feeds.yaml; None after a dry run
    added: bool

    def lines(self) -> list[str]:
        """The same for people."""
        count = "1 entry" if self.entries == 1 else f"{self.entries} entries"
        lines = [f"{self.title or 'a feed without a title'}: {self.url}"]
        lines.append(f"{count}{'; the newest, cleaned:' if self.newest else ''}")
        for entry in self.newest:
            lines += [f"  {entry.title or '(no title)'}", f"    {entry.text}"]
        if self.added:
            lines.append(f"{self.config}: added as {self.name}")
        elif self.name:
            lines.append(f"{self.config}: has it already, as {self.name}")
        return lines


def add_source(url: str, *, config: str, tags: list[str], dry: bool) -> Found:
    """Add the feed at `url`. Raises ConfigError or MillraceError."""
    settings = read_config(config) if Path(config).exists() else Settings()
    where, feed = asyncio.run(_find_any(_addresses(url), settings.fetch))
    found = Found(where, feed.title or "", len(feed.entries), _newest(feed), config, None, False)
    for source in settings.sources:
        if same_address(source.url) == same_address(where):
            return found._replace(name=source.name)
    if dry:
        return found
    subscription = Subscription(url=where, title=found.title, tags=tuple(tags))
    new = named(subscription, {source.name for source in settings.sources})
    add_to_file(config, [new], known=settings)
    return found._replace(name=new.name, added=True)


def _addresses(url: str) -> list[str]:
    """The address, or what is meant by one without a scheme: https, and http where none is."""
    schemes = [""] if "://" in url else ["https://", "http://"]
    try:
        return [check_address(scheme + url) for scheme in schemes]
    except ValueError as error:
        raise ConfigError([f"add: {error}"]) from error


async def _find_any(addresses: list[str], fetch: FetchSettings) -> tuple[str, ParsedFeed]:
    """The feed at the first address that can be connected to."""
    for address in addresses[:-1]:
        try:
            return await _find(address, fetch)
        except UntrustedHost:
            raise  # to ask again without any proof would be worse
        except FetchError:
            continue
    return await _find(addresses[-1], fetch)


async def _find(url: str, fetch: FetchSettings) -> tuple[str, ParsedFeed]:
    """The feed at `url`, or the first feed that the page there names."""
    async with Fetcher(fetch) as fetcher:
        try:
            return await _read(fetcher, url)
        except NotAFeed as error:
            if not error.alternates:
                raise MillraceError(
                    f"{url}: {error}; if it is a listing page, add it by hand with `kind: page`"
                ) from error
            alternates = error.alternates
        for alternate in alternates:
            try:
                return await _read(fetcher, alternate)
            except (DocumentError, MillraceError) as error:
                last = error
    raise MillraceError(f"{url}: none of the feeds it names can be read: {last}")


async def _read(fetcher: Fetcher, url: str) -> tuple[str, ParsedFeed]:
    answer = await fetcher.get(url, access=Access(url))  # its own port counts, as once it is added
    if answer.status >= 400:
        raise MillraceError(f"{url} answered {answer.status}")
    feed = await asyncio.to_thread(
        parse_feed, answer.body, url=answer.url, content_type=answer.content_type
    )
    return answer.permanent_redirect or url, feed


def _newest(feed: ParsedFeed) -> list[Shown]:
    shown = []
    for entry in feed.entries[:_SHOWN]:
        article = clean_entry(entry, options=CleanOptions(), learned=None).article
        text = " ".join(article.text.split())
        shown.append(Shown(article.title or "", text if len(text) <= _TEXT else text[:_TEXT] + "…"))
    return shown
