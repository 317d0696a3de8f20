"""Real neighbours: one private store for the whole run, emptied before each test."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from store.connection import Store
from store.embedded import server_command, socket_path, socket_url
from tests.key_table import undocumented


def await_store(url: str, *, seconds: float = 10) -> None:
    """Return once the server at `url` answers; the test fails if it does not."""
    client = redis.Redis.from_url(url)
    deadline = time.monotonic() + seconds
    while True:
        try:
            client.ping()
        except redis.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)  # between two asks of a starting process; nothing can be awaited
        else:
            client.close()
            return


@pytest.fixture(autouse=True)
def no_logging_error(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test in which a log line could not be written, and leave no handler behind.

    What a command logs to belongs to its test: after it, pytest closes that stream, and every
    later line would be a "Logging error" on the terminal.
    """
    faults: list[str] = []
    monkeypatch.setattr(
        logging.Handler,
        "handleError",
        lambda _, record: faults.append(f"{record.name}: {record.msg!r}: {sys.exc_info()[1]!r}"),
    )
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    assert faults == []


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real private server that lives as long as the test run."""
    data = tmp_path_factory.mktemp("store")
    # A snapshot once a day, that is none in a test run: a store that keeps nothing is not well.
    command = [*server_command(data, persistent=False), "--save", "86400 1"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    await_store(socket_url(data))
    yield socket_url(data)
    server.terminate()
    server.wait(10)
    Path(socket_path(data)).unlink(missing_ok=True)


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An empty store; whatever a test leaves in it has a row in store/keys.py."""
    opened = Store.open(store_url)
    await opened.redis.flushall()
    yield opened
    wrong = await undocumented(opened)
    await opened.close()
    assert wrong == []
