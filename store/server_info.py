"""Whether the store still takes in what is written, and how much room it has."""

from __future__ import annotations

from core.models import Frozen
from store.connection import Store, store_errors


class Vitals(Frozen):
    """What the store says of itself."""

    memory: int  # bytes used
    memory_limit: int  # bytes; 0: none
    fault: str | None = None  # why nothing can be written, in words


async def vitals(store: Store) -> Vitals:
    """Ask the store about memory and disk."""
    with store_errors():
        info = await store.redis.info()
    memory, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    return Vitals(memory=memory, memory_limit=limit, fault=_fault(info, memory, limit))


def _fault(info: dict[str, object], memory: int, limit: int) -> str | None:
    if limit and memory >= limit:
        return f"full: {memory} of {limit} bytes; raise maxmemory or keep less"
    if info.get("aof_enabled") and info.get("aof_last_write_status") == "err":
        return "its append-only file cannot be written: is the disk full?"
    if info.get("role") == "slave":
        return "it is a replica and takes nothing in: point REDIS_URL at the primary"
    return None
