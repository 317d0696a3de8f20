"""With `service.private` nothing is read without the token, but what must be open."""

from __future__ import annotations

import base64
import re

import pytest

from core.config.settings import ServiceSettings, Settings
from core.models import FeedEntry, Story
from service.ops.actions import OPEN
from store.curation import forgotten_among
from store.schedule import add_sources, due_times
from tests.service.conftest import SETTINGS, Serve, Served, keep, make_story, record_of

PRIVATE = Settings(service=ServiceSettings(token="open sesame", private=True))


async def test_every_route_wants_the_token_or_is_named_as_open(serve: Serve) -> None:
    served = await serve(PRIVATE)
    routes = [
        (route.method, route.resource.canonical)
        for route in served.client.app.router.routes()
        if route.resource is not None and route.method in ("GET", "POST")
    ]

    refused, answered = set(), set()
    for method, path in routes:
        address = re.sub(r"\{[^}]*\}", "x", path)
        async with served.client.request(method, address) as answer:
            (refused if answer.status == 401 else answered).add(path)

    assert answered <= OPEN
    assert {"/feed.xml", "/stream", "/metrics", "/health", "/", "/hub", "/sources.opml"} <= refused
    assert {"/health/live", "/static/{name}", "/forget"} <= answered


@pytest.mark.parametrize("path", ["/feed.json", "/metrics", "/health", "/sources"])
async def test_a_reader_with_the_token_is_answered(serve: Serve, path: str) -> None:
    served = await serve(PRIVATE)

    for headers in ({"Authorization": "Bearer open sesame"}, None):
        async with served.client.get(path, headers=headers) as answer:
            assert (answer.status == 401) == (headers is None)


async def test_without_the_setting_nothing_is_asked_for(serve: Serve) -> None:
    served = await serve(Settings(service=ServiceSettings(token="open sesame")))

    async with served.client.get("/health") as answer:
        assert answer.status != 401


BEARER = {"Authorization": "Bearer t0ken"}


@pytest.fixture
async def acting(serve: Serve) -> Served:
    served = await serve(SETTINGS.model_copy(update={"service": ServiceSettings(token="t0ken")}))
    await add_sources(served.store, ["first", "second"], spacing=3600)
    return served


async def test_a_source_is_due_at_once_when_asked_with_the_token(acting: Served) -> None:
    answer = await acting.client.post("/sources/second/poll", headers=BEARER)

    assert answer.status == 202
    assert await due_times(acting.store, ["second"]) == [0]


async def test_the_token_may_come_in_the_form(acting: Served) -> None:
    answer = await acting.client.post("/sources/second/poll", data={"token": "t0ken"})

    assert answer.status == 202


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic " + base64.b64encode(b"me:t0ken").decode()},
    ],
)
async def test_without_the_token_nothing_happens(acting: Served, headers: dict[str, str]) -> None:
    answer = await acting.client.post("/sources/second/poll", headers=headers)

    assert answer.status == 403
    assert await due_times(acting.store, ["second"]) != [0]


async def test_actions_are_off_where_no_token_is_set(served: Served) -> None:
    answer = await served.client.post("/sources/first/poll", headers=BEARER)

    assert answer.status == 403


async def test_a_get_changes_nothing(acting: Served) -> None:
    answer = await acting.client.get("/sources/second/poll", headers=BEARER)

    assert answer.status == 404
    assert await due_times(acting.store, ["second"]) != [0]


async def test_an_unknown_source_is_not_found(acting: Served) -> None:
    answer = await acting.client.post("/sources/unknown/poll", headers=BEARER)

    assert answer.status == 404


async def keep_records(served: Served, story: Story) -> None:
    for place in range(len(story.members)):
        await keep(served.store, record_of(story, place))


async def test_a_copy_can_be_split_off_and_joined_again(acting: Served) -> None:
    story = make_story(1, sources=("first", "second"))
    await keep_records(acting, story)
    await acting.publish(story)
    other = story.members[1].id

    answer = await acting.client.post(
        f"/stories/{story.id}/split", data={"entry": other, "token": "t0ken"}
    )
    assert (answer.status, await answer.json()) == (200, {"story": other})
    await acting.until(lambda: len(acting.river) == 2)

    answer = await acting.client.post(
        f"/stories/{story.id}/join", data={"other": other, "token": "t0ken"}
    )
    assert answer.status == 200
    await acting.until(lambda: len(acting.river) == 1)


async def test_a_story_is_forgotten_with_its_copies_and_stays_out(acting: Served) -> None:
    story, other = make_story(1, sources=("first", "second")), make_story(2)
    await keep_records(acting, story)
    await acting.publish(story, other)

    answer = await acting.client.post("/forget", data={"url": story.id, "token": "t0ken"})

    assert (answer.status, await answer.json()) == (
        200,
        {"url": story.id, "stories": 1, "entries": 2},
    )
    await acting.until(lambda: len(acting.river) == 1)
    again = FeedEntry(guid="another", link="https://second.example/1", position=0)
    assert await forgotten_among(acting.store, "third", [again])
    explained = await (await acting.client.get("/explain", params={"url": story.id})).json()
    assert {e["rule"] for e in explained["entries"]} == {"forgotten"}


async def test_a_story_is_forgotten_whose_entries_are_no_longer_kept(acting: Served) -> None:
    await acting.publish(make_story(1))

    answer = await acting.client.post(
        "/forget",
        data={"url": make_story(1).id, "token": "t0ken"},
        headers={"Accept": "text/html"},
        allow_redirects=False,
    )

    assert (answer.status, answer.headers["Location"]) == (303, "./")
    await acting.until(lambda: len(acting.river) == 0)


async def test_forgetting_needs_the_token_and_an_address(acting: Served) -> None:
    await acting.publish(make_story(1))

    refused = await acting.client.post("/forget", data={"url": make_story(1).id})
    vague = await acting.client.post("/forget", data={"url": "that one"}, headers=BEARER)

    assert (refused.status, vague.status) == (403, 400)
    assert len(acting.river) == 1


async def test_a_choice_that_cannot_be_made_is_refused_with_the_reason(acting: Served) -> None:
    answer = await acting.client.post("/stories/urn:x/split", data={"entry": "y"}, headers=BEARER)

    assert answer.status == 409
    assert "urn:x" in (await answer.json())["error"]


async def test_a_person_is_refused_by_a_page(acting: Served) -> None:
    story = make_story(1, sources=("first", "second"))
    await acting.publish(story)
    chinese = {"Accept": "text/html", "Accept-Language": "zh-CN"}

    for path, form, said in (
        (f"/stories/{story.id}/split", {"token": "wrong", "entry": "y"}, "令牌错误或缺失"),
        (f"/stories/{story.id}/join", {"token": "t0ken", "other": story.id}, "不能与自身合并"),
    ):
        answer = await acting.client.post(path, data=form, headers=chinese)
        assert answer.status in (403, 409)
        assert said in await answer.text()


async def test_choices_need_the_token_and_the_page_offers_them(acting: Served) -> None:
    story = make_story(1, sources=("first", "second"))
    await acting.publish(story)

    refused = await acting.client.post(f"/stories/{story.id}/split", data={"entry": "y"})
    page = await acting.client.get(f"/stories/{story.id}", headers={"Accept": "text/html"})

    assert refused.status == 403
    text = await page.text()
    assert f'action="./{story.id}/split"' in text
    assert 'action="../forget"' in text
