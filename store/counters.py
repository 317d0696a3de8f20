"""Counters and histograms of the workers, kept in one hash so that /metrics sees all of them.

A field is `name` or `name{label="value",...}`, as Prometheus writes it. prometheus-client's
multi-process mode leaves stale files behind when workers are killed; a hash does not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from math import inf

from store import keys
from store.connection import Store, store_errors

FIELDS_KEPT = 20_000  # new label combinations beyond this are counted in one field instead
OVERFLOW = "millrace_metrics_dropped_total"

_Labelled = tuple[str, tuple[tuple[str, str], ...]]  # a metric and its labels


class Counts:
    """Counts gathered in one piece of work and written in one call.

    Put into words only when they are written: most are added up with others before.
    """

    def __init__(self) -> None:
        self._counters: dict[_Labelled, float] = {}
        self._observed: dict[_Labelled, tuple[Sequence[float], list[float]]] = {}

    def add(self, name: str, by: float = 1, **labels: str) -> None:
        """Raise a counter."""
        key = (name, tuple(labels.items()))
        self._counters[key] = self._counters.get(key, 0) + by

    def observe(self, name: str, value: float, buckets: Sequence[float], **labels: str) -> None:
        """Put a value into a histogram with these upper bounds; `+Inf` is added."""
        self._values((name, tuple(labels.items())), buckets).append(value)

    def take(self, other: Counts) -> None:
        """Add what `other` gathered."""
        for key, value in other._counters.items():
            self._counters[key] = self._counters.get(key, 0) + value
        for key, (buckets, values) in other._observed.items():
            self._values(key, buckets).extend(values)

    async def write(self, store: Store) -> None:
        """Write and forget what was gathered."""
        fields = list(self._fields())
        self._counters, self._observed = {}, {}
        if fields:
            parts = [part for field in fields for part in field]
            arguments = [FIELDS_KEPT, OVERFLOW, *parts]
            await store.call(store.script("count"), [keys.METRICS], arguments)

    def _values(self, key: _Labelled, buckets: Sequence[float]) -> list[float]:
        if key not in self._observed:
            self._observed[key] = (buckets, [])
        return self._observed[key][1]

    def _fields(self) -> Iterator[tuple[str, float]]:
        for (name, labels), value in self._counters.items():
            yield field_name(name, dict(labels)), value
        for (name, labels), (buckets, values) in self._observed.items():
            yield from _histogram(name, dict(labels), buckets, sorted(values))


def _histogram(
    name: str, labels: dict[str, str], buckets: Sequence[float], values: Sequence[float]
) -> Iterator[tuple[str, float]]:
    """As Prometheus wants it: each bucket holds those below it too."""
    for bound in (*buckets, inf):
        count = bisect_right(values, bound)
        if count:
            le = "+Inf" if bound == inf else f"{bound:g}"
            yield field_name(f"{name}_bucket", {**labels, "le": le}), count
    yield field_name(f"{name}_sum", labels), sum(values)
    yield field_name(f"{name}_count", labels), len(values)


async def read_counters(store: Store) -> dict[str, float]:
    """All fields with their values."""
    with store_errors():
        raw = await store.redis.hgetall(keys.METRICS)  # type: ignore[misc]
    return {field.decode(): float(value) for field, value in raw.items()}


def field_name(name: str, labels: Mapping[str, str]) -> str:
    """`name{label="value"}` with the value escaped as the Prometheus text format wants it."""
    if not labels:
        return name
    pairs = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(labels.items()))
    return f"{name}{{{pairs}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
