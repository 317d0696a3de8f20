"""A page that stays open: cards in the feed's order, what is new, the keys, no jumps."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from service.context import CONTEXT
from store.connection import Store
from tests.browser.conftest import DESK, PHONE
from tests.service.conftest import MORNING, Serve, Served, make_story, put, remove

pytestmark = pytest.mark.browser

SHIFTS = """new PerformanceObserver(list => list.getEntries().forEach(each =>
    { window.shifts = (window.shifts || 0) + each.value }))
    .observe({type: 'layout-shift', buffered: true})"""

TAKE_WHAT_IS_OFFERED = """() => {
    const button = document.getElementById("above");
    const take = () => { if (!button.hidden) button.click(); };
    take();
    new MutationObserver(take).observe(button, {attributes: true});
}"""


async def shown(visitor: Any) -> list[str]:
    return await visitor.page.locator("article.card").evaluate_all("all => all.map(c => c.id)")


async def in_feed(served: Served, count: int) -> list[str]:
    feed = await (await served.client.get(f"/feed.json?limit={count}")).json(content_type=None)
    return [item["id"] for item in feed["items"]]


async def until_shown(visitor: Any, ids: list[str]) -> None:
    """Wait for the cards, with whatever is offered taken."""
    await visitor.page.evaluate(TAKE_WHAT_IS_OFFERED)
    await visitor.page.wait_for_function(
        "ids => JSON.stringify([...document.querySelectorAll('article.card')].map(c => c.id)) "
        "=== ids",
        arg=json.dumps(ids, separators=(",", ":")),
    )


async def test_the_first_stories_stand_in_the_order_of_the_feed(served: Served, visit: Any) -> None:
    visitor = await visit(DESK)
    await visitor.go("/")
    await visitor.page.wait_for_selector("text=No story yet")

    await served.publish(make_story(500))
    await until_shown(visitor, await in_feed(served, 50))
    # As a first poll writes them: oldest first, and in batches of several sources.
    for start in (0, 70, 30, 110):
        await served.publish(*(make_story(n) for n in range(start, start + 40)))
    await until_shown(visitor, await in_feed(served, 50))

    assert await visitor.page.locator("a[rel=next]").count() <= 1
    assert visitor.complaints == []


async def test_old_entries_of_a_new_source_do_not_stand_above_todays(
    served: Served, visit: Any
) -> None:
    await served.publish(*(make_story(n) for n in range(3000, 3040)))
    visitor = await visit(DESK)
    await visitor.go("/")

    backfill = [make_story(n, sources=("second",)) for n in range(94)]
    await served.publish(*backfill, make_story(3100))
    await until_shown(visitor, await in_feed(served, 50))

    ids = await shown(visitor)
    assert ids[0] == make_story(3100).id
    assert ids[1:41] == [make_story(n).id for n in range(3039, 2999, -1)]


async def test_an_open_page_keeps_a_bounded_number_of_cards(served: Served, visit: Any) -> None:
    await served.publish(*(make_story(n) for n in range(50)))
    visitor = await visit(DESK)
    await visitor.go("/")

    for start in range(50, 275, 45):
        await served.publish(*(make_story(n) for n in range(start, start + 45)))
        await visitor.page.evaluate(TAKE_WHAT_IS_OFFERED)
        newest = make_story(start + 44).id
        await visitor.page.wait_for_function("id => document.getElementById(id)", arg=newest)

    ids = await shown(visitor)
    assert ids == (await in_feed(served, 300))[: len(ids)]
    assert len(ids) == 200
    older = await visitor.page.locator("a[rel=next]").get_attribute("href")
    assert older is not None
    assert older.endswith("/?page=2")


async def test_after_a_gap_no_card_stands_below_stories_that_are_missing(
    served: Served, visit: Any
) -> None:
    await served.publish(*(make_story(n) for n in range(10)))
    visitor = await visit(DESK)
    await visitor.go("/")

    await served.publish(*(make_story(n) for n in range(100, 200)))

    await until_shown(visitor, await in_feed(served, 50))


async def test_stories_that_come_between_those_shown_leave_no_gap(
    served: Served, visit: Any
) -> None:
    await served.publish(*(make_story(3 * n) for n in range(48)))
    visitor = await visit(DESK)
    await visitor.go("/")

    for place, source in enumerate(("second", "third"), start=1):
        await served.publish(*(make_story(3 * n + place, sources=(source,)) for n in range(48)))
        newest = make_story(3 * 47 + place, sources=(source,)).id
        await visitor.page.evaluate(TAKE_WHAT_IS_OFFERED)
        await visitor.page.wait_for_function("id => document.getElementById(id)", arg=newest)

    ids = await shown(visitor)
    assert ids == (await in_feed(served, 200))[: len(ids)]
    assert len(ids) == 144


@pytest.mark.parametrize("width", [PHONE, DESK])
async def test_what_is_read_stays_where_it_is(served: Served, visit: Any, width: int) -> None:
    visitor = await visit(width)
    await visitor.page.add_init_script(SHIFTS)
    await visitor.go("/")
    await served.publish(*(make_story(10 * n) for n in range(24)))
    first = make_story(230).id
    await visitor.page.wait_for_selector(f"article[id='{first}']")
    card = visitor.page.locator(f"article[id='{first}']")
    place = (await card.bounding_box())["y"]
    button = visitor.page.locator("#above")

    await served.publish(*(make_story(300 + n) for n in range(8)))  # above all that is shown
    await visitor.page.wait_for_selector(f"article[id='{make_story(307).id}']", state="attached")
    assert (await card.bounding_box())["y"] == pytest.approx(place, abs=0.5)
    assert await button.is_visible()
    # As first polls of other sources bring them: between those that are in view.
    await served.publish(*(make_story(10 * n + 5, sources=("second",)) for n in range(60)))
    await visitor.page.wait_for_selector("text=/^↑ 6[0-9] new stories$/")

    assert (await card.bounding_box())["y"] == pytest.approx(place, abs=0.5)
    assert (
        await visitor.page.evaluate("window.shifts || 0") < 0.001
    )  # browsers scroll by whole pixels
    await button.click()
    await until_shown(visitor, (await in_feed(served, 100))[: len(await shown(visitor))])
    assert await visitor.page.evaluate("scrollY") == 0
    assert await button.is_hidden()
    assert visitor.complaints == []


async def test_a_removed_story_leaves_the_page(served: Served, visit: Any) -> None:

    stories = [make_story(n) for n in range(3)]
    await served.publish(*stories)
    visitor = await visit(DESK)
    await visitor.go("/")

    await remove(served.store, stories[1])

    await until_shown(visitor, [stories[2].id, stories[0].id])


async def test_the_page_goes_on_after_a_restart_of_the_service(
    store: Store, serve: Serve, served: Served, visit: Any
) -> None:
    await served.publish(make_story(1))
    visitor = await visit(DESK)
    await visitor.go("/")
    loaded, served.river.loaded = served.river.loaded, None  # as after a start: /stream is 503
    served.client.app[CONTEXT].draining = True
    served.river.log.ring()
    await visitor.page.wait_for_event("response", lambda answer: answer.status == 503)
    await put(store, make_story(2))

    served.river.loaded = loaded
    served.client.app[CONTEXT].draining = False

    await until_shown(visitor, [make_story(2).id, make_story(1).id])


def unseen(visitor: Any) -> Any:
    return visitor.page.locator("article.card.unseen h2").all_inner_texts()


async def test_what_is_new_since_the_last_visit_is_kept_in_the_browser(
    served: Served, visit: Any
) -> None:
    await served.publish(make_story(1), make_story(2))
    visitor = await visit(PHONE)
    await visitor.go("/")
    assert await unseen(visitor) == []

    await visitor.go("/sources")  # an open river would note that the stories were seen
    await served.publish(make_story(3), make_story(4))
    await visitor.page.evaluate(
        """() => { for (const key of Object.keys(localStorage)) {
            const last = JSON.parse(localStorage[key]);
            localStorage[key] = JSON.stringify({...last, left: last.left - 3600000,
              newest: last.since}); } }"""
    )
    await visitor.go("/")
    # A page made just before the change is sent again (RENDER_EVERY), and follows the stream.
    await until_shown(visitor, await in_feed(served, 4))

    assert await unseen(visitor) == ["Story 4", "Story 3"]
    assert await visitor.page.inner_text("#live") == "2 new stories"
    await visitor.go("/sources")
    await visitor.go("/")
    await until_shown(visitor, await in_feed(served, 4))
    assert await unseen(visitor) == ["Story 4", "Story 3"]  # still the same visit
    assert visitor.complaints == []


async def test_keys_walk_through_the_stories(served: Served, visit: Any) -> None:
    await served.publish(make_story(1), make_story(2))
    visitor = await visit(DESK)
    await visitor.go("/")
    focused = "document.activeElement.textContent"

    for key, title in (("j", "Story 2"), ("j", "Story 1"), ("j", "Story 1"), ("k", "Story 2")):
        await visitor.page.keyboard.press(key)
        assert await visitor.page.evaluate(focused) == title
    await visitor.page.keyboard.press("?")
    assert await visitor.page.locator("dialog[open]").count() == 1
    await visitor.picture("keys")
    await visitor.page.keyboard.press("Escape")
    await visitor.page.keyboard.press("o")
    await visitor.page.wait_for_url("**/stories/*")
    await visitor.go("/")
    await visitor.page.focus("#q")
    await visitor.page.keyboard.type("jo?")
    assert await visitor.page.input_value("#q") == "jo?"


async def test_days_are_those_of_the_reader(served: Served, visit: Any) -> None:
    late = make_story(0, first_seen=MORNING + timedelta(hours=10))  # 18:00 in UTC
    await served.publish(make_story(1), late)
    visitor = await visit(DESK, timezone_id="Asia/Shanghai", locale="en-GB")
    await visitor.go("/")

    days = await visitor.page.locator(".day").all_inner_texts()

    assert [day.replace(",", "") for day in days] == [
        "Sunday 1 February 2026",
        "Saturday 31 January 2026",
    ]


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland"])
async def test_nothing_jumps_and_the_page_is_light(
    served: Served, visit: Any, width: int, zone: str
) -> None:
    refused = str(served.client.make_url("/no-such.png"))
    stories = []
    for number in range(60):
        story = make_story(number * 60, sources=("first", "second"))
        article = story.article.model_copy(
            update={
                "lead_image": refused if number % 2 else None,
                "text": f"Number {number}. " + "A sentence about the river. " * 20,
            }
        )
        stories.append(story.model_copy(update={"article": article}))
    await served.publish(*stories)
    visitor = await visit(width, timezone_id=zone)
    sizes: list[int] = []
    client = await visitor.page.context.new_cdp_session(visitor.page)
    await client.send("Network.enable")
    client.on("Network.loadingFinished", lambda done: sizes.append(done["encodedDataLength"]))
    await visitor.page.add_init_script(SHIFTS)

    await visitor.go("/")
    await visitor.page.wait_for_load_state("load")
    await visitor.page.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )

    assert await visitor.page.evaluate("window.shifts || 0") == 0
    assert 0 < sum(sizes) < 60_000
