"""The pages: complete without a script, safe whatever a title holds, never blank."""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from lxml import html

import core.dedup.prints
from core.dedup.members import JOINED, PARTED, SPLIT
from core.dedup.table import TABLE
from core.models import Article, EntryRecord, FeedEntry, Removed, Story
from core.pipeline import prepare
from service.pages import river_page
from store.entries import kept_form, url_key
from tests.service.conftest import SETTINGS, Served, keep, make_story, record_of

ROOT = Path(__file__).parents[3]

HOSTILE = '<img src=x onerror="alert(1)">&amp;'
CUT = Removed(rule="ad", text="Buy")


async def page(served: Served, path: str) -> html.HtmlElement:
    response = await served.client.get(path, headers={"Accept": "text/html"})
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/html")
    return html.document_fromstring(await response.text())


async def test_the_river_shows_each_story_with_its_copies(served: Served) -> None:
    await served.publish(make_story(1), make_story(2, sources=("first", "second")))

    cards = (await page(served, "/")).cssselect("article.card")

    assert [card.cssselect("h2")[0].text_content() for card in cards] == ["Story 2", "Story 1"]
    assert "second" in cards[0].cssselect(".copies")[0].text_content()
    assert not cards[1].cssselect(".copies")


async def test_before_the_first_story_the_sources_are_shown(served: Served) -> None:
    text = (await page(served, "/")).text_content()

    assert "No story yet" in text
    assert "first" in text
    assert "second" in text


async def test_titles_are_text(served: Served) -> None:
    story = make_story(1)
    article = story.article.model_copy(update={"title": HOSTILE, "author": HOSTILE})
    await served.publish(story.model_copy(update={"article": article}))

    for path in ("/", f"/stories/{story.id}", "/sources/first"):
        document = await page(served, path)
        assert not document.xpath("//*[@onerror]")
        assert HOSTILE in document.text_content()


async def test_a_story_tells_its_members_and_what_was_cut(served: Served) -> None:
    story = make_story(1, sources=("first", "second"))
    article = story.article.model_validate(
        story.article.model_dump() | {"removed": [{"rule": "promo", "text": "Click here"}]}
    )
    await served.publish(story.model_copy(update={"article": article}))

    document = await page(served, f"/stories/{story.id}")
    told = await (await served.client.get(f"/stories/{story.id}")).json()

    assert "Click here" in document.text_content()
    assert len(document.cssselect("tbody tr")) == 2
    assert [member["rule"] for member in told["members"]] == ["founder", "near"]
    assert told["removed"] == [{"rule": "promo", "text": "Click here"}]


async def test_an_unknown_story_is_not_found(served: Served) -> None:
    assert (await served.client.get("/stories/urn:millrace:0")).status == 404


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/stories/urn:millrace:0", "This story is not here"),
        ("/sources/nowhere", "There is no such source"),
        ("/tags/nothing", "There is no such tag"),
        ("/?page=9", "The river ends before this page"),
        ("/no/such/page", "There is nothing at this address"),
    ],
)
async def test_a_page_that_is_missing_says_so_in_words(
    served: Served, path: str, words: str
) -> None:
    await served.publish(make_story(1))

    response = await served.client.get(path, headers={"Accept": "text/html"})
    document = html.document_fromstring(await response.text())

    assert response.status == 404
    assert document.cssselect("h1")[0].text_content() == words
    assert document.cssselect("form[role=search]")


async def test_before_the_first_load_the_page_says_that_it_starts(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.river, "loaded", None)

    response = await served.client.get("/", headers={"Accept": "text/html"})

    assert (response.status, response.headers["Retry-After"]) == (503, "2")
    assert "being loaded" in await response.text()


FEEDS = {
    "/": "feed.atom",
    "/sources/first": "../sources/first/feed.atom",
    "/tags/world": "../tags/world/feed.atom",
    "/?q=story+1": "./feed.atom?q=story+1",
    "/?source=first": "./sources/first/feed.atom",
    "/?tag=world&q=story": "./tags/world/feed.atom?q=story",
    "/?tag=world&source=first": "./feed.atom?source=first&tag=world",
    "/sources": "./feed.atom",
}


@pytest.mark.parametrize("path", FEEDS)
async def test_a_view_offers_its_own_feed(served: Served, path: str) -> None:
    await served.publish(make_story(1), make_story(2, sources=("second",)))

    document = await page(served, path)
    (offered,) = document.xpath("//link[@rel='alternate' and contains(@type, 'atom')]/@href")
    shown = {card.get("id") for card in document.cssselect("article.card")}
    feed = await served.client.get("/" + offered.lstrip("./").replace("atom", "json"))
    items = {item["id"] for item in (await feed.json(content_type=None))["items"]}

    assert offered.removeprefix("./") == FEEDS[path].removeprefix("./")
    if path != "/sources":
        assert shown == items
        assert document.xpath(f"//details//a[contains(@href, '{offered.lstrip('./')}')]")


async def test_a_source_name_leads_to_its_stories_and_its_state(served: Served) -> None:
    await served.publish(make_story(1), make_story(2, sources=("second", "first")))
    card = (await page(served, "/")).cssselect("article.card")[1]
    (way,) = card.xpath(".//a[@class='source']/@href")

    document = await page(served, way.removeprefix("."))

    assert document.cssselect("h1")[0].text_content() == "first"
    assert "2 stories kept" in " ".join(document.text_content().split())
    assert len(document.cssselect("article.card")) == 2


async def test_each_day_has_a_heading(served: Served) -> None:
    await served.publish(*(make_story(n) for n in (1, 2, 2 + 24 * 60)))

    days = [day.text_content() for day in (await page(served, "/")).cssselect(".day")]

    assert days == ["Sunday, 1 February 2026", "Saturday, 31 January 2026"]


async def test_pages_of_a_narrowed_view_link_to_each_other(served: Served) -> None:
    await served.publish(*(make_story(n) for n in range(3)))

    document = await page(served, "/tags/world?limit=1&page=2")

    assert document.xpath("//a[@rel='prev']/@href") == ["?limit=1&page=1"]
    assert document.xpath("//a[@rel='next']/@href") == ["?limit=1&page=3"]


async def test_a_page_is_rendered_once_for_all_who_have_it_open(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served.publish(make_story(1))
    made = []
    rendered = river_page._rendered

    async def counted(*given: Any) -> Any:
        made.append(given)
        return await rendered(*given)

    monkeypatch.setattr(river_page, "_rendered", counted)
    answers = await asyncio.gather(*(served.client.get("/") for _ in range(20)))

    assert len({answer.headers["ETag"] for answer in answers}) == 1
    assert len(made) == 1


async def test_explain_knows_nothing_of_a_strange_address(served: Served) -> None:
    response = await served.client.get("/explain?url=https://nowhere.example/")

    assert response.status == 404
    assert (await response.json())["entries"] == []
    assert (await served.client.get("/explain")).status == 400


async def test_the_browser_gets_a_page_of_sources_and_a_script_gets_json(served: Served) -> None:
    assert (await page(served, "/sources")).cssselect("table")
    assert (await (await served.client.get("/sources")).json())["sources"]


async def test_about_tells_publishers_how_to_be_left_out(served: Served) -> None:
    text = (await page(served, "/about")).text_content()

    assert "robots.txt" in text
    assert served.settings.fetch.user_agent in text


@pytest.mark.parametrize("path", ["/", "/sources", "/about"])
async def test_pages_link_relatively_so_that_any_sub_path_will_do(
    served: Served, path: str
) -> None:
    document = await page(served, path)
    targets = document.xpath("//*[not(ancestor::details)]/@href | //@src | //form/@action")

    assert not [target for target in targets if re.match("/|http://127", target)]


async def test_a_page_is_not_sent_twice(served: Served) -> None:
    first = await served.client.get("/")
    second = await served.client.get("/", headers={"If-None-Match": first.headers["ETag"]})

    assert second.status == 304


async def test_search_and_tags_narrow_the_river(served: Served) -> None:
    await served.publish(make_story(1), make_story(2, sources=("second",)))

    assert len((await page(served, "/?q=story 1")).cssselect("article.card")) == 1
    assert len((await page(served, "/?tag=local")).cssselect("article.card")) == 1
    assert "No story matches" in (await page(served, "/?q=zebra")).text_content()


@pytest.mark.parametrize("name", ["style.css", "live.js", "visit.js", "icon.svg"])
async def test_static_files_come_from_a_fixed_list(served: Served, name: str) -> None:
    assert (await served.client.get(f"/static/{name}")).status == 200
    assert (await served.client.get("/static/..%2fapp.py")).status == 404
    assert (await served.client.get("/feed.xsl")).status == 200


def copy_of(story: Story, text: str, raw: str) -> EntryRecord:
    return record_of(
        story,
        1,
        raw=FeedEntry(guid="1", position=0),
        rule="text",
        article=Article(
            html=f"<p>{text}</p>", text=text, removed=(CUT,), came=raw, found=f"{text} Buy"
        ),
    )


async def test_a_member_shows_where_it_differs(served: Served) -> None:
    story = make_story(1, sources=("first", "second"))
    await served.publish(story)
    record = copy_of(story, "Body of tale 1.", "<b>raw</b>")
    await keep(served.store, record)

    document = await page(served, f"/stories/{story.id}?compare={record.id}")

    assert [part.text for part in document.cssselect(".difference ins")] == ["tale"]
    assert [part.text for part in document.cssselect(".difference del")] == ["story"]


async def test_long_stretches_that_are_alike_do_not_hide_the_difference(served: Served) -> None:
    story, alike = make_story(1, sources=("first", "second")), "alike " * 300
    article = story.article.model_copy(update={"text": alike + "old"})
    await served.publish(story.model_copy(update={"article": article}))
    record = copy_of(story, alike + "new", "raw")
    await keep(served.store, record)

    document = await page(served, f"/stories/{story.id}?compare={record.id}")

    (shown,) = document.cssselect(".difference")
    assert "Sentences that are in both: 1 of 1." in document.text_content()
    assert "1,400 letters alike" in shown.text_content()
    assert len(shown.text_content()) < 500
    assert [part.text for part in shown.cssselect("ins")] == ["new"]


async def test_a_comparison_names_its_row_and_what_was_swapped(served: Served) -> None:
    story = make_story(1, sources=("first", "second"))
    text = "A storm comes to {} on Monday. Stay at home in {}, and keep away from the river."
    shown, other = (text.format(place, place) for place in ("Hale County", "Perry County"))
    article = story.article.model_copy(update={"text": shown})
    await served.publish(story.model_copy(update={"article": article}))
    record = copy_of(story, other, "raw")
    await keep(served.store, record)

    said = (await page(served, f"/stories/{story.id}?compare={record.id}")).text_content()

    assert "As both are now: The sentences are the same, but the names or numbers" in said
    assert "perry hale" in said


async def test_a_copy_that_is_the_same_is_said_to_be(served: Served) -> None:
    story = make_story(1, sources=("first", "second"))
    await served.publish(story)
    record = copy_of(story, story.article.text, "raw")
    await keep(served.store, record)

    document = await page(served, f"/stories/{story.id}?compare={record.id}")

    assert "the same" in document.text_content()
    assert document.cssselect(".difference") == []


async def test_a_member_shows_its_four_steps(served: Served) -> None:
    story = make_story(1, sources=("first", "second"))
    await served.publish(story)
    record = copy_of(story, "Clean.", "<b>raw</b>")
    await keep(served.store, record)

    steps = (await page(served, f"/stories/{story.id}?steps={record.id}")).cssselect(".steps > li")

    assert [step.cssselect("h3")[0].text for step in steps] == [
        "As it came",
        "Extracted",
        "Cleaned",
        "Merged",
    ]
    assert "<b>raw</b>" in steps[0].text_content()
    assert "Clean. Buy" in steps[1].text_content()
    assert "1 part was cut" in steps[2].text_content()
    assert "Buy" in steps[2].text_content()
    assert "fingerprints" in steps[3].text_content()


async def test_the_copy_that_is_shown_has_its_steps_too(served: Served) -> None:
    story = make_story(1)
    made = prepare(
        [FeedEntry(guid="1", position=0, content="<p>A <b>body</b>.</p>")],
        SETTINGS.sources[0],
        None,
    )
    shown = made.entries[0].article
    await served.publish(story.model_copy(update={"article": shown}))
    record = kept_form(record_of(story, 0, article=shown), shown)
    await keep(served.store, record)

    steps = (await page(served, f"/stories/{story.id}?steps={record.id}")).cssselect(".steps > li")

    assert "<p>A <b>body</b>.</p>" in steps[0].text_content()
    assert "A body." in steps[1].text_content()
    assert "Nothing was cut." in steps[2].text_content()
    assert "first copy" in steps[3].text_content()


def test_every_rule_by_which_entries_join_has_plain_words() -> None:
    template = (ROOT / "service/templates/why.html").read_text(encoding="utf-8")
    worded = set(re.findall(r'^  "([^"]+)":', template, re.MULTILINE))
    prints = set(re.findall(r'return "([a-z ]+)"', inspect.getsource(core.dedup.prints)))

    assert {row.name for row in TABLE} <= worded
    assert {SPLIT, JOINED, PARTED, "founder"} <= worded
    assert len(prints) > 3
    assert prints <= worded


async def test_a_member_whose_text_is_gone_says_so(served: Served) -> None:
    story = make_story(1, sources=("first", "second"))
    await served.publish(story)

    document = await page(served, f"/stories/{story.id}?compare={story.members[1].id}")

    assert "no longer kept" in document.text_content()


async def test_explain_tells_the_decision_on_every_entry_of_an_address(served: Served) -> None:
    story = make_story(1, sources=("first", "second"))
    record = copy_of(story, "Clean.", "raw")
    await keep(served.store, record)
    await served.store.redis.zadd(url_key(str(record.url)), {record.id: 1})

    for asked in (str(record.url), record.id):
        answer = await served.client.get("/explain", params={"url": asked})
        told = await answer.json()
        assert answer.status == 200
        assert told["url"] == asked
        assert [entry["decision"] for entry in told["entries"]] == ["merged"]
        assert told["entries"][0]["story"] == story.id


async def test_a_browser_that_opens_a_feed_sees_a_page(served: Served) -> None:
    await served.publish(make_story(1))
    visit = {"Sec-Fetch-Dest": "document", "Accept": "text/html,application/xml"}

    seen = await served.client.get("/tags/world/feed.xml?limit=3", headers=visit)
    text = await seen.text()

    assert seen.headers["Content-Type"].startswith("text/html")
    assert "/tags/world/feed.xml?limit=3" in text
    assert "Story 1" in text
    assert "Sec-Fetch-Dest" in seen.headers["Vary"]
