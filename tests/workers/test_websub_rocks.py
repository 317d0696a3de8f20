"""The cases of websub.rocks for subscribers, under their numbers: each leads to a subscription that
the hub confirms and whose pushes are taken in, or to none."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from store.connection import Store
from store.websub import pushes_waiting, subscription_of
from tests.origin import Answer, Origin
from tests.workers.desk import Desk
from tests.workers.sources.test_websub import Client, desk, service, settings, signed
from tests.workers.test_politeness import feed
from workers.sources.websub import tend_subscriptions

__all__ = ["desk", "service", "settings"]  # fixtures


def atom(*links: str) -> str:
    """An Atom feed with these links."""
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><id>urn:t</id>'
        f"{''.join(f'<link {link}/>' for link in links)}"
        "<entry><id>urn:1</id><title>One</title><content>Some text.</content></entry></feed>"
    )


def rss(*links: str) -> str:
    """An RSS feed with these Atom links."""
    elements = "".join(f"<atom:link {link}/>" for link in links)
    return feed("river").replace(
        "<channel>", f'<channel xmlns:atom="http://www.w3.org/2005/Atom">{elements}'
    )


async def topic_and_hub(desk: Desk, origin: Origin, hub: str = "/hub") -> str:
    """Poll, ask the hub, and return the topic that it was asked for; the last request counts."""
    assert (await desk.poll()).last_error is None
    assert await tend_subscriptions(desk.context) == 1
    form = parse_qs(origin.asked(hub)[-1].body.decode())
    assert form["hub.mode"] == ["subscribe"]
    return form["hub.topic"][0]


async def confirmed(desk: Desk, service: Client, origin: Origin) -> tuple[str, str]:
    """Path of the callback and secret of a subscription that the hub confirmed."""
    topic = await topic_and_hub(desk, origin)
    form = parse_qs(origin.asked("/hub")[-1].body.decode())
    path = urlsplit(form["hub.callback"][0]).path.removeprefix("/x")
    asked = {"hub.mode": "subscribe", "hub.topic": topic, "hub.challenge": "c"}
    assert await (await service.get(path, params=asked)).text() == "c"
    return path, form["hub.secret"][0]


async def test_100_discovery_in_the_header(desk: Desk, origin: Origin) -> None:
    link = f'<{origin.url("/hub")}>; rel="hub", <{origin.url("/own")}>; rel="self"'
    origin.at("/feed", Answer(feed("river"), headers={"Link": link}))

    assert await topic_and_hub(desk, origin) == origin.url("/own")


async def test_101_discovery_through_a_page(desk: Desk, origin: Origin) -> None:
    origin.at(
        "/feed",
        Answer(
            '<html><head><link rel="alternate" type="application/rss+xml" href="/real">'
            "</head><body>x</body></html>",
            headers={"Content-Type": "text/html"},
        ),
    )
    origin.at("/real", Answer(rss('rel="hub" href="/hub"')))

    assert await topic_and_hub(desk, origin) == origin.url("/real")


@pytest.mark.parametrize("write", [atom, rss], ids=["102_atom", "103_rss"])
async def test_102_103_discovery_in_the_feed(desk: Desk, origin: Origin, write: object) -> None:
    links = (
        f'rel="hub" href="{origin.url("/hub")}"',
        f'rel="self" href="{origin.url("/own")}"',
    )
    origin.at("/feed", Answer(write(*links)))  # type: ignore[operator]

    assert await topic_and_hub(desk, origin) == origin.url("/own")


async def test_104_the_header_goes_before_the_feed(desk: Desk, origin: Origin) -> None:
    link = f'<{origin.url("/hub")}>; rel="hub", <{origin.url("/own")}>; rel="self"'
    other = ('rel="hub" href="/other"', 'rel="self" href="/elsewhere"')
    origin.at("/feed", Answer(atom(*other), headers={"Link": link}))

    assert await topic_and_hub(desk, origin) == origin.url("/own")
    assert origin.asked("/other") == []


async def test_200_a_topic_that_calls_itself_otherwise(desk: Desk, origin: Origin) -> None:
    origin.at("/feed", Answer(atom('rel="hub" href="/hub"', 'rel="self" href="/feed?own=1"')))

    assert await topic_and_hub(desk, origin) == origin.url("/feed?own=1")


@pytest.mark.parametrize("status", [302, 301], ids=["201_temporary", "202_permanent"])
async def test_201_202_a_topic_that_moved(desk: Desk, origin: Origin, status: int) -> None:
    origin.at("/feed", Answer(status=status, headers={"Location": "/moved"}))
    origin.at("/moved", Answer(atom('rel="hub" href="/hub"', 'rel="self" href="/moved"')))

    assert await topic_and_hub(desk, origin) == origin.url("/moved")


@pytest.mark.parametrize("status", [307, 308], ids=["203_temporary", "204_permanent"])
async def test_203_204_a_hub_that_moved(desk: Desk, origin: Origin, status: int) -> None:
    origin.at("/hub", Answer(status=status, headers={"Location": "/hub2"}))
    origin.at("/hub2", Answer(status=202))

    await topic_and_hub(desk, origin, hub="/hub2")

    assert origin.asked("/hub2")[0].body == origin.asked("/hub")[0].body


async def test_a_hub_that_moves_in_circles_is_left(desk: Desk, origin: Origin) -> None:
    origin.at("/hub", Answer(status=308, headers={"Location": "/hub"}))

    await topic_and_hub(desk, origin)

    assert len(origin.asked("/hub")) == 4


async def test_205_another_topic_is_not_confirmed(
    desk: Desk, service: Client, origin: Origin, store: Store
) -> None:
    path, _ = await confirmed(desk, service, origin)
    asked = {"hub.mode": "subscribe", "hub.topic": "https://other.example/", "hub.challenge": "c"}

    answer = await service.get(path, params=asked)

    assert answer.status == 404
    kept = await subscription_of(store, "source")
    assert kept is not None
    assert kept.topic != asked["hub.topic"]


async def test_300_a_delivery_is_taken_in(desk: Desk, service: Client, origin: Origin) -> None:
    path, secret = await confirmed(desk, service, origin)
    document = feed("desert")

    answer = await service.post(path, data=document, headers=signed(secret, document))
    await desk.sweep()

    assert answer.status == 202
    assert "News of the desert" in {entry.title for entry in await desk.entries()}


@pytest.mark.parametrize("harm", ["301_wrong", "302_none"])
async def test_301_302_what_is_not_signed_right_is_not_taken_in(
    desk: Desk, service: Client, origin: Origin, store: Store, harm: str
) -> None:
    path, _ = await confirmed(desk, service, origin)
    document = feed("desert")
    headers = signed("wrong", document) if harm == "301_wrong" else {}

    answer = await service.post(path, data=document, headers=headers)

    assert answer.status == 202  # a stranger does not learn whether it guessed right
    assert await pushes_waiting(store, "source") == 0
