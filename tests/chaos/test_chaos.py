"""The promise under harm, in short; `make chaos` is the long form."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.connection import opened
from tests.chaos.account import account
from tests.chaos.actor import Actor
from tests.chaos.ordeal import Findings, ordeal, stage_folder, until_first_story
from tests.chaos.reader import Reader
from tests.chaos.rig import Rig
from tests.chaos.world import World


@pytest.fixture
def folder() -> Iterator[Path]:
    with stage_folder() as made:
        yield made


def check(findings: Findings, folder: Path) -> None:
    log = (folder / "log.txt").read_text()[-3000:]
    assert findings.account.even, f"{findings.account}\n{log}"
    assert findings.faults == []
    assert findings.deaths == [], log
    assert findings.exit_code == 0


async def test_nothing_is_lost_or_doubled_whatever_is_killed_stopped_and_cut(folder: Path):
    world = World(7, feeds=8)
    world.fill_still(5)

    async def harm(rig: Rig, actor: Actor) -> None:
        await until_first_story(rig)
        await actor.rage(4)

    check(await ordeal(folder, world, harm, per_second=8, patience=60, seed=7), folder)


async def test_feeds_that_never_grow_come_in_whole_though_each_worker_is_killed(folder: Path):
    world = World(8, feeds=8)
    world.fill_still(10, only=True)

    async def harm(_: Rig, actor: Actor) -> None:
        await actor.kill_workers(3, every=2)

    check(await ordeal(folder, world, harm, per_second=0, patience=60), folder)


async def test_a_wiped_store_fills_again_under_the_same_ids(folder: Path):
    world = World(9, feeds=8, reposted=0.5)
    world.fill_still(5)

    for _ in range(12):
        world.tick(2)

    async def harm(rig: Rig, _: Actor) -> None:
        await until_first_story(rig)
        async with opened(rig.store_url) as store:
            before = Reader(rig.address)
            while not account(rig.world.owed, await before.everything()).even:  # noqa: ASYNC110
                await asyncio.sleep(0.3)
            await store.redis.flushall()

    check(await ordeal(folder, world, harm, per_second=0, patience=60), folder)
