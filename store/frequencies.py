"""Shares between workers what the stream taught about frequent shingles.

Each worker appends what it learned to a stream and follows what the others appended; a table is
kept besides, so that a worker that starts anew knows what was known.
"""

from __future__ import annotations

from store import keys
from store.connection import Store, store_errors

_DELTAS_KEPT = 2000
_TABLE_SECONDS = 30 * 86400


async def share(store: Store, worker: str, delta: bytes) -> None:
    """Append what this worker learned."""
    with store_errors():
        await store.redis.xadd(
            keys.FREQUENCIES,
            {"worker": worker, "delta": delta},
            maxlen=_DELTAS_KEPT,
            approximate=True,
        )


async def learned_by_others(store: Store, worker: str, position: str) -> tuple[str, list[bytes]]:
    """What other workers appended after `position`, and the position it ends at."""
    with store_errors():
        answer = await store.redis.xread({keys.FREQUENCIES: position}, count=200)
    if not answer:
        return position, []
    elements = answer[0][1]
    deltas = [f[b"delta"] for _, f in elements if f[b"worker"].decode() != worker]
    return elements[-1][0].decode(), deltas


async def save_table(store: Store, table: bytes, position: str) -> None:
    """Keep a whole table, with the position in the stream that it holds."""
    with store_errors():
        pipe = store.redis.pipeline()
        pipe.hset(keys.FREQUENCY_TABLE, mapping={"table": table, "position": position})
        pipe.expire(keys.FREQUENCY_TABLE, _TABLE_SECONDS)
        await pipe.execute()


async def load_table(store: Store) -> tuple[bytes, str] | None:
    """The kept table and its position, or None."""
    with store_errors():
        table, position = await store.redis.hmget(  # type: ignore[misc]
            keys.FREQUENCY_TABLE, ["table", "position"]
        )
    return None if table is None else (table, position.decode())
