"""A worker as its users start it: by arq's own command."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from store import keys
from store.connection import Store
from store.entries import write_story_ids
from store.monitoring import load_workers
from store.schedule import PAGES
from store.sources import load_source
from tests.leases import lease_due
from tests.origin import Answer, Origin
from tests.workers.desk import desk_for, settings_for
from workers.leases import Role
from workers.sandbox.pool import Sandbox
from workers.worker import WorkerProcess

ARQ = Path(sys.executable).with_name("arq")
FEED = "<rss version='2.0'><channel><title>x</title></channel></rss>"


def arq(config: Path, url: str, *options: str) -> asyncio.subprocess.Process:
    return asyncio.create_subprocess_exec(
        str(ARQ), *options, "workers.worker.WorkerSettings",
        env={**os.environ, "REDIS_URL": url, "MILLRACE_CONFIG": str(config)},
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def test_arqs_own_command_starts_a_worker_and_sees_its_health(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    await write_story_ids(store, {})
    async with Origin() as origin:
        config = tmp_path / "feeds.yaml"
        config.write_text(
            f"fetch: {{allow_private: ['{origin.allowance}']}}\n"
            f"sources: [{{name: source, url: '{origin.at('/feed', Answer(FEED))}'}}]\n"
        )
        worker = await arq(config, store_url)
        async with asyncio.timeout(60):
            while await load_source(store, "source") is None:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        alive, check = await load_workers(store), await arq(config, store_url, "--check")
        during = await check.wait()
        worker.send_signal(signal.SIGTERM)
        said, _ = await asyncio.wait_for(worker.communicate(), 20)

    state = await load_source(store, "source")
    assert state is not None
    assert state.last_error is None
    assert (during, worker.returncode) == (0, 0), said.decode()
    assert len(alive) == 1
    assert await load_workers(store) == []


async def test_a_lease_without_a_place_is_due_again_for_the_others(
    store: Store, sandbox: Sandbox
) -> None:
    settings = settings_for({"url": "https://example.org/feed"})
    async with desk_for(store, sandbox, settings) as desk:
        worker = WorkerProcess("full", desk.context)
        worker._places.limits = dict.fromkeys(Role, 0)
        await store.redis.zadd(keys.PENDING, {"entry": 1})
        leased = await lease_due(store, PAGES, limit=1, seconds=9)

        await worker.take(Role.PAGE, leased)

        again = await lease_due(store, PAGES, limit=1, seconds=9)
        assert [lease.name for lease in [*leased, *again]] == ["entry", "entry"]
