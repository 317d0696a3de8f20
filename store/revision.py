"""The feeds.yaml that all processes follow, and the heartbeat of each process.

The store holds one current revision: the text with `${…}` unexpanded, its hash, its host and time,
and the hashes of earlier ones. The heartbeat of a process has the hash of the file on its host, so
that /health can name the hosts that differ.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from core.errors import Phrase
from core.models import Frozen
from store import keys
from store.connection import Store, store_errors
from store.layout import pack_bytes, unpack_bytes
from store.monitoring import Heartbeat, load_beats

SHOWN_AFTER = 4.0  # seconds; after an edit, processes differ until each has read its file


class Revision(Frozen):
    """The current revision, without its text."""

    hash: str
    host: str  # on which it was published
    at: float  # Unix seconds of the store's clock


class ProcessBeat(Heartbeat):
    """The heartbeat of one process that follows a feeds.yaml."""

    kind = "process"
    index = keys.PROCESSES

    role: str  # "service" or "worker"
    file: str | None = None  # hash of the last valid feeds.yaml on its host
    since: float | None = None  # since when that differs from the current revision
    fault: str | None = None  # why it cannot follow the current revision, or read its file
    entries: int = 1  # `retention` in that file: the minimum for others while files differ
    days: int = 1
    cluster: str | None = None  # its name in that file


@dataclass
class InForce:
    """Whether the settings of this process are the current revision of a store."""

    hash: str | None = None  # of the settings; None: they do not come from a store
    ready: asyncio.Event = field(default_factory=asyncio.Event)  # set while work may follow them

    @classmethod
    def alone(cls) -> InForce:
        """For a process that follows its own settings."""
        alone = cls()
        alone.ready.set()
        return alone

    async def agrees(self, store: Store) -> bool:
        """Whether the settings are the present revision in the store."""
        if self.hash is None:
            return True
        current = await current_revision(store)
        return current is not None and current.hash == self.hash


class Processes(NamedTuple):
    """All running processes, and the revision that they should follow."""

    current: Revision | None
    beats: list[ProcessBeat]
    now: float

    @property
    def differ(self) -> bool:
        """Whether a file on some host is not the current revision."""
        return self.current is not None and any(
            beat.file not in (None, self.current.hash) for beat in self.beats
        )

    def faults(self) -> list[Phrase]:
        """One line for each host that differs or cannot follow, with what helps."""
        found: dict[str, Phrase] = {}
        for beat in self.beats:
            fault = self._fault(beat)
            if fault is not None:
                found[str(fault)] = fault
        return [found[line] for line in sorted(found)]

    def _fault(self, beat: ProcessBeat) -> Phrase | None:
        who = {"host": beat.host, "role": beat.role, "version": beat.version}
        if beat.fault:
            return Phrase(
                "{host} ({role}, version {version}): {fault}", {**who, "fault": beat.fault}
            )
        if not self.current or not beat.since or self.now - beat.since <= SHOWN_AFTER:
            return None
        came = datetime.fromtimestamp(self.current.at, UTC)
        return Phrase(
            "{host} ({role}, version {version}) has another feeds.yaml than the one in force, "
            "which came from {source} at {moment} UTC: copy that one there, or change the file "
            "there, and all follow it",
            {**who, "source": self.current.host, "moment": f"{came:%Y-%m-%d %H:%M}"},
        )


async def current_revision(store: Store) -> Revision | None:
    """The current revision; None when the store holds none."""
    with store_errors():
        found = await store.redis.hmget(keys.CONFIG, ["hash", "host", "at"])
    if found[0] is None:
        return None
    name, host, at = (each.decode() for each in found)
    return Revision(hash=name, host=host, at=float(at) / 1000)


async def revision_text(store: Store, name: str | None = None) -> bytes | None:
    """The text of the current revision; None without one, or if its hash is not `name`."""
    with store_errors():
        found, text = await store.redis.hmget(keys.CONFIG, ["hash", "text"])
    if text is None or name not in (None, found.decode()):
        return None
    return unpack_bytes(text)


async def publish_revision(store: Store, name: str, text: bytes, *, host: str, again: bool) -> bool:
    """Make `text` with the hash `name` the current revision; returns whether it is current now.

    `again` permits it also for a former revision.
    """
    arguments = [name, pack_bytes(text), host, int(again), keys.CONFIGS_KEPT]
    script = store.script("publish_config")
    return bool(await store.call(script, [keys.CONFIG, keys.CONFIG_HISTORY], arguments))


async def shares_a_source(store: Store, names: Collection[str]) -> bool:
    """Whether one of `names`, or nothing at all, is scheduled.

    If not, the store belongs to another Millrace.
    """
    with store_errors():
        if not names or not await store.redis.zcard(keys.SCHEDULE):
            return True
        scores = await store.redis.zmscore(keys.SCHEDULE, list(names)[:_COMPARED])
    return any(score is not None for score in scores)


_COMPARED = 5000  # names, of a long list only the first ones


async def load_processes(store: Store) -> Processes:
    """The processes with a heartbeat in the last `keys.HEARTBEAT_SECONDS`."""
    current, now = await current_revision(store), await store.now()
    return Processes(current, await load_beats(store, ProcessBeat), now)
