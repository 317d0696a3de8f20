"""Hints reach a worker, whatever arq does when workers and connections die."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from arq.constants import in_progress_key_prefix, job_key_prefix

from core.errors import StoreAway, StoreError
from store import keys
from store.connection import Store, end_tasks
from store.embedded import server_command, socket_url
from store.schedule import Lease
from tests.conftest import await_store
from workers.leases import Role
from workers.queue import arq_redis, enqueue, redis_settings, run_queue
from workers.worker import WorkerSettings

LEASES = [Lease("one", "1-00000001"), Lease("two", "1-00000002")]


class Taking:
    """Writes down what it is given."""

    def __init__(self) -> None:
        self.taken: asyncio.Queue[tuple[Role, list[Lease]]] = asyncio.Queue()
        self.tidied = asyncio.Event()

    async def take(self, role: Role, leases: Sequence[Lease]) -> None:
        self.taken.put_nowait((role, list(leases)))

    async def tidy(self) -> None:
        self.tidied.set()

    async def next(self) -> tuple[Role, list[Lease]]:
        async with asyncio.timeout(10):
            return await self.taken.get()


@asynccontextmanager
async def running(store: Store) -> AsyncIterator[Taking]:
    """A worker of the queue alone."""
    crew = Taking()
    task = asyncio.create_task(run_queue(WorkerSettings, store, crew))
    try:
        yield crew
    finally:
        await end_tasks([task])


@contextmanager
def server(folder: Path) -> Iterator[None]:
    """A store that is killed at the end."""
    process = subprocess.Popen(server_command(folder), stdout=subprocess.DEVNULL)
    await_store(socket_url(folder))
    yield
    process.kill()
    process.wait(10)


@pytest.mark.parametrize("role", list(Role))
async def test_a_hint_reaches_one_worker_of_all_and_leaves_nothing(store: Store, role: Role):
    async with running(store) as one, running(store) as other:
        await enqueue(arq_redis(store), role, LEASES)
        async with asyncio.timeout(10):
            while one.taken.empty() and other.taken.empty():  # noqa: ASYNC110 - either of the two
                await asyncio.sleep(0.01)
            while await store.redis.zcard(keys.QUEUE):  # noqa: ASYNC110 - arq says nothing
                await asyncio.sleep(0.01)

    crews = [crew for crew in (one, other) if not crew.taken.empty()]
    assert len(crews) == 1
    assert crews[0].taken.get_nowait() == (role, LEASES)
    assert [key async for key in store.redis.scan_iter(f"arq:*{role}:*")] == []


async def test_what_is_too_old_is_removed_from_the_start_of_a_worker_on(store: Store):
    for cron_job in WorkerSettings.cron_jobs:
        cron_job.next_run = None  # as in a process that has just begun

    async with running(store) as worker, asyncio.timeout(10):
        await worker.tidied.wait()


class Away(Taking):
    """Meets a store that has just gone."""

    async def take(self, role: Role, leases: Sequence[Lease]) -> None:
        await super().take(role, leases)
        raise StoreAway("no answer from the store")


async def test_a_job_that_the_store_fails_adds_no_line_of_its_own_to_the_log(
    store: Store, caplog: pytest.LogCaptureFixture
):
    crew = Away()
    task = asyncio.create_task(run_queue(WorkerSettings, store, crew))
    await enqueue(arq_redis(store), Role.POLL, LEASES)
    await crew.next()

    await end_tasks([task])

    assert [record.getMessage() for record in caplog.records if record.name == "arq.worker"] == []


async def test_a_job_is_json(store: Store):
    await enqueue(arq_redis(store), Role.POLL, LEASES)

    (key,) = [key async for key in store.redis.scan_iter(job_key_prefix + "*")]
    job = json.loads(await store.redis.get(key))

    assert (job["f"], job["a"]) == ("poll", [[list(lease) for lease in LEASES]])
    assert 0 < await store.redis.ttl(key) <= 120


async def test_the_mark_of_a_killed_worker_holds_up_no_later_lease(store: Store):
    async with running(store) as crew:
        left = f"{in_progress_key_prefix}poll:{LEASES[0].token}"
        await store.redis.set(left, 1, ex=30)
        await enqueue(arq_redis(store), Role.POLL, LEASES[:1])
        again = Lease("one", "2-00000003")

        await enqueue(arq_redis(store), Role.POLL, [again])

        assert await crew.next() == (Role.POLL, [again])
        assert crew.taken.empty()


def test_a_killed_worker_marks_its_jobs_for_at_most_half_a_minute():
    timeouts = [each.timeout_s for each in [*WorkerSettings.functions, *WorkerSettings.cron_jobs]]

    assert timeouts
    assert all(0 < timeout <= 20 for timeout in timeouts if timeout is not None)
    assert None not in timeouts


async def test_a_worker_that_lost_the_store_is_followed_by_another(tmp_path: Path):
    store = Store.open(socket_url(tmp_path))
    with server(tmp_path):
        lost = asyncio.create_task(run_queue(WorkerSettings, store, Taking()))
        async with asyncio.timeout(10):
            while not await store.redis.exists(keys.QUEUE + ":health-check"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    with pytest.raises(StoreAway):
        await asyncio.wait_for(lost, 10)

    with server(tmp_path):
        async with running(store) as crew:
            await enqueue(arq_redis(store), Role.PAGE, LEASES)
            assert await crew.next() == (Role.PAGE, LEASES)
    await store.close()


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_hint_of_a_host_with_a_wrong_clock_is_due_at_once(store: Store, hours: int):
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
        await enqueue(arq_redis(store), Role.POLL, LEASES)

    async with running(store) as crew:
        assert await crew.next() == (Role.POLL, LEASES)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://store:6380/2", {"host": "store", "port": 6380, "database": 2, "ssl": False}),
        ("redis://me:p%40ss@store/0", {"username": "me", "password": "p@ss", "port": 6379}),
        ("unix:///run/store.sock?db=1", {"unix_socket_path": "/run/store.sock", "database": 1}),
        (
            "rediss://store:6380/0?ssl_ca_certs=ca.pem",
            {"ssl": True, "ssl_ca_certs": "ca.pem", "ssl_check_hostname": True},
        ),
        ("rediss://store/0?ssl_cert_reqs=none", {"ssl": True, "ssl_check_hostname": False}),
        (
            "redis+sentinel://:pw@a:1,b/main/3",
            {
                "host": [("a", 1), ("b", 26379)],
                "sentinel": True,
                "sentinel_master": "main",
                "database": 3,
                "password": "pw",
            },
        ),
    ],
)
def test_arq_finds_the_store_at_every_kind_of_address(url: str, expected: dict[str, object]):
    settings = redis_settings(url)

    assert {name: getattr(settings, name) for name in expected} == expected


def test_what_is_no_address_is_an_error_that_names_the_variable():
    with pytest.raises(StoreError, match="REDIS_URL"):
        redis_settings("localhost:6379")
