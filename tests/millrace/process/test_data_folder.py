"""One run on a data folder at a time, and others find its store there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from core.errors import MillraceError
from millrace.process.data_folder import locked, store_of_run


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
