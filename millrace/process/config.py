"""feeds.yaml on disk: finds it and what it includes, and reads both into settings.

A `Snapshot` is all that was read, so that the last good one can be kept beside the store and a
process that starts while the file is broken has something to start with.
"""

from __future__ import annotations

import glob
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from core.config.file import include_patterns, load_settings
from core.config.settings import Settings
from core.config.yaml_text import read_yaml
from core.errors import ConfigError


@dataclass(frozen=True)
class Snapshot:
    """The bytes of feeds.yaml and of the files that its include patterns found."""

    path: str  # as the user wrote it: faults begin with it
    data: bytes
    included: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)

    def settings(self) -> Settings:
        """What the files say; raises ConfigError."""
        return load_settings(
            self.data,
            path=self.path,
            env=os.environ,
            read=lambda pattern: self.included.get(pattern, []),
        )


def read_config(path: str) -> Settings:
    """The settings in feeds.yaml; raises ConfigError."""
    return read_snapshot(path).settings()


def read_snapshot(path: str) -> Snapshot:
    """All files of a configuration; raises ConfigError when they cannot be read."""
    data = _read(path)
    included = {pattern: _matches(path, pattern) for pattern in _patterns(data)}
    return Snapshot(path, data, included)


def save_snapshot(snapshot: Snapshot, target: Path) -> None:
    """Keep a snapshot; only its owner can read it."""
    document = {
        "path": snapshot.path,
        "data": snapshot.data.decode("latin-1"),  # bytes one to one
        "included": {
            pattern: [[path, data.decode("latin-1")] for path, data in found]
            for pattern, found in snapshot.included.items()
        },
    }
    fresh = target.with_suffix(".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(document, file)
    fresh.replace(target)


def saved_snapshot(source: Path) -> Snapshot:
    """A snapshot that was kept; raises OSError or ValueError."""
    document = json.loads(source.read_text())
    return Snapshot(
        document["path"],
        document["data"].encode("latin-1"),
        {
            pattern: [(path, data.encode("latin-1")) for path, data in found]
            for pattern, found in document["included"].items()
        },
    )


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            [f"{path}:1: there is no such file; create it, or say --config"]
        ) from None
    except OSError as error:
        raise ConfigError([f"{path}:1: cannot be read: {error.strerror}"]) from error


def _patterns(data: bytes) -> list[str]:
    if b"include" not in data:
        return []  # the common case is not read twice
    return include_patterns(read_yaml(data.decode("utf-8", "replace"), os.environ).value)


def _matches(path: str, pattern: str) -> list[tuple[str, bytes]]:
    """Files by name; as a ConfigMap shows them, hidden ones left out."""
    folder = os.path.dirname(path)
    found = sorted(glob.glob(os.path.join(glob.escape(folder), pattern)))
    return [(each, _read(each)) for each in found if os.path.isfile(each)]
