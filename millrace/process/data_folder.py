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

_LOCK = "run.lock"
LAST_GOOD = "feeds.last-good.json"


@contextmanager
def locked(data: Path, *, redis: str | None = None) -> Iterator[None]:
    """Hold the data folder; raises MillraceError when another run has it.

    `redis` is the store of this run where it is not the folder's own, for who looks for it here.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        file = os.open(data / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise MillraceError(
            f"{data}: cannot be written ({error.strerror}); choose another with --data"
        ) from error
    try:
        _lock(file, data)
        os.truncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n{redis or ''}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def _lock(file: int, data: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(file, 20, 0).decode("ascii", "replace").partition("\n")[0] or "?"
        raise MillraceError(
            f"{data}: process {owner} runs here already; end it, or choose another with --data"
        ) from None


def store_of_run(data: Path) -> str | None:
    """The store that the run on this folder was given; None if there is no run, or its own."""
    try:
        owner, redis, *_ = (data / _LOCK).read_text(encoding="utf-8").split("\n")
        os.kill(int(owner), 0)  # what a run that ended left behind counts no more
    except (OSError, ValueError):
        return None
    return redis or None
