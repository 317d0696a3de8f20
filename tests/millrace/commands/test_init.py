"""`millrace init` writes a feeds.yaml that is good as it stands, and never over one."""

from pathlib import Path

import pytest

from millrace.cli import exit_code
from millrace.process.config import read_config


def test_what_it_writes_is_valid_and_the_next_line_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "news"

    assert exit_code(["init", str(folder)]) == 0

    assert len(read_config(str(folder / "feeds.yaml")).sources) == 2
    assert f"millrace run --config {folder}/feeds.yaml" in capsys.readouterr().out


def test_a_file_that_exists_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "feeds.yaml"
    file.write_text("sources: []\n")

    assert exit_code(["init", str(tmp_path)]) == 1

    assert file.read_text() == "sources: []\n"
    assert "exists; `millrace check" in capsys.readouterr().err
