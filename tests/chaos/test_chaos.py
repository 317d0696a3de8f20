"""The promise under harm, in short; `make chaos` is the long form."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.connection import opened
from tests.chaos.account import Account, account
from tests.chaos.actor import Actor
from tests.chaos.ordeal import Findings, ordeal, stage_folder, until_first_story, until_refilled
from tests.chaos.reader import Reader
from tests.chaos.rig import Rig
from tests.chaos.table import table
from tests.chaos.world import World


def findings_of(closed: Account, *faults: str) -> Findings:
    return Findings(
        closed, [*faults], deaths=[], deeds=Counter({"reset": 2}), answers=9, loading=0,
        calm=1.0, exit_code=0,
    )  # fmt: skip


def test_the_table_names_every_fault_and_the_seed_that_met_it():
    good = findings_of(account({"/a/1": 1}, [item("i", "/a/1")]))
    bad = findings_of(account({"/a/1": 1, "/a/2": 2}, [item("i", "/a/1")]), "/a moved from i to j")

    head, first, second, total = (line.split() for line in table({1: good, 2: bad}).splitlines())

    assert head[:5] == ["seed", "stories", "deeds", "lost", "doubled"]
    assert first == ["1", "1", "2", *"00000000", "1", "kept"]
    assert second == ["2", "1", "2", *"10001000", "1", "BROKEN"]
    assert total == ["sum", "2", "4", *"10001000", "BROKEN"]


def test_the_books_find_what_is_lost_doubled_invented_and_wrongly_merged():
    owed = {"/a/1": 1, "/b/1": 1, "/a/2": 2, "/a/3": 3, "/a/4": 4}
    items = [item("i", "/a/1"), item("j", "/b/1"), item("k", "/a/2", "/a/3"), item("l", "/a/9")]

    closed = account(owed, items)

    assert closed.lost == ["/a/4"]
    assert closed.doubled == ["story 1"]
    assert closed.phantom == ["/a/9"]
    assert closed.merged == ["k"]
    assert not closed.even


def item(name: str, *paths: str) -> dict[str, object]:
    return {"id": name, "_millrace": {"sources": [{"url": f"http://x{path}"} for path in paths]}}


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
            await until_refilled(rig, store)
        # Where this shows, the service has read all that came before it.
        rig.world.tick(1)

    check(await ordeal(folder, world, harm, per_second=0, patience=60), folder)
