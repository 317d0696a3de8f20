"""Which workers are alive: each writes a short-lived sign of life."""

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
