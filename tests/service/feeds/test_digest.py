"""The digest: one entry after each day or week, the same whenever it is fetched."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

import feedparser
import pytest
import time_machine

from core.config.settings import FeedSettings
from core.render.digest import PERIODS, STORIES, digest_id, periods
from tests.service.conftest import MORNING, SETTINGS, Serve, Served, make_story

NEXT_MORNING = MORNING + timedelta(days=1)
DAILY = FeedSettings(title="River", digest="daily", link="https://news.example.org/")


def settings(feed: FeedSettings = DAILY):
    return SETTINGS.model_copy(update={"feed": feed})


async def entries(served: Served, name: str = "json") -> list[dict]:
    response = await served.client.get(f"/digest.{name}")
    assert response.status == 200, await response.text()
    return json.loads(await response.read())["items"]


async def test_there_is_none_until_it_is_switched_on(served: Served) -> None:
    response = await served.client.get("/digest.xml")

    assert response.status == 404
    assert "feed.digest" in await response.text()


async def test_the_stories_that_most_sources_carried_come_first(serve: Serve) -> None:
    with time_machine.travel(NEXT_MORNING, tick=True):
        served = await serve(settings())
        await served.publish(
            make_story(1),
            make_story(2, sources=("first", "second")),
            make_story(3, sources=("first", "second", "third")),
        )
        (entry,) = await entries(served)

    text = entry["content_html"]
    assert text.index("Story 3") < text.index("Story 2")
    assert "Story 1" not in text, "one source alone is no subject of the day"
    assert 'href="https://third.example/3"' in text
    assert entry["id"].endswith(":2026-01-31")
    assert "31 January 2026" in entry["title"]
    assert entry["date_published"] == "2026-02-01T00:00:00Z"


async def test_the_day_that_goes_on_has_no_entry_and_comes_with_the_next(serve: Serve) -> None:
    with time_machine.travel(MORNING + timedelta(hours=15, minutes=59), tick=True) as clock:
        served = await serve(settings())
        await served.publish(make_story(1, sources=("first", "second")))
        before = await entries(served)
        clock.move_to(NEXT_MORNING)
        after = await entries(served)

    assert (len(before), len(after)) == (0, 1)


async def test_a_copy_that_comes_later_changes_nothing(serve: Serve) -> None:
    with time_machine.travel(NEXT_MORNING, tick=True):
        served = await serve(settings())
        story = make_story(1, sources=("first", "second"))
        await served.publish(story)
        first = await served.client.get("/digest.atom")
        late = make_story(1, sources=("first", "second", "third"), version=2)
        third = late.members[2].model_copy(update={"first_seen": NEXT_MORNING})
        members = (*late.members[:2], third)
        await served.publish(late.model_copy(update={"members": members}))
        again = await served.client.get(
            "/digest.atom", headers={"If-None-Match": first.headers["ETag"]}
        )

    assert again.status == 304
    assert again.headers["ETag"] == first.headers["ETag"]


async def test_what_a_first_poll_brings_is_in_the_digest_of_its_own_day(serve: Serve) -> None:
    story = make_story(1, sources=("first", "second", "third"), arrived=NEXT_MORNING)
    seen = (timedelta(), timedelta(minutes=1), timedelta(days=2))  # after it came
    members = tuple(
        member.model_copy(update={"first_seen": NEXT_MORNING + after})
        for member, after in zip(story.members, seen, strict=True)
    )
    with time_machine.travel(NEXT_MORNING + timedelta(days=3), tick=True):
        served = await serve(settings())
        await served.publish(story.model_copy(update={"members": members}))
        (entry,) = await entries(served)

    assert entry["id"].endswith(":2026-01-31")
    assert "https://second.example/1" in entry["content_html"]
    assert "https://third.example/1" not in entry["content_html"]


async def test_every_service_gives_the_same_document_from_the_end_of_the_period(
    serve: Serve,
) -> None:
    with time_machine.travel(NEXT_MORNING, tick=True):
        one = await serve(settings())
        await one.publish(make_story(1, sources=("first", "second")))
        other = await serve(settings())
        await other.until(lambda: len(other.river) == 1)
        found = [await served.client.get("/digest.xml") for served in (one, other)]

    assert found[0].headers["ETag"] == found[1].headers["ETag"]
    assert {answer.headers["Last-Modified"] for answer in found} == {
        "Sun, 01 Feb 2026 00:00:00 GMT"
    }


async def test_all_formats_hold_the_same_entries_under_the_same_ids(serve: Serve) -> None:
    with time_machine.travel(NEXT_MORNING, tick=True):
        served = await serve(settings())
        await served.publish(make_story(1, sources=("first", "second")))
        ids = {entry["id"] for entry in await entries(served)}
        for name in ("xml", "atom"):
            text = await (await served.client.get(f"/digest.{name}")).text()
            parsed = feedparser.parse(text)
            assert {entry.id for entry in parsed.entries} == ids
            assert not parsed.bozo


async def test_the_day_is_that_of_the_feeds_zone_and_its_words_of_its_language(serve: Serve):
    feed = DAILY.model_copy(update={"timezone": "Asia/Shanghai", "language": "zh"})
    with time_machine.travel(MORNING + timedelta(hours=9), tick=True):  # 1 a.m. in Shanghai
        served = await serve(settings(feed))
        await served.publish(make_story(1, sources=("first", "second")))
        (entry,) = await entries(served)

    assert entry["date_published"] == "2026-01-31T16:00:00Z"
    assert "2026年1月31日" in entry["title"]
    assert "其他来源" in entry["content_html"]


async def test_weeks_begin_on_monday(serve: Serve) -> None:
    feed = DAILY.model_copy(update={"digest": "weekly"})
    with time_machine.travel(MORNING + timedelta(days=2), tick=True):  # a Monday
        served = await serve(settings(feed))
        await served.publish(make_story(1, sources=("first", "second")))
        (entry,) = await entries(served)

    assert entry["id"].endswith(":2026-W05")


async def test_the_pages_name_it_when_it_is_on(serve: Serve) -> None:
    served = await serve(settings())
    page = await (await served.client.get("/", headers={"Accept": "text/html"})).text()

    assert 'href="./digest.xml"' in page


async def test_a_browser_sees_it_as_a_page(serve: Serve) -> None:
    with time_machine.travel(NEXT_MORNING, tick=True):
        served = await serve(settings())
        await served.publish(make_story(1, sources=("first", "second")))
        headers = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}
        page = await (await served.client.get("/digest.xml", headers=headers)).text()

    assert 'id="2026-01-31"' in page
    assert "Story 1" in page


async def test_the_hub_does_not_promise_it(serve: Serve) -> None:
    served = await serve(settings())
    form = {
        "hub.mode": "subscribe",
        "hub.topic": "https://news.example.org/digest.xml",
        "hub.callback": "https://reader.example/hook",
    }

    assert (await served.client.post("/hub", data=form)).status == 400


def test_two_millraces_give_their_digests_other_ids() -> None:
    (period, *_) = periods("daily", NEXT_MORNING, "UTC")

    assert digest_id("River", period) == digest_id("River", period)
    assert digest_id("River", period) != digest_id("Other river", period)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Pacific/Apia"])
def test_periods_follow_on_each_other_also_where_clocks_change(zone: str) -> None:
    found = list(periods("daily", datetime(2026, 4, 2, 12, tzinfo=UTC), zone))

    assert len(found) == PERIODS["daily"]
    assert all(later.start == earlier.end for later, earlier in itertools.pairwise(found))
    assert len({period.key for period in found}) == len(found)


async def test_one_entry_names_a_bounded_number_of_stories(serve: Serve) -> None:
    with time_machine.travel(NEXT_MORNING, tick=True):
        served = await serve(settings())
        await served.publish(
            *(make_story(n, sources=("first", "second")) for n in range(STORIES + 5))
        )
        (entry,) = await entries(served)

    assert entry["content_html"].count("<li>") == STORIES
