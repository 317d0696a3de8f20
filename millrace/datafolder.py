"""The data folder: made when missing, used by one `run` at a time.

The lock belongs to the process and goes with it, so nothing stale can keep anybody out.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import MillraceError

LAST_GOOD = "feeds.last-good.json"


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the data folder; raises MillraceError when another run has it."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        file = os.open(data / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise MillraceError(
            f"{data}: cannot be written ({error.strerror}); choose another with --data"
        ) from error
    try:
        _lock(file, data)
        os.truncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def _lock(file: int, data: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(file, 20, 0).decode("ascii", "replace").strip() or "?"
        raise MillraceError(
            f"{data}: process {owner} runs here already; end it, or choose another with --data"
        ) from None
