"""Every command and example of the hand-written pages works as it is shown.

Addresses of the examples lead to a local origin; what needs another machine or an account, such as
Tailscale, is listed by name.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from core.config.yaml_text import read_yaml
from millrace.cli import exit_code
from millrace.process.config import read_config
from tests.core import stories
from tests.millrace.commands.test_run import Running, running
from tests.stage import staged
from tests.until import wait_until

ROOT = Path(__file__).parents[1]
GENERATED = {"commands.md", "feeds-yaml.md", "performance.md"}  # by `make docs` and `make bench`
PAGES = [
    *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name not in GENERATED),
    *(ROOT / name for name in ("README.md", "README.zh.md", "SECURITY.md")),
]
WORDS = 12_000  # of all hand-written pages without reference, changelog and translation
# Tables to look things up in, and the translation.
REFERENCE = {"endpoints.md", "fetching.md", "limits.md", "metrics.md", "README.zh.md"}

# What a test cannot do: install, run for good, or speak to another company's service.
NOT_RUN = {
    ". .venv/bin/activate",
    "docker compose up",
    "docker compose up --scale worker=4",
    "tailscale serve --bg 8080",
    "millrace run",
}


# In a sentence: a target of make, or a command with its argument.
_INLINE = re.compile(r"`(make [a-z-]+(?: [A-Z]+=\S+)*|millrace [a-z]+ [^`<…]+)`")


class Block(NamedTuple):
    """One fenced block of a page."""

    page: str
    language: str
    text: str


def blocks() -> Iterator[Block]:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for found in re.finditer(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            yield Block(path.name, found[1], found[2])


def commands() -> set[str]:
    """The lines of the blocks that people type, without comments."""
    lines = {
        re.sub(r"\s+#.*", "", line).strip()
        for block in blocks()
        if not block.language and block.page != "how-it-works.md"  # its blocks are drawings
        for line in block.text.splitlines()
    }
    inline = {
        found
        for path in PAGES
        for found in re.findall(_INLINE, path.read_text(encoding="utf-8"))
        # Where an argument is named and not given, it is no example.
        if not re.search(r" [A-Z]{2,}$|opml import$", found)
    }
    return {line.partition("  cd /srv/millrace && ")[2] or line for line in lines | inline} - {""}


def test_hand_written_pages_stay_short() -> None:
    count = {
        path.name: len(re.findall(r"\S*\w\S*", path.read_text(encoding="utf-8")))
        for path in PAGES
        if path.name not in REFERENCE
    }

    assert sum(count.values()) <= WORDS, count


@pytest.mark.parametrize(
    "block", [b for b in blocks() if b.language == "yaml"], ids=lambda block: block.page
)
def test_every_list_of_sources_is_valid(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_TOKEN", "secret")
    known = read_yaml(block.text, os.environ).value
    assert isinstance(known, dict)
    if "jobs" in known:
        return  # a workflow of a hosted CI: its commands are among those below
    (tmp_path / "feeds.yaml").write_text(block.text, encoding="utf-8")

    read_config(str(tmp_path / "feeds.yaml"))


@pytest.mark.parametrize("line", sorted(c for c in commands() if c.startswith("make")))
def test_every_target_exists_and_takes_what_is_shown(line: str) -> None:
    answer = subprocess.run(
        [*shlex.split(line), "--dry-run"], cwd=ROOT, capture_output=True, text=True
    )

    assert answer.returncode == 0, answer.stderr


def test_every_other_command_is_run_below_or_listed_with_a_reason() -> None:
    left = {
        line
        for line in commands() - NOT_RUN
        if not re.match(r"(make|millrace|\.venv/bin/millrace|export [A-Z_]+=\S+$)", line)
    }

    assert left == set()


@pytest.fixture(scope="module")
def running_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Millrace that runs in the folder in which the commands are typed."""
    folder = tmp_path_factory.mktemp("docs")
    with staged() as stage:
        source = f"sources: [{{url: '{stage.address}/full-text.xml', name: example}}]"
        limits = f"fetch: {{allow_private: ['{stage.address.removeprefix('http://')}']}}"
        (folder / "feeds.yaml").write_text(f"{source}\n{limits}\n")
        (folder / "subscriptions.opml").write_text("<opml><body/></opml>")
        (folder / "page.html").write_text(f"<article>{stories.body(1) * 9}</article>")
        with running(folder) as run:
            wait_until(lambda: bool(run.items()), 60)
            (folder / "address").write_text(stage.address)
            yield run


@pytest.mark.parametrize("line", sorted(c for c in commands() - NOT_RUN if "millrace" in c))
def test_every_command_does_what_it_promises(
    line: str, running_here: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = running_here.folder
    monkeypatch.chdir(folder)
    origin = (folder / "address").read_text()
    (article,) = [item["url"] for item in running_here.items()][:1]
    line = line.removeprefix(".venv/bin/").replace("/srv/www/river", "public")
    line = line.replace("https://example.org/article", article)
    line = line.replace("https://example.org/", f"{origin}/full-text.xml")
    line = line.replace("/backup", str(folder / "backup")).replace("NAME", "example")
    words = shlex.split(line)[1:]
    if words[0] in ("once", "restore"):  # the folder of a running Millrace is taken
        words = [*words, "--data", str(tmp_path / "data")]
    if words[0] == "restore":
        assert exit_code(["export", str(folder / "backup")]) == 0
    if words[0] == "once":
        return _run(words, folder)

    assert exit_code(words) == 0


def _run(words: list[str], folder: Path) -> None:
    """In a process of its own, as it starts workers."""
    done = subprocess.run([sys.executable, "-m", "millrace", *words], cwd=folder)

    assert done.returncode == 0
