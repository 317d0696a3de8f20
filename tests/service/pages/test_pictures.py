"""Other sites' pictures behind signed addresses: off by default, guarded, only real pictures."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from core.config.settings import FeedSettings, FetchSettings, MaxBytes, ServiceSettings, Settings
from core.render.variants import PictureProxy
from millrace.commands.serve import picture_fetcher
from service.app import make_app
from service.context import CONTEXT
from service.pages import pictures
from store.connection import Store
from tests.origin import Answer, Origin
from tests.service.conftest import SETTINGS, Served, make_story

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


@dataclass
class Gallery:
    """A service that hands pictures on, and the site that they are on."""

    served: Served
    origin: Origin

    def address(self, url: str) -> str:
        """Our own address of a picture."""
        assert self.served.river.secret is not None
        return PictureProxy("/", self.served.river.secret).address(url)

    async def get(self, url: str, **headers: str) -> ClientResponse:
        """The answer for a picture."""
        return await self.served.client.get(self.address(url), headers=headers)


@pytest.fixture
async def gallery(store: Store) -> AsyncIterator[Gallery]:
    async with Origin() as origin:
        settings = SETTINGS.model_copy(
            update={
                "service": ServiceSettings(pictures="proxy"),
                "fetch": FetchSettings(
                    allow_private=(origin.allowance,),
                    timeout="500ms",  # type: ignore[arg-type]  # read as in feeds.yaml
                    max_bytes=MaxBytes(picture=2048),
                ),
            }
        )
        async with _serving(store, settings) as served:
            yield Gallery(served, origin)


class _serving:
    """A service over `store` with the real, guarded fetching."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings

    async def __aenter__(self) -> Served:
        self._fetching = picture_fetcher(lambda: self._settings)
        fetch = await self._fetching.__aenter__()
        app = make_app(self._store, lambda: self._settings, fetch_picture=fetch)
        self._client = TestClient(TestServer(app))
        served = Served(self._client, app[CONTEXT].river, self._store, self._settings)
        await self._client.start_server()
        await served.until(lambda: served.river.loaded is not None)
        return served

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._fetching.__aexit__(None, None, None)


async def test_a_picture_is_handed_on_so_that_it_cannot_act(gallery: Gallery) -> None:
    url = gallery.origin.at("/a.jpg", Answer(PNG, headers={"Content-Type": "text/html"}))

    answer = await gallery.get(url)

    assert (answer.status, await answer.read()) == (200, PNG)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Cache-Control"] == "public, max-age=86400"


async def test_a_site_that_wants_its_own_referrer_is_content(gallery: Gallery) -> None:
    url = gallery.origin.at("/a/b.png", Answer(PNG))

    await gallery.get(url, Referer="https://reader.example/", Cookie="who=me")

    (asked,) = gallery.origin.asked("/a/b.png")
    assert asked.headers["referer"] == gallery.origin.url("/")
    assert "cookie" not in asked.headers


async def test_a_reader_that_has_the_picture_is_told_so(gallery: Gallery) -> None:
    url = gallery.origin.at("/a.png", Answer(PNG))
    tag = (await gallery.get(url)).headers["ETag"]

    again = await gallery.get(url, **{"If-None-Match": tag})
    head = await gallery.served.client.head(gallery.address(url))

    assert (again.status, await again.read()) == (304, b"")
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(PNG)))


@pytest.mark.parametrize("harm", ["signature", "address", "garbage"])
async def test_what_was_not_signed_here_is_not_fetched(gallery: Gallery, harm: str) -> None:
    url = gallery.origin.at("/a.png", Answer(PNG))
    _, _, signed, encoded = gallery.address(url).split("/")
    if harm == "signature":
        signed = PictureProxy("/", b"another key").address(url).split("/")[2]
    elif harm == "address":
        other = gallery.origin.at("/b.png", Answer(PNG))
        encoded = base64.urlsafe_b64encode(other.encode()).decode().rstrip("=")
    else:
        encoded = "%F0%9F%90%8C"

    answer = await gallery.served.client.get(f"/pictures/{signed}/{encoded}")

    assert answer.status == 403
    assert gallery.origin.requests == []


async def test_private_addresses_are_refused_also_behind_a_redirect(gallery: Gallery) -> None:
    async with Origin() as inner:
        secret = inner.at("/secret.png", Answer(PNG))
        moved = gallery.origin.at("/a.png", Answer(status=302, headers={"Location": secret}))

        answers = [await gallery.get(secret), await gallery.get(moved)]

        assert [answer.status for answer in answers] == [502, 502]
        assert inner.requests == []


@pytest.mark.parametrize("body", [SVG, "<!doctype html><script>alert(1)</script>", "", b"\x89PN"])
async def test_what_only_poses_as_a_picture_is_not_handed_on(
    gallery: Gallery, body: str | bytes
) -> None:
    url = gallery.origin.at("/a.png", Answer(body, headers={"Content-Type": "image/png"}))

    answer = await gallery.get(url)

    assert answer.status == 502
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (Answer(PNG + bytes(4096)), 502),
        (Answer(PNG, endless=True, length=False), 502),
        (Answer(PNG, drip=0.1), 502),
        (Answer(PNG, delay=60), 502),
        (Answer(PNG, status=404), 502),
        (Answer(reset=True), 502),
    ],
    ids=["huge", "endless", "dripping", "silent", "missing", "torn"],
)
async def test_a_bad_origin_costs_little_and_is_told(
    gallery: Gallery, bad: Answer, status: int
) -> None:
    url = gallery.origin.at("/a.png", bad)

    async with asyncio.timeout(5):
        answer = await gallery.get(url)

    assert answer.status == status
    assert answer.headers["Cache-Control"] == "no-store"


async def test_one_client_is_given_only_so_many_places(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "WAITING", 10)
    urls = [gallery.origin.at(f"/{n}.png", Answer(PNG, delay=0.2)) for n in range(14)]

    answers = await asyncio.gather(*(gallery.get(url) for url in urls))

    assert sorted(answer.status for answer in answers) == [200] * 10 + [429] * 4
    assert gallery.origin.most_in_flight == pictures.PER_CLIENT


async def test_readers_behind_one_proxy_have_places_of_their_own(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "WAITING", 5)
    urls = [gallery.origin.at(f"/{n}.png", Answer(PNG, delay=0.2)) for n in range(10)]
    readers = [f"192.0.{n % 2}.1" for n in range(10)]

    answers = await asyncio.gather(
        *(
            gallery.get(url, **{"X-Forwarded-For": who})
            for url, who in zip(urls, readers, strict=True)
        )
    )

    assert [answer.status for answer in answers] == [200] * 10


async def test_feeds_stream_and_pages_name_our_addresses_and_the_feed_the_original(
    gallery: Gallery,
) -> None:
    lead, shown = "http://first.example/lead.jpg", "http://first.example/in.jpg?a=1&b=2"
    story = make_story(1)
    html = '<p>x</p><img alt="src=&quot;" src="http://first.example/in.jpg?a=1&amp;b=2">'
    article = story.article.model_copy(update={"html": html, "lead_image": lead})
    await gallery.served.publish(story.model_copy(update={"article": article}))
    client = gallery.served.client
    base = str(client.make_url("/"))

    (item,) = (await (await client.get("/feed.json")).json())["items"]
    texts = {
        path: await (await client.get(path, headers={"Accept": "text/html"})).text()
        for path in ("/feed.xml", "/feed.atom", "/", f"/stories/{story.id}", "/sources/first")
    }
    async with client.get("/stream", headers={"Last-Event-ID": "0"}) as stream:
        await stream.content.readuntil(b"\n\n")
        event = json.loads((await stream.content.readuntil(b"\n\n")).split(b"data: ")[1])

    assert item["image"] == base[:-1] + gallery.address(lead)
    assert f'src="{base[:-1]}{gallery.address(shown)}"' in item["content_html"]
    assert item["_millrace"]["original_image"] == lead
    assert event["image"] == item["image"]
    assert base[:-1] + gallery.address(lead) in texts["/feed.xml"]
    assert base[:-1] + gallery.address(shown) in texts["/feed.atom"]
    assert f'src=".{gallery.address(lead)}"' in texts["/"]
    assert f'src="..{gallery.address(lead)}"' in texts["/sources/first"]
    assert f'src="..{gallery.address(shown)}"' in texts[f"/stories/{story.id}"]


async def test_addresses_stay_good_across_restarts_and_a_wiped_store(gallery: Gallery) -> None:
    url = gallery.origin.at("/a.png", Answer(PNG))
    before = gallery.address(url)
    async with _serving(gallery.served.store, gallery.served.settings) as second:
        assert second.river.secret == gallery.served.river.secret
        assert (await second.client.get(before)).status == 200

        await second.store.redis.flushdb()
        await second.publish(make_story(1))
        await second.river._reconcile()

        assert (await second.client.get(before)).status == 200


async def test_it_is_off_unless_asked_for(store: Store) -> None:
    settings = Settings(feed=FeedSettings(title="x"))
    async with _serving(store, settings) as served, Origin() as origin:
        gallery = Gallery(served, origin)
        lead = origin.at("/a.png", Answer(PNG))
        story = make_story(1)
        article = story.article.model_copy(update={"lead_image": lead})
        await served.publish(story.model_copy(update={"article": article}))

        answer = await gallery.get(lead)
        feed = await (await served.client.get("/feed.json")).json()

        assert answer.status == 404
        assert origin.requests == []
        assert feed["items"][0]["image"] == lead
