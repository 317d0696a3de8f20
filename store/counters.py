"""Counters and histograms of the workers, kept in one hash so that /metrics sees all of them.

A field is `name` or `name{label="value",...}`, as Prometheus writes it. prometheus-client's
multi-process mode leaves stale files behind when workers are killed; a hash does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from store import keys
from store.connection import Store, store_errors

FIELDS_KEPT = 20_000  # new label combinations beyond this are counted in one field instead
OVERFLOW = "millrace_metrics_dropped_total"

_COUNT = """
local room = redis.call('HLEN', KEYS[1]) < tonumber(ARGV[1])
for i = 3, #ARGV, 2 do
  if room or redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
    redis.call('HINCRBYFLOAT', KEYS[1], ARGV[i], ARGV[i + 1])
  else
    redis.call('HINCRBYFLOAT', KEYS[1], ARGV[2], 1)
  end
end
"""


class Counts:
    """Counts gathered in one piece of work and written in one call."""

    def __init__(self) -> None:
        self._fields: dict[str, float] = {}

    def add(self, name: str, by: float = 1, **labels: str) -> None:
        """Raise a counter."""
        field = field_name(name, labels)
        self._fields[field] = self._fields.get(field, 0) + by

    def observe(self, name: str, value: float, buckets: Sequence[float], **labels: str) -> None:
        """Put a value into a histogram with these upper bounds; `+Inf` is added."""
        for bound in buckets:
            if value <= bound:
                self.add(f"{name}_bucket", 1, **labels, le=f"{bound:g}")
        self.add(f"{name}_bucket", 1, **labels, le="+Inf")
        self.add(f"{name}_sum", value, **labels)
        self.add(f"{name}_count", 1, **labels)

    def take(self, other: Counts) -> None:
        """Add what `other` gathered."""
        for field, value in other._fields.items():
            self._fields[field] = self._fields.get(field, 0) + value

    async def write(self, store: Store) -> None:
        """Write and forget what was gathered."""
        fields, self._fields = self._fields, {}
        if not fields:
            return
        args = [FIELDS_KEPT, OVERFLOW, *(part for pair in fields.items() for part in pair)]
        with store_errors():
            await store.redis.eval(_COUNT, 1, keys.METRICS, *map(str, args))  # type: ignore[misc]


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
