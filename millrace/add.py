"""`millrace add`: finds the feed behind an address, shows what it holds, adds it to feeds.yaml."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.clean import CleanOptions, clean_entry
from core.errors import ConfigError, DocumentError, MillraceError, NotAFeed
from core.fields import check_address
from core.models import ParsedFeed
from core.opml import Subscription
from core.parse import parse_feed
from core.settings import FetchSettings, Settings
from millrace.config import read_config
from millrace.opml import add_to_file, named, same_address
from workers.fetch import Fetcher

_SHOWN = 3  # entries
_TEXT = 200  # characters of each


def add_source(url: str, *, config: str, tags: list[str], dry: bool) -> list[str]:
    """Add the feed at `url`; gives the lines to print. Raises ConfigError or MillraceError."""
    settings = read_config(config) if Path(config).exists() else Settings()
    try:
        address = check_address(url if "://" in url else f"https://{url}")
    except ValueError as error:
        raise ConfigError([f"add: {error}"]) from error
    found, feed = asyncio.run(_find(address, settings.fetch))
    lines = [f"{feed.title or 'a feed without a title'}: {found}", *_newest(feed)]
    if any(same_address(source.url) == same_address(found) for source in settings.sources):
        return [*lines, f"{config}: has it already"]
    if dry:
        return lines
    subscription = Subscription(url=found, title=feed.title or "", tags=tuple(tags))
    new = named(subscription, {source.name for source in settings.sources})
    add_to_file(config, [new], known=settings)
    return [*lines, f"{config}: added as {new.name}"]


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
    answer = await fetcher.get(url)
    if answer.status >= 400:
        raise MillraceError(f"{url} answered {answer.status}")
    feed = await asyncio.to_thread(
        parse_feed, answer.body, url=answer.url, content_type=answer.content_type
    )
    return answer.permanent_redirect or url, feed


def _newest(feed: ParsedFeed) -> list[str]:
    """Its newest entries as they would be published, shortened."""
    lines = [f"{len(feed.entries)} entries; the newest, cleaned:"]
    for entry in feed.entries[:_SHOWN]:
        article = clean_entry(entry, options=CleanOptions(), learned=None).article
        text = " ".join(article.text.split())
        lines.append(f"  {article.title or '(no title)'}")
        lines.append(f"    {text[:_TEXT]}{'…' if len(text) > _TEXT else ''}")
    return lines
