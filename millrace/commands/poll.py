"""`millrace poll`: polls one source, those of a tag or all now, and prints the results."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from core.config.messages import nearest
from core.config.settings import Settings, Source
from core.errors import ConfigError, MillraceError
from millrace.process.config import read_config
from millrace.process.data_folder import running_store
from millrace.process.logs import progress_bar
from store.connection import Store
from store.monitoring import load_workers
from store.schedule import due_times, poll_in_order, poll_now
from store.sources import SourceState, lift_gone, load_sources

_NOT_SCHEDULED = "not scheduled yet: its worker has not read feeds.yaml"
_LOOK_SECONDS = 0.1
_BEYOND_TIMEOUT = 30.0  # for its turn, parsing and the commit


class Outcome(NamedTuple):
    """The result of one poll."""

    source: str
    new: int  # entries
    next_poll: datetime | None

    def lines(self) -> list[str]:
        """The result as lines for people."""
        line = f"{self.source}: {self.new} new entr{'y' if self.new == 1 else 'ies'}"
        if self.next_poll is None:
            return [line]
        return [f"{line}; next poll {self.next_poll:%Y-%m-%d %H:%M:%S} UTC"]


class Failure(NamedTuple):
    """A source whose poll failed, and why."""

    source: str
    error: str


class Outcomes(NamedTuple):
    """The results of several polls."""

    sources: list[Outcome]
    failed: list[Failure]

    def lines(self) -> list[str]:
        """The successful polls, as lines for people."""
        return [line for outcome in self.sources for line in outcome.lines()]

    def faults(self) -> list[str]:
        """The failed polls, as lines for people."""
        return [f"{source}: {error}" for source, error in self.failed]


def poll_source(name: str, *, config: str, data: Path, redis: str | None) -> Outcome:
    """Poll a source of a running Millrace, a gone one too. Raises ConfigError or MillraceError."""
    settings = read_config(config)
    sources = {source.name: source for source in settings.sources if source.enabled}
    if name not in sources:
        guess = nearest(name, list(sources)) or next((s for s in sources if name in s), None)
        hint = f"; did you mean {guess}?" if guess else "; /sources lists the names"
        raise ConfigError([f"{config}: has no enabled source named {name!r}{hint}"])
    done = asyncio.run(_poll([sources[name]], settings, data, redis, by_name=True))
    for fault in done.faults():
        raise MillraceError(fault)
    return done.sources[0]


def poll_sources(tag: str | None, *, config: str, data: Path, redis: str | None) -> Outcomes:
    """Poll the sources of a tag (None: all) except those that are gone."""
    settings = read_config(config)
    chosen = [s for s in settings.sources if s.enabled and (tag is None or tag in s.tags)]
    if not chosen:
        tags = sorted({each for source in settings.sources for each in source.tags})
        guess = nearest(tag or "", tags)
        hint = f"; did you mean {guess}?" if guess else ""
        what = "no enabled source" if tag is None else f"no enabled source with the tag {tag!r}"
        raise ConfigError([f"{config}: has {what}{hint}"])
    return asyncio.run(_poll(chosen, settings, data, redis))


async def _poll(
    sources: Sequence[Source],
    settings: Settings,
    data: Path,
    redis: str | None,
    *,
    by_name: bool = False,
) -> Outcomes:
    async with running_store(data=data, redis=redis) as store:
        if not await load_workers(store):
            raise MillraceError("no worker is alive: start one with `millrace work`")
        names = [source.name for source in sources]
        before = dict(zip(names, await load_sources(store, names), strict=True))
        skipped = [] if by_name else await _not_polled(store, sources, before)
        left = [name for name in names if name not in {failure.source for failure in skipped}]
        since = await store.now()
        if by_name:
            await _poll_by_name(store, names[0])
        else:
            await poll_in_order(store, left)
        patience = settings.fetch.timeout + _BEYOND_TIMEOUT
        after = await _polled(store, left, since, patience)
    outcomes = [_outcome(name, before[name], after.get(name)) for name in left]
    return Outcomes(
        sources=[each for each in outcomes if isinstance(each, Outcome)],
        failed=[*skipped, *(each for each in outcomes if isinstance(each, Failure))],
    )


async def _poll_by_name(store: Store, name: str) -> None:
    await lift_gone(store, name)
    if not await poll_now(store, name):
        raise MillraceError(f"{name}: {_NOT_SCHEDULED}")


async def _not_polled(
    store: Store, sources: Sequence[Source], before: Mapping[str, SourceState | None]
) -> list[Failure]:
    """The sources that are not polled by this command, and why."""
    due = await due_times(store, list(before))
    found = []
    for source, at in zip(sources, due, strict=True):
        state = before[source.name]
        if at is None:
            found.append(Failure(source.name, _NOT_SCHEDULED))
        elif state is not None and state.gone_from(source.url):
            hint = f"gone (410): `millrace poll {source.name}` polls it all the same"
            found.append(Failure(source.name, hint))
    return found


async def _polled(
    store: Store, names: Sequence[str], since: float, patience: float
) -> dict[str, SourceState]:
    """The states after the polls that ended; gives up when none ends for `patience` seconds."""
    done: dict[str, SourceState] = {}
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    with progress_bar() as progress:
        task = progress.add_task("polling", total=len(names))
        while len(done) < len(names) and loop.time() < deadline:
            waiting = [name for name in names if name not in done]
            states = zip(waiting, await load_sources(store, waiting), strict=True)
            ended = {n: s for n, s in states if s is not None and (s.last_poll or 0) >= since}
            if ended:
                done |= ended
                deadline = loop.time() + patience
                progress.update(task, completed=len(done))
            else:
                await asyncio.sleep(_LOOK_SECONDS)  # workers write into the store, no more
    return done


def _outcome(name: str, before: SourceState | None, after: SourceState | None) -> Outcome | Failure:
    if after is None:
        return Failure(name, "no outcome yet; run `millrace poll` again")
    if after.last_error:
        return Failure(name, after.last_error)
    new = after.entries + after.awaited - (before.entries + before.awaited if before else 0)
    due = None if after.next_poll is None else datetime.fromtimestamp(after.next_poll, UTC)
    return Outcome(name, new, due)
