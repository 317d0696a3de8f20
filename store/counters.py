"""Counters and histograms of the workers, kept in one hash so that /metrics sees all of them.

A field is `name` or `name{label="value",...}`, as Prometheus writes it. prometheus-client's
multi-process mode leaves stale files behind when workers are killed; a hash does not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from math import inf

from store import keys
from store.connection import Store, store_errors

FIELDS_KEPT = 20_000  # new label combinations beyond this are counted in one field instead
OVERFLOW = "millrace_metrics_dropped_total"

_Labelled = tuple[str, tuple[tuple[str, str], ...]]  # a metric and its labels


class _Histogram:
    """Values of one histogram, each counted at the lowest bound that holds it."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def fields(self, name: str, labels: dict[str, str]) -> Iterator[tuple[str, float]]:
        """As Prometheus wants it: each bucket holds those below it too."""
        total = 0
        for bound, count in zip([*self.bounds, inf], self.counts, strict=True):
            total += count
            if total:
                le = "+Inf" if bound == inf else f"{bound:g}"
                yield field_name(f"{name}_bucket", {**labels, "le": le}), total
        yield field_name(f"{name}_sum", labels), self.sum
        yield field_name(f"{name}_count", labels), total


class Counts:
    """Counts gathered in one piece of work and written in one call.

    Put into words only when they are written: most are added up with others before.
    """

    def __init__(self) -> None:
        self._counters: dict[_Labelled, float] = {}
        self._histograms: dict[_Labelled, _Histogram] = {}

    def add(self, name: str, by: float = 1, **labels: str) -> None:
        """Raise a counter."""
        key = (name, tuple(labels.items()))
        self._counters[key] = self._counters.get(key, 0) + by

    def observe(self, name: str, value: float, buckets: Sequence[float], **labels: str) -> None:
        """Put a value into a histogram with these upper bounds; `+Inf` is added."""
        histogram = self._histogram((name, tuple(labels.items())), buckets)
        histogram.counts[bisect_left(buckets, value)] += 1
        histogram.sum += value

    def take(self, other: Counts) -> None:
        """Add what `other` gathered."""
        for key, value in other._counters.items():
            self._counters[key] = self._counters.get(key, 0) + value
        for key, theirs in other._histograms.items():
            ours = self._histogram(key, theirs.bounds)
            ours.counts = [one + more for one, more in zip(ours.counts, theirs.counts, strict=True)]
            ours.sum += theirs.sum

    async def write(self, store: Store) -> None:
        """Write and forget what was gathered."""
        fields = list(self._fields())
        self._counters, self._histograms = {}, {}
        if fields:
            parts = [part for field in fields for part in field]
            arguments = [FIELDS_KEPT, OVERFLOW, *parts]
            await store.call(store.script("count"), [keys.METRICS], arguments)

    def _histogram(self, key: _Labelled, bounds: Sequence[float]) -> _Histogram:
        if key not in self._histograms:
            self._histograms[key] = _Histogram(bounds)
        return self._histograms[key]

    def _fields(self) -> Iterator[tuple[str, float]]:
        for (name, labels), value in self._counters.items():
            yield field_name(name, dict(labels)), value
        for (name, labels), histogram in self._histograms.items():
            yield from histogram.fields(name, dict(labels))


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
