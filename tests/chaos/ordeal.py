"""One ordeal: publish while harm is done, then a calm, then the books."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from store.connection import Store
from store.entries import load_stories, river_ids
from tests.chaos.account import Account, account
from tests.chaos.actor import Actor
from tests.chaos.reader import Reader
from tests.chaos.rig import Rig
from tests.chaos.world import World

_LOOK = 0.3


@dataclass(frozen=True)
class Findings:
    """What an ordeal showed."""

    account: Account
    faults: list[str]  # answers that were wrong, ids that moved
    deaths: list[str]  # processes that ended by themselves
    deeds: Counter[str]
    answers: int
    loading: int
    calm: float  # seconds of calm until the books were even
    exit_code: int

    @property
    def good(self) -> bool:
        """The promise was kept."""
        return self.account.even and not self.faults and not self.deaths and self.exit_code == 0


Harm = Callable[[Rig, Actor], Awaitable[None]]


async def ordeal(
    folder: Path,
    world: World,
    harm: Harm,
    *,
    per_second: float,
    patience: float,
    seed: int = 1,
    workers: int = 2,
) -> Findings:
    """Publish `per_second` stories while `harm` is done; then wait `patience` for even books."""
    async with Rig(folder, world, workers=workers) as rig:
        reader, actor = Reader(rig.address), Actor(rig, seed)
        reading = asyncio.create_task(reader.read())
        publishing = asyncio.create_task(_publish(world, per_second))
        await harm(rig, actor)
        await _end(publishing)
        world.finish()
        closed, calm = await _settled(world, reader, patience)
        await _end(reading)
        code = await rig.end_millrace()
        return Findings(
            closed, reader.faults, rig.deaths(), actor.done, reader.answers, reader.loading,
            calm, code,
        )  # fmt: skip


async def until_first_story(rig: Rig, patience: float = 60) -> None:
    """Return once the feed shows something."""
    reader = Reader(rig.address)
    async with asyncio.timeout(patience):
        while not await reader.everything():  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(_LOOK)


async def until_refilled(rig: Rig, store: Store, patience: float = 60) -> None:
    """Return once the store itself holds all that is owed: the service may show its memory."""
    async with asyncio.timeout(patience):
        while not account(rig.world.owed, await _stored(store)).even:  # noqa: ASYNC110 - as above
            await asyncio.sleep(_LOOK)


async def _stored(store: Store) -> list[dict[str, Any]]:
    """What the store holds, in the form of the feed."""
    stories = await load_stories(store, await river_ids(store, 10000))
    return [
        {"id": story.id, "_millrace": {"sources": [{"url": m.url} for m in story.members]}}
        for story in stories
    ]


@contextlib.contextmanager
def stage_folder() -> Iterator[Path]:
    """A folder with a short path: socket addresses are short."""
    folder = Path(tempfile.mkdtemp(prefix="ordeal-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def _publish(world: World, per_second: float) -> None:
    owing = 0.0
    while True:
        await asyncio.sleep(0.2)
        owing += per_second * 0.2
        world.tick(int(owing))
        owing -= int(owing)


async def _settled(world: World, reader: Reader, patience: float) -> tuple[Account, float]:
    """The books once they are even and stay so, or as they are when patience ends."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        closed = account(world.owed, await reader.everything())
        calm = loop.time() - began
        if closed.even:
            await asyncio.sleep(2)  # what is polled again now must not come twice
            return account(world.owed, await reader.everything()), calm
        if calm > patience:
            return closed, calm
        await asyncio.sleep(_LOOK)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
