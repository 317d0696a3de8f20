"""What the stream repeats loses its weight, and what is long gone gains it back."""

from __future__ import annotations

import numpy as np

from core.dedup import idf
from core.dedup.idf import COMMON, Idf, zstd

EVERY = np.arange(idf.SLOTS, dtype=np.uint64)
HASHES = np.array([3, 1 << 40, 99], dtype=np.uint64)


def test_what_many_entries_hold_weighs_less():
    table = Idf()
    before = table.weights(table.counts(HASHES))
    for _ in range(COMMON):
        table.learn(HASHES)

    assert (before == 1).all()
    assert (table.weights(table.counts(HASHES)) < 0.75).all()
    assert (table.counts(HASHES) == COMMON).all()


def test_an_entry_counts_each_shingle_once():
    table = Idf()
    table.learn(np.concatenate([HASHES, HASHES]))

    assert (table.counts(HASHES) == 1).all()


def test_old_evidence_fades_so_that_the_table_never_fills(monkeypatch):
    monkeypatch.setattr(idf, "LEARNED_BEFORE_FADING", 10)
    table = Idf()
    for start in range(0, 400, 10):
        table.learn(np.arange(start, start + 10, dtype=np.uint64))

    assert int(table.counts(np.arange(400, dtype=np.uint64)).sum()) <= 10


def test_counters_stop_at_their_end():
    table = Idf()
    for _ in range(300):
        table.learn(HASHES)

    assert (table.counts(HASHES) == 255).all()
    assert (table.weights(table.counts(HASHES)) == 0).all()


def test_a_table_comes_back_as_it_was_stored():
    table = Idf()
    table.learn(HASHES)

    assert (Idf.from_bytes(table.to_bytes()).counts(HASHES) == 1).all()


def test_only_what_repeats_is_told_to_other_workers():
    table, other = Idf(), Idf()
    table.learn(HASHES)
    assert table.take_delta() == b""

    for _ in range(COMMON):
        table.learn(HASHES)
    other.merge(table.take_delta())

    assert (other.counts(HASHES) >= COMMON - 2).all()
    assert table.take_delta() == b""


def test_a_table_saved_before_words_were_counted_is_read():
    learned = Idf()
    learned.learn(np.arange(100, dtype=np.uint64))
    old = zstd.compress((7).to_bytes(8, "little") + learned.counts(EVERY).tobytes())

    read = Idf.from_bytes(old)

    assert read.counts(np.arange(101, dtype=np.uint64)).tolist() == [1] * 100 + [0]
    assert read.is_rare(np.arange(3, dtype=np.uint64)).all()


def test_words_are_rare_until_several_entries_hold_them():
    table = Idf()
    word = np.array([42], dtype=np.uint64)
    for _ in range(idf.COMMON_WORD):
        table.learn_words(word)
    assert table.is_rare(word).all()

    table.learn_words(word)

    assert not table.is_rare(word).any()
    assert Idf.from_bytes(table.to_bytes()).word_weights(word) == table.word_weights(word) < 1
