"""A host whose clock is wrong harms nobody: leases, places and plans are made from store time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from store import keys
from store.connection import Store
from store.schedule import SOURCES, poll_now
from tests.leases import lease_due
from tests.origin import Answer, Origin
from tests.workers.desk import desk_for, settings_for
from workers.sandbox.pool import Sandbox

ROOT = Path(__file__).parents[2]
FEED = (
    "<rss version='2.0'><channel><title>x</title>"
    "<item><guid>1</guid><title>A title</title><description>{}</description></item>"
    "</channel></rss>"
)
# `Retry-After` may name a date, and only our own clock can tell how far off that is; a host whose
# clock is far from the store's is reported, which takes a look at both.
ALLOWED = {"workers/http/client.py": 1, "store/monitoring.py": 1}


@pytest.mark.parametrize("hours", [1, -1])
async def test_an_hour_more_or_less_changes_no_place_no_lease_and_no_plan(
    store: Store, sandbox: Sandbox, hours: int
):
    async with Origin() as origin:
        url = origin.at("/feed", Answer(FEED.format("A long story. " * 60)))
        settings = settings_for({"url": url}, allow_private=[origin.allowance])
        async with desk_for(store, sandbox, settings) as desk:
            with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
                await desk.poll()
                now = await store.now()
                (entry,) = await desk.entries()
                due = (await store.redis.zscore(keys.SCHEDULE, "source")) / 1000
                await poll_now(store, "source")
                (lease,) = await lease_due(store, SOURCES, limit=1, seconds=9)
                leased = (await store.redis.zscore(keys.SCHEDULE, "source")) / 1000

    assert abs(entry.arrived.timestamp() - now) < 30
    assert -30 < due - now < 100_000
    assert 0 < leased - now < 30
    assert lease.name == "source"


def test_no_worker_and_no_part_of_the_store_asks_the_clock_of_its_host():
    asking = re.compile(r"time\.time\(|datetime\.now\(|utcnow\(")
    found = {
        str(path.relative_to(ROOT)): len(asking.findall(path.read_text(encoding="utf-8")))
        for folder in ("workers", "store")
        for path in (ROOT / folder).rglob("*.py")
    }

    assert {name: count for name, count in found.items() if count} == ALLOWED
