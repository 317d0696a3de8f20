"""A store that is full, locked or unwritable says so in words, and recovers without a person."""

from __future__ import annotations

import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.config.settings import Settings
from core.errors import StoreError
from service.ops.health import examine
from store import keys
from store.connection import Store, store_errors
from store.embedded import server_command, socket_path, socket_url
from store.monitoring import server_info
from store.retention import trim
from store.schedule import SOURCES, add_sources
from tests.chaos.ordeal import stage_folder
from tests.conftest import await_store
from tests.leases import lease_due

SMALL = 300_000  # bytes that the journal of the small disk may have
Start = Callable[..., Store]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts one server with further options; `limited`: its files may not grow."""
    servers: list[subprocess.Popen[bytes]] = []
    with stage_folder() as folder:

        def begin(*options: str, limited: bool = False) -> Store:
            servers.append(
                subprocess.Popen(
                    [*server_command(folder), *options],
                    stdout=subprocess.DEVNULL,
                    preexec_fn=_small_disk if limited else None,
                )
            )
            if not options:
                await_store(socket_url(folder))
            return Store.open(socket_url(folder))

        begin.servers = servers  # type: ignore[attr-defined]
        yield begin
        for server in servers:
            server.kill()
            server.wait()
        Path(socket_path(folder)).unlink(missing_ok=True)


def _small_disk() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, resource.RLIM_INFINITY))


async def test_a_full_disk_is_named_and_work_goes_on_once_there_is_room(start: Start):
    store = start(limited=True)
    with pytest.raises(StoreError, match="disk full"):
        await _fill(store)

    found = await examine(store, Settings())
    assert "disk full" in (found.fault or "")

    server = start.servers[0]  # type: ignore[attr-defined]
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    await _until_writable(store)
    assert (await examine(store, Settings())).fault is None
    await store.close()


async def _fill(store: Store) -> None:
    for _ in range(1000):
        with store_errors():
            await store.redis.set("fill", b"x" * 10_000)


async def _until_writable(store: Store) -> None:
    for _ in range(600):
        try:
            await add_sources(store, ["a"])
        except StoreError:
            continue  # it tries its journal again once a second
        if (await server_info(store)).fault is None:
            return


async def test_a_store_at_its_memory_limit_says_so_loses_nothing_and_recovers(store: Store):
    await add_sources(store, ["a"])
    try:
        await store.redis.config_set("maxmemory", 1)

        with pytest.raises(StoreError, match="memory limit"):
            await lease_due(store, SOURCES, limit=1, seconds=9)
        assert "full" in ((await server_info(store)).fault or "")
    finally:
        await store.redis.config_set("maxmemory", 0)

    (lease,) = await lease_due(store, SOURCES, limit=1, seconds=9)
    assert lease.name == "a"


async def test_retention_lets_go_even_at_the_memory_limit(store: Store):
    await store.redis.zadd(keys.RIVER, {f"s{n}": n for n in range(5)})
    try:
        await store.redis.config_set("maxmemory", 1)

        assert await trim(store, entries=2, days=30) == 3
    finally:
        await store.redis.config_set("maxmemory", 0)


async def test_a_wrong_password_is_named_without_being_told(start: Start):
    right = start("--requirepass", "right")
    wrong = Store.open(right.url.replace("unix://", "unix://:s3cret@"))
    await _until_there(right)

    for store in (right, wrong):
        found = await examine(store, Settings())
        assert "password" in (found.fault or "")
        assert "s3cret" not in (found.fault or "")
        await store.close()


async def _until_there(store: Store) -> None:
    for _ in range(2000):
        try:
            await store.ping()
        except StoreError as error:
            if "password" in str(error):
                return
