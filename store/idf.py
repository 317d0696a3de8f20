"""What one worker learned of frequent text reaches the others.

Each worker keeps a table of its own (`core/dedup/idf.py`) and tells what it learned in a stream;
the table as a whole is saved now and then, for workers that start later.
"""

from __future__ import annotations

import secrets

from core.dedup.idf import Idf
from store import keys
from store.connection import Store, store_errors

_PUSHES_PER_TABLE = 200
_AT_ONCE = 200  # deltas read in one call


class SharedIdf:
    """The table of this process. `await open()` it once; it is warm until then."""

    def __init__(self, store: Store) -> None:
        self.idf = Idf.warm()
        self._store = store
        self._name = secrets.token_bytes(8)
        self._position = b"0"
        self._pushes = 0

    async def open(self) -> None:
        """Start from what workers before us learned."""
        with store_errors():
            saved = await self._store.redis.get(keys.IDF_TABLE)
        if saved is not None:
            position, _, table = saved.partition(b"\n")
            self.idf, self._position = Idf.from_bytes(table), position
        await self.pull()

    async def pull(self) -> None:
        """Learn what the others learned meanwhile."""
        while True:
            with store_errors():
                answer = await self._store.redis.xread(
                    {keys.IDF_DELTAS: self._position}, count=_AT_ONCE
                )
            if not answer:
                return
            for position, fields in answer[0][1]:
                self._position = position
                if fields[b"by"] != self._name:
                    self.idf.merge(fields[b"slots"])

    async def push(self) -> None:
        """Tell the others what was learned here since the last time."""
        delta = self.idf.take_delta()
        if not delta:
            return
        with store_errors():
            await self._store.redis.xadd(
                keys.IDF_DELTAS,
                {b"by": self._name, b"slots": delta},
                maxlen=keys.IDF_DELTAS_KEPT,
                approximate=True,
            )
        self._pushes += 1
        if self._pushes % _PUSHES_PER_TABLE == 0:
            await self._save()

    async def _save(self) -> None:
        await self.pull()
        table = self._position + b"\n" + self.idf.to_bytes()
        with store_errors():
            await self._store.redis.set(keys.IDF_TABLE, table, ex=keys.IDF_DAYS * 86400)
