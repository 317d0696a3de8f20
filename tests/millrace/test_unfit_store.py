"""Processes wait at a store that they cannot use, say why, and end cleanly when told to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from millrace import healthcheck
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


@pytest.mark.parametrize("command", ["work", "serve"])
async def test_a_wrong_password_is_one_line_without_a_traceback_or_a_secret(
    store: Store, tmp_path: Path, command: str
) -> None:
    await store.redis.config_set("requirepass", "right")
    config = tmp_path / "feeds.yaml"
    config.write_text("sources: [{url: 'https://example.org/feed'}]\n", encoding="utf-8")
    port = ["--port", "0"] if command == "serve" else []
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "millrace", command, "--config", str(config), *port,
            "--redis", store.url, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "MILLRACE_LOG": "text", "NO_COLOR": "1",
                 "REDIS_PASSWORD": "hunter2"},
        )  # fmt: skip
        assert process.stderr is not None
        first = (await asyncio.wait_for(process.stderr.readline(), 60)).decode()
        process.send_signal(signal.SIGTERM)
        _, rest = await asyncio.wait_for(process.communicate(), 30)
    finally:
        await store.redis.config_set("requirepass", "")

    assert "correct REDIS_PASSWORD" in first
    assert rest.decode() == ""
    assert "hunter2" not in first
    assert process.returncode == 0


@pytest.mark.parametrize("url", ["redis://:aB+c/hunter2@127.0.0.1:6379/0", "", "redis://h:x"])
def test_the_health_check_says_in_one_line_what_is_wrong(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setattr(sys, "argv", ["healthcheck", "worker"])

    code = healthcheck.main()

    said = capsys.readouterr().err
    assert code == 2
    assert (said.count("\n"), "hunter2" in said) == (1, False)
    assert "REDIS_" in said
