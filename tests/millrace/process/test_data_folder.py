"""One run on a data folder at a time, and others find its store there."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from core.errors import MillraceError, StoreError
from millrace.process.data_folder import locked, private_store, store_of_run
from store.connection import opened


def test_the_folder_is_made_and_held(tmp_path: Path) -> None:
    data = tmp_path / "a" / "b"

    with (
        locked(data),
        pytest.raises(MillraceError, match=f"already in use by process {os.getpid()}"),
        locked(data),
    ):
        pass

    with locked(data):  # whoever held it has let it go
        pass


def test_the_store_of_a_run_is_told_while_it_runs(tmp_path: Path) -> None:
    with locked(tmp_path, redis="redis://:pw@store:6379"):
        assert store_of_run(tmp_path) == "redis://:pw@store:6379"
        assert (tmp_path / "run.lock").stat().st_mode & 0o077 == 0


def test_the_store_of_a_run_that_ended_is_not_told(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    (tmp_path / "run.lock").write_text(f"{ended.pid}\nredis://store:6379\n")

    assert store_of_run(tmp_path) is None
    assert store_of_run(tmp_path / "nowhere") is None


def test_a_run_with_a_store_of_its_own_tells_nothing(tmp_path: Path) -> None:
    with locked(tmp_path):
        assert store_of_run(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(MillraceError, match="choose another with --data"),
        locked(tmp_path / "file"),
    ):
        pass


def test_a_broken_journal_is_named_with_the_command_that_repairs_it(tmp_path: Path) -> None:
    async def start(keys: int) -> int:
        async with private_store(tmp_path) as url, opened(url) as store:
            for number in range(keys):
                await store.redis.set(f"key {number}", "x" * 50)
            return int(await store.redis.dbsize())

    assert asyncio.run(start(200)) == 200
    (journal,) = tmp_path.rglob("*.incr.aof")
    whole = journal.read_bytes()
    journal.write_bytes(whole[: len(whole) // 2] + whole[len(whole) // 2 + 37 :])

    with pytest.raises(StoreError, match="cut its broken journal") as refused:
        asyncio.run(start(0))
    repair = str(refused.value).rpartition("at the fault: ")[2]
    subprocess.run(shlex.split(repair), input=b"y\n", check=True, stdout=subprocess.DEVNULL)

    assert 90 < asyncio.run(start(0)) < 110
