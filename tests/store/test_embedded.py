"""The private store is found, started and reachable."""

import os
from pathlib import Path

from store.connection import Store
from store.embedded import server_binary, socket_path


def test_a_server_binary_is_found_on_this_machine():
    assert os.access(server_binary(), os.X_OK)


def test_a_deep_data_folder_still_gets_a_socket_address_that_fits(tmp_path: Path):
    deep = tmp_path / ("a" * 60) / ("b" * 60)

    path = socket_path(deep)

    assert len(os.fsencode(path)) <= 100
    assert path == socket_path(deep)


async def test_the_private_store_answers(store: Store):
    await store.ping()

    assert await store.now() > 1_700_000_000
