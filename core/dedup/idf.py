"""How often each shingle was seen among the unique entries of the stream, and of one source.

A table of small counters that hashes share: what many sources have (standing formulas), or one
source often (promotion, link bars), weighs nothing in a fingerprint. A source counts once in the
stream for each shingle, beside the count among its own entries, which concerns these alone: else
one could make another's text common by repeating it, and its copies could not be found.

Old evidence fades: after each `LEARNED_BEFORE_FADING` shingles all counters are halved. The weights
depend on the counters alone, not on how many entries were seen, so fingerprints made at different
times stay comparable.
"""

from __future__ import annotations

import copy
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

VERSION = 1  # of the hashes; fingerprints of another version are not compared by distance
SLOTS = 1 << 22  # counters of one byte: a table of 4 MB in each worker
COMMON = 5  # unique entries; a shingle in that many identifies none of them
LEARNED_BEFORE_FADING = SLOTS  # on average one hash a counter, so chance rarely makes a 5
# Entries of one source that teach: at least 200, and twice what a source teaches on average. A
# flood of fifty thousand would fade what others taught six times over.
LEAST_SHARE, SHARE = 200, 2.0
SHARED_FROM = 3  # counters below this are noise to other workers

# Words, and pairs of neighbouring Chinese characters, have their own table of 512 kB.
WORD_SLOTS = 1 << 18
COMMON_SHARE = 0.01  # of the unique entries: a word that more of them hold names nothing
COMMON_WORD = 2  # entries; the same of a table that has learned little

_SLOT = np.uint64(SLOTS - 1)
_WORD_SLOT = np.uint64(WORD_SLOTS - 1)
_WEIGHTS: F32 = np.maximum(1 - np.log1p(np.arange(256)) / np.log(256), 0).astype(np.float32)
_WARM = "warm.bin"
NO_DELTA = zstd.compress(b"")  # what `Idf.merge` takes where only standing text was learned


class Idf:
    """Counters of shingles. Only entries that found a story may teach them."""

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
        self._entries = entries  # that taught the words
        self.standing = Standing()
        self._taught: Counter[int] = Counter()  # entries by source, since all last faded
        self._fresh: list[npt.NDArray[np.uint32]] = []

    @classmethod
    def warm(cls) -> Idf:
        """A table that knows what was frequent in the text it was made from."""
        return cls.from_bytes(_warm_table())

    @classmethod
    def from_bytes(cls, stored: bytes) -> Idf:
        """The table that `to_bytes` gave."""
        raw = zstd.decompress(stored)
        learned = int.from_bytes(raw[:8], "little")
        counts = np.frombuffer(raw, dtype=np.uint8, count=SLOTS, offset=8).copy()
        rest = raw[8 + SLOTS :]  # empty in tables that were written before words were counted
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
        """The same counters, with standing text that is learned for the caller alone."""
        view = copy.copy(self)
        view.standing = Standing(self.standing.titles_above)
        return view

    def counts(self, hashes: U64, *sources: int) -> U8:
        """How many sources had each lately, or how many unique entries of one of `sources`, about.

        `sources` are hashes of their names; 0: each entry is a source of its own.
        """
        counts: U8 = self._counts[hashes & _SLOT]
        for source in filter(None, dict.fromkeys(sources)):
            counts = np.maximum(counts, self._counts[_own_slots(hashes, source)])
        return counts

    @staticmethod
    def weights(counts: U8) -> F32:
        """1 for what was never seen, falling with the logarithm of the count to 0."""
        return _WEIGHTS[counts]

    def word_weights(self, words: U64) -> F32:
        """1 for a word never seen, falling with the logarithm of its count to 0."""
        weights: F32 = _WEIGHTS[np.minimum(self._words[words & _WORD_SLOT], 255)]
        return weights

    def is_rare(self, words: U64) -> npt.NDArray[np.bool_]:
        """Whether so few entries hold each word that it may name somebody or something."""
        rare: npt.NDArray[np.bool_] = self._words[words & _WORD_SLOT] <= max(
            COMMON_WORD, COMMON_SHARE * self._entries
        )
        return rare

    def learn_entry(
        self, shingles: U64, words: U64, *, source: int = 0, alone: bool = False
    ) -> None:
        """Count what a unique entry holds, if its source did not teach more than its share.

        `source` is a hash of its name; `alone`: not for other workers, which never learn words.
        """
        share = max(LEAST_SHARE, SHARE * self._entries / max(1, len(self._taught)))
        if source and self._taught[source] >= share:
            return
        self._taught[source] += 1
        self.learn(shingles, source=source, alone=alone)
        self.learn_words(words)

    def learn_words(self, words: U64) -> None:
        """Count the words of one unique entry, each once."""
        slots = (words & _WORD_SLOT).astype(np.uint32)
        counts = self._words[slots]
        self._words[slots] = counts + (counts < np.iinfo(np.uint16).max)
        self._entries += 1

    def learn(self, hashes: U64, *, source: int = 0, alone: bool = False) -> None:
        """Count the shingles of one unique entry, each once in its source and once for it."""
        slots = (hashes & _SLOT).astype(np.uint32)
        if source:
            own = _own_slots(hashes, source).astype(np.uint32)
            slots = np.concatenate((slots[self._counts[own] == 0], own))
        self._add(slots)  # a slot that two of them share is counted once: both write the same
        if alone:
            return
        fresh = slots[self._counts[slots] >= SHARED_FROM]
        if len(fresh):
            self._fresh.append(np.unique(fresh))

    def take_delta(self) -> bytes:
        """What was learned since the last call and concerns other workers; empty if nothing."""
        fresh, self._fresh = self._fresh, []
        slots = np.concatenate(fresh) if fresh else np.zeros(0, dtype=np.uint32)
        return zstd.compress(np.sort(slots).tobytes()) if len(slots) else b""

    def merge(self, delta: bytes) -> None:
        """Count what another worker learned."""
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
    """The counters of one source, in the same table: they fade and are shared with the others."""
    return mix(hashes ^ np.uint64(source)) & _SLOT


@cache
def _warm_table() -> bytes:
    return resources.files("core.dedup").joinpath(_WARM).read_bytes()
