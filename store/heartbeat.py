"""Signs of life: of the workers, and of the store's server with the room it has."""

from __future__ import annotations

from core.models import Frozen
from store import keys
from store.connection import Store, store_errors


class WorkerBeat(Frozen):
    """One worker's sign of life. Times are seconds of the store's clock."""

    id: str
    host: str
    pid: int
    started: float
    last: float
    version: str = ""
    running: int = 0  # jobs under way
    fault: str | None = None  # what the store refused it lately


async def beat(store: Store, worker: WorkerBeat) -> None:
    """Write a sign of life; it vanishes after `keys.HEARTBEAT_SECONDS`."""
    pipe = store.redis.pipeline(transaction=False)
    pipe.set(keys.worker(worker.id), worker.model_dump_json(), ex=keys.HEARTBEAT_SECONDS)
    pipe.zadd(keys.WORKERS, {worker.id: worker.last})
    pipe.zremrangebyscore(keys.WORKERS, "-inf", worker.last - 10 * keys.HEARTBEAT_SECONDS)
    with store_errors():
        await pipe.execute()


async def load_workers(store: Store) -> list[WorkerBeat]:
    """The workers that gave a sign of life within `keys.HEARTBEAT_SECONDS`."""
    with store_errors():
        ids = [i.decode() for i in await store.redis.zrange(keys.WORKERS, 0, -1)]
        found = await store.redis.mget([keys.worker(i) for i in ids]) if ids else []
    return [WorkerBeat.model_validate_json(raw) for raw in found if raw is not None]


async def leave(store: Store, worker_id: str) -> None:
    """Take a worker that ends cleanly off the list."""
    with store_errors():
        await store.redis.delete(keys.worker(worker_id))
        await store.redis.zrem(keys.WORKERS, worker_id)


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
