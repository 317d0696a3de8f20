"""`millrace check`: reads feeds.yaml as a start would, and says what it found."""

from __future__ import annotations

import orjson

from core.errors import ConfigError
from millrace.process.config import read_config


def check_file(path: str) -> str:
    """One line about a good file; raises ConfigError with one line per fault."""
    settings = read_config(path)
    count = len(settings.sources)
    if count == 0:
        return f"{path}: no faults, but no sources yet: add one under `sources:`"
    return f"{path}: no faults, {count} source{'' if count == 1 else 's'}"


def check_as_json(path: str) -> int:
    """Print one object, `{path, sources, faults}`; the exit code."""
    try:
        count, faults = len(read_config(path).sources), []
    except ConfigError as error:
        count, faults = None, error.faults
    print(orjson.dumps({"path": path, "sources": count, "faults": faults}).decode())
    return 2 if faults else 0
