"""/health reports all checks and their results; /health/live and /health/ready are for probes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog
from aiohttp import web

from core.config.settings import Settings
from core.errors import StoreAway, StoreError
from core.urls import without_credentials
from service.context import CONTEXT, Context, failing_source, is_failing, iso_time
from service.responses import json_reply, text_reply
from store.connection import Store
from store.migration import ensure_layout
from store.monitoring import ServerInfo, load_workers, server_info
from store.outbox import GivenUp, given_up
from store.retention import flooding
from store.revision import load_processes
from store.schedule import queue_age
from store.sources import SourceState, load_sources

FEW = 2000  # sources whose states are read at once
EVERY = 30.0  # seconds between two counts of more
MOST_NAMED = 1000  # failing sources in one answer

log = structlog.get_logger()


class SourceCounts(NamedTuple):
    """The numbers of sources by state, and the failing ones."""

    ok: int = 0
    failing: int = 0
    named: tuple[tuple[str, SourceState], ...] = ()  # the first MOST_NAMED of those that fail


class SourceCounter:
    """Counts the sources of a store by state."""

    def __init__(self) -> None:
        self._last = SourceCounts()
        self._at: float | None = None
        self._counting: asyncio.Task[None] | None = None

    async def counted(self, store: Store, settings: Settings) -> SourceCounts:
        """The present count; for very long lists the last finished count."""
        names = [source.name for source in settings.sources if source.enabled]
        if len(names) <= FEW:
            return await self._count(store, names)
        due = self._at is None or time.monotonic() - self._at > EVERY
        if due and (self._counting is None or self._counting.done()):
            self._counting = asyncio.create_task(self._count_aside(store, names))
        return self._last

    async def _count_aside(self, store: Store, names: list[str]) -> None:
        try:
            self._last = await self._count(store, names)
            self._at = time.monotonic()
        except StoreError as error:
            log.debug("sources.not_counted", reason=str(error))

    async def _count(self, store: Store, names: list[str]) -> SourceCounts:
        ok, failing = 0, 0
        named = list[tuple[str, SourceState]]()
        for start in range(0, len(names), FEW):
            chunk = names[start : start + FEW]
            for name, state in zip(chunk, await load_sources(store, chunk), strict=True):
                if state is None:
                    continue
                if not is_failing(state):
                    ok += 1
                    continue
                failing += 1
                if len(named) < MOST_NAMED:
                    named.append((name, state))
        return SourceCounts(ok, failing, tuple(named))


PATIENCE = 2.0  # seconds for the store to answer
KEPT = 1.0  # seconds that one answer is used again: orchestrators ask often
OVERDUE = 120.0  # seconds a source may wait before that /health reports it


@dataclass(slots=True)
class Findings:
    """The data that /health reports, as fetched from the store."""

    fault: str | None = None
    server_info: ServerInfo | None = None
    workers: int = 0
    refused: int = 0  # workers that the store refuses something
    hindered: str | None = None  # why no worker can work
    queue_age: float | None = None
    ok: int = 0
    failing: int = 0
    named: list[dict[str, Any]] = field(default_factory=list)  # of the failing ones, in words
    processes: list[str] = field(default_factory=list)  # those that have another feeds.yaml
    floods: list[str] = field(default_factory=list)  # sources above their share of the feed
    given_up: dict[str, GivenUp] = field(default_factory=dict)  # webhooks, by their host

    @property
    def warnings(self) -> tuple[str, ...]:
        """Settings of the store that may lose data, or refuse it later."""
        return self.server_info.warnings if self.server_info else ()


async def health(request: web.Request) -> web.Response:
    """GET /health."""
    context = request.app[CONTEXT]
    findings = await request.app[CHECK].findings()
    report = health_report(findings, context)
    return json_reply(report, status=503 if report["status"] == "down" else 200)


async def live(request: web.Request) -> web.Response:
    """GET /health/live: 200 while the process answers."""
    return text_reply("live\n")


async def ready(request: web.Request) -> web.Response:
    """GET /health/ready: 200 while feeds can be served, stale ones included, until draining."""
    context = request.app[CONTEXT]
    if context.draining:
        return text_reply("draining\n", status=503)
    if context.river.loaded is None:
        return text_reply(f"loading: {context.river.away or 'the first load'}\n", status=503)
    return text_reply("ready\n")


def health_report(findings: Findings, context: Context) -> dict[str, Any]:
    """The body of /health."""
    config = context.config_fault()
    down, degraded = _reasons(findings, config)
    return {
        "status": "down" if down else "degraded" if degraded else "ok",
        "reasons": down + degraded,
        "store": findings.fault or "; ".join(findings.warnings) or "ok",
        "workers": findings.workers,
        "queue_age": findings.queue_age,
        "sources": {"ok": findings.ok, "failing": findings.named},
        "config": config or "ok",
        "stories": len(context.river),
        "stale_since": iso_time(context.river.away_since),
    }


def _reasons(findings: Findings, config: str | None) -> tuple[list[str], list[str]]:
    down, degraded = [], []
    if findings.fault:
        down.append(f"store: {findings.fault}")
    elif findings.workers == 0:
        down.append("workers: none is alive; start one with `millrace work`")
    elif findings.hindered:
        down.append(f"workers: none can work: {without_credentials(findings.hindered)}")
    degraded += [f"store: {warning}" for warning in findings.warnings]
    if (findings.queue_age or 0) > OVERDUE:
        degraded.append(f"queue: a source has been waiting for {findings.queue_age:.0f} s")
    if findings.failing:
        names = ", ".join(failing["name"] for failing in findings.named[:10])
        degraded.append(f"sources: {findings.failing} failing: {names}")
    degraded += [
        f"sources: {name} brings more than its share: since yesterday its oldest stories went for "
        "those of others, or new ones wait; set max_per_day for it, or raise retention.entries"
        for name in findings.floods
    ]
    degraded += [
        f"webhooks: {host} was not sent {missed.count} since yesterday: {missed.reason}"
        for host, missed in findings.given_up.items()
    ]
    if config:
        degraded.append(f"config: {config}")
    # What is wrong with our own file is stated once.
    degraded += [
        f"config: {each}" for each in findings.processes if not (config and config in each)
    ]
    return down, degraded


class HealthCheck:
    """Examines the store at most once a second."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._counter = SourceCounter()
        self._last: tuple[float, Settings, Findings] | None = None
        self._lock = asyncio.Lock()

    async def findings(self) -> Findings:
        """The findings, at most a second old."""
        async with self._lock:
            settings, last = self._context.settings(), self._last
            if last and last[1] is settings and time.monotonic() - last[0] < KEPT:
                return last[2]
            findings = await examine(self._context.store, settings, self._counter)
            self._last = (time.monotonic(), settings, findings)
            return findings


CHECK = web.AppKey("check", HealthCheck)


async def examine(
    store: Store, settings: Settings, counter: SourceCounter | None = None
) -> Findings:
    """Fetch from the store everything that /health reports."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await _fetch_findings(store, settings, counter or SourceCounter())
    except TimeoutError:
        return Findings(fault=f"away: no answer within {PATIENCE:g} s")
    except StoreAway as error:
        return Findings(fault=f"away: {without_credentials(str(error))}")
    except StoreError as error:
        return Findings(fault=without_credentials(str(error)))


async def _fetch_findings(store: Store, settings: Settings, counter: SourceCounter) -> Findings:
    await ensure_layout(store)
    counted = await counter.counted(store, settings)
    server = await server_info(store)
    workers = await load_workers(store)
    faults = [worker.fault for worker in workers]
    return Findings(
        fault=server.fault,
        server_info=server,
        workers=len(workers),
        refused=sum(fault is not None for fault in faults),
        hindered=faults[0] if all(faults) and faults else None,
        queue_age=round(await queue_age(store), 1),
        ok=counted.ok,
        failing=counted.failing,
        named=[failing_source(name, state) for name, state in counted.named],
        given_up=await given_up(store),
        processes=[str(fault) for fault in (await load_processes(store)).faults()],
        floods=await flooding(store),
    )
