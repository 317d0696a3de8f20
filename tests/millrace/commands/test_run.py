"""`millrace run` as a user starts it: comes up, outlives kills, follows edits, ends cleanly."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.stage import Stage, staged
from tests.until import wait_until

STORIES = 5


class Running:
    """One `millrace run` on its own port and data folder."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.log = folder / "log"
        self._before = len(self.log.read_text()) if self.log.exists() else 0  # of an earlier run
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "millrace", "run", "--port", "0"],
                cwd=folder,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": str(folder), **env},
            )

    @property
    def address(self) -> str | None:
        log = self.log.read_text()[self._before :]
        found = re.search(r"http://\S+(?=/feed\.xml)", log)
        return found[0] if found else None

    def get(self, path: str) -> Any:
        """The JSON at `path`, or None while there is none."""
        if self.address is None:
            return None
        try:
            with urllib.request.urlopen(self.address + path, timeout=10) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            kind = error.headers.get_content_type()
            return json.load(error) if kind == "application/json" else None
        except OSError:
            return None

    def items(self) -> list[dict[str, Any]]:
        feed = self.get("/feed.json")
        return feed["items"] if feed else []

    def ids(self) -> set[str]:
        return {item["id"] for item in self.items()}

    def pid_of(self, child: str) -> int:
        """The present process of a child, as the log tells it."""
        return int(
            re.findall(rf"child\.started  child={child}  pid=(\d+)", self.log.read_text())[-1]
        )

    def is_replaced(self, child: str, pid: int) -> bool:
        """Whether a child was started again since it was `pid`."""
        return self.pid_of(child) != pid

    def is_well(self) -> bool:
        """Whether /health finds nothing wrong."""
        return (self.get("/health") or {}).get("status") == "ok"

    def end(self) -> tuple[int, float]:
        """SIGTERM; gives the exit code and how long it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30), time.monotonic() - started


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    run = Running(folder)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
        print(run.log.read_text())  # pytest shows it when a test fails


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


@pytest.fixture(scope="module")
def run(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One run that all tests look at; each leaves it well."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "feeds.yaml").write_text(stage.config())
    with running(folder) as run:
        wait_until(lambda: len(run.items()) == STORIES and run.is_well(), 60)
        yield run


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or ") Z " not in stat.read_text(errors="replace")


def millrace(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "millrace", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )


def test_it_says_where_to_read_and_what_to_do_next(run: Running) -> None:
    said = run.log.read_text()

    assert "info    millrace.running  sources=7" in said
    assert f"read={run.address}/  subscribe={run.address}/feed.xml" in said
    assert "feeds.yaml" in said


def test_a_second_run_on_its_data_folder_is_told_apart(run: Running) -> None:
    second = millrace(run.folder, "run", "--port", "0")

    assert second.returncode == 1
    assert f"data: already in use by process {run.process.pid}" in second.stderr


def test_commands_reach_it_through_its_data_folder(run: Running, stage: Stage) -> None:
    asked = f"{stage.address}/reprints/002"

    explained = millrace(run.folder, "explain", asked)
    polled = millrace(run.folder, "poll", "full-text")
    unknown = millrace(run.folder, "explain", "https://nowhere.example/")

    found = json.loads(explained.stdout)
    assert found["url"] == asked
    assert found["entries"][0]["source"] == "reprints"
    assert found["entries"][0]["story"] in run.ids()
    assert polled.stdout.startswith("full-text: 0 new entries; next poll ")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)


def test_sources_are_polled_by_name_by_tag_or_all_of_them(run: Running) -> None:
    tagged = millrace(run.folder, "poll", "--tag", "reprint")
    everything = millrace(run.folder, "poll", "--all", "--json")
    unknown = millrace(run.folder, "poll", "--tag", "reprints")
    unclear = millrace(run.folder, "poll", "reprints", "--all")

    assert [line.split(":")[0] for line in tagged.stdout.splitlines()] == [
        "reprints",
        "reprints-hant",
    ]
    found = json.loads(everything.stdout)
    assert len(found["sources"]) == 7
    assert (everything.returncode, found["failed"]) == (0, [])
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    assert "did you mean reprint?" in unknown.stderr
    assert (unclear.returncode, unclear.stderr.count("\n")) == (2, 1)


def test_once_writes_what_it_serves(run: Running) -> None:
    answer = millrace(run.folder, "once", "--out", "public", "--data", "other")

    assert (answer.returncode, answer.stderr) == (0, "")
    written = json.loads((run.folder / "public" / "feed.json").read_text())["items"]
    # A busy machine may settle copies of a fresh start in another order; the stories are the same.
    assert told(written) == told(run.items())
    files = {path.name for path in (run.folder / "public").iterdir()}
    assert files >= {"feed.xml", "feed.atom", "feed.json", "sources.opml", "index.html"}


def told(items: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    """The stories as sets of the sources that have them."""
    return {tuple(sorted(m["name"] for m in item["_millrace"]["sources"])) for item in items}


def test_an_edit_takes_effect_and_a_bad_one_is_named(run: Running, stage: Stage) -> None:
    config = run.folder / "feeds.yaml"
    whole = config.read_text()

    config.write_text(whole + "colour: red\n")
    wait_until(lambda: "colour" in str((run.get("/health") or {}).get("config")), 5)
    killed = run.pid_of("service")
    os.kill(killed, signal.SIGKILL)  # a child that starts now has the last good settings
    wait_until(lambda: run.is_replaced("service", killed))
    wait_until(lambda: "colour" in str((run.get("/health") or {}).get("config")))
    assert len(run.items()) == STORIES

    config.write_text(whole.replace("Millrace demo", "Another title"))
    wait_until(lambda: run.get("/feed.json")["title"] == "Another title", 5)
    wait_until(run.is_well)


def test_it_comes_back_from_every_kill_with_the_same_stories(run: Running) -> None:
    ids = run.ids()

    for child in ("worker-1", "service", "store"):
        killed = run.pid_of(child)
        os.kill(killed, signal.SIGKILL)
        wait_until(partial(run.is_replaced, child, killed))

    wait_until(run.is_well, 60)
    assert run.ids() == ids


def test_a_replay_tells_what_other_settings_would_decide(run: Running) -> None:
    before = run.ids()

    same = millrace(run.folder, "replay")
    short = millrace(run.folder, "replay", "--set", "dedup.window=1ms")
    wrong = millrace(run.folder, "replay", "--set", "dedup.radios=0")

    assert (same.returncode, same.stdout) == (0, "")
    assert same.stderr == "15 entries, 0 decided otherwise\n"
    changes = [json.loads(line) for line in short.stdout.splitlines()]
    assert changes
    assert all(change["before"] != change["after"] for change in changes)
    assert run.ids() == before
    assert wrong.returncode == 2
    assert "did you mean `dedup.radius`?" in wrong.stderr


def test_a_forgotten_story_goes_and_stays_away(run: Running, stage: Stage) -> None:
    asked = f"{stage.address}/reprints/004"
    gone = json.loads(millrace(run.folder, "explain", asked).stdout)["entries"][0]["story"]

    answer = millrace(run.folder, "forget", asked)

    assert answer.stdout == f"{asked}: 1 taken out of the feed, 3 entries kept out\n"
    wait_until(lambda: len(run.items()) == STORIES - 1)
    millrace(run.folder, "poll", "reprints")
    explained = json.loads(millrace(run.folder, "explain", asked).stdout)["entries"][0]
    assert (explained["decision"], explained["rule"]) == ("filtered", "forgotten")
    assert gone not in run.ids()


def test_a_killed_supervisor_leaves_nothing_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with staged() as stage:
        (tmp_path / "feeds.yaml").write_text(stage.config())
        with running(tmp_path) as run:
            wait_until(lambda: len(run.items()) == STORIES, 60)
            ids = run.ids()
            children = [run.pid_of(child) for child in ("store", "service", "worker-1")]

            run.process.kill()
            run.process.wait()

            wait_until(lambda: not any(alive(pid) for pid in children))

    with running(tmp_path) as run:  # what was published is there without its sources
        wait_until(lambda: len(run.items()) == STORIES, 60)
        assert run.ids() == ids
        code, seconds = run.end()
        assert code == 0
        assert seconds < 10
