"""Our WebSub hub, by the cases that websub.rocks tries on hubs, and the webhooks beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import feedparser
import pytest

from core.config.settings import FeedSettings, Webhook
from core.polling import is_signed, signature
from service.feeds import publisher
from store import keys
from store import websub as subscribers
from store.outbox import (
    OPERATOR,
    SUBSCRIBERS,
    Delivery,
    add_deliveries,
    lease_deliveries,
)
from store.websub import load_subscribers
from tests.origin import Answer, Origin, Request
from tests.service.conftest import SETTINGS, Serve, Served, make_story, remove
from tests.workers.desk import deliver, desk_for, settings_for
from workers.context import WorkerContext
from workers.jobs.deliver import verify_due

SECRET = "between the two of us"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "EVERY", 0.01)
    monkeypatch.setattr(subscribers, "HOST_GAP", 0.001)


async def eventually(met: Callable[[], Awaitable[object]]) -> None:
    """Return once `met`: between the parts lies the store, which rings no bell for tests."""
    async with asyncio.timeout(30):
        while not await met():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)


async def publishing(served: Served) -> None:
    """Return once the service has told others of all there is, and will of what comes."""

    async def up_to_date() -> bool:
        positions = await served.store.redis.mget(keys.PUBLISHED, keys.HUB_PUBLISHED)
        return positions == [served.river.log.end.encode()] * 2

    await eventually(up_to_date)


class Listener:
    """A subscriber at an origin of its own: confirms what it is asked, keeps what it is sent."""

    def __init__(self, origin: Origin, path: str = "/callback") -> None:
        self.confirms = True
        self.status = 200
        self.asked: list[dict[str, str]] = []
        self.sent: list[Request] = []
        self.callback = origin.url(path)
        origin.otherwise(self._answer)

    def _answer(self, request: Request) -> Answer:
        query = {key: values[0] for key, values in parse_qs(urlsplit(request.path).query).items()}
        if "hub.challenge" not in query:
            self.sent.append(request)
            return Answer(status=self.status)
        self.asked.append(query)
        return Answer(query["hub.challenge"] if self.confirms else "what?")


class World:
    """A service, a worker that delivers, and a listener."""

    def __init__(self, served: Served, context: WorkerContext, listener: Listener) -> None:
        self.served = served
        self.context = context
        self.listener = listener

    def topic(self, path: str = "/feed.xml") -> str:
        return str(self.served.client.make_url(path))

    async def ask(self, mode: str = "subscribe", **fields: str) -> int:
        form = {"hub.mode": mode, "hub.topic": self.topic(), "hub.callback": self.listener.callback}
        response = await self.served.client.post("/hub", data=form | fields)
        while await verify_due(self.context):
            pass
        return response.status

    async def deliver(self, count: int = 1) -> list[Request]:
        """Deliver until the listener was sent so many."""

        async def arrived() -> bool:
            await deliver(self.context)
            await deliver(self.context, SUBSCRIBERS)
            return len(self.listener.sent) >= count

        await eventually(arrived)
        return self.listener.sent


@pytest.fixture
async def world(served: Served) -> AsyncIterator[World]:
    async with Origin() as origin:
        settings = settings_for(allow_private=[origin.allowance])
        async with desk_for(served.store, cast(Any, None), settings) as desk:
            await publishing(served)
            yield World(served, desk.context, Listener(origin))


async def test_100_a_subscription_is_confirmed_and_sent_what_is_new(world: World) -> None:
    await world.served.publish(make_story(1))
    await publishing(world.served)

    assert await world.ask() == 202
    await world.served.publish(make_story(2))
    (sent,) = await world.deliver()

    (asked,) = world.listener.asked
    assert (asked["hub.mode"], asked["hub.topic"]) == ("subscribe", world.topic())
    assert int(asked["hub.lease_seconds"]) > 0
    assert sent.headers["content-type"].startswith("application/rss+xml")
    assert f'<{world.topic()}>; rel="self"' in sent.headers["link"]
    assert 'rel="hub"' in sent.headers["link"]
    assert "x-hub-signature" not in sent.headers
    assert [entry.title for entry in feedparser.parse(sent.body).entries] == ["Story 2"]


async def test_101_a_secret_signs_what_is_sent(world: World) -> None:
    await world.ask(**{"hub.secret": SECRET})
    await world.served.publish(make_story(1))

    (sent,) = await world.deliver()

    assert is_signed(sent.headers["x-hub-signature"], sent.body, secret=SECRET)


async def test_102_unknown_parameters_are_ignored(world: World) -> None:
    assert await world.ask(**{"hub.foo": "bar", "other": "x"}) == 202
    assert len(await load_subscribers(world.served.store)) == 1


async def test_103_subscribing_again_renews_and_does_not_double(world: World) -> None:
    await world.ask(**{"hub.lease_seconds": "60"})
    await world.ask(**{"hub.lease_seconds": "600", "hub.secret": SECRET})
    await world.served.publish(make_story(1))

    sent = await world.deliver()

    (subscriber,) = await load_subscribers(world.served.store)
    assert subscriber.lease == 600
    assert len(sent) == 1
    assert is_signed(sent[0].headers["x-hub-signature"], sent[0].body, secret=SECRET)


async def test_104_after_unsubscribing_nothing_comes(world: World) -> None:
    await world.ask()
    await world.ask("unsubscribe")

    assert [asked["hub.mode"] for asked in world.listener.asked] == ["subscribe", "unsubscribe"]
    assert await load_subscribers(world.served.store) == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/feed.atom", "application/atom+xml"), ("/tags/world/feed.json?limit=5", "application/feed")],
)
async def test_105_106_every_feed_and_format_is_a_topic(world: World, path: str, kind: str) -> None:
    await world.ask(**{"hub.topic": world.topic(path)})
    await world.served.publish(make_story(1))

    (sent,) = await world.deliver()

    assert sent.headers["content-type"].startswith(kind)
    assert b"Story 1" in sent.body


async def test_what_the_callback_did_not_confirm_is_no_subscription(world: World) -> None:
    world.listener.confirms = False

    await world.ask()

    assert len(world.listener.asked) == 1
    assert await load_subscribers(world.served.store) == []


async def test_a_feed_without_the_news_is_not_sent(world: World) -> None:
    await world.ask(**{"hub.topic": world.topic("/tags/local/feed.xml")})
    await world.ask()
    await world.served.publish(make_story(1, sources=("first",)))

    (sent,) = await world.deliver()

    assert f"<{world.topic()}>" in sent.headers["link"]


async def test_a_callback_that_is_gone_is_forgotten(world: World) -> None:
    await world.ask()
    world.listener.status = 410
    await world.served.publish(make_story(1))

    await world.deliver()

    assert await load_subscribers(world.served.store) == []


async def test_what_failed_is_tried_again_later(world: World) -> None:
    await world.ask()
    world.listener.status = 500
    await world.served.publish(make_story(1))

    await world.deliver()

    leased = await lease_deliveries(world.served.store, SUBSCRIBERS, limit=9, seconds=1)
    assert leased.deliveries == []  # not yet
    ((_, due),) = await world.served.store.redis.zrange(keys.HUB_OUTBOX, 0, -1, withscores=True)
    assert due / 1000 > await world.served.store.now()


@pytest.mark.parametrize(
    "fields",
    [
        {"hub.mode": "enlist"},
        {"hub.callback": "javascript:alert(1)"},
        {"hub.callback": ""},
        {"hub.topic": "https://elsewhere.example/feed.xml"},
        {"hub.secret": "x" * 200},
    ],
)
async def test_what_cannot_be_granted_is_refused(world: World, fields: dict[str, str]) -> None:
    assert await world.ask(**fields) == 400
    assert world.listener.asked == []


async def test_a_topic_that_does_not_exist_is_refused(world: World) -> None:
    for path in ("/feed.html", "/tags/unknown/feed.xml", "/feed.xml?limit=0", "/"):
        assert await world.ask(**{"hub.topic": world.topic(path)}) == 400


async def test_feeds_name_the_hub(served: Served) -> None:
    atom = await served.client.get("/feed.atom")
    feed = await (await served.client.get("/feed.json")).json(content_type=None)

    hub = str(served.client.make_url("/hub"))
    assert feed["hubs"] == [{"type": "WebSub", "url": hub}]
    assert f'<{hub}>; rel="hub"' in atom.headers["Link"]
    assert [link.href for link in feedparser.parse(await atom.text()).feed.links][1:2] == [
        str(served.client.make_url("/"))
    ]


async def test_webhooks_are_told_once_of_each_story_and_signed(serve: Serve) -> None:
    async with Origin() as origin:
        listener = Listener(origin)
        webhooks = (
            Webhook(url=origin.url("/all"), secret=SECRET),
            Webhook(url=origin.url("/local"), secret=SECRET, tags=("local",)),
        )
        served = await serve(SETTINGS.model_copy(update={"webhooks": webhooks}))
        settings = settings_for(allow_private=[origin.allowance])
        async with desk_for(served.store, cast(Any, None), settings) as desk:
            world = World(served, desk.context, listener)
            await publishing(served)
            gone = make_story(3)
            await served.publish(make_story(1), make_story(2, sources=("second",)), gone)
            await remove(served.store, gone)

            sent = await world.deliver(3)

    assert sorted(request.path for request in sent) == ["/all", "/all", "/local"]
    for request in sent:
        told = json.loads(request.body)
        assert request.headers["x-millrace-signature"] == signature(request.body, secret=SECRET)
        assert told["change"] == "new"
        assert told["entry"]["id"].startswith("urn:millrace:")


async def test_an_outside_hub_is_told_that_the_feeds_changed(serve: Serve) -> None:
    async with Origin() as origin:
        listener = Listener(origin)
        feed = FeedSettings(link="https://news.example.org/", hub=origin.url("/hub"))
        served = await serve(SETTINGS.model_copy(update={"feed": feed}))
        await publishing(served)
        settings = settings_for(allow_private=[origin.allowance])
        async with desk_for(served.store, cast(Any, None), settings) as desk:
            await served.publish(make_story(1))
            (sent,) = await World(served, desk.context, listener).deliver()

    told = parse_qs(sent.body.decode())
    assert told["hub.mode"] == ["publish"]
    assert "https://news.example.org/feed.atom" in told["hub.url"]


async def test_a_delivery_is_made_once_however_often_it_is_added(served: Served) -> None:
    delivery = Delivery(id="d", kind="webhook", url="https://a.example/")
    store = served.store

    assert (await add_deliveries(store, OPERATOR, [delivery, delivery])).added == 1
    leased = await lease_deliveries(store, OPERATOR, limit=9, seconds=9)
    assert leased.deliveries == [delivery]
    assert (await add_deliveries(store, OPERATOR, [delivery])).added == 0
    assert (await lease_deliveries(store, OPERATOR, limit=9, seconds=9)).deliveries == []
