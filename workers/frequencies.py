"""One worker's table of frequent shingles, in step with the others' through the store."""

from __future__ import annotations

import asyncio

from core.idf import Idf
from store.connection import Store
from store.frequencies import learned_by_others, load_table, save_table, share

SAVE_EVERY = 60  # exchanges between two savings of the whole table


class Frequencies:
    """The table `idf`, which learns here and hears what the others learned."""

    def __init__(self, store: Store, worker: str) -> None:
        self.idf = Idf.warm()
        self._store = store
        self._worker = worker
        self._position = "0"
        self._exchanges = 0
        self._loaded = False

    async def exchange(self) -> None:
        """Tell what was learned here, hear what was learned elsewhere."""
        if not self._loaded:
            await self._load()
        delta = self.idf.take_delta()
        if delta:
            await share(self._store, self._worker, delta)
        position, deltas = await learned_by_others(self._store, self._worker, self._position)
        for each in deltas:
            self.idf.merge(each)
        self._position = position
        self._exchanges += 1
        if self._exchanges % SAVE_EVERY == 0:
            table = await asyncio.to_thread(self.idf.to_bytes)
            await save_table(self._store, table, position)

    async def _load(self) -> None:
        kept = await load_table(self._store)
        if kept is not None:
            self.idf = await asyncio.to_thread(Idf.from_bytes, kept[0])
            self._position = kept[1]
        self._loaded = True
