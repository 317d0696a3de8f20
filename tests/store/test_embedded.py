"""The private store is found, started and reachable."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import StoreError
from store.connection import Store
from store.embedded import server_binary, server_command, socket_path, socket_url
from tests.conftest import await_store


def test_a_server_binary_is_found_on_this_machine():
    assert os.access(server_binary(), os.X_OK)


def test_a_deep_data_folder_still_gets_a_socket_address_that_fits(tmp_path: Path):
    deep = tmp_path / ("a" * 60) / ("b" * 60)

    path = socket_path(deep)

    assert len(os.fsencode(path)) <= 100
    assert path == socket_path(deep)


@pytest.mark.parametrize(
    ("persistent", "said"), [(True, "set REDIS_URL"), (False, "uses no other")]
)
def test_where_no_server_is_what_helps_there_is_said(
    persistent: bool, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("store.embedded._packaged_binary", lambda: None)

    with pytest.raises(StoreError, match=said) as fault:
        server_command(tmp_path, persistent=persistent)

    assert "install valkey-server" in str(fault.value)


async def test_the_private_store_answers(store: Store):
    await store.ping()

    assert await store.now() > 1_700_000_000


@pytest.fixture
def _open_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_umask")
def test_only_the_owner_reads_what_the_store_writes(tmp_path: Path) -> None:
    """The journal holds the key that signs addresses, secrets of subscriptions, all content."""
    older = tmp_path / "store" / "appendonlydir"
    older.mkdir(parents=True)
    (older / "left-by-an-older-version").write_text("x")
    server = subprocess.Popen(server_command(tmp_path), stdout=subprocess.DEVNULL)
    await_store(socket_url(tmp_path))
    server.terminate()
    server.wait(10)

    written = [tmp_path / "store", *(tmp_path / "store").rglob("*")]

    assert any("aof" in path.name for path in written)
    assert [path for path in written if path.stat().st_mode & 0o077] == []
