"""The merged feed over HTTP: selection, caching and what never changes."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode

import brotli
import feedparser
import pytest
import time_machine
from aiohttp import ClientResponse
from lxml import etree

from core import zstd
from core.config.settings import FeedSettings, ServiceSettings
from service.feeds import handlers
from store import keys
from tests.service.conftest import SETTINGS, Serve, Served, make_story, put, remove


async def items(served: Served, path: str = "/feed.json") -> list[dict]:
    response = await served.client.get(path)
    assert response.status == 200, await response.text()
    return (await response.json(content_type=None))["items"]


async def titles(served: Served, path: str = "/feed.json") -> list[str]:
    return [item["title"] for item in await items(served, path)]


async def test_all_formats_hold_the_same_entries_under_the_same_ids(served: Served) -> None:
    await served.publish(*(make_story(n) for n in range(5)))

    found = {}
    for name in ("xml", "atom"):
        text = await (await served.client.get(f"/feed.{name}")).text()
        found[name] = [(entry.id, entry.title) for entry in feedparser.parse(text).entries]
    found["json"] = [(item["id"], item["title"]) for item in await items(served)]

    assert found["xml"] == found["atom"] == found["json"]
    assert [title for _, title in found["json"]] == [f"Story {n}" for n in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("name", ["xml", "atom", "json"])
async def test_a_feed_of_nothing_is_valid(served: Served, name: str) -> None:
    response = await served.client.get(f"/feed.{name}")
    body = await response.read()

    assert response.status == 200
    assert json.loads(body)["items"] == [] if name == "json" else len(etree.fromstring(body)) > 0


async def test_a_second_poll_is_not_modified(served: Served) -> None:
    await served.publish(make_story(1))
    first = await served.client.get("/feed.xml")

    by_tag = await served.client.get("/feed.xml", headers={"If-None-Match": first.headers["ETag"]})
    by_time = await served.client.get(
        "/feed.xml", headers={"If-Modified-Since": first.headers["Last-Modified"]}
    )

    assert (by_tag.status, by_time.status) == (304, 304)
    assert by_tag.headers["ETag"] == first.headers["ETag"]
    assert "Cache-Control" in by_tag.headers


async def test_a_change_ends_not_modified(served: Served) -> None:
    await served.publish(make_story(1))
    first = await served.client.get("/feed.json")
    await served.publish(make_story(2))

    async def answer() -> ClientResponse:
        return await served.client.get(
            "/feed.json", headers={"If-None-Match": first.headers["ETag"]}
        )

    response = await answer()
    while response.status == 304:  # at most a second: a burst is rendered once
        response = await answer()

    assert len((await response.json(content_type=None))["items"]) == 2


DECODERS = {
    "gzip": lambda body: zlib.decompress(body, 31),
    "br": brotli.decompress,
    "zstd": zstd.decompress,
}


@pytest.mark.parametrize("encoding", DECODERS)
async def test_each_encoding_is_kept_under_a_tag_of_its_own(served: Served, encoding: str) -> None:
    await served.publish(*(make_story(n) for n in range(20)))
    plain = await served.client.get("/feed.xml", headers={"Accept-Encoding": "identity"})

    async with (
        served.client.session.get(
            served.client.make_url("/feed.xml"),
            headers={"Accept-Encoding": encoding},
            auto_decompress=False,
        )
        if False
        else served.client.get(
            "/feed.xml", headers={"Accept-Encoding": encoding}, auto_decompress=False
        ) as packed
    ):
        body = await packed.read()

    assert packed.headers["Content-Encoding"] == encoding
    assert DECODERS[encoding](body) == await plain.read()
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in packed.headers["Vary"]


async def test_head_answers_like_get_without_a_body(served: Served) -> None:
    await served.publish(make_story(1))
    whole = await served.client.get("/feed.atom")

    head = await served.client.head("/feed.atom")

    assert head.status == 200
    assert head.headers["ETag"] == whole.headers["ETag"]
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]
    assert await head.read() == b""


async def test_limit_since_and_q_narrow(served: Served) -> None:
    await served.publish(*(make_story(n) for n in range(12)))

    assert await titles(served, "/feed.json?limit=2") == ["Story 11", "Story 10"]
    assert await titles(served, "/feed.json?since=2026-01-31T16:10:00+08:00") == [
        "Story 11",
        "Story 10",
    ]
    assert await titles(served, "/feed.json?q=STORY 11") == ["Story 11"]
    assert await titles(served, "/feed.json?q=of story 7.") == ["Story 7"]
    assert await titles(served, "/feed.json?q=first.example") == []  # only title and text count


async def test_q_finds_what_json_writes_otherwise(served: Served) -> None:
    story = make_story(1)
    article = story.article.model_copy(update={"text": 'He said "STRASSE" \\ twice\n\nand left'})
    await served.publish(story.model_copy(update={"article": article}), make_story(2))

    for asked in ('said "stra', "\\ twice", "straße"):
        found = await items(served, f"/feed.json?{urlencode({'q': asked})}")
        assert [item["title"] for item in found] == ["Story 1"], asked


async def test_limit_reaches_beyond_the_default(serve: Serve) -> None:
    served = await serve(SETTINGS.model_copy(update={"feed": FeedSettings(limit=3)}))
    await served.publish(*(make_story(n) for n in range(5)))

    assert len(await items(served)) == 3
    assert len(await items(served, "/feed.json?limit=100000")) == 5


async def test_a_tag_or_source_holds_the_stories_that_have_a_member_of_it(served: Served) -> None:
    await served.publish(make_story(1), make_story(2, sources=("first", "second")))

    both = ["Story 2", "Story 1"]
    assert await titles(served, "/tags/world/feed.json") == both
    assert await titles(served, "/tags/local/feed.json") == ["Story 2"]
    assert await titles(served, "/sources/second/feed.json") == ["Story 2"]
    assert await titles(served, "/feed.json?source=first") == both
    assert await titles(served, "/feed.json?tag=local") == ["Story 2"]
    assert await titles(served, "/sources/third/feed.json") == []


@pytest.mark.parametrize("path", ["/tags/unknown/feed.xml", "/sources/unknown/feed.json"])
async def test_an_unknown_tag_or_source_is_not_found(served: Served, path: str) -> None:
    assert (await served.client.get(path)).status == 404


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "page=-1", "since=yesterday", "content=none", "variant=de"]
)
async def test_a_query_that_means_nothing_is_refused(served: Served, query: str) -> None:
    assert (await served.client.get(f"/feed.xml?{query}")).status == 400


async def test_pages_hold_every_story_once_and_link_to_each_other(served: Served) -> None:
    await served.publish(*(make_story(n) for n in range(7)))

    seen, path = [], "/feed.json?limit=3"
    while path:
        feed = await (await served.client.get(path)).json(content_type=None)
        seen += [item["title"] for item in feed["items"]]
        path = feed.get("next_url", "").partition("/feed.json")[2]
        path = path and "/feed.json" + path

    assert seen == [f"Story {n}" for n in range(6, -1, -1)]
    page = etree.fromstring(await (await served.client.get("/feed.xml?limit=3&page=2")).read())
    links = {
        link.get("rel"): link.get("href").partition("?")[2]
        for link in page.findall("channel/{http://www.w3.org/2005/Atom}link")
    }
    assert links["first"] == links["previous"] == "limit=3"
    assert links["next"] == links["last"] == "limit=3&page=3"


async def test_summaries_leave_the_bodies_out(served: Served) -> None:
    await served.publish(make_story(1))

    (item,) = await items(served, "/feed.json?content=summary")

    assert "content_html" not in item
    assert item["content_text"] == "Body of story 1."


async def test_a_changed_story_keeps_its_id_and_place(served: Served) -> None:
    await served.publish(make_story(1), make_story(2))
    changed = make_story(1, version=2, sources=("first", "second"))
    await served.publish(changed, kind="changed")

    found = await items(served, "/feed.json?limit=9")

    assert [item["title"] for item in found] == ["Story 2", "Story 1"]
    assert [source["name"] for source in found[1]["_millrace"]["sources"]] == ["first", "second"]


async def test_a_removed_story_leaves(served: Served) -> None:
    story = make_story(1)
    await served.publish(story, make_story(2))
    await remove(served.store, story)
    await served.until(lambda: served.river.find(story.id) is None)

    assert await titles(served) == ["Story 2"]


async def test_stories_of_one_moment_stand_in_feed_order(served: Served) -> None:
    moment = make_story(5).first_seen
    stories = [make_story(n, first_seen=moment, order=9 - n) for n in range(4)]
    await served.publish(*stories)

    assert await titles(served) == ["Story 3", "Story 2", "Story 1", "Story 0"]


async def test_a_burst_is_rendered_at_most_once_a_second(served: Served) -> None:
    for number in range(30):
        await put(served.store, make_story(number))
        await served.client.get("/feed.xml")

    await served.until(lambda: len(served.river.newest()) == 30)
    text = await (await served.client.get("/metrics")).text()

    renders = [line for line in text.splitlines() if line.startswith("millrace_renders_total ")]
    assert int(renders[0].split()[1]) <= 3


async def test_links_stand_under_the_address_the_reader_used(served: Served) -> None:
    given = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "news.example.org",
        "X-Forwarded-Prefix": "/river",
    }

    feed = await (await served.client.get("/feed.json", headers=given)).json(content_type=None)

    assert feed["feed_url"] == "https://news.example.org/river/feed.json"
    assert feed["home_page_url"] == "https://news.example.org/river/"


async def test_hostile_forwarded_headers_are_ignored(served: Served) -> None:
    given = {"X-Forwarded-Prefix": "//evil.example", "X-Forwarded-Host": "a b<c>"}

    feed = await (await served.client.get("/feed.json", headers=given)).json(content_type=None)

    assert "evil" not in feed["feed_url"]
    assert "<" not in feed["feed_url"]


async def test_a_private_feed_wants_the_token(serve: Serve) -> None:
    private = ServiceSettings(token="open sesame", private=True)
    served = await serve(SETTINGS.model_copy(update={"service": private}))
    await served.until(lambda: served.river.loaded is not None)

    refused = await served.client.get("/feed.xml")
    bearer = {"Authorization": "Bearer open sesame"}
    allowed = await served.client.get("/feed.xml", headers=bearer)

    assert refused.status == 401
    assert "open sesame" not in await refused.text()
    assert allowed.status == 200
    assert "private" in allowed.headers["Cache-Control"]


async def test_json_may_be_read_from_other_sites(served: Served) -> None:
    response = await served.client.get("/feed.json")

    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/feed.xml", "/", "/nothing", "/sources", "/health", "/about"])
async def test_every_answer_carries_the_security_headers(served: Served, path: str) -> None:
    headers = (await served.client.get(path)).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_a_reader_that_asks_for_it_gets_only_what_is_new(served: Served) -> None:
    await served.publish(*(make_story(n) for n in range(3)))
    first = await served.client.get("/feed.atom")
    given = {"If-None-Match": first.headers["ETag"], "A-IM": "gzip, feed"}
    assert (await served.client.get("/feed.atom", headers=given)).status == 304
    await served.publish(make_story(7), make_story(1, version=2, sources=("first", "second")))

    response = await served.client.get("/feed.atom", headers=given)
    while response.status == 304:  # at most a second: a burst is rendered once
        response = await served.client.get("/feed.atom", headers=given)
    whole = await served.client.get("/feed.atom")

    assert (response.status, response.headers["IM"]) == (226, "feed")
    assert response.headers["ETag"] == whole.headers["ETag"]
    entries = feedparser.parse(await response.text()).entries
    assert [entry.title for entry in entries] == ["Story 7", "Story 1"]


async def test_a_service_that_lost_the_store_takes_back_nothing_another_has_shown(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "AHEAD_SECONDS", 0.05)
    one, other = await serve(), await serve()
    await one.publish(make_story(1))
    await other.until(lambda: len(other.river) == 1)
    etag = (await one.client.get("/feed.json")).headers["ETag"]
    place = etag.partition(".")[2].partition("_")[0]
    given = {"If-None-Match": etag.replace(place, str(int(place) + 60_000))}

    behind = await other.client.get("/feed.json", headers=given)
    other.river.away = "no answer"
    away = await other.client.get("/feed.json", headers=given)
    first = await other.client.get("/feed.json")

    assert (behind.status, away.status, first.status) == (200, 304, 200)


async def test_what_is_new_is_the_same_at_another_service(serve: Serve) -> None:
    one, other = await serve(), await serve()
    await one.publish(*(make_story(n) for n in range(3)))
    first = await one.client.get("/feed.atom")
    given = {"If-None-Match": first.headers["ETag"], "A-IM": "feed"}
    await one.publish(make_story(7))
    await other.until(lambda: other.river.find(make_story(7).id) is not None)

    response = await other.client.get("/feed.atom", headers=given)

    assert response.status == 226
    entries = feedparser.parse(await response.text()).entries
    assert [entry.title for entry in entries] == ["Story 7"]


async def test_a_feed_changed_when_its_newest_change_came_by_the_clock_of_the_store(
    serve: Serve,
) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2), tick=True):
        served = await serve()
        await served.publish(make_story(1))
        response = await served.client.get("/feed.xml")

    ((change, _),) = await served.store.redis.xrevrange(keys.CHANGES, count=1)
    stated = parsedate_to_datetime(response.headers["Last-Modified"])
    assert int(stated.timestamp()) == int(change.partition(b"-")[0]) // 1000


async def test_a_tag_nobody_remembers_gets_the_whole_feed(served: Served) -> None:
    await served.publish(make_story(1))
    given = {"If-None-Match": '"0123456789abcdef01234567"', "A-IM": "feed"}

    response = await served.client.get("/feed.xml", headers=given)

    assert response.status == 200


async def test_the_feed_reads_in_the_other_script(served: Served) -> None:
    story = make_story(1)
    article = story.article.model_copy(update={"title": "漢字", "html": "<p>臺灣</p>"})
    await served.publish(story.model_copy(update={"article": article}))

    (item,) = await items(served, "/feed.json?variant=hans")

    assert (item["title"], item["content_html"]) == ("汉字", "<p>台湾</p>")
    assert item["id"] == story.id


async def test_what_the_framework_answers_by_itself_is_secured_too(served: Served) -> None:
    refused = await served.client.post("/feed.xml")

    assert refused.status == 405
    assert refused.headers["X-Content-Type-Options"] == "nosniff"
    assert "aiohttp" not in refused.headers["Server"]


async def test_polls_ask_nobody_but_memory(served: Served) -> None:
    await served.publish(*(make_story(n) for n in range(3)))

    async def commands() -> int:
        return int((await served.store.redis.info("stats"))["total_commands_processed"])

    before = await commands()
    for number in range(1000):
        response = await served.client.get(f"/feed.{('xml', 'atom', 'json')[number % 3]}")
        assert response.status == 200

    assert await commands() - before < 100  # following the changes goes on beside it
