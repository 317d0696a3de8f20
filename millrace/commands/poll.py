"""`millrace poll`: one source now, and what came of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from core.config.messages import nearest
from core.config.settings import Settings
from core.errors import ConfigError, MillraceError
from millrace.process.config import read_config
from millrace.process.data_folder import running_store
from store.connection import Store
from store.heartbeat import load_workers
from store.schedule import poll_now
from store.sources import SourceState, load_source

_LOOK_SECONDS = 0.1
_BEYOND_TIMEOUT = 30.0  # for its turn, parsing and the commit


class Outcome(NamedTuple):
    """What came of a poll."""

    source: str
    new: int  # entries
    next_poll: datetime | None

    def lines(self) -> list[str]:
        """The same for people."""
        told = f"{self.source}: {self.new} new entr{'y' if self.new == 1 else 'ies'}"
        if self.next_poll is None:
            return [told]
        return [f"{told}; next poll {self.next_poll:%Y-%m-%d %H:%M:%S} UTC"]


def poll_source(name: str, *, config: str, data: Path, redis: str | None) -> Outcome:
    """Poll a source of a running Millrace. Raises ConfigError or MillraceError."""
    settings = read_config(config)
    _check_name(name, settings, config)
    return asyncio.run(_poll(name, settings, data, redis))


def _check_name(name: str, settings: Settings, config: str) -> None:
    names = [source.name for source in settings.sources if source.enabled]
    if name in names:
        return
    guess = nearest(name, names)
    hint = f"; did you mean {guess}?" if guess else ""
    raise ConfigError([f"{config}: has no enabled source named {name!r}{hint}"])


async def _poll(name: str, settings: Settings, data: Path, redis: str | None) -> Outcome:
    async with running_store(data=data, redis=redis) as store:
        if not await load_workers(store):
            raise MillraceError("no worker is alive: start one with `millrace work`")
        before = await load_source(store, name)
        asked = await store.now()
        if not await poll_now(store, name):
            raise MillraceError(f"{name} is not scheduled yet: its worker has not read feeds.yaml")
        try:
            async with asyncio.timeout(settings.fetch.timeout + _BEYOND_TIMEOUT):
                after = await _polled(store, name, asked)
        except TimeoutError:
            raise MillraceError(
                f"{name}: no outcome yet; `millrace poll` may be asked again"
            ) from None
    if after.last_error:
        raise MillraceError(f"{name}: {after.last_error}")
    return _outcome(name, before, after)


async def _polled(store: Store, name: str, asked: float) -> SourceState:
    """The state after the poll; the worker that polls writes it without further notice."""
    while True:
        state = await load_source(store, name)
        if state is not None and (state.last_poll or 0) >= asked:
            return state
        await asyncio.sleep(_LOOK_SECONDS)


def _outcome(name: str, before: SourceState | None, after: SourceState) -> Outcome:
    new = after.entries - (before.entries if before else 0)
    due = None if after.next_poll is None else datetime.fromtimestamp(after.next_poll, UTC)
    return Outcome(name, new, due)
