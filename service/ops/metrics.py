"""/metrics: counters of the workers and gauges of the service, as Prometheus text."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf

from aiohttp import web

from core.metrics import METRICS
from service.connections import CONNECTIONS, Connections
from service.context import CONTEXT, Context, is_failing, listed
from service.documents import BACKGROUND, SHARED, Document
from service.feeds.handlers import FEEDS
from service.feeds.stream import READERS_OF, Readers
from service.ops.health import CHECK, Findings
from service.responses import secured
from store.monitoring import field_name
from store.sources import SourceState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FIELD = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})?", re.DOTALL)
_BOUND = re.compile(r',?le="([^"]+)"')
_OF_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


async def metrics(request: web.Request) -> web.StreamResponse:
    """GET /metrics."""
    context = request.app[CONTEXT]

    async def make() -> Document:
        names = [s.name for s in context.settings().sources if s.enabled][:SOURCES_NAMED]
        counted, findings, states = await asyncio.gather(
            context.cached.counters(),
            request.app[CHECK].findings(),
            context.cached.states(names),
        )
        known = gauges(
            context,
            findings,
            dict(zip(names, states, strict=True)),
            renders=request.app[FEEDS].renders,
            readers=request.app[READERS_OF],
            connections=request.app[CONNECTIONS],
        )
        text = await request.app[BACKGROUND].run(exposition, {**counted, **known})
        headers = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
        return Document(text.encode(), secured(headers), datetime.now(UTC))

    document = await request.app[SHARED].document("metrics", make)
    return await document.respond(request, "identity", conditional=False)


def exposition(values: Mapping[str, float]) -> str:
    """Fields such as `name{label="x"}` as text, each family under its HELP and TYPE."""
    families: dict[str, list[tuple[str, float]]] = {}
    for field, value in values.items():
        match = _FIELD.fullmatch(field)
        if match is not None:
            families.setdefault(_family(match[1]), []).append((field, value))
    return "".join(_written(name, families[name]) for name in sorted(families))


def _family(name: str) -> str:
    base = _OF_HISTOGRAM.sub("", name)
    known = METRICS.get(base)
    return base if known is not None and known.kind == "histogram" else name


def _written(name: str, fields: list[tuple[str, float]]) -> str:
    metric = METRICS.get(name)
    kind, meaning = (metric.kind, metric.meaning) if metric else ("untyped", "Not documented.")
    if kind == "histogram":
        fields = sorted(fields, key=_place_in_histogram)
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
    lines += [f"{field} {_number(value)}" for field, value in fields]
    return "\n".join(lines) + "\n"


def _place_in_histogram(field: tuple[str, float]) -> tuple[str, float, str]:
    """The order that scrapers want: by labels, buckets by their bounds, then count and sum."""
    name, _, labels = field[0].partition("{")
    bound = _BOUND.search(labels)
    return _BOUND.sub("", labels).strip(",}"), float(bound[1]) if bound else inf, name


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else repr(float(value))


SOURCES_NAMED = 1000  # sources with their own series; the totals hold all of them


def gauges(
    context: Context,
    findings: Findings,
    states: Mapping[str, SourceState | None],
    *,
    renders: int,
    readers: Readers,
    connections: Connections,
) -> dict[str, float]:
    """The gauges, as fields and values in the form of the counters."""
    settings = context.settings()
    found: dict[str, float] = {
        "millrace_store_up": float(findings.fault is None),
        "millrace_workers": findings.workers,
        "millrace_workers_refused": findings.refused,
        "millrace_queue_age_seconds": findings.queue_age or 0.0,
        "millrace_stories": len(context.river),
        "millrace_renders_total": renders,
        "millrace_stream_readers": readers.count,
        "millrace_stream_dropped_total": readers.dropped,
        "millrace_connections": len(connections),
        "millrace_config_fault": float(context.config_fault() is not None),
        field_name("millrace_sources", {"state": "ok"}): findings.ok,
        field_name("millrace_sources", {"state": "failing"}): findings.failing,
        field_name("millrace_sources", {"state": "disabled"}): listed(settings).disabled,
    }
    for reason, count in connections.refused.items():
        found[field_name("millrace_refused_total", {"reason": reason})] = count
    if (server := findings.server_info) is not None:
        found["millrace_store_memory_bytes"] = server.memory
        found["millrace_store_memory_limit_bytes"] = server.memory_limit
        if server.disk_free is not None and server.disk_size is not None:
            found["millrace_store_disk_free_bytes"] = server.disk_free
            found["millrace_store_disk_size_bytes"] = server.disk_size
    for name, state in states.items():
        if state is not None or findings.fault is None:  # else it is not known, and no alert
            found |= _of_source(name, state)
    return found


def _of_source(name: str, state: SourceState | None) -> dict[str, float]:
    """A source that never answered well has 0 as its last success, so that an alert sees it."""
    label = {"source": name}
    success = state.last_success if state is not None else None
    found = {field_name("millrace_source_last_success_seconds", label): success or 0.0}
    if state is not None:
        found[field_name("millrace_source_up", label)] = float(not is_failing(state))
        found[field_name("millrace_source_waiting", label)] = state.waiting
    return found
