"""feeds.yaml edited in a row while all runs: each good edit counts within 5 s, none does harm.

Good and bad edits in turn, by writing in place, by rename and by swapping a symlink; sources are
polled all the while. At the end the stories must be those of the origin, each once.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import Row
from tests.stage import IDS, Stage, staged

GOAL_SECONDS = 5.0
_LOOK_SECONDS = 0.02

_ADDRESS = re.compile(r"subscribe=(\S+)/feed\.xml")  # in the log event of a start


def run(smoke: bool) -> Iterator[Row]:
    """Rows about the edits and about the stories afterwards."""
    edits = 4 if smoke else 200
    with tempfile.TemporaryDirectory() as folder, staged() as stage:
        place = Path(folder)
        _swap(place, stage.config(), version=0)
        with _running(place) as address:
            _until(lambda: len(_stories(address)) == len(IDS), 60)
            ids = set(_stories(address))
            waits = [_edit(place, stage, address, number) for number in range(1, edits + 1)]
            _until(lambda: set(_stories(address)) == ids, 30)
            held = _stories(address)
    good = waits[0::2]
    yield Row("reload", "good edits", len(good), "", "", "by write, rename and symlink in turn")
    yield Row("reload", "longest until in force", max(good), f"< {GOAL_SECONDS:g}", "s")
    yield Row("reload", "longest until a bad edit is named", max(waits[1::2]), "", "s")
    yield Row("reload", "stories lost", len(ids - set(held)), "0")
    yield Row("reload", "stories doubled", len(held) - len(set(held)), "0")


def _edit(place: Path, stage: Stage, address: str, number: int) -> float:
    """One edit; seconds until the service shows it."""
    title = f"edit {number}"
    text = stage.config().replace("Millrace demo", title)
    good = number % 2 == 1
    _SAVES[number % len(_SAVES)](place, text if good else text + f"wrong{number}: 1\n", number)
    started = time.monotonic()
    if good:
        _until(lambda: _get(address, "/feed.json").get("title") == title, 30)
    else:
        _until(lambda: f"wrong{number}" in str(_get(address, "/health").get("config")), 30)
    return time.monotonic() - started


def _write(place: Path, text: str, version: int) -> None:
    """In place and in two pieces."""
    with (place / "feeds.yaml").open("w") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        file.write(text[len(text) // 2 :])


def _rename(place: Path, text: str, version: int) -> None:
    """As editors do: a new file takes the name."""
    fresh = place / "..data" / "fresh"
    fresh.write_text(text)
    fresh.replace(fresh.with_name("feeds.yaml"))


def _swap(place: Path, text: str, version: int) -> None:
    """As Kubernetes does: feeds.yaml -> ..data/feeds.yaml, ..data -> the newest folder."""
    folder = place / f"..{version}"
    folder.mkdir()
    (folder / "feeds.yaml").write_text(text)
    (place / "..new").symlink_to(folder.name)
    os.replace(place / "..new", place / "..data")
    if not (place / "feeds.yaml").exists():
        (place / "feeds.yaml").symlink_to("..data/feeds.yaml")


_SAVES: tuple[Callable[[Path, str, int], None], ...] = (_write, _rename, _swap)


@contextmanager
def _running(place: Path) -> Iterator[str]:
    output = place / "output"
    with output.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "millrace", "run", "--port", "0"],
            cwd=place,
            stdout=subprocess.DEVNULL,
            stderr=out,
        )
    try:
        _until(lambda: _ADDRESS.search(output.read_text()) is not None, 60)
        found = _ADDRESS.search(output.read_text())
        assert found is not None
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _get(address: str, path: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(address + path, timeout=10) as answer:  # noqa: S310 - our own
            found: dict[str, Any] = json.load(answer)
            return found
    except OSError:
        return {}


def _stories(address: str) -> list[str]:
    return [item["id"] for item in _get(address, "/feed.json").get("items", [])]


def _until(met: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(_LOOK_SECONDS)
