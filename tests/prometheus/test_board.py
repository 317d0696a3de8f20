"""Every panel of the dashboard shows something: its queries, put to a real Prometheus.

The samples are those of the real /metrics, as if they had grown in two hours of traffic, written
into Prometheus' storage with their times (`promtool tsdb create-blocks-from`), so nothing waits.
"""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.metrics import LAG_BUCKETS
from store.monitoring import Counts, WorkerBeat, beat, field_name
from tests.service.conftest import Served, make_story, serve, served
from tests.service.ops.test_health import set_state
from tests.test_end_to_end import free_port

__all__ = ["serve", "served"]

BOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards" / "millrace.json"
EVERY = 300  # seconds between two scrapes; a series is current for as long
SCRAPES = 25

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="prometheus is not installed",
)


async def traffic(served: Served) -> None:
    """What workers count while all goes well, and a little worse."""
    counts = Counts()
    counts.add("millrace_polls_total", 50, outcome="ok")
    counts.add("millrace_polls_total", 10, outcome="status_5xx")
    counts.add("millrace_pages_total", 20, outcome="ok")
    counts.add("millrace_entries_total", 30, decision="published")
    counts.add("millrace_entries_total", 10, decision="merged")
    for seconds in (40.0, 700.0, 5000.0):
        counts.observe("millrace_lag_seconds", seconds, LAG_BUCKETS)
    await counts.write(served.store)


def samples(text: str, *, end: int) -> str:
    """An answer of /metrics as OpenMetrics of two hours, in which what is counted grew to it."""
    lines = []
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for number in range(1, SCRAPES + 1):
                grown = number / SCRAPES if family.type in ("counter", "histogram") else 1.0
                moment = end - (SCRAPES - number) * EVERY
                name = field_name(sample.name, sample.labels)
                lines.append(f"{name} {sample.value * grown} {moment}")
    return "\n".join([*lines, "# EOF", ""])


@asynccontextmanager
async def prometheus(folder: Path) -> AsyncIterator[str]:
    """The address of a Prometheus over the blocks in a folder."""
    config, port = folder / "prometheus.yml", free_port()
    config.write_text("scrape_configs: []\n")
    process = await asyncio.create_subprocess_exec(
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'blocks'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(20):
            while b"ready to receive web requests" not in (line := await process.stderr.readline()):
                assert line, "it ended"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


async def test_every_panel_of_the_board_shows_something(served: Served, tmp_path: Path) -> None:
    now = int(time.time())
    await served.publish(make_story(1))
    await beat(served.store, WorkerBeat(id="w", host="h", pid=1, started=now, last=now))
    await set_state(served.store, "first", last_success=now)
    await set_state(served.store, "second", failures=3, last_error="second.example answered 500")
    await traffic(served)
    metrics = await (await served.client.get("/metrics")).text()
    written = tmp_path / "samples.txt"
    written.write_text(samples(metrics, end=now - 60))
    made = await asyncio.create_subprocess_exec(
        "promtool", "tsdb", "create-blocks-from", "openmetrics", written, tmp_path / "blocks",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await made.communicate()
    assert made.returncode == 0, output
    panels = json.loads(BOARD.read_text(encoding="utf-8"))["panels"]
    queries = {(p["title"], t["expr"]) for p in panels for t in p.get("targets", [])}

    empty = []
    async with prometheus(tmp_path) as address, aiohttp.ClientSession() as session:
        for title, query in sorted(queries):
            asked = {"query": query, "time": str(now - 60)}
            answer = await session.get(f"{address}/api/v1/query", params=asked)
            found = await answer.json()
            assert found["status"] == "success", (title, found)
            values = [float(series["value"][1]) for series in found["data"]["result"]]
            growing = "increase(" in query or "rate(" in query
            if (
                not values
                or any(math.isnan(value) for value in values)
                or (growing and not any(values))
            ):
                empty.append((title, query, values))

    assert len(queries) >= 9
    assert empty == []
