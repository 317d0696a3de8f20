"""A worker whose loop turns lives, whatever its store does; one whose loop hangs does not."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from millrace import healthcheck
from millrace.healthcheck import BREATHLESS_SECONDS, keep_heartbeat, worker_is_alive


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def let_hang(folder: Path) -> Path:
    """Leave the file as a loop that hangs does; returns it."""
    (file,) = folder.glob("millrace-*/worker-*")
    long_ago = file.stat().st_mtime - BREATHLESS_SECONDS - 1
    os.utime(file, (long_ago, long_ago))
    return file


async def test_a_worker_lives_as_long_as_its_loop_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["healthcheck", "worker-process"])
    before = healthcheck.main()
    breathing = asyncio.create_task(keep_heartbeat())
    await asyncio.sleep(0)
    living = healthcheck.main()
    file = let_hang(tmp_path)
    hanging = healthcheck.main()
    breathing.cancel()
    await asyncio.gather(breathing, return_exceptions=True)

    assert (before, living, hanging) == (1, 0, 1)
    assert not file.exists()


async def test_a_folder_that_cannot_be_written_does_not_end_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing" / "folder"))

    await keep_heartbeat()

    assert not worker_is_alive()
