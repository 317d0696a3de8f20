"""Webhooks of many sources: a flood of one does not delay those of another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from core.config.settings import Webhook
from service import app
from service.feeds import publisher
from store import keys
from store.connection import Store
from store.layout import pack
from store.outbox import OPERATOR, Added, Delivery, Outbox, add_deliveries, lease_deliveries
from store.websub import Subscriber, keep_subscriber
from tests.origin import Answer, Origin
from tests.service.conftest import SETTINGS, Serve, Served, make_story
from tests.service.feeds.test_hub import eventually, publishing
from tests.workers.desk import Desk
from workers.jobs import deliver
from workers.jobs.deliver import Sender

WEBHOOK = Webhook(url="https://hook.example/", secret="between the two of us")
WITH_HOOK = SETTINGS.model_copy(update={"webhooks": (WEBHOOK,)})


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "EVERY", 0.01)


async def test_a_flood_of_one_source_delays_no_webhook_of_another(serve: Serve) -> None:
    served = await serve(WITH_HOOK)
    await publishing(served)

    await served.publish(*(make_story(n, sources=("flood",)) for n in range(60)))
    await served.publish(make_story(99, sources=("quiet",)))

    await eventually(lambda: is_waiting(served, 61))
    first = await lease_deliveries(served.store, OPERATOR, limit=3, seconds=9)
    assert any("quiet.example/99" in each.body for each in first.deliveries)
    others = await lease_deliveries(served.store, OPERATOR, limit=99, seconds=9)
    numbers = [each.body.partition("flood.example/")[2].partition('"')[0] for each in others[0]]
    assert numbers == sorted(numbers, key=int)  # a change is not sent before an earlier one


async def test_a_story_that_changes_as_soon_as_it_came_is_sent_as_new(serve: Serve) -> None:
    served = await serve(WITH_HOOK)
    await publishing(served)
    story = make_story(1, version=2)
    at_once = served.store.redis.pipeline(transaction=True)
    at_once.hset(keys.story(story.id), mapping={"v": 2, "doc": pack(story)})
    at_once.zadd(keys.RIVER, {story.id: 1})
    for kind in ("new", "changed"):
        at_once.xadd(keys.CHANGES, {"kind": kind, "story": story.id})
    await at_once.execute()

    await eventually(lambda: is_waiting(served, 1))

    (sent,), _ = await lease_deliveries(served.store, OPERATOR, limit=9, seconds=9)
    assert json.loads(sent.body)["change"] == "new"


async def test_a_flood_leaves_room_in_the_outbox_to_others(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = OPERATOR._replace(deliveries=10)
    monkeypatch.setattr(publisher, "AHEAD", 3.0)
    for module in (publisher, app):
        monkeypatch.setattr(module, "OPERATOR", small)
    served = await serve(WITH_HOOK)
    await publishing(served)

    await served.publish(*(make_story(n, sources=("flood",)) for n in range(60)))
    await eventually(lambda: is_waiting(served, 5))
    await served.publish(make_story(99, sources=("quiet",)))

    await eventually(lambda: is_waiting(served, 6))


async def test_what_waits_for_a_slow_target_keeps_no_quiet_source_waiting(
    desk: Desk, origin: Origin
) -> None:
    store, hook = desk.context.store, Delivery(id="", kind="webhook", url="", ahead=0.0)
    origin.otherwise(lambda _: Answer(delay=0.3))
    flood = [hook.model_copy(update=named(origin, f"flood-{n}")) for n in range(30)]
    await add_deliveries(store, OPERATOR, flood)
    sending = asyncio.create_task(
        Sender(desk.context, OPERATOR, desk.context.outgoing).run(every=0.01)
    )
    await eventually(lambda: asyncio.sleep(0, bool(origin.requests)))

    quiet = hook.model_copy(update={**named(origin, "quiet"), "ahead": publisher.AHEAD})
    await add_deliveries(store, OPERATOR, [quiet])

    await eventually(lambda: asyncio.sleep(0, len(origin.requests) >= 3))
    assert "/quiet" in [request.path for request in origin.requests[:3]]
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


async def test_giant_webhooks_wait_in_the_store_and_not_in_memory(
    desk: Desk, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "WAITING_LETTERS", 100)
    origin.otherwise(lambda _: Answer(delay=30))
    giant = Delivery(id="", kind="webhook", url="", body="x" * 80)
    three = [giant.model_copy(update=named(origin, f"giant-{n}")) for n in range(3)]
    await add_deliveries(desk.context.store, OPERATOR, three)
    sender = Sender(desk.context, OPERATOR, desk.context.outgoing)

    assert await sender.send_due() == 1

    assert await desk.context.store.redis.zcard(keys.OUTBOX) == 3
    for task in sender._sending:
        task.cancel()
    await asyncio.gather(*sender._sending, return_exceptions=True)


async def test_what_is_sent_is_made_a_little_at_a_time(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents of thousands of topics, or webhooks of giant entries, would fill the memory."""
    together, real = list[int](), publisher.add_deliveries

    async def noted(store: Store, outbox: Outbox, deliveries: Sequence[Delivery]) -> Added:
        together.append(len(deliveries))
        return await real(store, outbox, deliveries)

    monkeypatch.setattr(publisher, "add_deliveries", noted)
    monkeypatch.setattr(publisher, "SLICE_LETTERS", 1)
    served = await serve(WITH_HOOK)
    base = str(served.client.make_url("/"))
    for number in range(1, 4):
        topic, callback = f"{base}feed.xml?limit={number}", f"https://c{number}.example/"
        asked = Subscriber(topic=topic, base=base, callback=callback, lease=600, client="c")
        assert await keep_subscriber(served.store, asked)
    await publishing(served)

    await served.publish(*(make_story(number) for number in range(5)))

    async def all_wait() -> bool:
        waiting = [await served.store.redis.zcard(key) for key in (keys.OUTBOX, keys.HUB_OUTBOX)]
        return waiting[0] == 5 and waiting[1] >= 3

    await eventually(all_wait)
    assert max(together) == 1


def named(origin: Origin, name: str) -> dict[str, object]:
    return {"id": f"webhook-{name}", "url": origin.url(f"/{name}")}


async def is_waiting(served: Served, count: int) -> bool:
    return bool(await served.store.redis.zcard(keys.OUTBOX) == count)
