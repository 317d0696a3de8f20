"""The body of `millrace dedup`: lines of entries in, what each repeats out, in the same order.

The entries go through cleaning and the live duplicate detection, over a private store that is
thrown away. Time is file order. What grows with the file is in the store and in a scratch file:
about a hundred bytes a line each.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from array import array
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Any, NamedTuple

import orjson

from core.body.clean import clean_entry
from core.config.settings import DedupSettings
from core.dedup.decide import decide
from core.dedup.fingerprint import Features, features, fingerprint, taught
from core.dedup.idf import Idf
from core.dedup.merge import Claim
from core.errors import ConfigError, DocumentError, ResourceLimit
from core.ids import entry_id
from core.models import FeedEntry
from core.urls import canonical_url
from millrace.process.data_folder import throwaway_store
from millrace.process.lifetime import run_loop
from store.connection import Store, opened
from store.index import claim_then_lookup
from workers.sandbox.pool import Sandbox

FIELDS = ("id", "story", "repost_of", "distance", "similarity", "rule")
_BATCH = 20  # lines a trip to the child
_AHEAD = 3  # batches waiting or at work for each child
_FOR_EVER = 10 * 365 * 86400.0  # seconds: `published` and the clock expire nothing here
_PROGRESS_SECONDS = 1.0


class Line(NamedTuple):
    """One line of the file."""

    id: Any
    source: str | None
    entry: FeedEntry | None
    fault: str | None = None


class Read(NamedTuple):
    """What the child makes of an entry."""

    urls: list[str]
    features: Features


def dedup_file(file: str, *, out: str | None) -> int:
    """Answer each line of `file` (`-`: standard input) with one; the exit code."""
    with ExitStack() as stack:
        try:
            lines = sys.stdin.buffer if file == "-" else stack.enter_context(open(file, "rb"))
            sink = sys.stdout.buffer if out is None else stack.enter_context(open(out, "wb"))
        except OSError as error:
            raise ConfigError([f"{error.filename}: {error.strerror}"]) from error

        async def write() -> bool:
            failed = False
            async for found in with_progress(dedup_lines(lines)):
                failed = failed or "error" in found
                sink.write(orjson.dumps(found) + b"\n")
            sink.flush()
            return failed

        return 1 if run_loop(write()) else 0


async def dedup_lines(
    lines: Iterable[bytes], *, idf: Idf | None = None, settings: DedupSettings | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Decide upon entries given as JSON lines; one dict each, in their order."""
    settings = (settings or DedupSettings()).model_copy(update={"window": _FOR_EVER})
    async with throwaway_store() as url, opened(url) as store:
        with Told() as told:
            stream = Stream(store, idf or Idf.warm(), settings, told)
            async for line, read in prepared(lines):
                yield await stream.take(line, read)


async def with_progress(found: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """`found`, told about on standard error while it goes by."""
    started = said = time.monotonic()
    entries = stories = 0
    end = "\r" if sys.stderr.isatty() else "\n"
    async for each in found:
        entries += 1
        stories += each.get("repost_of") is None
        if time.monotonic() - said > _PROGRESS_SECONDS * (1 if end == "\r" else 10):
            said = time.monotonic()
            _say(entries, stories, said - started, end)
        yield each
    _say(entries, stories, time.monotonic() - started, "\n")


def _say(entries: int, stories: int, seconds: float, end: str) -> None:
    pace = entries / max(seconds, 0.001)
    text = f"dedup: {entries:,} entries, {stories:,} stories, {pace:,.0f} a second"
    print(text, end=end, file=sys.stderr, flush=True)


class Told:
    """The ids that the file gives its lines, on disk: a repost must name its story's first."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the block
        self._ends = array("Q")

    def __enter__(self) -> Told:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, line_id: Any) -> int:
        """Remember the id of the next line; returns the line's number."""
        self._file.seek(0, 2)
        self._file.write(orjson.dumps(line_id))
        self._ends.append(self._file.tell())
        return len(self._ends) - 1

    def id_of(self, number: int) -> Any:
        """The id of line `number`."""
        start = self._ends[number - 1] if number else 0
        self._file.seek(start)
        return orjson.loads(self._file.read(self._ends[number] - start))


class Stream:
    """The live detection, one entry at a time; what one founds is filed on the next one's trip."""

    def __init__(self, store: Store, idf: Idf, settings: DedupSettings, told: Told) -> None:
        self._store = store
        self._idf = idf
        self._settings = settings
        self._told = told
        self._unfiled: list[Claim] = []

    async def take(self, line: Line, read: Read | str) -> dict[str, Any]:
        """Decide upon one line, in its turn."""
        number = self._told.add(line.id)
        if isinstance(read, str):
            return dict.fromkeys(FIELDS) | {"id": line.id, "error": read}
        entry = _key(number)
        weighed = fingerprint(read.features, self._idf, urls=read.urls, source=line.source)
        found = await claim_then_lookup(self._store, self._unfiled, weighed, self._settings)
        self._unfiled = []
        verdict = decide(weighed, found, self._settings)
        if verdict.story is None:
            weighed_too = frozenset(candidate.entry for candidate in found)
            self._unfiled.append(Claim(entry, entry, weighed, weighed_too))
            self._idf.learn(taught(read.features), alone=True)
            return self._answer(line.id, number, None, None, 1.0, verdict.rule)
        founder = int(verdict.story.rpartition(":")[2], 16)
        first = self._told.id_of(founder)
        similarity = verdict.similarity
        return self._answer(line.id, founder, first, verdict.distance, similarity, verdict.rule)

    def _answer(self, line_id: Any, founder: int, first: Any, *rest: Any) -> dict[str, Any]:
        story = entry_id(f"line {founder + 1}", str(self._told.id_of(founder)))
        return dict(zip(FIELDS, (line_id, story, first, *rest), strict=True))


def _key(number: int) -> str:
    """A line's number in the form of an entry id, for the index."""
    return f"urn:millrace:{number:032x}"


async def prepared(lines: Iterable[bytes]) -> AsyncIterator[tuple[Line, Read | str]]:
    """Each line with what the children made of it, in order; they work some batches ahead."""
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
    """What `read_entries` gives, or for an entry that runs into a limit, its fault."""
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
    """Runs in the child: clean each entry by itself, and take its features."""
    read = []
    for entry in entries:
        article = clean_entry(entry).article
        urls = [canonical_url(url) for url in (article.original_url, article.link) if url]
        read.append(Read(urls, features(article.title, article.text)))
    return read
