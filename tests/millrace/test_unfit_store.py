"""Processes wait at a store that they cannot use, say why, and end cleanly when told to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from store import keys
from store.connection import Store
from tests.test_end_to_end import free_port


@pytest.mark.parametrize("command", ["work", "serve"])
async def test_a_store_of_a_newer_millrace_is_waited_at_and_left_as_it_is(
    store: Store, tmp_path: Path, command: str
):
    await store.redis.set(keys.LAYOUT, keys.LAYOUT_VERSION + 1)
    config = tmp_path / "feeds.yaml"
    config.write_text("sources: [{url: 'https://example.org/feed'}]\n", encoding="utf-8")
    port = ["--port", str(free_port())] if command == "serve" else []
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "millrace", command, "--config", str(config), *port,
        "--redis", store.url, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "MILLRACE_LOG": "text", "NO_COLOR": "1"},
    )  # fmt: skip
    assert process.stderr is not None

    async with asyncio.timeout(30):
        said = ""
        while "newer Millrace" not in said:
            said = (await process.stderr.readline()).decode()
            assert said, "it ended by itself"
    process.send_signal(signal.SIGTERM)
    _, rest = await asyncio.wait_for(process.communicate(), 15)

    assert process.returncode == 0, rest.decode()
    assert await store.redis.keys("*") == [keys.LAYOUT.encode()]
