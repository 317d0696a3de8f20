"""Strangers at our hub: what they can store is small, and no one else waits for them."""

from __future__ import annotations

import asyncio
from unittest.mock import AsyncMock

import pytest

from core.config.settings import ServiceSettings, Webhook
from service import app
from service.context import CONTEXT
from service.feeds import hub, publisher
from service.feeds.hub import LONGEST_ADDRESS
from service.ops.health import CHECK, health_report
from store import keys, outbox
from store import websub as subscribers
from store.connection import Store
from store.outbox import OPERATOR, Delivery, add_deliveries, given_up, lease_deliveries
from store.websub import (
    KEPT_PER_HOST,
    SILENT_TIMES,
    WAITING_PER_CLIENT,
    WAITING_PER_HOST,
    Subscriber,
    Verification,
    keep_subscriber,
    lease_verifications,
    load_subscribers,
    request_verification,
)
from tests.origin import Answer, Origin
from tests.service.conftest import SETTINGS, Serve, Served, make_story
from tests.service.feeds.test_hub import eventually, publishing
from tests.workers.desk import Desk, deliver
from workers.jobs.deliver import MOST_TRIES, Sender, verify_due

SECRET = "between the two of us"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "EVERY", 0.01)


def wish(callback: str, *, client: str = "c", topic: str = "t") -> Verification:
    subscriber = Subscriber(topic=topic, base="b", callback=callback, lease=600, client=client)
    return Verification(mode="subscribe", subscriber=subscriber)


async def subscribe(served: Served, callback: str, **fields: str) -> int:
    topic = str(served.client.make_url("/feed.xml"))
    form = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback, **fields}
    return (await served.client.post("/hub", data=form)).status


async def test_what_a_request_stores_is_short(served: Served) -> None:
    topic = str(served.client.make_url("/feed.xml")) + "?x=" + "y" * LONGEST_ADDRESS
    callback = "https://c.example/" + "z" * LONGEST_ADDRESS

    assert await subscribe(served, "https://c.example/", **{"hub.topic": topic}) == 400
    assert await subscribe(served, callback) == 400
    assert await subscribe(served, "https://c.example/\u6c49" * 300) == 400
    assert await served.store.redis.keys("millrace:verification*") == []


async def test_a_topic_adds_no_header_to_what_is_delivered(served: Served) -> None:
    topic = str(served.client.make_url("/feed.xml")) + "?x=1\r\nX-Forged: 1"

    assert await subscribe(served, "https://c.example/", **{"hub.topic": topic}) == 400


async def test_seven_hundred_requests_leave_a_few_behind(served: Served) -> None:
    statuses = [await subscribe(served, f"https://c.example/{number}") for number in range(700)]

    assert statuses.count(202) == WAITING_PER_CLIENT
    assert statuses.count(429) == 700 - WAITING_PER_CLIENT
    assert await served.store.redis.zcard(keys.VERIFICATIONS) == WAITING_PER_CLIENT


async def test_many_clients_leave_a_host_a_few_and_all_hosts_some(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribers, "WAITING_KEPT", 50)
    one = [
        await request_verification(store, wish(f"https://c.example/{n}", client=str(n)))
        for n in range(WAITING_PER_HOST + 5)
    ]
    many = [
        await request_verification(store, wish(f"https://c{n}.example/", client=str(n)))
        for n in range(50)
    ]

    assert one == [None] * WAITING_PER_HOST + ["host"] * 5
    assert many == [None] * (50 - WAITING_PER_HOST) + ["full"] * WAITING_PER_HOST


async def test_the_same_request_again_takes_no_second_place(store: Store) -> None:
    for _ in range(WAITING_PER_CLIENT + 5):
        assert await request_verification(store, wish("https://c.example/")) is None

    assert await store.redis.zcard(keys.VERIFICATIONS) == 1


async def test_what_is_not_confirmed_expires(store: Store) -> None:
    await request_verification(store, wish("https://c.example/"))

    for key in await store.redis.keys("millrace:hub:*") + await store.redis.keys("*verification:*"):
        assert 0 < await store.redis.ttl(key) <= subscribers.WAITING_SECONDS
    await store.redis.delete(keys.verification(wish("https://c.example/").id))
    assert await lease_verifications(store, limit=9, seconds=9) == []
    assert await store.redis.zcard(keys.VERIFICATIONS) == 0


async def test_one_host_is_asked_one_after_the_other(store: Store) -> None:
    for number in range(5):
        await request_verification(store, wish(f"https://c.example/{number}"))

    assert len(await lease_verifications(store, limit=9, seconds=9)) == 1


async def test_confirmed_subscriptions_are_bounded_for_each_callback_host(store: Store) -> None:
    kept = [
        await keep_subscriber(store, wish(f"https://c.example/{n}", client=str(n)).subscriber)
        for n in range(KEPT_PER_HOST + 1)
    ]

    assert kept == [True] * KEPT_PER_HOST + [False]
    assert await keep_subscriber(store, wish("https://other.example/").subscriber)
    await subscribers.drop_subscribers(store, wish("https://c.example/0").subscriber.id)
    assert await keep_subscriber(store, wish("https://c.example/new", client="n").subscriber)


async def test_a_host_that_does_not_answer_is_left_alone(desk: Desk, origin: Origin) -> None:
    origin.otherwise(lambda _: Answer(reset=True))
    store = desk.context.store
    for number in range(SILENT_TIMES):
        assert await request_verification(store, wish(origin.url(f"/{number}"))) is None
        await store.redis.delete(keys.hub_next(origin.allowance))
        assert await verify_due(desk.context) == 1

    assert await request_verification(store, wish(origin.url("/again"))) == "silent"


async def test_callbacks_that_hang_keep_no_webhook_waiting(desk: Desk, origin: Origin) -> None:
    """A hundred of them kept a webhook waiting for 149 s when all lay in one queue."""
    store = desk.context.store
    origin.at("/hook", Answer("ok"))
    origin.otherwise(lambda _: Answer(delay=30))
    for number in range(10):
        await request_verification(store, wish(origin.url(f"/{number}"), client=str(number)))
        await store.redis.delete(keys.hub_next(origin.allowance))
    hanging = asyncio.create_task(verify_due(desk.context))
    hook = Delivery(id="webhook-1", kind="webhook", url=origin.url("/hook"))
    await add_deliveries(store, OPERATOR, [hook])

    assert await deliver(desk.context) == 1

    assert not hanging.done()
    assert "/hook" in [request.path for request in origin.requests]
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)


async def test_a_target_that_hangs_keeps_no_webhook_waiting(desk: Desk, origin: Origin) -> None:
    """Sent in rounds that end with their slowest answer, they came 28 s late."""
    store = desk.context.store
    origin.otherwise(lambda request: Answer(delay=30 if "hung" in request.path else 0))
    hung = f"http://localhost:{origin.port}"
    patient = desk.context.outgoing.settings.model_copy(update={"timeout": 60.0})
    desk.context.outgoing.adopt(patient)
    urls = [f"{hung}/hung/1", origin.url("/1"), f"{hung}/hung/2", origin.url("/2")]
    sending = asyncio.create_task(
        Sender(desk.context, OPERATOR, desk.context.outgoing).run(every=0.01)
    )

    for number, url in enumerate(urls):
        hook = Delivery(id=f"webhook-{number}", kind="webhook", url=url)
        await add_deliveries(store, OPERATOR, [hook])
    await eventually(lambda: asyncio.sleep(0, len(origin.requests) == 3))

    assert sorted(request.path for request in origin.requests) == ["/1", "/2", "/hung/1"]
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


async def test_callbacks_at_a_sources_host_take_none_of_its_turns(
    desk: Desk, origin: Origin
) -> None:
    """700 of them put the next poll of a chosen source off by ten minutes, again and again."""
    origin.otherwise(lambda _: Answer("no"))
    await request_verification(desk.context.store, wish(origin.url("/nothing")))

    assert await verify_due(desk.context) == 1

    assert len(origin.requests) == 1
    assert await desk.context.store.redis.keys(keys.host("*", "*")) == []


async def test_a_callback_that_redirects_is_no_confirmation(desk: Desk, origin: Origin) -> None:
    origin.at("/callback", Answer(status=302, headers={"Location": "/elsewhere"}))
    await request_verification(desk.context.store, wish(origin.url("/callback")))

    await verify_due(desk.context)

    assert [request.path.partition("?")[0] for request in origin.requests] == ["/callback"]
    assert await load_subscribers(desk.context.store) == []


async def test_a_target_that_fails_is_left_alone_for_a_while(desk: Desk, origin: Origin) -> None:
    store = desk.context.store
    origin.otherwise(lambda _: Answer(status=500))
    hooks = [Delivery(id=f"webhook-{n}", kind="webhook", url=origin.url(f"/{n}")) for n in range(3)]
    await add_deliveries(store, OPERATOR, hooks)

    await deliver(desk.context)

    assert len(origin.requests) == 1
    assert await outbox.target_pause(store, origin.allowance) > 0
    assert await store.redis.zcard(keys.OUTBOX) == 3


async def test_a_webhook_that_is_given_up_is_named_in_health(
    served: Served, desk: Desk, origin: Origin
) -> None:
    origin.otherwise(lambda _: Answer(status=500))
    hook = Delivery(id="webhook-1", kind="webhook", url=origin.url("/"), tries=MOST_TRIES)
    await add_deliveries(served.store, OPERATOR, [hook])

    await deliver(desk.context)

    missed = await given_up(served.store)
    assert missed[origin.allowance].count == 1
    findings = await served.client.server.app[CHECK].findings()
    report = health_report(findings, served.client.server.app[CONTEXT])
    assert any("was not sent 1" in reason for reason in report["reasons"])


async def test_a_full_outbox_drops_nothing_silently(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = OPERATOR._replace(deliveries=1)
    monkeypatch.setattr(publisher, "OPERATOR", small)
    monkeypatch.setattr(app, "OPERATOR", small)
    webhook = Webhook(url="https://hook.example/", secret=SECRET)
    served = await serve(SETTINGS.model_copy(update={"webhooks": (webhook,)}))
    await publishing(served)

    await served.publish(make_story(1), make_story(2), make_story(3))

    async def noticed() -> bool:
        return bool(await given_up(served.store))

    await eventually(noticed)
    (missed,) = (await given_up(served.store)).values()
    metrics = await (await served.client.get("/metrics")).text()
    assert missed.count >= 1
    assert 'millrace_webhooks_total{outcome="dropped"}' in metrics


async def test_what_subscribers_are_sent_keeps_no_webhook_waiting(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of subscriptions, each to another query, take seconds to render."""
    busy = asyncio.Event()

    async def load_slowly(store: Store) -> list[Subscriber]:
        await busy.wait()
        return []

    monkeypatch.setattr(publisher, "load_subscribers", load_slowly)
    webhook = Webhook(url="https://hook.example/", secret=SECRET)
    served = await serve(SETTINGS.model_copy(update={"webhooks": (webhook,)}))
    await publishing(served)

    await served.publish(make_story(1))

    async def waits() -> bool:
        return bool(await served.store.redis.zcard(keys.OUTBOX) == 1)

    await eventually(waits)
    busy.set()


async def test_an_outbox_is_bounded_in_bytes_too(store: Store) -> None:
    small = OPERATOR._replace(size=2000)
    deliveries = [
        Delivery(id=f"d{n}", kind="webhook", url="https://a.example/", body=f"{n}" * 40)
        for n in range(100)
    ]

    added = await add_deliveries(store, small, deliveries)

    assert 0 < added.added < 100
    assert added.added + added.refused == 100
    for delivery in (await lease_deliveries(store, small, limit=100, seconds=9)).deliveries:
        await outbox.end_delivery(store, small, delivery.id)
    assert await store.redis.hlen(keys.OUTBOX_SIZES) == 0


async def test_without_a_hub_none_is_named_and_none_answers(serve: Serve) -> None:
    served = await serve(SETTINGS.model_copy(update={"service": ServiceSettings(hub=False)}))
    await served.until(lambda: served.river.loaded is not None)

    feed = await served.client.get("/feed.json")

    assert await subscribe(served, "https://c.example/") == 404
    assert (await served.client.get("/hub")).status == 404
    assert "hub" not in feed.headers["Link"]
    assert "hubs" not in await feed.json(content_type=None)


async def test_requests_to_the_hub_take_turns_in_the_event_loop(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """700 at once kept /health/live waiting for half a second; with turns it waits for 16."""
    turns = AsyncMock()
    monkeypatch.setattr(served.client.app[hub.HUB_PACE], "turn", turns)

    for _ in range(3):
        await served.client.post("/hub", data={"hub.mode": "publish"})

    assert turns.await_count == 3
    assert hub.HUB_PASS <= 16
