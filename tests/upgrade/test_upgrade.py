"""Data folders that earlier commits wrote, one of each layout, and this Millrace on them.

The sources send what they sent before, in documents with other bytes, so that each is read again.
That is no news: nothing is published a second time, changed or moved. What is new after that
arrives under its own date, and a reprint of an old story is still recognised as one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tarfile
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from tests.origin import Origin
from tests.upgrade.running import FOLDERS, PATIENCE, Running
from tests.upgrade.world import NEWS_DATE, Phase, World

_RETRY = 0.1  # seconds until a refused stream is requested again


class Listener:
    """A reader of /stream who was there before the upgrade and resumes after it."""

    def __init__(self, run: Running, position: str) -> None:
        self.events: list[tuple[str, str]] = []  # what happened, to which title or id
        self._came = asyncio.Event()
        self._task = asyncio.create_task(self._listen(run.address, position))

    async def until(self, count: int) -> list[tuple[str, str]]:
        """The events so far, once there are `count`."""
        async with asyncio.timeout(PATIENCE):
            while len(self.events) < count:
                self._came.clear()
                await self._came.wait()
        return sorted(self.events)

    async def end(self) -> None:
        """Hang up."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self, address: str, position: str) -> None:
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                try:
                    await self._read(session, f"{address}/stream", position)
                except aiohttp.ClientError:
                    await asyncio.sleep(_RETRY)

    async def _read(self, session: aiohttp.ClientSession, url: str, position: str) -> None:
        async with session.get(url, headers={"Last-Event-ID": position}) as answer:
            answer.raise_for_status()
            kind = ""
            while line := (await answer.content.readline()).decode():
                if line.startswith("event:"):
                    kind = line.removeprefix("event:").strip()
                elif line.startswith("data:"):
                    self._keep(kind, json.loads(line.removeprefix("data:")))
                    kind = ""

    def _keep(self, kind: str, fields: dict[str, Any]) -> None:
        change = kind or fields["_millrace"]["change"]
        self.events.append((change, fields.get("title") or fields.get("id", "")))
        self._came.set()


def unpack(name: str, folder: Path) -> dict[str, Any]:
    """Lay a kept folder out as a data folder; returns what its feed held."""
    # Python 3.11.2 and 3.11.3 have no filters; the folders are our own.
    safely: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(FOLDERS / f"{name}.tar.xz") as kept:
        kept.extractall(folder / "data", **safely)  # noqa: S202 - as above
    text = (folder / "data" / "expected.json").read_text(encoding="utf-8")
    expected: dict[str, Any] = json.loads(text)
    return expected


class Kept(NamedTuple):
    """A folder of an earlier commit: `make_folder.py` names the commit."""

    name: str
    part: int
    stories: int


@pytest.fixture(
    params=[Kept("layout-1", 5, 200), Kept("layout-2", 1, 1000)], ids=lambda kept: kept.name
)
def kept(request: pytest.FixtureRequest) -> Kept:
    """Each of them."""
    found: Kept = request.param
    return found


@pytest.fixture
def world(kept: Kept) -> World:
    """The sources as they are after the upgrade."""
    world = World(part=kept.part)
    world.phase = Phase.REBUILT
    return world


@pytest.fixture
async def running(tmp_path: Path, world: World) -> AsyncIterator[Running]:
    """This Millrace, to be started on the kept folder."""
    async with Origin() as origin:
        origin.otherwise(world.answer)
        run = Running(tmp_path, world, origin, command=[sys.executable, "-m", "millrace"])
        yield run
        await run.end()


async def test_an_upgrade_is_silent_and_what_is_new_afterwards_is_not(
    tmp_path: Path, kept: Kept, world: World, running: Running
) -> None:
    expected = unpack(kept.name, tmp_path)
    await running.start()
    listener = Listener(running, expected["position"])
    await running.until_stories(len(expected["items"]))

    await running.until_polled(1)
    after = await running.feed()
    world.phase = Phase.NEWS
    events = await listener.until(2)
    newest, *others = (await running.feed())["items"]
    await listener.end()

    assert len(expected["items"]) >= kept.stories
    assert after["items"] == expected["items"]
    assert events == [("changed", world.reprinted_last().title), ("new", world.news.title)]
    assert others == expected["items"]
    assert datetime.fromisoformat(newest[1]) == NEWS_DATE
