"""A good edit takes effect by itself; a bad one changes nothing and is told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.errors import ConfigError
from millrace.process.config import LiveSettings, Snapshot, follow
from tests.until import until

SECONDS = 5.0  # what is promised


def text(title: str) -> str:
    return f"feed: {{title: {title}}}\nsources: []\n"


@asynccontextmanager
async def followed(path: Path) -> AsyncIterator[LiveSettings]:
    live = LiveSettings(str(path))
    task = asyncio.create_task(follow(live))
    try:
        yield live
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def write(path: Path, content: str) -> None:
    path.write_text(content)


def replace(path: Path, content: str) -> None:
    fresh = path.with_name("fresh")
    fresh.write_text(content)
    fresh.replace(path)


@pytest.mark.parametrize("save", [write, replace])
async def test_a_saved_file_takes_effect(tmp_path: Path, save: Callable[[Path, str], None]) -> None:
    path = tmp_path / "feeds.yaml"
    write(path, text("one"))

    async with followed(path) as live:
        save(path, text("two"))

        await until(lambda: live().feed.title == "two", SECONDS)


async def test_a_swapped_symlink_takes_effect(tmp_path: Path) -> None:
    """As Kubernetes does it: feeds.yaml -> ..data/feeds.yaml, ..data -> a folder per version."""
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        write(tmp_path / version / "feeds.yaml", text(version))
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "feeds.yaml").symlink_to("..data/feeds.yaml")

    async with followed(tmp_path / "feeds.yaml") as live:
        (tmp_path / "..new").symlink_to("two")
        os.replace(tmp_path / "..new", tmp_path / "..data")

        await until(lambda: live().feed.title == "two", SECONDS)


@pytest.mark.parametrize("broken", ["feed: {titel: x}\n", "", "feed: [\n"])
async def test_a_bad_edit_changes_nothing_and_is_named(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "feeds.yaml"
    write(path, text("one"))

    async with followed(path) as live:
        write(path, broken)
        await until(lambda: bool(live.faults), SECONDS)
        assert live().feed.title == "one"
        assert live.faults[0].startswith(f"{path}:")

        write(path, text("two"))
        await until(lambda: not live.faults, SECONDS)
        assert live().feed.title == "two"


async def test_a_deleted_file_changes_nothing_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    write(path, text("one"))

    async with followed(path) as live:
        path.unlink()
        await until(lambda: bool(live.faults), SECONDS)
        assert live().feed.title == "one"

        write(path, text("one"))
        await until(lambda: not live.faults, SECONDS)


async def test_an_included_file_takes_effect_too(tmp_path: Path) -> None:
    (tmp_path / "feeds.d").mkdir()
    path = tmp_path / "feeds.yaml"
    write(path, "include: ['feeds.d/*.yaml']\n")

    async with followed(path) as live:
        write(tmp_path / "feeds.d" / "a.yaml", "sources: [{url: 'https://a.example/'}]\n")

        await until(lambda: len(live().sources) == 1, SECONDS)


async def test_a_file_written_in_pieces_counts_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    lines = [f"  - url: https://example.org/{n}\n" for n in range(5)]
    write(path, "sources:\n" + "".join(lines))

    live = LiveSettings(str(path))
    task = asyncio.create_task(follow(live))
    with capture_logs() as lines_of_log, path.open("w") as file:
        file.write("sources:\n")
        for line in [*lines, "  - url: https://example.org/new\n"]:
            file.write(line)
            file.flush()
            await asyncio.sleep(0.1)  # a slow writer

        await until(lambda: bool(lines_of_log), SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [(line["event"], line["sources"]) for line in lines_of_log] == [("config.loaded", 6)]


def test_a_broken_file_at_the_start_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    write(path, "feed: [\n")

    with pytest.raises(ConfigError):
        LiveSettings(str(path))


def test_what_was_kept_is_the_same_wherever_the_file_is(tmp_path: Path) -> None:
    (tmp_path / "here" / "feeds.d").mkdir(parents=True)
    path = tmp_path / "here" / "feeds.yaml"
    write(path, "include: ['feeds.d/*.yaml']\n")
    write(path.parent / "feeds.d" / "a.yaml", "sources: [{url: 'https://a.example/${KEY:-x}'}]\n")
    read = LiveSettings(str(path)).snapshot

    elsewhere = Snapshot.unpacked(read.packed(), str(tmp_path / "there" / "feeds.yaml"))

    assert elsewhere.hash == read.hash
    assert elsewhere.settings() == read.settings()
    assert b"${KEY:-x}" in elsewhere.packed()
