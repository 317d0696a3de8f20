"""`millrace dedup`: reads entries as JSON lines, writes the story of each, in the same order.

Entries pass cleaning and the live duplicate detection, over a temporary private store. The order of
the file is the order of time. A later entry may undo a merge, so the results are written at the
end. Texts are kept in a scratch file.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

import orjson

from core.body.clean import clean_entry
from core.config.settings import DedupSettings
from core.dedup.copy import ArticleCopy
from core.dedup.decide import Arrival
from core.dedup.fingerprint import Features, features, fingerprint_of
from core.dedup.idf import Idf
from core.errors import ConfigError, DocumentError, ResourceLimit
from core.ids import entry_id
from core.models import Article, Decision, EntryRecord, FeedEntry
from millrace.commands.dedup_score import Truth, read_truth, report
from millrace.commands.offline import Offline, Shelf, id_of, number_of
from millrace.process.data_folder import throwaway_store
from millrace.process.lifetime import run_loop
from store.connection import Store, opened
from workers.sandbox.pool import Sandbox

FIELDS = ("id", "story", "repost_of", "distance", "similarity", "rule")
_BATCH = 20  # lines a trip to the child
_AHEAD = 3  # batches waiting or at work for each child
_NEVER = 10 * 365 * 86400.0  # seconds: `published` and the clock expire nothing here
_PROGRESS_SECONDS = 1.0
_NOW = datetime(2000, 1, 1, tzinfo=UTC)  # nothing here depends on the time


class Line(NamedTuple):
    """One line of the file."""

    id: Any
    source: str | None
    entry: FeedEntry | None
    fault: str | None = None


class Read(NamedTuple):
    """An entry after cleaning in a child process."""

    article: Article
    features: Features


def dedup_file(file: str, *, out: str | None, pairs: str | None = None) -> int:
    """Write one result for each line of `file` (`-`: standard input); returns the exit code.

    With `pairs`, the score against that file of labelled pairs is written to standard error.
    """
    truth = read_truth(pairs) if pairs else None
    with ExitStack() as stack:
        try:
            lines = sys.stdin.buffer if file == "-" else stack.enter_context(open(file, "rb"))
            sink = sys.stdout.buffer if out is None else stack.enter_context(open(out, "wb"))
        except OSError as error:
            raise ConfigError([f"{error.filename}: {error.strerror}"]) from error

        async def write() -> bool:
            failed = False
            async for found in dedup_lines(lines, progress=Progress(), truth=truth):
                failed = failed or "error" in found
                sink.write(orjson.dumps(found) + b"\n")
            sink.flush()
            return failed

        return 1 if run_loop(write()) else 0


async def dedup_lines(
    lines: Iterable[bytes],
    *,
    progress: Progress | None = None,
    truth: Truth | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """Decide upon entries given as JSON lines; returns one dict for each, in their order."""
    settings, idf = DedupSettings().model_copy(update={"window": _NEVER}), Idf.warm()
    async with throwaway_store() as url, opened(url) as store:
        with Shelf() as shelf:
            stream = Stream(store, idf, settings, shelf)
            async for line, read in prepared(lines):
                founded = await stream.take(line, read)
                if progress is not None:
                    progress.count(founded)
            answers = list(stream.answers()) if truth is not None else stream.answers()
            for answer in answers:
                yield answer
            if progress is not None:
                progress.end()
            if truth is not None and isinstance(answers, list):
                for said in report(answers, truth, stream.copy_of, idf):
                    print(said, file=sys.stderr)


class Progress:
    """A progress bar on standard error."""

    def __init__(self) -> None:
        self._started = self._printed = time.monotonic()
        self._entries = self._stories = 0
        self._end = "\r" if sys.stderr.isatty() else "\n"

    def count(self, founded: bool) -> None:
        """Count a decided line; `founded` if it began a story."""
        self._entries += 1
        self._stories += founded
        if time.monotonic() - self._printed > _PROGRESS_SECONDS * (1 if self._end == "\r" else 10):
            self._printed = time.monotonic()
            self._print(self._end)

    def end(self) -> None:
        """Print the final count."""
        self._print("\n")

    def _print(self, end: str) -> None:
        pace = self._entries / max(time.monotonic() - self._started, 0.001)
        text = f"dedup: {self._entries:,} entries, {self._stories:,} stories, {pace:,.0f} a second"
        print(text, end=end, file=sys.stderr, flush=True)


class Stream:
    """The live detection, one entry at a time."""

    def __init__(self, store: Store, idf: Idf, settings: DedupSettings, shelf: Shelf) -> None:
        self._idf = idf
        self._shelf = shelf
        self._ids: list[Any] = []  # of the lines in the file
        self._offline = Offline(store, idf, settings, shelf)
        self._faults: dict[int, str] = {}
        self._numbers: dict[Any, int] = {}

    async def take(self, line: Line, read: Read | str) -> bool:
        """Decide upon the next line; returns whether it founded a story."""
        number = len(self._ids)
        self._ids.append(line.id)
        if isinstance(read, str):
            self._faults[number] = read
            return False
        article = read.article
        weighed = fingerprint_of(article, self._idf, source=line.source, read=read.features)
        # Without a source a line is one of its own: its number is no name that another has.
        record = _record(number, line.source or f"line {number + 1}", article)
        arrival = Arrival(record, weighed, 0, (), copy=ArticleCopy(article, line.source))
        outcome = await self._offline.take([arrival], [read.features])
        return outcome.entries[0].decision is Decision.PUBLISHED

    def copy_of(self, line_id: Any) -> ArticleCopy | None:
        """The text of the last line with that id."""
        if not self._numbers:
            self._numbers = {line: number for number, line in enumerate(self._ids)}
        number = self._numbers.get(line_id)
        record = self._shelf.record(id_of(number)) if number is not None else None
        if record is None or record.article is None:
            return None
        return ArticleCopy(record.article, record.source)

    def answers(self) -> Iterator[dict[str, Any]]:
        """The final result of each line."""
        for number, line in enumerate(self._ids):
            record = self._shelf.record(id_of(number))
            if record is None:
                yield dict.fromkeys(FIELDS) | {"id": line, "error": self._faults[number]}
                continue
            founder = number_of(record.story or record.id)
            first = self._ids[founder]
            story = entry_id(f"line {founder + 1}", str(first))
            repeated = None if founder == number else first
            similarity = round(record.similarity, 3)
            values = line, story, repeated, record.distance, similarity, record.rule
            yield dict(zip(FIELDS, values, strict=True))


def _record(number: int, source: str, article: Article) -> EntryRecord:
    entry = id_of(number)
    return EntryRecord(
        id=entry, source=source, guid=entry, url=article.link, title=article.title,
        arrived=_NOW, place=_NOW, order=number, decision=Decision.PENDING, rule="", article=article,
    )  # fmt: skip


async def prepared(lines: Iterable[bytes]) -> AsyncIterator[tuple[Line, Read | str]]:
    """Each line with its cleaned entry, in order; the children work some batches ahead."""
    children = os.cpu_count() or 1
    sandbox = Sandbox(children=children)
    waiting: deque[tuple[list[Line], asyncio.Task[list[Read | str]]]] = deque()
    ahead = _AHEAD * children
    try:
        for batch in _batches(map(_parsed, filter(bytes.strip, lines))):
            waiting.append((batch, asyncio.create_task(_read_batch(sandbox, batch))))
            if len(waiting) >= ahead:
                for pair in await _first(waiting):
                    yield pair
        while waiting:
            for pair in await _first(waiting):
                yield pair
    finally:
        for _, task in waiting:
            task.cancel()
        await sandbox.close()


async def _first(
    waiting: deque[tuple[list[Line], asyncio.Task[list[Read | str]]]],
) -> list[tuple[Line, Read | str]]:
    batch, task = waiting.popleft()
    return list(zip(batch, await task, strict=True))


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while batch := list(islice(lines, _BATCH)):
        yield batch


def _parsed(raw: bytes) -> Line:
    try:
        stated = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return Line(None, None, None, f"no JSON: {error}")
    if not isinstance(stated, dict) or "id" not in stated:
        return Line(None, None, None, "no object with an id")
    entry = FeedEntry(
        guid=str(stated["id"]),
        position=0,
        title=_text(stated.get("title")),
        link=_text(stated.get("url")) or None,
        content=_text(stated.get("content")) or "",
        language=_text(stated.get("lang")),
    )
    return Line(stated["id"], _text(stated.get("source")), entry)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


async def _read_batch(sandbox: Sandbox, batch: Sequence[Line]) -> list[Read | str]:
    """The result of `read_entries`; an entry that exceeds a limit gets its fault instead."""
    entries = [line.entry for line in batch if line.entry is not None]
    try:
        read: list[Read | str] = list(await sandbox.run(read_entries, entries))
    except (ResourceLimit, DocumentError):
        read = [await _read_alone(sandbox, entry) for entry in entries]
    found = iter(read)
    return [line.fault or next(found) for line in batch]


async def _read_alone(sandbox: Sandbox, entry: FeedEntry) -> Read | str:
    try:
        return (await sandbox.run(read_entries, [entry]))[0]
    except (ResourceLimit, DocumentError) as error:
        return str(error)


def read_entries(entries: Sequence[FeedEntry]) -> list[Read]:
    """Clean each entry by itself, and compute its features. Runs in a child process."""
    read = []
    for entry in entries:
        article = clean_entry(entry).article
        read.append(Read(article, features(article.title, article.text)))
    return read
