"""What a person sees: the river moves by itself, a story opens, its difference shows."""

from __future__ import annotations

from typing import Any

import pytest

from core.config.settings import ServiceSettings
from core.models import Article, FeedEntry, Removed, Story
from tests.browser.conftest import DESK, PHONE
from tests.service.conftest import SETTINGS, Serve, Served, keep, make_story, record_of

pytestmark = pytest.mark.browser

CHINESE = "河流很宽，水流很急。两岸的人们早出晚归，日复一日。"
ARABIC = "النهر واسع والماء سريع، والناس على الضفتين يعملون كل يوم."
LONG_WORD = "https://very-long.example/" + "a" * 200


def varied_stories() -> list[Story]:
    """Stories that strain a layout: other scripts, long words, wide tables, code."""
    bodies = {
        "zh-Hans": (CHINESE[:10], f"<p>{CHINESE * 4}</p>"),
        "ar": (ARABIC[:20], f"<p>{ARABIC * 4}</p>"),
        "en": (
            LONG_WORD,
            f"<p>{LONG_WORD}</p><pre>{'x' * 300}</pre><table><tr>"
            + "<td>cell</td>" * 40
            + "</tr></table>",
        ),
    }
    stories = []
    for number, (language, (title, html)) in enumerate(bodies.items(), start=1):
        story = make_story(number, sources=("first", "second", "third"))
        article = story.article.model_copy(
            update={"title": title, "html": html, "text": html, "language": language}
        )
        second = story.members[1].model_copy(update={"title": f"{title} {LONG_WORD}"})
        members = (story.members[0], second, *story.members[2:])
        stories.append(story.model_copy(update={"article": article, "members": members}))
    return stories


async def keep_entry(served: Served, story: Story, place: int, text: str) -> None:
    raw = FeedEntry(guid="1", position=0, content=f"<div onclick='x()'>{text}</div>")
    article = Article(
        html=f"<p>{text}</p>", text=text, removed=(Removed(rule="promo", text="Buy this"),)
    )
    await keep(served.store, record_of(story, place, raw=raw, article=article))


async def test_the_river_updates_by_itself(served: Served, visit: Any) -> None:
    visitor = await visit(DESK)
    await visitor.go("/")
    await visitor.page.wait_for_selector("text=No story yet")

    await served.publish(make_story(1))
    await visitor.page.wait_for_selector("article.card >> text=Story 1")
    await served.publish(make_story(2))
    await visitor.page.wait_for_selector("article.card >> text=Story 2")
    await served.publish(make_story(1, version=2, sources=("first", "second")), kind="changed")
    await visitor.page.wait_for_selector("text=Also at")

    titles = await visitor.page.locator("article.card h2").all_inner_texts()
    assert titles == ["Story 2", "Story 1"]
    assert await visitor.page.locator("text=No story yet").count() == 0
    assert visitor.complaints == []


async def test_a_story_opens_and_its_difference_shows(served: Served, visit: Any) -> None:
    story = make_story(1, sources=("first", "second"))
    await served.publish(story)
    await keep_entry(served, story, 1, "Body of tale 1.")
    visitor = await visit(DESK)
    await visitor.go("/")

    await visitor.page.click("article.card h2 a")
    await visitor.page.click("text=difference second")

    assert await visitor.page.inner_text(".difference ins") == "tale"
    await visitor.picture("difference")
    await visitor.page.click("text=steps second")
    assert "Buy this" in await visitor.page.inner_text(".steps")
    await visitor.picture("steps")
    assert visitor.complaints == []


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_is_wider_than_the_window(
    served: Served, visit: Any, width: int, scheme: str
) -> None:
    stories = varied_stories()
    served.settings = served.settings.model_copy(  # with a token, a story has forms
        update={"service": ServiceSettings(token="a-long-random-word")}
    )
    await served.publish(*stories)
    locale = "zh-CN" if scheme == "dark" else "en-GB"
    visitor = await visit(width, color_scheme=scheme, locale=locale)
    paths = {
        "river": "/",
        "sources": "/sources",
        "about": "/about",
        "feed": "/feed.xml",
        "source": "/sources/first",
        **{f"story-{s.article.language}": f"/stories/{s.id}" for s in stories},
    }

    for name, path in paths.items():
        await visitor.go(path)
        assert await visitor.overflow() <= 0, path
        await visitor.picture(f"{name}-{width}-{scheme}")
    assert visitor.complaints == []
    await visitor.go("/no/such/page")  # the console says that it is missing
    assert await visitor.overflow() <= 0
    await visitor.picture(f"missing-{width}-{scheme}")


@pytest.mark.parametrize(
    ("scheme", "locale"),
    [("light", "en-GB"), ("dark", "en-GB"), ("light", "zh-TW"), ("dark", "zh-CN")],
)
async def test_a_checker_of_accessibility_finds_no_fault(
    served: Served, visit: Any, scheme: str, locale: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    stories = varied_stories()
    await served.publish(*stories)
    await keep_entry(served, stories[0], 1, "Another text.")
    visitor = await visit(DESK, color_scheme=scheme, locale=locale)
    closer = f"/stories/{stories[0].id}?compare={stories[0].members[1].id}"
    closer += f"&steps={stories[0].members[1].id}"

    for path in ("/", "/sources", "/sources/first", "/about", "/feed.xml", "/no/page", closer):
        await visitor.go(path)
        found = await axe.run(visitor.page)
        faults = [
            (fault["id"], [node["html"] for node in fault["nodes"]][:3])
            for fault in found.response["violations"]
        ]
        assert faults == [], path


async def test_a_lead_picture_that_its_site_refuses_leaves_no_hole(
    served: Served, visit: Any
) -> None:
    refused = str(served.client.make_url("/no-such.png"))
    stories = [make_story(number) for number in range(8)]
    await served.publish(
        *(
            story.model_copy(
                update={"article": story.article.model_copy(update={"lead_image": refused})}
            )
            for story in stories
        )
    )
    visitor = await visit(DESK)

    await visitor.go("/")

    await visitor.page.wait_for_function("!document.querySelector('.card .picture img')")
    cards = visitor.page.locator(".card")
    assert await cards.count() == 8
    columns = [await cards.nth(place).get_attribute("class") for place in (0, 7)]
    assert columns == ["card pictured", "card"]  # text in sight does not move
    assert await cards.nth(0).locator(".initial").inner_text() == "f"
    assert await cards.nth(7).locator(".picture").count() == 0


async def test_right_to_left_text_stands_at_the_right(served: Served, visit: Any) -> None:
    await served.publish(*varied_stories())
    visitor = await visit(DESK)
    await visitor.go("/")

    direction = "getComputedStyle(document.querySelector('h2[lang=ar]')).direction"
    assert await visitor.page.evaluate(direction) == "rtl"


async def test_the_page_is_whole_without_a_script(served: Served, visit: Any) -> None:
    await served.publish(make_story(1), make_story(2))
    visitor = await visit(PHONE, java_script_enabled=False)

    await visitor.go("/")
    await visitor.page.click("text=Story 1")

    assert "Body of story 1." in await visitor.page.inner_text("article.story")


async def test_a_keyboard_reaches_the_stories(served: Served, visit: Any) -> None:
    await served.publish(make_story(1))
    visitor = await visit(DESK)
    await visitor.go("/")

    await visitor.page.keyboard.press("Tab")
    assert await visitor.page.evaluate("document.activeElement.textContent") == (
        "Skip to the stories"
    )
    await visitor.page.keyboard.press("Enter")
    assert await visitor.page.evaluate("document.activeElement.id") == "main"


async def test_nothing_is_asked_of_anyone_else(served: Served, visit: Any) -> None:
    await served.publish(make_story(1))
    visitor = await visit(DESK)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))

    for path in ("/", "/sources", "/about", "/feed.xml"):
        await visitor.go(path)

    assert asked
    assert all(url.startswith(visitor.root) for url in asked)


async def test_a_person_splits_a_copy_off_with_the_token(serve: Serve, visit: Any) -> None:
    service = ServiceSettings(token="open sesame")
    acting = await serve(SETTINGS.model_copy(update={"service": service}))
    story = make_story(1, sources=("first", "second"))
    await acting.publish(story)
    await keep_entry(acting, story, 0, "Body of story 1.")
    await keep_entry(acting, story, 1, "Body of tale 1.")
    visitor = await visit(PHONE)
    visitor.root = str(acting.client.make_url("")).rstrip("/")
    await visitor.go(f"/stories/{story.id}")
    assert await visitor.overflow() <= 0

    await visitor.page.locator("form.correction input[name=token]").first.fill("open sesame")
    await visitor.page.click("text=Split >> nth=-1")
    await acting.until(lambda: len(acting.river) == 2)

    await visitor.page.wait_for_selector("text=1 copy, one story")
    assert visitor.complaints == []
