"""REDIS_URL in all its forms: sentinels whose master is killed, certificates, logins."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from core.errors import StoreError
from store import address
from store.connection import Store, opened
from store.embedded import server_binary
from store.migration import ensure_layout
from tests.certificate import self_signed
from tests.conftest import await_store
from tests.test_end_to_end import free_port
from tests.until import wait_until

SENTINEL = """
port {port}
dir {folder}
sentinel monitor river 127.0.0.1 {master} 1
sentinel auth-pass river p@ss
sentinel down-after-milliseconds river 300
sentinel failover-timeout river 3000
"""


class Trio:
    """A master, its replica and a sentinel."""

    def __init__(self, folder: Path) -> None:
        self.master, self.replica, self.sentinel = free_port(), free_port(), free_port()
        self._folder = folder
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self._server(self.master)
        await_store(f"redis://:p%40ss@127.0.0.1:{self.master}")
        self._server(self.replica, "--replicaof", "127.0.0.1", str(self.master))
        replica = redis.Redis(port=self.replica, password="p@ss")
        wait_until(lambda: _is_linked(replica))
        replica.close()
        config = self._folder / "sentinel.conf"
        config.write_text(
            SENTINEL.format(port=self.sentinel, folder=self._folder, master=self.master)
        )
        self._begin(server_binary(), str(config), "--sentinel")
        await_store(f"redis://127.0.0.1:{self.sentinel}")
        sentinel = redis.Redis(port=self.sentinel)
        wait_until(lambda: bool(sentinel.sentinel_slaves("river")))  # type: ignore[no-untyped-call]
        sentinel.close()

    def _server(self, port: int, *more: str) -> None:
        login = ("--requirepass", "p@ss", "--masterauth", "p@ss", "--save", "")
        at_once = ("--repl-diskless-sync-delay", "0")
        self._begin(server_binary(), "--port", str(port), *login, *at_once, *more)

    def _begin(self, *command: str) -> None:
        self.started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=self._folder))


def _is_linked(replica: redis.Redis) -> bool:
    try:
        return replica.info("replication")["master_link_status"] == "up"  # type: ignore[index]
    except redis.ConnectionError:
        return False


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[Trio]:
    made = Trio(tmp_path)
    made.start()
    yield made
    for process in made.started:
        process.kill()
        process.wait()


async def test_the_store_is_found_again_when_its_master_was_killed(trio: Trio) -> None:
    async with (
        opened(f"redis+sentinel://:p%40ss@127.0.0.1:{trio.sentinel}/river/2") as store,
        asyncio.timeout(60),
    ):
        await ensure_layout(store)
        await store.redis.set("kept", "yes")
        async with opened(f"redis://:p%40ss@127.0.0.1:{trio.replica}/2") as replica:
            while await replica.redis.get("kept") != b"yes":  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.05)

        trio.started[0].kill()
        while not await _writable(store):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)

        assert await store.redis.get("kept") == b"yes"


async def test_a_master_that_hangs_is_left_for_the_one_that_sentinels_name(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "SENTINEL_TIMEOUT", 1.0)
    async with (
        opened(f"redis+sentinel://:p%40ss@127.0.0.1:{trio.sentinel}/river/2") as store,
        asyncio.timeout(60),
    ):
        await ensure_layout(store)
        trio.started[0].send_signal(signal.SIGSTOP)
        try:
            while not await _writable(store):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.05)
            connection = store.redis.connection_pool.get_master_address  # type: ignore[attr-defined]
            assert (await connection())[1] == trio.replica
        finally:
            trio.started[0].send_signal(signal.SIGCONT)


async def _writable(store: Store) -> bool:
    try:
        await ensure_layout(store)
        await store.call(store.redis.register_script("redis.call('SET', 'a', 'b')"), [], [])
    except StoreError:
        return False
    return True


def test_a_sentinel_address_says_all_that_a_plain_one_can() -> None:
    store = Store.open(
        "redis+sentinel://me:p%40ss@one:1,two/river/2?ssl=true&ssl_ca_certs=/ca&sentinel_password=q"
    )

    pool = store.redis.connection_pool
    asked = pool.connection_kwargs
    watchers = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
    assert pool.service_name == "river"
    assert (asked["username"], asked["password"], asked["db"]) == ("me", "p@ss", 2)
    assert (asked["ssl_ca_certs"], asked["ssl_check_hostname"]) == ("/ca", True)
    assert [(each["host"], each["port"]) for each in watchers] == [("one", 1), ("two", 26379)]
    assert {(each["password"], each["ssl_ca_certs"]) for each in watchers} == {("q", "/ca")}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
async def test_a_certificate_that_is_not_trusted_is_named(tmp_path: Path) -> None:
    context = self_signed(tmp_path)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server, opened(f"rediss://127.0.0.1:{port}") as store:
        with pytest.raises(StoreError, match=r"certificate is not trusted: self-signed"):
            await store.ping()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
async def test_a_certificate_for_another_name_is_not_trusted(tmp_path: Path) -> None:
    context = self_signed(tmp_path)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", ssl=context)
    port = server.sockets[0].getsockname()[1]
    url = f"rediss://localhost:{port}?ssl_ca_certs={tmp_path / 'cert.pem'}"
    async with server, opened(url) as store:
        with pytest.raises(StoreError, match=r"not trusted: Hostname mismatch"):
            await store.ping()
