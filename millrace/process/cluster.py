"""One feeds.yaml for all processes of a store, whichever host they run on.

The file that was changed last is the current revision, and all processes follow it. A process
publishes its file when it changes, and at the start when the store has never seen it. One that
starts with an older file follows the current revision, so a host that was away, or is late in a
rollout, undoes nothing. One that cannot follow a revision reports why, and takes no work.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from core.config.settings import VERSION, Settings
from core.errors import ConfigError, StoreError
from core.urls import without_credentials
from millrace.process.config import LiveSettings, Snapshot, follow
from store.connection import Store, end_tasks, opened
from store.migration import ensure_layout
from store.monitoring import beat, remove_worker
from store.revision import (
    InForce,
    ProcessBeat,
    Processes,
    Revision,
    current_revision,
    load_processes,
    publish_revision,
    revision_text,
    shares_a_source,
)

LOOK_SECONDS = 1.0
BEAT_SECONDS = 3.0
# Seconds to wait for the store's revision when the file is broken: as long as a failover takes.
KNOWN_SECONDS = 10.0
# Seconds for which all processes must have the same file, other than the current one, before it
# replaces that: a host that is away for an update is back by then.
AGREED_SECONDS = 60.0

log = structlog.get_logger()


@asynccontextmanager
async def followed(
    config: str, redis: str, *, role: str, stop: asyncio.Event
) -> AsyncIterator[LiveSettings]:
    """The settings of one process, kept at the current revision.

    If the file is broken at the start, the revision in the store is used. Raises ConfigError if
    there is none. If the store belongs to another Millrace, `stop` is set and ConfigError is raised
    at the end of the block.
    """
    async with opened(redis) as store:
        live = await _first(config, store)
        live.in_force = InForce()
        member = Member(live, store, role=role)
        watching = asyncio.create_task(follow(live))
        following = asyncio.create_task(member.follow())
        following.add_done_callback(lambda _: stop.set())
        try:
            yield live
        finally:
            refused = (
                following.exception() if following.done() and not following.cancelled() else None
            )
            await end_tasks([watching, following])
            with suppress(StoreError):  # its sign of life expires by itself
                await remove_worker(store, ProcessBeat, member.id)
        if refused is not None:
            raise refused


async def _first(config: str, store: Store) -> LiveSettings:
    try:
        return LiveSettings(config)
    except ConfigError:
        with suppress(TimeoutError, ValueError):
            async with asyncio.timeout(KNOWN_SECONDS):
                if (text := await _known(store)) is not None:
                    return LiveSettings(config, kept=Snapshot.unpacked(text, config))
        raise


async def _known(store: Store) -> bytes | None:
    """The configuration in the store; retried until the store answers."""
    while True:
        try:
            return await revision_text(store)
        except StoreError:
            await asyncio.sleep(LOOK_SECONDS)


async def refuse_another_file(store: Store, snapshot: Snapshot) -> None:
    """Raise ConfigError if running processes follow another feeds.yaml on `store`.

    For commands that work by their own file, which would unschedule the sources it lacks.
    """
    processes = await load_processes(store)
    current = processes.current
    if current is not None and processes.beats and current.hash != snapshot.hash:
        raise ConfigError(
            [
                f"{snapshot.path}: the processes on this store follow another feeds.yaml, from "
                f"{current.host}: use that one, or another store (--redis, --data)"
            ]
        )


class Member:
    """One of the processes that share a store."""

    def __init__(self, live: LiveSettings, store: Store, *, role: str) -> None:
        self._live = live
        self._store = store
        self._role = role
        self._host = socket.gethostname()
        self.id = f"{self._host}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._file: str | None = None  # hash of the file when it was last looked at
        self._joined = False
        self._since: float | None = None  # since when the file is not the current revision
        self._fault: str | None = None
        self._unusable: str | None = None  # hash of the revision that the fault is about
        self._beat_at = 0.0  # by the monotonic clock
        self._stranger: dict[str, float] = {}  # processes of another Millrace -> their last beat

    async def follow(self) -> None:
        """Keep the settings at the current revision, and report, until cancelled.

        Raises ConfigError when the store is another Millrace's.
        """
        while True:
            try:
                await ensure_layout(self._store)
                await self._step()
            except StoreError as error:  # the loops that need the store report it
                log.debug("config.not_compared", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def _step(self) -> None:
        snapshot = self._live.snapshot if self._live.good else None
        file = snapshot.hash if snapshot else None
        current = await current_revision(self._store)
        if snapshot is not None and file != (current and current.hash):
            if await self._publishes(snapshot, current):
                current = await current_revision(self._store)
        elif current is None:  # the file is broken, and the store was wiped
            last = self._live.snapshot
            await publish_revision(
                self._store, last.hash, last.packed(), host=self._host, again=True
            )
            current = await current_revision(self._store)
        self._file = file
        if current is None or self._stranger:
            return
        await self._adopt(current)
        self._joined = True
        await self._beat(current, file)

    async def _publishes(self, snapshot: Snapshot, current: Revision | None) -> bool:
        """Publish the file of this host as the current revision, if it is new."""
        again = self._joined and snapshot.hash != self._file
        if current is not None and not again:
            processes = await load_processes(self._store)
            if await self._is_another(processes, current):
                return False
            again = self._is_agreed(snapshot, processes, current)
            if self._joined and not again:
                return False
        published = await publish_revision(
            self._store, snapshot.hash, snapshot.packed(), host=self._host, again=again
        )
        if published and current is not None:
            log.info("config.published", path=self._live.path, revision=snapshot.hash)
        return published

    def _is_agreed(self, snapshot: Snapshot, processes: Processes, current: Revision) -> bool:
        """Whether all processes have another file than the current revision, for long enough.

        Then an older file may become current again. At the start that is also so on the host of the
        current revision: its file was reverted while no process ran.
        """
        others = {beat.file for beat in processes.beats if beat.id != self.id and beat.file}
        if current.hash in others:
            return False
        if not self._joined:
            return current.host == self._host and others <= {snapshot.hash}
        lasting = self._since is not None and processes.now - self._since > AGREED_SECONDS
        return lasting and others <= {snapshot.hash}

    async def _is_another(self, processes: Processes, current: Revision) -> bool:
        """Whether the store seems to belong to another Millrace, with quite other sources.

        Checked at the start only. Raises ConfigError once a second heartbeat proves that a process
        of the other one is running.
        """
        having = {b.id: b.last for b in processes.beats if b.file == current.hash}
        if self._joined or not having or await self._is_alike(processes):
            self._stranger = {}
            return False
        if any(having.get(each, last) > last for each, last in self._stranger.items()):
            raise ConfigError(
                [
                    f"{without_credentials(self._store.url)}: this store serves another Millrace, "
                    "with other sources or another name (cluster), whose feeds.yaml came from "
                    f"{current.host}: give this one a database of its own (another number at the "
                    "end of REDIS_URL), or end the other first"
                ]
            )
        self._stranger = self._stranger or having
        return True

    async def _is_alike(self, processes: Processes) -> bool:
        """Whether the clusters have one name; where one has none, whether they share a source."""
        ours, theirs = self._live.own.cluster, {b.cluster for b in processes.beats if b.cluster}
        if ours and theirs:
            return ours in theirs
        names = [source.name for source in self._live.own.sources if source.enabled]
        return await shares_a_source(self._store, names)

    async def _adopt(self, current: Revision) -> None:
        """Apply the current revision."""
        in_force = self._live.in_force
        if current.hash == in_force.hash:
            self._fault = None
            in_force.ready.set()
            return
        if current.hash == self._unusable:  # variables do not change while a process lives
            return
        before, settings = in_force.hash, await self._settings_of(current)
        if settings is None:
            self._unusable = current.hash
            in_force.ready.clear()  # work under other settings would undo that of others
            return
        self._live.use(settings)
        in_force.hash = current.hash
        in_force.ready.set()
        if self._live.good and current.hash != self._live.snapshot.hash:
            log.warning(
                "config.followed",
                path=self._live.path,
                reason="the file here is not the one in force",
                came_from=current.host,
                sources=len(settings.sources),
            )
        elif before is not None:
            log.debug("config.in_force", revision=current.hash)

    async def _settings_of(self, current: Revision) -> Settings | None:
        if self._live.good and current.hash == self._live.snapshot.hash:
            self._fault = None
            return self._live.own
        text = await revision_text(self._store, current.hash)
        if text is None:
            raise StoreError("another feeds.yaml came into force meanwhile")  # the next look has it
        try:
            snapshot = Snapshot.unpacked(text, self._live.path)
            settings = await asyncio.to_thread(snapshot.settings)
        except (ConfigError, ValueError) as error:
            reason = f"it cannot use the feeds.yaml in force, from {current.host}: {error}"
            log.error("config.not_followed", reason=reason)
            self._fault = reason
            return None
        self._fault = None
        return settings

    async def _beat(self, current: Revision, file: str | None) -> None:
        now = time.monotonic()
        differs = file is not None and file != current.hash
        if differs == (self._since is not None) and now - self._beat_at < BEAT_SECONDS:
            return
        last = await self._store.now()
        self._since = (self._since or last) if differs else None
        self._beat_at = now
        fault = self._fault or next(iter(self._live.faults), None)
        kept = self._live.own.retention
        await beat(
            self._store,
            ProcessBeat(
                id=self.id,
                host=self._host,
                role=self._role,
                version=VERSION,
                last=last,
                file=file,
                since=self._since,
                fault=fault,
                entries=kept.entries,
                days=kept.days,
                cluster=self._live.own.cluster,
            ),
        )
