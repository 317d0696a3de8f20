"""The data of /health and /metrics: heartbeats of workers, checks of the store, counters.

Counters and histograms of all workers are kept in one hash. A field is `name` or
`name{label="value",...}`, as Prometheus writes it. The multi-process mode of prometheus-client
leaves stale files behind when workers are killed; a hash does not.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import inf
from typing import ClassVar, TypeVar

from redis.exceptions import ResponseError

from core.models import Frozen
from store import keys
from store.connection import Store, store_errors
from store.embedded import outdated_server

CLOCK_ALLOWED = 60.0  # seconds of difference; delays in the metrics are minutes
HEAD_ROOM = 0.9  # of maxmemory: a busy evening may fill the rest


class Heartbeat(Frozen):
    """What a process of one kind reports while it runs."""

    kind: ClassVar[str]
    index: ClassVar[str]  # the key with all of the kind

    id: str
    host: str
    last: float  # Unix seconds of the store's clock
    version: str = ""


class WorkerBeat(Heartbeat):
    """The heartbeat of one worker."""

    kind = "worker"
    index = keys.WORKERS

    pid: int
    started: float
    running: int = 0  # jobs in progress
    fault: str | None = None  # a recent refusal of the store


Beat = TypeVar("Beat", bound=Heartbeat)


async def beat(store: Store, heartbeat: Heartbeat) -> None:
    """Write a heartbeat; it expires after `keys.HEARTBEAT_SECONDS`."""
    pipe = store.redis.pipeline(transaction=False)
    pipe.set(
        keys.heartbeat(heartbeat.kind, heartbeat.id),
        heartbeat.model_dump_json(),
        ex=keys.HEARTBEAT_SECONDS,
    )
    pipe.zadd(heartbeat.index, {heartbeat.id: heartbeat.last})
    pipe.zremrangebyscore(heartbeat.index, "-inf", heartbeat.last - 10 * keys.HEARTBEAT_SECONDS)
    with store_errors():
        await pipe.execute()


async def load_beats(store: Store, kind: type[Beat]) -> list[Beat]:
    """Those of a kind with a heartbeat in the last `keys.HEARTBEAT_SECONDS`."""
    with store_errors():
        ids = [i.decode() for i in await store.redis.zrange(kind.index, 0, -1)]
        found = await store.redis.mget([keys.heartbeat(kind.kind, i) for i in ids]) if ids else []
    return [kind.model_validate_json(raw, extra="ignore") for raw in found if raw is not None]


async def load_workers(store: Store) -> list[WorkerBeat]:
    """The workers that live."""
    return await load_beats(store, WorkerBeat)


async def remove_worker(store: Store, kind: type[Heartbeat], beat_id: str) -> None:
    """Remove a process that ends cleanly."""
    with store_errors():
        await store.redis.delete(keys.heartbeat(kind.kind, beat_id))
        await store.redis.zrem(kind.index, beat_id)


class ServerInfo(Frozen):
    """The store's report of itself, with its faults and what helps against them."""

    memory: int  # bytes used
    memory_limit: int  # bytes; 0: none
    disk_free: int | None = None  # bytes where its data lies; None: on another machine
    disk_size: int | None = None
    fault: str | None = None  # why nothing can be written
    warnings: tuple[str, ...] = ()  # settings that may lose data or time later


async def server_info(store: Store) -> ServerInfo:
    """Read the store's memory, disk, role and clock."""
    with store_errors():
        info = await store.redis.info()
        keeps = info.get("aof_enabled") or await _saves(store)
    ahead = await store.now() - time.time()
    memory, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    disk_free, disk_size = await _disk(store)
    return ServerInfo(
        memory=memory,
        memory_limit=limit,
        disk_free=disk_free,
        disk_size=disk_size,
        fault=_fault(info, memory, limit),
        warnings=tuple(_warnings(info, keeps=bool(keeps), ahead=ahead)),
    )


async def _disk(store: Store) -> tuple[int | None, int | None]:
    """Free and total bytes on the disk of the store's data, if the store is on this machine."""
    if not store.url.startswith("unix:"):
        return None, None
    try:
        found = await store.redis.config_get("dir")
        disk = await asyncio.to_thread(shutil.disk_usage, found["dir"])
    except (ResponseError, KeyError, OSError):  # forbidden, or in a container of its own
        return None, None
    return disk.free, disk.total


async def _saves(store: Store) -> bool:
    """Whether the store writes snapshots; assumed where it does not report it."""
    try:
        found = await store.redis.config_get("save")
    except ResponseError:  # forbidden, as managed stores do
        return True
    return bool(found.get("save", "unknown"))


def _fault(info: Mapping[str, object], memory: int, limit: int) -> str | None:
    if outdated := outdated_server(info):
        return f"it is {outdated}"
    if limit and memory >= limit:
        return f"full: {memory} of {limit} bytes; raise maxmemory or keep less"
    if info.get("aof_enabled") and info.get("aof_last_write_status") == "err":
        return "its append-only file cannot be written: is the disk full?"
    if info.get("role") == "slave":
        return "it is a replica and takes nothing in: point REDIS_URL at the primary"
    return None


def _warnings(info: Mapping[str, object], *, keeps: bool, ahead: float) -> Iterator[str]:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        yield (
            f"it throws entries away when it is full ({policy}): "
            "`CONFIG SET maxmemory-policy noeviction`, and the same in its configuration"
        )
    if not keeps:
        yield (
            "it keeps nothing over a restart: "
            "`CONFIG SET appendonly yes`, and the same in its configuration"
        )
    memory, limit = int(str(info.get("used_memory", 0))), int(str(info.get("maxmemory", 0)))
    if limit and HEAD_ROOM * limit < memory < limit:
        yield (
            f"{memory / limit:.0%} of its memory is used ({limit} bytes): "
            "raise maxmemory, or lower retention.entries"
        )
    if abs(ahead) > CLOCK_ALLOWED:
        where = "ahead of" if ahead > 0 else "behind"
        yield f"its clock is {abs(ahead):.0f} s {where} that of this host: set both by NTP"


FIELDS_KEPT = 20_000  # new label combinations beyond this are counted in one field instead
OVERFLOW = "millrace_metrics_dropped_total"


class Counts:
    """Counts gathered in one job and written in one call."""

    def __init__(self) -> None:
        self._fields: dict[str, float] = {}

    def add(self, name: str, by: float = 1, **labels: str) -> None:
        """Raise a counter."""
        field = field_name(name, labels)
        self._fields[field] = self._fields.get(field, 0) + by

    def observe(self, name: str, value: float, buckets: Sequence[float], **labels: str) -> None:
        """Add a value to a histogram with these upper bounds; `+Inf` is added to them.

        As in Prometheus, buckets are cumulative; those that no value fell into are written too.
        """
        for bound in (*buckets, inf):
            le = "+Inf" if bound == inf else f"{bound:g}"
            self.add(f"{name}_bucket", value <= bound, **labels, le=le)
        self.add(f"{name}_sum", value, **labels)
        self.add(f"{name}_count", 1, **labels)

    def take(self, other: Counts) -> None:
        """Add the counts of `other`."""
        for field, value in other._fields.items():
            self._fields[field] = self._fields.get(field, 0) + value

    async def write(self, store: Store) -> None:
        """Write the counts and clear them."""
        pairs, self._fields = self._fields.items(), {}
        if pairs:
            arguments = [FIELDS_KEPT, OVERFLOW, *chain.from_iterable(pairs)]
            await store.call(store.script("count"), [keys.METRICS], arguments)


async def read_counters(store: Store) -> dict[str, float]:
    """All counters: field -> value."""
    with store_errors():
        raw = await store.redis.hgetall(keys.METRICS)
    return {field.decode(): float(value) for field, value in raw.items()}


_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def field_name(name: str, labels: Mapping[str, str]) -> str:
    """`name{label="value"}`, escaped for the Prometheus text format."""
    if not labels:
        return name
    pairs = ",".join(
        f'{key}="{value.translate(_ESCAPES)}"' for key, value in sorted(labels.items())
    )
    return f"{name}{{{pairs}}}"
