"""/health names what is wrong; /health/live and /health/ready say whether to wait."""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.config.settings import ServiceSettings, Settings, Source
from core.metrics import METRICS
from core.models import Removed
from service.context import CONTEXT
from service.ops.health import SourceCounter
from store import keys
from store.connection import Store
from store.embedded import socket_url
from store.monitoring import WorkerBeat, beat
from store.revision import ProcessBeat, publish_revision
from store.sources import SourceState, Taken, count_taken
from tests.service.conftest import SETTINGS, Serve, Served, make_story
from tests.service.test_river import start_store
from tests.until import until

DAY = timedelta(days=1)


async def start_worker(store: Store) -> None:
    now = time.time()
    await beat(store, WorkerBeat(id="w", host="h", pid=1, started=now, last=now))


async def set_state(store: Store, name: str, **fields: object) -> None:
    url = f"https://{name}.example/rss"
    state = SourceState.model_validate({"url": url, "configured_url": url} | fields)
    await store.redis.hset(keys.source(name), "state", state.model_dump_json())


async def health(served: Served) -> tuple[int, dict]:
    response = await served.client.get("/health")
    return response.status, await response.json()


async def test_all_well_is_ok(served: Served) -> None:
    await start_worker(served.store)
    await set_state(served.store, "first", last_success=time.time())

    status, report = await health(served)

    assert (status, report["status"]) == (200, "ok")
    assert report["workers"] == 1
    assert report["sources"] == {"ok": 1, "failing": []}
    assert report["store"] == "ok"
    assert report["config"] == "ok"
    assert report["queue_age"] == 0


async def test_no_worker_is_down(served: Served) -> None:
    status, report = await health(served)

    assert (status, report["status"]) == (503, "down")
    assert "worker" in report["reasons"][0]


async def test_workers_of_which_none_can_work_are_down(served: Served) -> None:
    now = time.time()
    stuck = WorkerBeat(id="w", host="h", pid=1, started=now, last=now, fault="no permission")
    await beat(served.store, stuck)

    status, report = await health(served)

    assert (status, report["status"]) == (503, "down")
    assert report["reasons"] == ["workers: none can work: no permission"]


async def test_a_failing_source_is_named_and_only_degrades(served: Served) -> None:
    await start_worker(served.store)
    await set_state(
        served.store, "second", failures=3, last_error="https://me:pw@second.example/ answered 500"
    )

    status, report = await health(served)

    assert (status, report["status"]) == (200, "degraded")
    (failing,) = report["sources"]["failing"]
    assert failing["name"] == "second"
    assert "answered 500" in failing["error"]
    assert "pw" not in failing["error"]
    assert "second" in report["reasons"][0]


async def test_a_refused_configuration_is_said_and_only_degrades(served: Served) -> None:
    await start_worker(served.store)
    served.fault.append("feeds.yaml:3: sources[0].url: not an address")

    status, report = await health(served)

    assert (status, report["status"]) == (200, "degraded")
    assert report["config"] == "feeds.yaml:3: sources[0].url: not an address"


async def test_feeds_outlive_the_store(serve: Serve) -> None:
    nowhere = Store.open("unix:///nowhere/store.sock")
    served = await serve(over=nowhere)
    served.river.loaded = make_story(1).first_seen  # as if it had answered before

    status, report = await health(served)
    feed = await served.client.get("/feed.xml")
    live, ready = [await served.client.get(f"/health/{part}") for part in ("live", "ready")]

    assert (status, report["status"]) == (503, "down")
    assert report["store"].startswith("away")
    assert (feed.status, live.status, ready.status) == (200, 200, 200)
    assert "Stale" in feed.headers["Warning"]
    await nowhere.close()


async def test_nothing_is_ready_before_the_first_load(serve: Serve) -> None:
    nowhere = Store.open("unix:///nowhere/store.sock")
    served = await serve(over=nowhere)

    ready = await served.client.get("/health/ready")
    feed = await served.client.get("/feed.xml")

    assert (ready.status, feed.status) == (503, 503)
    await nowhere.close()


async def test_a_draining_service_is_live_but_not_ready(served: Served) -> None:
    served.client.app[CONTEXT].draining = True

    ready = await served.client.get("/health/ready")
    live = await served.client.get("/health/live")
    feed = await served.client.get("/feed.xml")

    assert (ready.status, live.status, feed.status) == (503, 200, 200)


async def test_liveness_needs_no_token(serve: Serve) -> None:
    private = ServiceSettings(token="t", private=True)
    served = await serve(SETTINGS.model_copy(update={"service": private}))

    assert (await served.client.get("/health/live")).status == 200
    assert (await served.client.get("/health")).status == 401
    assert (await served.client.get("/metrics")).status == 401


async def test_sources_tell_state_and_counts_but_no_credentials(served: Served) -> None:
    await set_state(served.store, "first", last_poll=1.0, last_success=1.0, entries=7, reposts=2)
    await served.publish(make_story(1))

    response = await served.client.get("/sources")
    rows = {row["name"]: row for row in (await response.json())["sources"]}
    opml = await (await served.client.get("/sources.opml")).text()

    assert rows["first"]["state"] == "ok"
    assert rows["first"]["counts"] == {
        "entries": 7,
        "first_published": 0,
        "reposts": 2,
        "kept": 1,
    }
    assert rows["second"]["state"] == "waiting"
    assert rows["third"]["state"] == "disabled"
    assert "secret" not in str(rows) + opml
    assert opml.count(" xmlUrl=") == 3


async def test_a_full_store_is_down_and_says_so(served: Served) -> None:
    await start_worker(served.store)
    await served.store.redis.config_set("maxmemory", "1mb")
    try:
        status, report = await health(served)
        feed = await served.client.get("/feed.xml")
    finally:
        await served.store.redis.config_set("maxmemory", "0")

    assert (status, report["status"]) == (503, "down")
    assert "full" in report["store"]
    assert feed.status == 200


async def test_every_metric_of_the_service_is_shown(served: Served) -> None:
    await start_worker(served.store)

    text = await (await served.client.get("/metrics")).text()

    for name, metric in METRICS.items():
        if metric.kind == "gauge" and "source" not in metric.labels:
            assert f"\n{name}" in text, name


async def test_entries_whose_pages_were_read_count_too(served: Served) -> None:
    await set_state(served.store, "first", last_poll=1.0, entries=1, first_published=1)
    await count_taken(served.store, {"first": Taken(entries=3, founders=1, reposts=2)})

    (row, *_) = (await (await served.client.get("/sources")).json())["sources"]

    assert row["counts"] == {"entries": 4, "first_published": 2, "reposts": 2, "kept": 0}
    assert row["first_share"] == 0.5


async def test_a_source_that_never_answered_has_a_series(served: Served) -> None:
    await set_state(served.store, "first", last_poll=1.0, last_success=5.0)

    text = await (await served.client.get("/metrics")).text()

    assert 'millrace_source_last_success_seconds{source="first"} 5\n' in text
    assert 'millrace_source_last_success_seconds{source="second"} 0\n' in text


async def test_everything_answers_while_the_store_is_stopped(tmp_path: Path, serve: Serve) -> None:
    server = start_store(tmp_path)
    acting = SETTINGS.model_copy(update={"service": ServiceSettings(token="t0ken")})
    served = await serve(acting, over=Store.open(socket_url(tmp_path)))
    await served.until(lambda: served.river.loaded is not None)
    token = {"token": "t0ken"}

    server.send_signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(15):
            text = await (await served.client.get("/metrics")).text()
            topic = str(served.client.make_url("/feed.xml"))
            wish = {
                "hub.mode": "subscribe",
                "hub.topic": topic,
                "hub.callback": "http://c.example/",
            }
            refused = await asyncio.gather(
                served.client.get("/explain?url=https://first.example/1"),
                served.client.get("/websub/unknown?hub.mode=subscribe"),
                served.client.post("/websub/unknown", data=b"x"),
                served.client.post("/hub", data=wish),
                served.client.post("/forget", data={**token, "url": "https://first.example/1"}),
                served.client.post("/stories/x/split", data={**token, "entry": "y"}),
                served.client.post("/stories/x/join", data={**token, "other": "y"}),
                served.client.post("/sources/first/poll", data=token),
            )
    finally:
        server.send_signal(signal.SIGCONT)
        server.kill()
        server.wait(10)
        await served.store.close()

    assert "\nmillrace_store_up 0\n" in text
    assert [answer.status for answer in refused] == [503] * 8


async def test_sources_tell_how_they_did_day_by_day(served: Served) -> None:
    now = datetime.now(UTC)
    await set_state(served.store, "first", last_poll=1.0, entries=4, first_published=3)
    await served.publish(make_story(1, first_seen=now), make_story(2, first_seen=now - DAY))

    (row, *_) = (await (await served.client.get("/sources")).json())["sources"]

    assert row["days"][-2:] == [1, 1]
    assert len(row["days"]) == 14
    assert row["first_share"] == 0.75


async def test_sources_tell_how_much_of_them_was_cut(served: Served) -> None:
    story = make_story(1, sources=("second", "first"))
    cut = (Removed(rule="promo", text="x" * 25),)
    article = story.article.model_copy(update={"text": "y" * 75, "removed": cut})
    await served.publish(story.model_copy(update={"article": article}))

    first, second, _ = (await (await served.client.get("/sources")).json())["sources"]
    page = await (await served.client.get("/sources", headers={"Accept": "text/html"})).text()

    assert (first["junk_share"], second["junk_share"]) == (None, 0.25)
    assert "25.0 %" in page


async def test_a_store_that_evicts_is_degraded_with_the_line_that_helps(served: Served) -> None:
    await start_worker(served.store)
    await served.store.redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        status, report = await health(served)
    finally:
        await served.store.redis.config_set("maxmemory-policy", "noeviction")

    assert (status, report["status"]) == (200, "degraded")
    assert "CONFIG SET maxmemory-policy noeviction" in report["reasons"][0]
    assert report["store"] in report["reasons"][0]


async def test_many_sources_are_counted_beside_the_answer(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("service.ops.health.FEW", 2)
    monkeypatch.setattr("service.ops.health.MOST_NAMED", 1)
    sources = tuple(Source(url=f"https://example.org/{n}", name=f"s{n}") for n in range(5))
    settings = Settings(sources=sources)
    for source in sources:
        failures = 1 if source.name in ("s3", "s4") else 0
        state = SourceState(url=source.url, configured_url=source.url, failures=failures)
        await store.redis.hset(keys.source(source.name), "state", state.model_dump_json())
    counting = SourceCounter()

    first = await counting.counted(store, settings)
    await until(lambda: counting._last.ok > 0)
    second = await counting.counted(store, settings)

    assert first.ok == 0
    assert (second.ok, second.failing) == (3, 2), "all are counted, also those that go unnamed"
    assert [name for name, _ in second.named] == ["s3"]


async def test_a_host_with_another_feeds_yaml_is_named(served: Served) -> None:
    now = await served.store.now()
    await publish_revision(served.store, "new", b"text", host="mill", again=False)
    for name, file in (("mill", "new"), ("barn", "old")):
        since = None if file == "new" else now - 60
        sign = ProcessBeat(
            id=name, host=name, role="worker", version="1", last=now, file=file, since=since
        )
        await beat(served.store, sign)

    health = await (await served.client.get("/health")).json()
    page = await (await served.client.get("/sources", headers={"Accept": "text/html"})).text()

    (line,) = [each for each in health["reasons"] if "feeds.yaml" in each]
    assert line.startswith("config: barn (worker, version 1) has another feeds.yaml")
    assert "barn (worker, version 1) has another feeds.yaml" in page
