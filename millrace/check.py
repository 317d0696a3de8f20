"""`millrace check`: reads feeds.yaml as a start would, and says what it found."""

from __future__ import annotations

from millrace.config import read_config


def check_file(path: str) -> str:
    """One line about a good file; raises ConfigError with one line per fault."""
    settings = read_config(path)
    count = len(settings.sources)
    if count == 0:
        return f"{path}: no faults, but no sources yet: add one under `sources:`"
    return f"{path}: no faults, {count} source{'' if count == 1 else 's'}"
