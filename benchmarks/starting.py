"""How long `millrace run` takes from the command to its first answer."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Row
from tests.test_end_to_end import free_port

_LOOK = 0.02
_PATIENCE = 60.0


def run(smoke: bool) -> Iterator[Row]:
    """With a data folder that is new, and with one that is there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "feeds.yaml").write_text("sources: []\n", encoding="utf-8")
        first = _seconds(folder)
        later = [_seconds(folder) for _ in range(1 if smoke else 5)]
    yield Row("starting", "first start to first answer", first, "≤ 2", "s")
    spread = f"{min(later):.2f} to {max(later):.2f} in {len(later)} starts"
    yield Row("starting", "start to first answer", statistics.median(later), "≤ 2", "s", spread)


def _seconds(folder: Path) -> float:
    port = free_port()
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "millrace", "run", "--port", str(port)],
        cwd=folder,
        env=os.environ | {"MILLRACE_DATA": str(folder / "data")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _answers(port):
            assert time.monotonic() - started < _PATIENCE, "no answer"
            time.sleep(_LOOK)
        return time.monotonic() - started
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    """Whether /feed.xml is there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/feed.xml", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
