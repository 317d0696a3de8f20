"""A hub, the callback and the jobs together: from the feed that names a hub to the pushed entry."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from aiohttp.test_utils import TestClient, TestServer

from core.config.settings import Settings
from core.errors import Overdue
from service.app import make_app
from store import keys, websub
from store.connection import Store
from store.websub import add_push, pushes_waiting, subscription_of
from tests.origin import Answer, Origin
from tests.workers.desk import Desk, desk_for, settings_for
from tests.workers.test_politeness import feed, wait_of
from workers.sandbox.pool import Sandbox
from workers.sources.websub import tend_subscriptions

Client = TestClient[Any, Any]


@pytest.fixture
def settings(origin: Origin) -> Settings:
    origin.at("/hub", Answer(status=202))
    names_hub = {"Link": f'<{origin.url("/hub")}>; rel="hub", </topic>; rel="self"', "ETag": '"1"'}
    url = origin.at("/feed", Answer(feed("river"), headers=names_hub))
    plain = settings_for(
        {"url": url, "every": "1h"},
        allow_private=[origin.allowance],
        max_bytes={"feed": "64KiB"},
    )
    return plain.model_copy(
        update={"feed": plain.feed.model_copy(update={"link": "https://me.example/x"})}
    )


@pytest.fixture
async def desk(store: Store, sandbox: Sandbox, settings: Settings) -> AsyncIterator[Desk]:
    async with desk_for(store, sandbox, settings) as opened:
        yield opened


@pytest.fixture
async def service(store: Store, settings: Settings) -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app(store, lambda: settings))) as client:
        yield client


async def subscribe(desk: Desk, origin: Origin) -> tuple[str, str]:
    """Poll the feed and ask its hub; path of the callback, and the secret."""
    assert (await desk.poll()).last_error is None
    assert await tend_subscriptions(desk.context) == 1
    form = parse_qs(origin.asked("/hub")[-1].body.decode())
    assert form["hub.mode"] == ["subscribe"]
    assert form["hub.topic"] == [origin.url("/topic")]
    callback = form["hub.callback"][0]
    assert callback.startswith("https://me.example/x/websub/")
    return urlsplit(callback).path.removeprefix("/x"), form["hub.secret"][0]


def question(origin: Origin, **changes: str) -> dict[str, str]:
    asked = {
        "hub.mode": "subscribe",
        "hub.topic": origin.url("/topic"),
        "hub.challenge": "<b>say this</b>",
        "hub.lease_seconds": "1000",
    }
    return asked | {f"hub.{name}": value for name, value in changes.items()}


def signed(secret: str, body: str, method: str = "sha256") -> dict[str, str]:
    proof = hmac.new(secret.encode(), body.encode(), getattr(hashlib, method)).hexdigest()
    return {"X-Hub-Signature": f"{method}={proof}", "Content-Type": "application/rss+xml"}


async def test_a_hub_that_a_feed_names_is_asked_once_and_confirmed(
    desk: Desk, service: Client, origin: Origin, store: Store
) -> None:
    path, _ = await subscribe(desk, origin)

    answer = await service.get(path, params=question(origin))
    await desk.poll()

    assert (answer.status, await answer.text()) == (200, "<b>say this</b>")
    assert answer.content_type == "text/plain"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    kept = await subscription_of(store, "source")
    assert kept is not None
    assert (kept.state, kept.tries) == ("active", 0)
    assert await tend_subscriptions(desk.context) == 0


async def test_a_push_that_a_busy_machine_could_not_read_is_read_later(
    desk: Desk, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.poll()
    pushed = str(feed("bread")).encode()
    await add_push(store, "source", body=pushed, content_type="application/rss+xml")

    async def too_slow(*_: object, **__: object) -> None:
        raise Overdue("stopped after {seconds} seconds", seconds="20")

    with monkeypatch.context() as busy:
        busy.setattr(Sandbox, "run", too_slow)
        await desk.poll()
    assert await pushes_waiting(store, "source") == 1

    await desk.poll()
    assert await pushes_waiting(store, "source") == 0
    assert len(await desk.entries()) == 2


async def test_only_what_was_asked_for_is_confirmed(
    desk: Desk, service: Client, origin: Origin
) -> None:
    path, _ = await subscribe(desk, origin)

    for changes in (
        {"topic": "https://other.example/"},
        {"mode": "unsubscribe"},
        {"challenge": ""},
    ):
        assert (await service.get(path, params=question(origin, **changes))).status == 404
    assert (await service.get("/websub/guess", params=question(origin))).status == 404
    assert (await service.post("/websub/guess", data=b"x")).status == 404


ODD = ["", "\x00", "%", "é", "1" * 5000, "-1", "1e9", "<script>", "[]", "hub.mode=subscribe"]


async def test_nothing_a_stranger_says_to_the_callback_breaks_it(
    desk: Desk, service: Client, origin: Origin
) -> None:
    path, _ = await subscribe(desk, origin)

    for odd in ODD:
        for name in ("mode", "topic", "challenge", "lease_seconds"):
            answer = await service.get(path, params=question(origin, **{name: odd}))
            assert answer.status in (200, 404)
            assert answer.content_type == "text/plain"
        posted = await service.post(
            path, data=odd, headers={"X-Hub-Signature": "sha1=" + quote(odd[:9])}
        )
        assert posted.status == 202
    assert await desk.sweep() == 0


async def test_a_pushed_entry_is_taken_in_without_asking_the_source(
    desk: Desk, service: Client, origin: Origin
) -> None:
    path, secret = await subscribe(desk, origin)
    await service.get(path, params=question(origin))
    document = feed("desert")

    answer = await service.post(path, data=document, headers=signed(secret, document, "sha512"))
    swept = await desk.sweep()

    assert (answer.status, swept) == (202, 1)
    assert {entry.title for entry in await desk.entries()} == {
        "News of the river",
        "News of the desert",
    }
    assert len(origin.asked("/feed")) == 1
    assert await desk.sweep() == 0  # the plan of polls is what it was
    await desk.poll()
    assert origin.asked("/feed")[1].headers["if-none-match"] == '"1"'


async def test_what_is_not_signed_is_acknowledged_and_ignored(
    desk: Desk, service: Client, origin: Origin, store: Store
) -> None:
    path, secret = await subscribe(desk, origin)
    document = feed("desert")
    good = signed(secret, document)

    for headers in ({}, signed("wrong", document), {"X-Hub-Signature": "sha256="}, good):
        body = document if headers is not good else document + " "
        assert (await service.post(path, data=body, headers=headers)).status == 202

    assert await pushes_waiting(store, "source") == 0
    assert await desk.sweep() == 0


async def test_a_push_that_is_sent_again_changes_nothing(
    desk: Desk, service: Client, origin: Origin
) -> None:
    path, secret = await subscribe(desk, origin)
    older, newer = feed("desert"), feed("forest")
    for document in (older, newer):
        await service.post(path, data=document, headers=signed(secret, document))
    while await desk.sweep():
        pass
    before = await desk.stories()

    for document in (older, newer, older):
        await service.post(path, data=document, headers=signed(secret, document))
    while await desk.sweep():
        pass

    assert await desk.stories() == before


async def test_pushes_that_come_together_are_all_taken_in(
    desk: Desk, service: Client, origin: Origin
) -> None:
    path, secret = await subscribe(desk, origin)
    for word in ("desert", "forest", "island"):
        await service.post(path, data=feed(word), headers=signed(secret, feed(word)))

    while await desk.sweep():
        pass

    assert len(await desk.entries()) == 4
    assert len(origin.asked("/feed")) == 1


async def test_pushes_of_one_hub_take_little_memory_in_service_and_store(
    desk: Desk, service: Client, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websub, "PUSH_BYTES", 4000)
    path, secret = await subscribe(desk, origin)
    begun = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"<rss>"
        begun.set()
        await asyncio.Event().wait()

    slow = asyncio.create_task(service.post(path, data=slowly()))
    await begun.wait()
    busy = await service.post(path, data=b"second", headers=signed(secret, "second"))
    while busy.status != 503:  # the first may not have arrived yet
        busy = await service.post(path, data=b"second", headers=signed(secret, "second"))
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)

    for size in (1000, 3000, 100, 3900, 10, 20):
        body = "x" * size
        while (await service.post(path, data=body, headers=signed(secret, body))).status == 503:
            pass
    held = await desk.context.store.redis.lrange(keys.pushes("source"), 0, -1)
    assert [len(each.partition(b"\n")[2]) for each in held] == [3900, 10, 20]


async def test_a_push_that_is_no_feed_leads_to_a_poll(
    desk: Desk, service: Client, origin: Origin, store: Store
) -> None:
    path, secret = await subscribe(desk, origin)

    await service.post(path, data="junk", headers=signed(secret, "junk"))
    await desk.sweep()

    assert len(origin.asked("/feed")) == 2
    assert await pushes_waiting(store, "source") == 0


async def test_a_push_larger_than_a_feed_may_be_is_refused(
    desk: Desk, service: Client, origin: Origin, settings: Settings
) -> None:
    path, secret = await subscribe(desk, origin)
    body = "x" * (settings.fetch.max_bytes.feed + 1)

    assert (await service.post(path, data=body, headers=signed(secret, body))).status == 413


async def test_a_lease_is_renewed_before_it_ends_and_a_silent_hub_is_asked_ever_later(
    desk: Desk, service: Client, origin: Origin, store: Store
) -> None:
    async def due() -> float:
        ((_, score),) = await store.redis.zrange(keys.SUBSCRIPTIONS, 0, -1, withscores=True)
        return float(score) / 1000 - await store.now()

    path, _ = await subscribe(desk, origin)
    unconfirmed = await due()
    await store.redis.zadd(keys.SUBSCRIPTIONS, {path.rpartition("/")[2]: 0})
    await tend_subscriptions(desk.context)
    still_unconfirmed = await due()
    await service.get(path, params=question(origin))
    confirmed = await due()
    await service.get(path, params=question(origin, mode="denied"))
    denied = await due()

    assert 590 < unconfirmed < 610
    assert 1190 < still_unconfirmed < 1210
    assert 690 < confirmed < 710
    assert denied > 86000


async def test_a_hub_that_fails_changes_nothing_about_when_its_source_is_polled(
    store: Store, sandbox: Sandbox, settings: Settings, origin: Origin
) -> None:
    both = settings_for(
        {"url": origin.url("/feed")},
        {"url": origin.at("/plain", Answer(feed("river")))},
        allow_private=[origin.allowance],
    ).model_copy(update={"feed": settings.feed})

    async def waits(desk: Desk) -> tuple[float, float]:
        """Until the next poll: of the source with a hub, and of its twin without."""
        with_hub, without = await desk.poll("source"), await desk.poll("source1")
        assert with_hub.last_error is None
        return wait_of(with_hub), wait_of(without)

    async with (
        desk_for(store, sandbox, both) as desk,
        TestClient(TestServer(make_app(store, lambda: both))) as service,
    ):
        seen = [await waits(desk)]
        path, _ = await subscribe(desk, origin)
        await desk.poll("source1")  # as its twin just was
        seen.append(await waits(desk))
        await service.get(path, params=question(origin))
        seen.append(await waits(desk))
        origin.at("/hub", Answer(status=500))
        await store.redis.zadd(keys.SUBSCRIPTIONS, {path.rpartition("/")[2]: 0})  # the lease ends
        assert await tend_subscriptions(desk.context) == 1
        seen.append(await waits(desk))
        origin.at("/feed", Answer(feed("mountain", "river")))
        await desk.poll()

        assert len(origin.asked("/hub")) == 2
        assert [with_hub for with_hub, _ in seen] == pytest.approx([each for _, each in seen])
        assert {entry.guid for entry in await desk.entries()} == {"river", "mountain"}


async def test_without_a_public_address_no_hub_is_asked(
    store: Store, sandbox: Sandbox, settings: Settings, origin: Origin
) -> None:
    private = settings.model_copy(update={"feed": settings.feed.model_copy(update={"link": None})})
    async with desk_for(store, sandbox, private) as desk:
        await desk.poll()

        assert await tend_subscriptions(desk.context) == 0
    assert origin.asked("/hub") == []
