"""make on machines as they are: a broken or moved .venv, folders with spaces and Chinese names.

Python is played by a script that makes the files pip and venv would make, and keeps what it was
called with, so that nothing is installed.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAKE = """#!/bin/sh
echo "$*" >> "$LOG"
case "$*" in
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  *--editable*) printf '#!%s/.venv/bin/python\\necho "millrace $*" >> "$LOG"\\n' "$PWD" \\
    > .venv/bin/millrace; sed -i '1c#!/bin/sh\\n# '"$PWD"'/.venv/bin/python' .venv/bin/millrace
    chmod +x .venv/bin/millrace ;;
  "-c import pip") test ! -e .venv/without-pip ;;
esac
"""


class Folder:
    """A checkout with a Makefile, under a name with a space and Chinese characters."""

    def __init__(self, parent: Path) -> None:
        self.path = parent / "early news 早安"
        self.path.mkdir()
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, self.path)
        self._python = parent / "python"
        self._python.write_text(FAKE)
        self._python.chmod(0o755)
        self._log = parent / "log"

    def make(self, *arguments: str) -> tuple[str, list[str]]:
        """What make says, and what was called."""
        self._log.write_text("")
        answer = subprocess.run(
            ["make", *arguments, f"PYTHON={self._python}"],
            cwd=self.path,
            capture_output=True,
            text=True,
            env={"PATH": "/usr/bin:/bin", "LOG": str(self._log)},
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout, self._log.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.make("run")
    return made


def test_a_sound_venv_is_used_as_it_is(folder: Folder) -> None:
    said, called = folder.make("run", "CONFIG=my feeds.yaml", "DATA=数 据", "PORT=9")

    assert "Making .venv again" not in said
    assert called[-1] == "millrace run --config my feeds.yaml --port 9 --data 数 据"
    assert not any("venv .venv" in line for line in called)


def test_a_venv_without_pip_is_made_again_after_one_line(folder: Folder) -> None:
    (folder.path / ".venv" / "without-pip").touch()

    said, called = folder.make("run")

    assert said.splitlines()[0].startswith("Making .venv again: its Python does not start or has")
    assert "-m venv .venv" in called
    assert called[-1].startswith("millrace run")


def test_a_venv_whose_python_is_gone_is_made_again(folder: Folder) -> None:
    python = folder.path / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")

    said, called = folder.make("run")

    assert said.count("Making .venv again") == 1
    assert called[-1].startswith("millrace run")


def test_a_venv_that_was_moved_with_its_folder_is_made_again(folder: Folder) -> None:
    folder.path = folder.path.rename(folder.path.with_name("moved"))

    said, _ = folder.make("run")
    again, _ = folder.make("run")

    assert "it was made for another folder" in said
    assert "Making .venv again" not in again


def test_the_demo_keeps_to_port_and_data(folder: Folder) -> None:
    _, plain = folder.make("demo")
    _, named = folder.make("demo", "PORT=9000", "DATA=de mo")

    assert plain[-1] == "-m tests.demo --port 8080"
    assert named[-1] == "-m tests.demo --port 9000 --data de mo"
