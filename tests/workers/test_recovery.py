"""An outage of the network ends for every source when it is over, once, and in turn."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, closing
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.config.source import with_values
from store import keys
from store.connection import Store
from store.hosts import (
    RETRIED,
    RETRIED_WITHIN,
    START_COUNTS_AFTER,
    note_unreachable,
    retry_unreachable,
)
from store.schedule import add_sources, due_times
from tests.origin import Answer, Origin
from tests.workers.desk import Desk, desk_for, settings_for
from tests.workers.test_politeness import FEED, wait_of
from workers.http.response import Access
from workers.recovery import Recovery
from workers.sandbox.pool import Sandbox

NAMES = ("source", "source1", "source2", "source3")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def home(store: Store, sandbox: Sandbox) -> AsyncIterator[tuple[Desk, int]]:
    """A worker with four sources at a port without a listener."""
    port = free_port()
    settings = settings_for(
        *({"url": f"http://127.0.0.1:{port}/{n}", "every": "1h"} for n in range(4)),
        allow_private=[f"127.0.0.1:{port}"],
        timeout="5s",
        backoff={"base": "1m", "cap": "24h"},
    )
    async with desk_for(store, sandbox, settings) as desk:
        yield desk, port


async def served(origin: Origin, paths: Sequence[str] = ("/0", "/1", "/2", "/3")) -> None:
    for path in paths:
        origin.at(path, Answer(FEED))


async def started(desk: Desk) -> Recovery:
    """The recovery of a worker that has just started and found nothing amiss."""
    recovery = Recovery(desk.context)
    await recovery.look()
    return recovery


async def waits(store: Store, names: Sequence[str] = NAMES) -> list[float]:
    """Seconds until each source is due."""
    now = await store.now()
    return [(due or 0.0) - now for due in await due_times(store, names)]


async def probe_again(store: Store) -> None:
    """Let the pause between two probes be over."""
    await store.redis.delete(keys.PROBED)


async def test_all_that_failed_is_polled_when_one_host_takes_connections_again(
    store: Store, home: tuple[Desk, int]
) -> None:
    desk, port = home
    recovery = await started(desk)
    for name in NAMES:
        assert (await desk.poll(name)).unreachable == 1
    await recovery.look()
    assert min(await waits(store)) > RETRIED_WITHIN

    async with Origin(port) as origin:
        await served(origin)
        await recovery.look()  # within the pause: no host is tried
        assert min(await waits(store)) > RETRIED_WITHIN
        await probe_again(store)
        await recovery.look()

        due = sorted(await waits(store))
        assert due[-1] <= 0.3
        assert origin.requests == []  # a probe is a connection, not a request
        states = [await desk.poll(name) for name in NAMES]

    assert [(state.failures, state.unreachable) for state in states] == [(0, 0)] * 4
    assert await store.redis.zcard(keys.UNREACHABLE) == 0


async def test_the_first_answer_of_any_source_brings_the_others_back(
    store: Store, home: tuple[Desk, int]
) -> None:
    desk, port = home
    recovery = await started(desk)
    for name in NAMES:
        await desk.poll(name)

    async with Origin(port) as origin:
        await served(origin)
        await desk.poll(NAMES[2])
        await recovery.look()

    others = [name for name in NAMES if name != NAMES[2]]
    assert max(await waits(store, others)) <= 0.3
    assert min(await waits(store, NAMES[2:3])) > RETRIED_WITHIN


async def test_a_source_that_stays_away_is_retried_once_in_an_outage(
    store: Store, home: tuple[Desk, int]
) -> None:
    desk, port = home
    recovery = await started(desk)
    dead = settings_for({"url": f"http://127.0.0.1:{free_port()}/"}).sources[0]
    four = (*desk.settings.sources[:3], with_values(dead, name="source3"))
    desk.context.settings = lambda: desk.settings.model_copy(update={"sources": four})
    desk.context.fetcher.adopt(
        desk.settings.fetch.model_copy(
            update={"allow_private": (f"127.0.0.1:{port}", dead.url.split("/")[2])}
        )
    )
    for name in NAMES:
        await desk.poll(name)
    retried = 0

    async with Origin(port) as origin:
        await served(origin)
        for _ in range(5):  # the outage ends, and hours go by in which the others answer
            await probe_again(store)
            await recovery.look()
            retried += (await waits(store, ["source3"]))[0] <= RETRIED_WITHIN
            for name in NAMES:
                state = await desk.poll(name)

    assert retried == 1
    assert state.unreachable == 6
    assert wait_of(state) > 3600


async def test_a_start_retries_what_failed_but_not_start_after_start(
    store: Store, home: tuple[Desk, int]
) -> None:
    desk, _ = home
    for name in NAMES:
        await desk.poll(name)
    await Recovery(desk.context).look()
    after_start = max(await waits(store))
    for name in NAMES:
        await desk.poll(name)
    await Recovery(desk.context).look()
    after_another = min(await waits(store))
    long_ago = (await store.now() - START_COUNTS_AFTER - 1) * 1000
    await store.redis.hset(keys.NETWORK, "started", int(long_ago))
    await Recovery(desk.context).look()

    assert after_start <= 0.3
    assert after_another > RETRIED_WITHIN
    assert max(await waits(store)) <= 0.3


async def test_a_thousand_sources_come_back_ten_a_second(store: Store) -> None:
    names = [f"s{n}" for n in range(RETRIED + 200)]
    await add_sources(store, names)
    await store.redis.zadd(keys.SCHEDULE, dict.fromkeys(names, (await store.now() + 7200) * 1000))
    for name in names:
        await note_unreachable(store, name)

    assert await retry_unreachable(store, "answered") == RETRIED
    due = sorted(await waits(store, names))[:RETRIED]
    assert due[-1] <= RETRIED_WITHIN
    assert all(later - earlier >= 0.099 for earlier, later in zip(due, due[10:], strict=False))
    assert due[10] - due[0] >= 0.99


def controllable_resolver(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """`news.test` is this machine while the one value is true, else it has no address."""
    resolves, real = [False], socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if host == "news.test" and not resolves[0]:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real("127.0.0.1" if host == "news.test" else host, port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return resolves


async def test_a_name_that_resolves_again_brings_its_source_back(
    store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves = controllable_resolver(monkeypatch)
    async with Origin() as origin:
        origin.at("/feed", Answer(FEED))
        settings = settings_for(
            {"url": f"http://news.test:{origin.port}/feed"},
            allow_private=[f"news.test:{origin.port}"],
            backoff={"base": "10m", "cap": "24h"},
        )
        async with desk_for(store, sandbox, settings) as desk:
            recovery = await started(desk)
            away = await desk.poll()
            await recovery.look()
            resolves[0] = True
            await probe_again(store)
            await recovery.look()
            (due,) = await waits(store, ["source"])
            back = await desk.poll()

    assert away.unreachable == 1
    assert "name resolution" in (away.last_error or "")
    assert due <= 0.1
    assert back.failures == 0


async def test_a_host_that_accepts_and_stays_silent_is_retried_but_not_probed(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    origin.at("/silent", Answer(FEED, delay=60))
    origin.at("/feed", Answer(FEED))
    settings = settings_for(
        {"url": origin.url("/silent")},
        {"url": origin.url("/feed")},
        allow_private=[origin.allowance],
        timeout="500ms",
        backoff={"base": "1h", "cap": "24h"},
    )
    async with desk_for(store, sandbox, settings) as desk:
        recovery = await started(desk)
        state = await desk.poll()
        await recovery.look()
        (unprobed,) = await waits(store, ["source"])
        await desk.poll("source1")
        await recovery.look()
        (after_an_answer,) = await waits(store, ["source"])
        again = await desk.poll()
        await desk.poll("source1")
        await recovery.look()
        (after_another,) = await waits(store, ["source"])

    assert (state.failures, state.unreachable) == (1, 0)
    assert "did not answer within 0.5 s" in (state.last_error or "")
    assert unprobed > RETRIED_WITHIN
    assert after_an_answer <= 0.1
    assert wait_of(again) >= 1.5 * wait_of(state)
    assert after_another > RETRIED_WITHIN


async def test_a_connection_that_is_never_made_is_the_network(
    store: Store, sandbox: Sandbox
) -> None:
    with ExitStack() as sockets:
        full = sockets.enter_context(closing(socket.socket()))
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        where = full.getsockname()
        for _ in range(3):  # what does not fit into the backlog is dropped without a word
            waiting = sockets.enter_context(closing(socket.socket()))
            waiting.setblocking(False)
            waiting.connect_ex(where)
        settings = settings_for(
            {"url": f"http://127.0.0.1:{where[1]}/"},
            allow_private=[f"127.0.0.1:{where[1]}"],
            timeout="300ms",
        )
        async with desk_for(store, sandbox, settings) as desk:
            state = await desk.poll()

    assert (state.failures, state.unreachable) == (1, 1)
    assert "no connection to 127.0.0.1 within 0.3 s" in (state.last_error or "")


async def test_an_outage_does_not_count_against_a_source_that_then_answers_badly(
    store: Store, home: tuple[Desk, int]
) -> None:
    desk, port = home
    for _ in range(5):
        away = await desk.poll()

    async with Origin(port) as origin:
        origin.at("/0", Answer(status=500))
        bad = await desk.poll()

    assert wait_of(away) > 20 * 3600
    assert (bad.failures, bad.unreachable) == (6, 5)
    assert wait_of(bad) < 2.5 * 3600


async def test_a_redirect_to_a_dead_host_is_the_fault_of_the_source(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    dead = free_port()
    origin.at("/feed", Answer(status=302, headers={"Location": f"http://127.0.0.1:{dead}/"}))
    settings = settings_for(
        {"url": origin.url("/feed")}, allow_private=[origin.allowance, f"127.0.0.1:{dead}"]
    )
    async with desk_for(store, sandbox, settings) as desk:
        state = await desk.poll()

    assert (state.failures, state.unreachable) == (1, 0)


async def test_a_probe_keeps_to_the_address_guard(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    async with desk_for(store, sandbox, settings_for({"url": origin.url("/feed")})) as desk:
        assert not await desk.context.fetcher.reaches(Access(origin.url("/feed")))
    async with desk_for(
        store,
        sandbox,
        settings_for({"url": origin.url("/feed")}, allow_private=[origin.allowance]),
    ) as desk:
        assert await desk.context.fetcher.reaches(Access(origin.url("/feed")))


async def test_a_failing_source_is_one_line_when_it_begins_and_one_when_it_ends(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    origin.at("/feed", *[Answer(status=500)] * 3, Answer(FEED))
    settings = settings_for({"url": origin.url("/feed")}, allow_private=[origin.allowance])
    with capture_logs() as logs:
        async with desk_for(store, sandbox, settings) as desk:
            for _ in range(4):
                await desk.poll()

    said = [entry for entry in logs if entry["log_level"] != "debug"]
    assert [entry["event"] for entry in said] == ["source.failing", "source.recovered"]
    assert "`millrace poll source`" in said[0]["reason"]
    assert said[1]["failures"] == 3


async def test_a_name_that_resolves_again_is_noticed_while_other_sources_answer(
    store: Store, sandbox: Sandbox, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves = controllable_resolver(monkeypatch)
    origin.at("/feed", Answer(FEED))
    dead = free_port()
    settings = settings_for(
        {"url": f"http://news.test:{origin.port}/feed"},
        {"url": origin.url("/feed")},
        {"url": f"http://127.0.0.1:{dead}/"},
        allow_private=[f"news.test:{origin.port}", origin.allowance, f"127.0.0.1:{dead}"],
        backoff={"base": "10m", "cap": "24h"},
    )
    async with desk_for(store, sandbox, settings) as desk:
        recovery = await started(desk)
        for _ in range(2):  # the second failure is not of an outage that ends
            for name in NAMES[:3]:
                await desk.poll(name)
            await recovery.look()
            await retry_unreachable(store, "answered")
        for name in NAMES[:3]:
            await desk.poll(name)
        monkeypatch.setattr("workers.recovery.RESOLVE_SECONDS", 0.0)
        resolving = Recovery(desk.context)
        await resolving.look()
        still, *_ = await waits(store, NAMES[:1])
        resolves[0] = True
        await resolving.look()
        now, refusing = await waits(store, [NAMES[0], NAMES[2]])
        back = await desk.poll()

    assert still > RETRIED_WITHIN
    assert now <= 0.1
    assert refusing > RETRIED_WITHIN
    assert (back.failures, back.unresolved) == (0, False)


async def test_an_outage_is_one_line_when_it_begins_and_one_when_it_ends(
    store: Store, home: tuple[Desk, int]
) -> None:
    desk, port = home
    with capture_logs() as logs:
        recovery = await started(desk)
        for name in NAMES:
            await desk.poll(name)
            await recovery.look()
        await recovery.look()
        async with Origin(port) as origin:
            await served(origin)
            for name in NAMES:
                await desk.poll(name)
                await recovery.look()
        await recovery.look()

    said = [entry for entry in logs if entry["log_level"] != "debug"]
    assert [entry["event"] for entry in said if entry["event"] != "sources.retrying"] == [
        "sources.unreachable",
        "sources.reachable",
    ]
    assert said[0]["sources"] == 4
    assert said[0]["names"] == "source, source1, source2, source3"
