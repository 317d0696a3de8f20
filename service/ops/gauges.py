"""The gauges of /metrics: what the service knows at the moment it is asked."""

from __future__ import annotations

from core.config.settings import Settings
from core.errors import StoreError
from service.context import Context
from service.ops.health import Findings, is_failing
from service.stream import Readers
from store.connection import Store
from store.counters import field_name
from store.sources import SourceState, load_sources

SOURCES_NAMED = 1000  # sources with series of their own; the totals hold all of them


async def gauges(
    context: Context, findings: Findings, *, renders: int, readers: Readers
) -> dict[str, float]:
    """Fields and values, as the counters have them."""
    settings = context.settings()
    found: dict[str, float] = {
        "millrace_store_up": float(findings.fault is None),
        "millrace_workers": findings.workers,
        "millrace_queue_age_seconds": findings.queue_age or 0.0,
        "millrace_stories": len(context.river),
        "millrace_renders_total": renders,
        "millrace_stream_readers": readers.count,
        "millrace_stream_dropped_total": readers.dropped,
        "millrace_config_fault": float(context.config_fault() is not None),
        field_name("millrace_sources", {"state": "ok"}): findings.ok,
        field_name("millrace_sources", {"state": "failing"}): len(findings.failing),
        field_name("millrace_sources", {"state": "disabled"}): sum(
            not source.enabled for source in settings.sources
        ),
    }
    if findings.vitals is not None:
        found["millrace_store_memory_bytes"] = findings.vitals.memory
        found["millrace_store_memory_limit_bytes"] = findings.vitals.memory_limit
    return found | await _per_source(context.store, settings)


async def _per_source(store: Store, settings: Settings) -> dict[str, float]:
    names = [source.name for source in settings.sources if source.enabled][:SOURCES_NAMED]
    try:
        states = await load_sources(store, names)
    except StoreError:
        return {}
    found: dict[str, float] = {}
    for name, state in zip(names, states, strict=True):
        if state is not None:
            found |= _of_source(name, state)
    return found


def _of_source(name: str, state: SourceState) -> dict[str, float]:
    label = {"source": name}
    found = {field_name("millrace_source_up", label): float(not is_failing(state))}
    if state.last_success is not None:
        found[field_name("millrace_source_last_success_seconds", label)] = state.last_success
    return found
