"""Processes with different files follow one of them, say so, and undo nothing meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.errors import ConfigError, StoreAway
from millrace.process import cluster
from millrace.process.cluster import Member, followed, refuse_another_file
from millrace.process.config import LiveSettings, read_snapshot
from store import keys, monitoring, revision
from store.connection import Store, end_tasks
from store.entries import write_story_ids
from store.retention import drop_orphans, return_stories
from store.revision import Processes, load_processes
from store.schedule import Lease, due_times
from tests.store.test_entries import found, record
from tests.until import until
from workers.leases import Places, Role
from workers.scheduler import Sweeper

ALL = "sources: [{url: 'https://a.example/', name: a, every: 1h}, {url: 'https://b.example/'}]\n"
LESS = (
    "retention: {removed_sources: drop, entries: 1, days: 1}\n"
    "sources: [{url: 'https://b.example/', every: 1m}]\n"
)
RENAMED = "sources: [{url: 'https://a.example/', name: z}, {url: 'https://b.example/'}]\n"


@pytest.fixture(autouse=True)
async def quick(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(cluster, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(revision, "SHOWN_AFTER", 0.2)
    await write_story_ids(store, {})


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name / "feeds.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


async def write_story(store: Store) -> None:
    """A story of source `a` that came just now."""
    await found(store, record("e", "Long."))
    await store.redis.zadd(keys.ARRIVALS, {"e": await store.now() * 1000})


@asynccontextmanager
async def process(store: Store, path: str, host: str = "") -> AsyncIterator[LiveSettings]:
    """A process with this file, on a host of that name."""
    if not host:
        async with followed(path, store.url, role="worker", stop=asyncio.Event()) as live:
            yield live
        return
    live = LiveSettings(path)
    live.in_force = revision.InForce()
    member = Member(live, store, role="worker")
    member._host = host
    task = asyncio.create_task(member.follow())
    try:
        yield live
    finally:
        await end_tasks([task])
        await monitoring.remove_worker(store, revision.ProcessBeat, member.id)


def names(live: LiveSettings) -> list[str]:
    return [source.name for source in live().sources]


def sweeper(store: Store, live: LiveSettings) -> Sweeper:
    async def idle(_: Lease) -> None:
        """Work that ends at once."""

    places = Places(dict.fromkeys(Role, 5), dict.fromkeys(Role, idle))
    return Sweeper(store, live, places, in_force=live.in_force)


async def eventually(met: Callable[[Processes], bool], store: Store) -> None:
    """Return once what the processes report is so."""
    async with asyncio.timeout(10):
        while not met(await load_processes(store)):  # noqa: ASYNC110 - others write there
            await asyncio.sleep(0.02)


async def faults_name(store: Store, words: str) -> None:
    await eventually(lambda all_: any(words in str(fault) for fault in all_.faults()), store)


def joined(*lives: LiveSettings) -> bool:
    """Whether all follow the same revision."""
    return len({live.in_force.hash for live in lives if live.in_force.ready.is_set()}) == 1 and all(
        live.in_force.ready.is_set() for live in lives
    )


async def test_three_files_poll_no_more_than_one_and_drop_nothing(
    store: Store, tmp_path: Path
) -> None:
    await write_story(store)
    texts = {"one": ALL, "two": LESS, "three": RENAMED}
    paths = {host: written(tmp_path, host, text) for host, text in texts.items()}
    leased = 0

    async with (
        process(store, paths["one"], "one") as one,
        process(store, paths["two"], "two") as two,
        process(store, paths["three"], "three") as three,
    ):
        lives = [one, two, three]
        await until(lambda: joined(*lives))
        sweepers = [sweeper(store, live) for live in lives]
        for _ in range(20):
            for each in sweepers:
                leased += await each.sweep()
                await each.tidy()

        assert names(one) == names(two) == names(three)
        assert leased <= len(one().sources)
        assert await store.redis.zcard(keys.RIVER) == 1
        current = (await load_processes(store)).current
        assert current
        await faults_name(store, "has another feeds.yaml than the one in force")
        differing = {beat.host for beat in (await load_processes(store)).beats if beat.since}
        assert differing == {"one", "two", "three"} - {current.host}


async def test_a_change_is_followed_by_all_and_an_older_file_changes_nothing(
    store: Store, tmp_path: Path
) -> None:
    newer, older = written(tmp_path, "newer", ALL), written(tmp_path, "older", RENAMED)
    async with process(store, older, "here") as live:
        await until(live.in_force.ready.is_set)

    async with process(store, newer, "there") as live:
        await until(live.in_force.ready.is_set)
        async with process(store, older, "here") as late:
            await until(lambda: names(late) == ["a", "b-example"])
            assert names(live) == ["a", "b-example"]
            await faults_name(store, "here (worker")

            await store.redis.delete(keys.CONFIG_HISTORY)  # as after very many edits
            now = await store.now()
            await eventually(lambda all_: all(beat.last > now for beat in all_.beats), store)
            assert names(live) == names(late) == ["a", "b-example"]

            written(tmp_path, "newer", LESS)
            live.apply(live.read())
            await until(lambda: names(late) == ["b-example"])
            written(tmp_path, "older", LESS)
            late.apply(late.read())
            await eventually(lambda all_: not all_.faults(), store)


async def test_a_file_that_was_set_back_while_nothing_ran_counts(
    store: Store, tmp_path: Path
) -> None:
    for text in (RENAMED, ALL, RENAMED):
        path = written(tmp_path, "one", text)
        async with process(store, path, "one") as live:
            await until(live.in_force.ready.is_set)

            assert names(live)[0] == ("z" if text == RENAMED else "a")
            hash_now = (await load_processes(store)).current
            assert hash_now is not None
            assert hash_now.hash == live.snapshot.hash


async def test_a_process_without_a_variable_takes_no_work_and_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILL_KEY", "secret")
    needing = ALL.replace("a.example/", "a.example/${MILL_KEY}")
    old, new = written(tmp_path, "old", ALL), written(tmp_path, "new", needing)
    async with process(store, old, "old") as without:
        await until(without.in_force.ready.is_set)  # else the older file may be published last
        async with process(store, new, "new"):
            await until(lambda: without().sources[0].url == "https://a.example/secret")
            assert b"secret" not in (await revision.revision_text(store) or b"")
    monkeypatch.delenv("MILL_KEY")
    async with process(store, old, "old") as without:
        await faults_name(store, "environment variable MILL_KEY is not set")
        assert not without.in_force.ready.is_set()

    monkeypatch.setenv("MILL_KEY", "secret")
    async with process(store, old, "old") as without:
        await until(without.in_force.ready.is_set)
        assert without().sources[0].url == "https://a.example/secret"


async def test_a_start_with_a_broken_file_goes_on_with_what_the_store_has(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "one", "sources: [\n")
    with pytest.raises(ConfigError):
        async with process(store, path):
            pass
    good = written(tmp_path, "two", ALL)
    async with process(store, good) as live:
        await until(live.in_force.ready.is_set)
    answers = iter([StoreAway("reset"), StoreAway("loading"), revision.revision_text])

    async def asked(store: Store) -> bytes | None:
        """The store is away for a moment, as in a failover."""
        answer = next(answers)
        if isinstance(answer, StoreAway):
            raise answer
        return await answer(store)

    monkeypatch.setattr(cluster, "revision_text", asked)
    async with process(store, path) as live:
        monkeypatch.setattr(cluster, "revision_text", revision.revision_text)
        await until(live.in_force.ready.is_set)
        assert names(live) == ["a", "b-example"]
        assert live.faults
        await faults_name(store, f"{path}:")


async def follow_until_refused(store: Store, path: str) -> None:
    stop = asyncio.Event()
    async with (
        asyncio.timeout(10),
        followed(path, store.url, role="service", stop=stop),
    ):
        await stop.wait()


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (ALL, "sources: [{url: 'https://elsewhere.example/'}]\n"),
        (f"{ALL}cluster: production\n", f"{ALL}cluster: staging\n"),  # all sources are shared
    ],
)
async def test_a_second_millrace_in_one_database_is_refused(
    store: Store, tmp_path: Path, mine: str, other: str
) -> None:
    mine, others = written(tmp_path, "one", mine), written(tmp_path, "two", other)
    async with process(store, mine, "one") as live:
        await until(live.in_force.ready.is_set)
        await sweeper(store, live).sweep()

        with pytest.raises(ConfigError, match="a database of its own"):
            await follow_until_refused(store, others)

        assert names(live) == ["a", "b-example"]
        assert await due_times(store, ["elsewhere-example"]) == [None]


async def test_processes_of_one_name_may_change_all_their_sources(
    store: Store, tmp_path: Path
) -> None:
    other = "sources: [{url: 'https://elsewhere.example/'}]\ncluster: production\n"
    mine, others = (
        written(tmp_path, "one", f"{ALL}cluster: production\n"),
        written(tmp_path, "two", other),
    )
    async with process(store, mine, "one") as live:
        await until(live.in_force.ready.is_set)
        await sweeper(store, live).sweep()

        async with process(store, others, "two") as new:
            await until(new.in_force.ready.is_set)
            await until(lambda: names(live) == ["elsewhere-example"])


async def test_a_round_by_another_file_is_refused_while_processes_live(
    store: Store, tmp_path: Path
) -> None:
    one = written(tmp_path, "one", "sources: [{url: 'https://a.example/', name: a}]\n")
    other = written(tmp_path, "other", "sources: [{url: 'https://b.example/', name: b}]\n")
    async with process(store, one) as live:
        await eventually(lambda all_: bool(all_.beats) and joined(live), store)

        await refuse_another_file(store, read_snapshot(one))
        with pytest.raises(ConfigError, match="follow another"):
            await refuse_another_file(store, read_snapshot(other))

    await refuse_another_file(store, read_snapshot(other))


async def test_a_source_that_comes_back_brings_its_stories_and_its_plan_back(
    store: Store, tmp_path: Path
) -> None:
    await write_story(store)
    before = await store.redis.hgetall(keys.story("e"))  # type: ignore[misc]

    assert await drop_orphans(store, {"b"}) == 1
    assert await store.redis.zcard(keys.RIVER) == 0
    assert not await store.redis.exists(keys.story("e"))
    assert await return_stories(store, {"b"}) == 0
    assert await return_stories(store, {"a", "b"}) == 1

    assert await store.redis.hgetall(keys.story("e")) == before  # type: ignore[misc]
    assert await store.redis.zcard(keys.RIVER) == await store.redis.zcard(keys.ARRIVALS) == 1
    assert await store.redis.ttl(keys.story("e")) == -1
    assert await store.redis.exists(keys.DROPPED) == 0
