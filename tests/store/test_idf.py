"""Workers learn from each other what is frequent."""

from __future__ import annotations

import numpy as np

from core.dedup.idf import COMMON
from store import index as store_idf
from store.connection import Store
from store.index import SharedIdf

PROMO = np.array([11, 12, 13], dtype=np.uint64)


async def test_what_one_worker_learned_reaches_the_other(store: Store):
    one, other = SharedIdf(store), SharedIdf(store)
    before = other.idf.counts(PROMO).astype(int)
    for _ in range(2 * COMMON):
        one.idf.learn(PROMO)

    await one.push()
    await other.pull()
    await one.pull()

    assert (other.idf.counts(PROMO) >= before + COMMON).all()
    assert (one.idf.counts(PROMO) == before + 2 * COMMON).all()


async def test_a_worker_that_starts_later_knows_what_was_saved(store: Store, monkeypatch):
    monkeypatch.setattr(store_idf, "_PUSHES_PER_TABLE", 1)
    one = SharedIdf(store)
    for _ in range(2 * COMMON):
        one.idf.learn(PROMO)
    await one.push()

    late = SharedIdf(store)
    await late.open()

    assert (late.idf.counts(PROMO) == one.idf.counts(PROMO)).all()


async def test_standing_text_reaches_other_workers_and_those_that_start_later(
    store: Store, monkeypatch
):
    monkeypatch.setattr(store_idf, "_PUSHES_PER_TABLE", 1)
    one, other, late = SharedIdf(store), SharedIdf(store), SharedIdf(store)
    one.idf.standing.learn(np.array([[1, 2], [1, 5]], dtype=np.uint64).tobytes())

    await one.push()
    await other.pull()
    await late.open()

    assert other.idf.standing.titles_above(1) == late.idf.standing.titles_above(1) == (2, 5)
