"""Other people's test documents through our reader, beside feedparser: no crash, nothing missed.

Set MILLRACE_SUITES to a folder with, say, the test files of feedparser, of the W3C feed validator
and the fixtures of feed readers; they are not part of this repository.
"""

from __future__ import annotations

import io
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import feedparser

from benchmarks import Row, Skipped
from core.errors import NotAFeed
from core.feeds.parse import parse_feed
from core.models import ParsedFeed

_FEEDS = (".xml", ".rss", ".atom", ".rdf", ".json", "")
# What feedparser finds and we do not; dates it finds whether they can be read or not.
_MISSED = ("entries", "dates", "links", "authors")


def run(smoke: bool) -> Iterator[Row]:
    """How many documents are read, what feedparser finds besides, how long the slowest takes."""
    root = os.environ.get("MILLRACE_SUITES")
    if root is None:
        raise Skipped("set MILLRACE_SUITES to a folder of feed documents")
    files = sorted(path for path in Path(root).rglob("*") if path.is_file())
    feeds, entries, crashes, slowest = 0, 0, [], 0.0
    missed: Counter[str] = Counter()
    named: list[str] = []
    for path in files[:: 50 if smoke else 1]:
        data, started = path.read_bytes(), time.process_time()
        try:
            feed = parse_feed(data, url="https://suite.example/", content_type=None)
        except NotAFeed:
            continue
        except Exception as error:  # noqa: BLE001  finding these is what this is for
            crashes.append(f"{path.name}: {error!r}")
            continue
        finally:
            slowest = max(slowest, time.process_time() - started)
        feeds, entries = feeds + 1, entries + len(feed.entries)
        if path.suffix.lower() in _FEEDS and (here := _missed(feed, data)):
            missed += here
            named.append(path.name)
    yield Row("suites", "documents", len(files))
    yield Row("suites", "read as feeds", feeds)
    yield Row("suites", "entries", entries)
    yield Row("suites", "crashes", len(crashes), "0", note="; ".join(crashes[:3])[:200])
    for what in _MISSED:
        yield Row("suites", f"{what} that feedparser alone finds", missed[what])
    yield Row("suites", "documents with such", len(named), note=" ".join(named[:8])[:200])
    yield Row("suites", "slowest", slowest, "≤ 5", "CPU s")


def _missed(feed: ParsedFeed, data: bytes) -> Counter[str]:
    found = feedparser.parse(io.BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    missed: Counter[str] = Counter()
    if len(feed.entries) != len(found.entries):
        missed["entries"] = max(0, len(found.entries) - len(feed.entries))
        return +missed
    for ours, theirs in zip(feed.entries, found.entries, strict=True):
        web = str(theirs.get("link", "")).startswith(("http:", "https:"))
        missed["dates"] += bool(theirs.get("published")) and ours.published is None
        missed["links"] += web and ours.link is None
        missed["authors"] += bool(theirs.get("author")) and ours.author is None
    return +missed
