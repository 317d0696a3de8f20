"""`millrace opml import|export`: subscriptions to and from other readers.

An import adds missing sources to feeds.yaml and leaves all other lines unchanged.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from core.config.edits import NewSource, with_sources
from core.config.file import load_settings
from core.config.opml import OpmlFeed, opml_document, read_opml
from core.config.settings import FetchSettings, Settings, Source
from core.config.source import name_from_url
from core.errors import ConfigError, DocumentError, MillraceError, NotAFeed
from core.feeds.parse import parse_feed
from millrace.process.config import read_config
from millrace.process.logs import progress_bar
from workers.http.client import Fetcher
from workers.http.response import access_of

_EMPTY = Settings()


_AT_ONCE = 8


class Imported(NamedTuple):
    """The result of an import."""

    config: str
    added: list[str]  # names
    there: int  # that feeds.yaml had
    twice: int  # that the file named more than once
    left_out: list[str]
    unanswered: list[str]

    def lines(self) -> list[str]:
        """The report for people."""
        twice = f", {self.twice} named twice" if self.twice else ""
        return [
            f"{self.config}: {len(self.added)} added, {self.there} there already{twice}",
            *(f"left out: {line}" for line in self.left_out),
            *(f"does not answer: {line}" for line in self.unanswered),
        ]


def import_opml(file: str, *, config: str, ask: bool) -> Imported:
    """Add the subscriptions of an OPML file to feeds.yaml. Raises ConfigError, MillraceError."""
    try:
        taken = read_opml(_read(file))
    except DocumentError as error:
        raise MillraceError(f"{file}: {error}") from error
    settings = read_config(config) if Path(config).exists() else _EMPTY
    additions, skipped = _missing(taken.found, settings)
    added = add_to_file(config, additions, known=settings)
    silent: list[str] = []
    if ask and added:
        names = {each.name for each in additions}
        asked = [source for source in added if source.name in names]
        silent = asyncio.run(unanswered(asked, read_config(config).fetch))
    return Imported(
        config=config,
        added=[source.name for source in added],
        there=skipped,
        twice=len(taken.found) - len(additions) - skipped,
        left_out=list(taken.unusable),
        unanswered=silent,
    )


def export_opml(*, config: str, out: str | None) -> None:
    """Write the sources of feeds.yaml as OPML, to a file or to standard output."""
    settings = read_config(config)
    document = opml_document(settings.sources, title=settings.feed.title)
    if out is None or out == "-":
        sys.stdout.buffer.write(document)
        sys.stdout.buffer.flush()
        return
    try:
        Path(out).write_bytes(document)
    except OSError as error:
        raise MillraceError(f"{out}: cannot be written: {error.strerror}") from error


def add_to_file(config: str, additions: Sequence[NewSource], *, known: Settings) -> list[Source]:
    """Add sources to feeds.yaml; returns them as read back.

    Raises ConfigError or MillraceError.
    """
    path = Path(config)
    # newline="" keeps the line ends of the file as they are.
    text = path.read_bytes().decode() if path.exists() else ""
    written = with_sources(text, additions)
    if written == text:
        return []
    # Sources of included files are not in this text; the check is for those that are.
    checked = load_settings(
        written, path=config, env=os.environ, read=lambda _: [("", b"sources: []")]
    )
    wanted = {same_address(each.url) for each in additions}
    if not wanted <= {same_address(source.url) for source in checked.sources}:
        raise ConfigError([f"{config}:1: sources cannot be added to this file; add them by hand"])
    _replace(path.resolve(), written)
    before = {source.name for source in known.sources}
    return [source for source in checked.sources if source.name not in before]


def named(subscription: OpmlFeed, taken: set[str], *, keeps_title: bool = False) -> NewSource:
    """The subscription with a name, made of its title, else of its address."""
    title = subscription.title.lower()
    name = re.sub(r"[^a-z0-9]+", "-", title).strip("-")[:40].strip("-")
    if len(name) < 3 or not title.isascii() or name in taken:
        name = name_from_url(subscription.url, taken=taken)
    taken.add(name)
    return NewSource(**subscription.model_dump(), name=name, keeps_title=keeps_title)


def _missing(found: Sequence[OpmlFeed], settings: Settings) -> tuple[list[NewSource], int]:
    """The subscriptions that feeds.yaml lacks, with names; and the number that it has."""
    known = {same_address(source.url) for source in settings.sources}
    missing: dict[str, OpmlFeed] = {}
    for each in found:
        address = same_address(each.url)
        first = missing.setdefault(address, each) if address not in known else each
        if first is not each:  # in two folders: it gets the tags of both
            tags = tuple(dict.fromkeys((*first.tags, *each.tags)))
            missing[address] = first.model_copy(update={"tags": tags})
    names = {source.name for source in settings.sources}
    additions = [named(each, names, keeps_title=True) for each in missing.values()]
    return additions, sum(same_address(each.url) in known for each in found)


def same_address(url: str) -> str:
    """A key that is equal for the usual spellings of one feed's address."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower().removeprefix("www.")
    return f"{host}{parts.path.rstrip('/')}?{parts.query}"


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise MillraceError(f"{file}: cannot be read: {error.strerror}") from error


def _replace(path: Path, text: str) -> None:
    """Replace a file atomically."""
    try:
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(file.name, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(file.name, path)
    except OSError as error:
        raise MillraceError(f"{path}: cannot be written: {error.strerror}") from error


async def unanswered(sources: Sequence[Source], fetch: FetchSettings) -> list[str]:
    """One line for each source that fails, in their order."""
    places = asyncio.Semaphore(_AT_ONCE)
    async with Fetcher(fetch) as fetcher:

        async def ask(source: Source) -> str | None:
            async with places:
                fault = await _fault(fetcher, source)
            bar.advance(task)
            return fault

        with progress_bar() as bar:
            task = bar.add_task("asking", total=len(sources))
            faults = await asyncio.gather(*(ask(source) for source in sources))
    return [
        f"{source.name} ({source.url}): {fault}"
        for source, fault in zip(sources, faults, strict=True)
        if fault is not None
    ]


async def _fault(fetcher: Fetcher, source: Source) -> str | None:
    try:
        answer = await fetcher.get(source.url, access=access_of(source))
        if answer.status >= 400:
            return f"status {answer.status}"
        if source.kind in ("auto", "feed"):
            await asyncio.to_thread(
                parse_feed, answer.body, url=answer.url, content_type=answer.content_type
            )
    except NotAFeed as error:
        found = f"; it names {error.alternates[0]}" if error.alternates else ""
        return f"{error}{found}"
    except MillraceError as error:
        return str(error)
    return None
