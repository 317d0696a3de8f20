"""Other people's test documents through our reader: no crash, no hang.

Set MILLRACE_SUITES to a folder with, say, the test files of feedparser and of the W3C feed
validator; they are not part of this repository.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Row, Skipped
from core.errors import NotAFeed
from core.feeds.parse import parse_feed


def run(smoke: bool) -> Iterator[Row]:
    """How many documents are read, and how long the slowest takes."""
    root = os.environ.get("MILLRACE_SUITES")
    if root is None:
        raise Skipped("set MILLRACE_SUITES to a folder of feed documents")
    files = sorted(path for path in Path(root).rglob("*") if path.is_file())
    feeds, crashes, slowest = 0, [], 0.0
    for path in files[:: 50 if smoke else 1]:
        started = time.process_time()
        try:
            parse_feed(path.read_bytes(), url="https://suite.example/", content_type=None)
            feeds += 1
        except NotAFeed:
            pass
        except Exception as error:  # noqa: BLE001  finding these is what this is for
            crashes.append(f"{path.name}: {error!r}")
        slowest = max(slowest, time.process_time() - started)
    yield Row("suites", "documents", len(files))
    yield Row("suites", "read as feeds", feeds)
    yield Row("suites", "crashes", len(crashes), "0", note="; ".join(crashes[:3])[:200])
    yield Row("suites", "slowest", slowest, "≤ 5", "CPU s")
