"""Makes `core/dedup/warm.bin`, the counters that a new installation starts with.

    python -m benchmarks._warm

Read are the raw items, seeds and boilerplate of the corpus, before any cleaning, because what
should be known from the start is what cleaning may leave over: link bars, promotion, standing
lines. Kept are only counters of shingles that at least `COMMON` items hold, as a table of hashed
counts: no text can be read from it. The corpus of reposts is not read: it is measured on.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import corpus
from core.body.normalize import normalize
from core.dedup.fingerprint import features, idf_hashes
from core.dedup.idf import COMMON, SLOTS, Idf

_TABLE = Path(__file__).parents[1] / "core" / "dedup" / "warm.bin"


def main() -> None:
    """Count, forget what is rare, write."""
    learned = Idf()
    for raw in _documents():
        learned.learn(idf_hashes(features(None, raw)))
    every = np.arange(SLOTS, dtype=np.uint64)
    counts = learned.counts(every).copy()
    counts[counts < COMMON] = 0
    _TABLE.write_bytes(Idf(counts).to_bytes())
    print(f"{_TABLE.name}: {int((counts > 0).sum()):,} counters, {_TABLE.stat().st_size:,} bytes")


def _documents() -> Iterator[str]:
    with gzip.open(corpus("boilerplate", "items.jsonl.gz"), "rt") as lines:
        for line in lines:
            yield _plain(json.loads(line)["raw"])
    for folder in ("items", "seeds"):
        for path in sorted(corpus(folder).iterdir()):
            if path.suffix in (".txt", ".xml"):
                yield _plain(path.read_text("utf-8", errors="replace"))


def _plain(raw: str) -> str:
    return " ".join(str(text) for text in normalize(raw).root.itertext())


if __name__ == "__main__":
    main()
