"""Approximate counts of shingles among the unique entries of the stream, and of each source.

The table consists of small counters that several hashes share. Shingles of many sources (standing
formulas), or frequent ones of one source (promotion, link bars), have no weight in a fingerprint.
In the stream, a source counts once per shingle; counts among its own entries are separate and apply
only to these. Otherwise one source could make another's text common by repeating it, and its copies
would not be found.

Old counts fade: after each `LEARNED_BEFORE_FADING` shingles all counters are halved. Weights depend
only on the counters, not on the number of entries seen, so fingerprints made at different times are
comparable.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from core import zstd
from core.dedup.standing import Standing
from core.dedup.tokens import U64, mix

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
F32 = npt.NDArray[np.float32]

VERSION = 1  # of the hashes; distances between different versions are meaningless
SLOTS = 1 << 22  # counters of one byte: a table of 4 MB in each worker
COMMON = 5  # unique entries; a shingle in this many identifies none of them
LEARNED_BEFORE_FADING = SLOTS  # one hash per counter on average, so chance rarely makes a 5
# Entries per source that are counted: at least 200, and twice the average of all sources. A flood
# of fifty thousand would otherwise fade the counts of others six times.
LEAST_SHARE, SHARE = 200, 2.0
SHARED_FROM = 3  # lower counters are noise to other workers

# Words, and pairs of neighbouring Chinese characters, have a separate table of 512 kB.
WORD_SLOTS = 1 << 18
COMMON_SHARE = 0.01  # share of the unique entries; a word that more of them contain is not a name
COMMON_WORD = 2  # entries; the minimum of that limit, for a table with few entries

_SLOT = np.uint64(SLOTS - 1)
_WORD_SLOT = np.uint64(WORD_SLOTS - 1)
_WEIGHTS: F32 = np.maximum(1 - np.log1p(np.arange(256)) / np.log(256), 0).astype(np.float32)
_WARM = "warm.bin"
NO_DELTA = zstd.compress(b"")  # empty delta for `Idf.merge` if only standing text was learned


class Idf:
    """Counters of shingles. Only entries that found a story are counted."""

    def __init__(
        self,
        counts: U8 | None = None,
        learned: int = 0,
        words: U16 | None = None,
        entries: int = 0,
    ) -> None:
        self._counts = np.zeros(SLOTS, dtype=np.uint8) if counts is None else counts
        self._learned = learned
        self._words = np.zeros(WORD_SLOTS, dtype=np.uint16) if words is None else words
        self._entries = entries  # number of entries counted in `words`
        self.standing = Standing()
        self._taught: Counter[int] = Counter()  # entries by source since the last fading
        self._fresh: list[npt.NDArray[np.uint32]] = []

    @classmethod
    def warm(cls) -> Idf:
        """A table trained on a sample text, so that frequent shingles are known at the start."""
        return cls.from_bytes(_warm_table())

    @classmethod
    def from_bytes(cls, stored: bytes) -> Idf:
        """Parse the output of `to_bytes`."""
        raw = zstd.decompress(stored)
        learned = int.from_bytes(raw[:8], "little")
        counts = np.frombuffer(raw, dtype=np.uint8, count=SLOTS, offset=8).copy()
        rest = raw[8 + SLOTS :]  # empty in tables from before words were counted
        words = np.frombuffer(rest, np.uint16, WORD_SLOTS, offset=8).copy() if rest else None
        table = cls(counts, learned, words, int.from_bytes(rest[:8], "little"))
        table.standing.learn(rest[8 + 2 * WORD_SLOTS :], alone=True)
        return table

    def to_bytes(self) -> bytes:
        """The table, compressed."""
        words = self._entries.to_bytes(8, "little") + self._words.tobytes()
        words += self.standing.to_bytes()
        return zstd.compress(
            self._learned.to_bytes(8, "little") + self._counts.tobytes() + words, level=3
        )

    def aside(self) -> Idf:
        """A view with the same counters, whose newly learned standing text stays separate."""
        view = copy.copy(self)
        view.standing = Standing(self.standing.titles_above)
        return view

    def counts(self, hashes: U64, *sources: int) -> U8:
        """Approximate number of sources with each shingle, or of entries within one of `sources`.

        `sources` are hashes of their names; 0 is ignored. The larger of the counts is returned.
        """
        counts: U8 = self._counts[hashes & _SLOT]
        for source in filter(None, dict.fromkeys(sources)):
            counts = np.maximum(counts, self._counts[_own_slots(hashes, source)])
        return counts

    @staticmethod
    def weights(counts: U8) -> F32:
        """1 for a count of 0, decreasing with the logarithm of the count to 0."""
        return _WEIGHTS[counts]

    def word_weights(self, words: U64) -> F32:
        """1 for an unknown word, decreasing with the logarithm of its count to 0."""
        weights: F32 = _WEIGHTS[np.minimum(self._words[words & _WORD_SLOT], 255)]
        return weights

    def likeness(self, one: U64, other: U64) -> float:
        """Similarity of the words of two texts, 0 to 1; rare words have more weight."""
        sizes = [float((self.word_weights(np.unique(words)) ** 2).sum()) for words in (one, other)]
        common = float((self.word_weights(np.intersect1d(one, other)) ** 2).sum())
        return common / max(math.sqrt(sizes[0] * sizes[1]), 1e-9)

    def is_rare(self, words: U64) -> npt.NDArray[np.bool_]:
        """Whether each word occurs in so few entries that it may be a name."""
        rare: npt.NDArray[np.bool_] = self._words[words & _WORD_SLOT] <= max(
            COMMON_WORD, COMMON_SHARE * self._entries
        )
        return rare

    def learn_entry(
        self, shingles: U64, words: U64, *, source: int = 0, alone: bool = False
    ) -> None:
        """Count the shingles and words of a unique entry, unless its source has used up its share.

        `source` is a hash of its name. `alone`: do not pass them to other workers, which never
        learn words.
        """
        share = max(LEAST_SHARE, SHARE * self._entries / max(1, len(self._taught)))
        if source and self._taught[source] >= share:
            return
        self._taught[source] += 1
        self.learn(shingles, source=source, alone=alone)
        self.learn_words(words)

    def learn_words(self, words: U64) -> None:
        """Count the unique words of one entry."""
        slots = (words & _WORD_SLOT).astype(np.uint32)
        counts = self._words[slots]
        self._words[slots] = counts + (counts < np.iinfo(np.uint16).max)
        self._entries += 1

    def learn(self, hashes: U64, *, source: int = 0, alone: bool = False) -> None:
        """Count an entry's unique shingles: for its source, and once per source in the stream."""
        slots = (hashes & _SLOT).astype(np.uint32)
        if source:
            own = _own_slots(hashes, source).astype(np.uint32)
            slots = np.concatenate((slots[self._counts[own] == 0], own))
        self._add(slots)  # a shared slot is counted once: both write the same value
        if alone:
            return
        fresh = slots[self._counts[slots] >= SHARED_FROM]
        if len(fresh):
            self._fresh.append(np.unique(fresh))

    def take_delta(self) -> bytes:
        """Slots learned since the last call that other workers should know; empty if none."""
        fresh, self._fresh = self._fresh, []
        slots = np.concatenate(fresh) if fresh else np.zeros(0, dtype=np.uint32)
        return zstd.compress(np.sort(slots).tobytes()) if len(slots) else b""

    def merge(self, delta: bytes) -> None:
        """Add the counts learned by another worker."""
        slots = np.frombuffer(zstd.decompress(delta), dtype=np.uint32)
        unique, times = np.unique(slots, return_counts=True)
        known = self._counts[unique].astype(np.int64)
        self._counts[unique] = np.minimum(known + times, 255)

    def _add(self, slots: npt.NDArray[np.uint32]) -> None:
        counts = self._counts[slots]
        self._counts[slots] = counts + (counts < 255)
        self._learned += len(slots)
        if self._learned >= LEARNED_BEFORE_FADING:
            self._counts >>= 1
            self._learned = 0
            self._words >>= 1
            self._entries //= 2
            self._taught.clear()


def _own_slots(hashes: U64, source: int) -> U64:
    """The counters of one source in the same table; they fade and collide like all others."""
    return mix(hashes ^ np.uint64(source)) & _SLOT


@cache
def _warm_table() -> bytes:
    return resources.files("core.dedup").joinpath(_WARM).read_bytes()
