"""Reads feeds.yaml with its included files, and applies changes soon after the file is saved.

A `Snapshot` holds all files that were read, and can be kept in the store for all processes (see
millrace/process/cluster.py). A valid edit takes effect within seconds, an invalid one never.

Editors replace files, Kubernetes swaps a symlink, tools write in pieces, and network folders send
no notifications. So the file is read every second, a notification only makes it sooner, and a
change counts when two reads agree.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import glob
import hashlib
import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import structlog
from watchfiles import awatch

from core.config.file import include_patterns, load_settings
from core.config.settings import Settings
from core.config.yaml_text import read_yaml
from core.errors import ConfigError
from millrace.process.lifetime import LIFELINE
from store.revision import InForce

log = structlog.get_logger()

LOOK_SECONDS = 1.0
SETTLE_SECONDS = 0.5  # between the two reads that must agree


@dataclass(frozen=True)
class Snapshot:
    """The bytes of feeds.yaml and of the files that its include patterns match."""

    path: str  # as the user wrote it, for error messages
    data: bytes
    included: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)

    def settings(self) -> Settings:
        """The settings in the files. Raises ConfigError."""
        collecting = gc.isenabled()
        gc.disable()  # halves the time: no garbage arises here, but each search visits all objects
        try:
            return load_settings(
                self.data,
                path=self.path,
                env=os.environ,
                read=lambda pattern: self.included.get(pattern, []),
            )
        finally:
            if collecting:
                gc.enable()

    def packed(self) -> bytes:
        """The content without its path, which differs between hosts."""
        folder = os.path.dirname(self.path)
        document = {
            "data": self.data.decode("latin-1"),  # keeps all bytes
            "included": {
                pattern: [
                    [os.path.relpath(path, folder or "."), data.decode("latin-1")]
                    for path, data in found
                ]
                for pattern, found in self.included.items()
            },
        }
        return json.dumps(document).encode()

    @classmethod
    def unpacked(cls, packed: bytes, path: str) -> Snapshot:
        """The snapshot that `packed` wrote, as if it were at `path`. Raises ValueError."""
        document, folder = json.loads(packed), os.path.dirname(path)
        included = {
            pattern: [(os.path.join(folder, name), data.encode("latin-1")) for name, data in found]
            for pattern, found in document["included"].items()
        }
        return cls(path, document["data"].encode("latin-1"), included)

    @cached_property
    def hash(self) -> str:
        """A digest by which processes compare their snapshots."""
        return hashlib.blake2b(self.packed(), digest_size=8).hexdigest()


def read_config(path: str) -> Settings:
    """The settings in feeds.yaml. Raises ConfigError."""
    return read_snapshot(path).settings()


def read_snapshot(path: str) -> Snapshot:
    """All files of a configuration. Raises ConfigError when they cannot be read."""
    data = _read(path)
    included = {pattern: _matches(path, pattern) for pattern in _patterns(data)}
    return Snapshot(path, data, included)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            [f"{path}:1: there is no such file; create it, or choose another with --config"]
        ) from None
    except OSError as error:
        what = f"cannot be read: {error.strerror}; correct that, or choose another with --config"
        raise ConfigError([f"{path}:1: {what}"]) from error


def _patterns(data: bytes) -> list[str]:
    if b"include" not in data:
        return []  # the common case: do not parse it twice
    return include_patterns(read_yaml(data.decode("utf-8", "replace"), os.environ).value)


def _matches(path: str, pattern: str) -> list[tuple[str, bytes]]:
    """The matching files by name, without hidden ones: a ConfigMap has hidden copies."""
    folder = os.path.dirname(path)
    found = sorted(glob.glob(os.path.join(glob.escape(folder), pattern)))
    return [(each, _read(each)) for each in found if os.path.isfile(each)]


class LiveSettings:
    """The settings in force, and the faults of the present file.

    `kept` is used when the file is broken at the start; without it ConfigError is raised then.
    """

    def __init__(self, path: str, *, kept: Snapshot | None = None) -> None:
        self.path = path
        self._quiet = LIFELINE in os.environ  # the supervisor reads the file too, and logs for all
        self.faults: list[str] = []
        self.refused: Snapshot | None = None
        self.in_force = InForce.alone()
        self.good = True  # whether a valid file was read since the start
        try:
            self.snapshot = read_snapshot(path)
            self._settings = self.own = self.snapshot.settings()
        except ConfigError as error:
            if kept is None:
                raise
            self.good = False
            self.snapshot, self._settings = kept, kept.settings()
            self.own = self._settings
            self._refuse(error.faults)

    def __call__(self) -> Settings:
        return self._settings

    def use(self, settings: Settings) -> None:
        """Apply settings that are not those of the file."""
        self._settings = settings

    def read(self) -> Snapshot | ConfigError:
        """The present content of the files, or the error of reading them."""
        try:
            return read_snapshot(self.path)
        except ConfigError as error:
            return error

    def apply(self, found: Snapshot | ConfigError) -> None:
        """Apply a snapshot if it is valid."""
        if isinstance(found, ConfigError):
            self._refuse(found.faults)
            return
        if found == self.snapshot:
            self.good = True
            self._accept()
            return
        if found == self.refused:
            return  # the same invalid file: do not parse it every second
        try:
            settings = found.settings()
        except ConfigError as error:
            self.refused = found
            self._refuse(error.faults)
            return
        self.snapshot, self.good = found, True
        self._settings = self.own = settings
        self._accept()
        self._log("info", "config.loaded", path=self.path, sources=len(settings.sources))

    def _log(self, level: str, event: str, **fields: object) -> None:
        getattr(log, "debug" if self._quiet else level)(event, **fields)

    def _refuse(self, faults: list[str]) -> None:
        if faults != self.faults:
            for fault in faults:
                self._log("error", "config.refused", fault=fault, kept="the last good settings")
        self.faults = faults

    def _accept(self) -> None:
        if self.faults:
            self._log("info", "config.fixed", path=self.path)
        self.faults = []
        self.refused = None


async def follow(live: LiveSettings) -> None:
    """Apply changes of the file to `live`, until cancelled."""
    nudge = asyncio.Event()
    watcher = asyncio.create_task(_nudge_on_change(live.path, nudge))
    try:
        while True:
            # Before Python 3.12 `wait_for` swallows a cancellation that comes with the result.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await nudge.wait()
            nudge.clear()
            # In a thread: reading some thousand sources takes a second.
            await asyncio.to_thread(live.apply, await _settled(live))
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)


async def _settled(live: LiveSettings) -> Snapshot | ConfigError:
    """The content on which two consecutive reads agree, so that half-written files do not count."""
    found = await asyncio.to_thread(live.read)
    while not (_same(found, live.snapshot) or found == live.refused):
        await asyncio.sleep(SETTLE_SECONDS)  # for the writer to finish
        again = await asyncio.to_thread(live.read)
        if _same(found, again):
            break
        found = again
    return found


def _same(one: Snapshot | ConfigError, other: Snapshot | ConfigError) -> bool:
    if isinstance(one, ConfigError) and isinstance(other, ConfigError):
        return one.faults == other.faults
    return one == other


async def _nudge_on_change(path: str, nudge: asyncio.Event) -> None:
    """Set `nudge` when the folder of the file changes; without it the file is read each second."""
    folder = str(Path(path).parent)
    with contextlib.suppress(OSError, RuntimeError):  # no watches left, or no such folder
        async for _ in awatch(folder, step=100, debounce=300, recursive=False):
            nudge.set()
