"""`millrace dedup` over a whole file: its pace on one core, and whether its memory stays flat."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Row, Skipped, corpus
from benchmarks._taken import tree
from tests.core.stories import body, title

_LOOK = 1.0  # a look at memory costs the processes that are looked at
_MIB = 2**20


def run(smoke: bool) -> Iterator[Row]:
    """The pace on the corpus, and the most memory over few lines and over many."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield from _pace(Path(folder), 100 if smoke else None)
        except Skipped as reason:
            yield Row("files", "corpus", None, note=str(reason))
        yield _flat(Path(folder), few=50 if smoke else 5_000, many=100 if smoke else 25_000)


def _pace(folder: Path, lines: int | None) -> Iterator[Row]:
    path = folder / "corpus.jsonl"
    with gzip.open(corpus("reposts", "items.jsonl.gz")) as file:
        items = file.readlines()[:lines]
    path.write_bytes(b"".join(items))
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
    for count in sorted({1, len(cores)}):
        started = time.monotonic()
        with _dedup(path, cores=sorted(cores)[:count]) as process:
            assert process.wait() == 0
        pace = len(items) / (time.monotonic() - started)
        goal = "≥ 500" if count == 1 else ""
        yield Row("files", f"dedup on {count} core(s), with its start", pace, goal, "entries/s")


def _flat(folder: Path, *, few: int, many: int) -> Row:
    """The most memory of the command, its children and its store over many lines / over few."""
    sizes = []
    for count in (few, many):
        path = folder / f"{count}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for n in range(count):
                file.write(json.dumps({"id": n, "title": title(n), "content": body(n, 6)}) + "\n")
        sizes.append(_most_memory(path) / _MIB)
    note = f"{sizes[0]:.0f} MiB over {few:,} lines, {sizes[1]:.0f} over {many:,}"
    return Row("files", "dedup: most memory, store included", sizes[1], "≤ 1000", "MiB", note)


def _most_memory(path: Path) -> int:
    """Bytes at the most while the command ran over `path`."""
    with _dedup(path) as process:
        most = 0
        while process.poll() is None:
            most = max(most, sum(map(_shared_out, tree(process.pid))))
            time.sleep(_LOOK)
    assert process.returncode == 0
    return most


def _dedup(path: Path, *, cores: list[int] | None = None) -> subprocess.Popen[bytes]:
    """The command at work, on these cores alone."""
    command = [sys.executable, "-m", "millrace", "dedup", str(path), "--out", f"{path}.out"]
    pin = (lambda: os.sched_setaffinity(0, cores)) if cores else None
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=pin)


def _shared_out(process: int) -> int:
    """Bytes that a process takes; what it shares with others counts in parts."""
    try:
        told = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0  # it has ended
    sizes = [line.split()[1] for line in told.splitlines() if line.startswith("Pss:")]
    return int(sizes[0]) * 1024 if sizes else 0
