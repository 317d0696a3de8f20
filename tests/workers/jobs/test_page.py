"""Articles that are cut into several pages."""

from __future__ import annotations

from store.connection import Store
from tests.origin import Answer, Origin
from tests.workers.desk import desk_for, settings_for
from workers.sandbox.pool import Sandbox

PARTS = (
    "The river rose by two metres overnight, and the people who live along its banks were moved. ",
    "Two of the three bridges were closed at dawn; the third one only carries food and medicine. ",
    "The council will decide next week whether the dyke is to be raised before the next winter. ",
)


def page(part: str, following: str | None) -> Answer:
    link = f"<p><a href='{following}'>下一页</a></p>" if following else ""
    text = f"<p>{part}</p><p>{part * 3}</p><p>{part[::-1]}</p>"
    return Answer(f"<html><body><article><h1>Flood</h1>{text}</article>{link}</body></html>")


def stub(origin: Origin) -> Answer:
    link = origin.url("/flood.html")
    item = f"<item><guid>1</guid><title>Flood</title><link>{link}</link></item>"
    return Answer(f'<rss version="2.0"><channel><title>N</title>{item}</channel></rss>')


async def read(store: Store, sandbox: Sandbox, origin: Origin) -> str:
    origin.at("/feed", stub(origin))
    settings = settings_for({"url": origin.url("/feed")}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        await desk.poll()
        await desk.read_pages()
        (story,) = await desk.stories()
    return story.article.text


async def test_the_pages_of_an_article_are_read_and_joined(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    origin.at("/robots.txt", Answer(status=404))
    origin.at("/flood.html", page(PARTS[0], "flood_2.html"))
    origin.at("/flood_2.html", page(PARTS[1], "flood_3.html"))
    origin.at("/flood_3.html", page(PARTS[2], "another-story.html"))

    text = await read(store, sandbox, origin)

    assert [part.strip() in text for part in PARTS] == [True, True, True]
    assert not origin.asked("/another-story.html")


async def test_a_missing_page_ends_the_row_and_not_the_article(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    origin.at("/robots.txt", Answer(status=404))
    origin.at("/flood.html", page(PARTS[0], "flood_2.html"))
    origin.at("/flood_2.html", Answer(status=404))

    assert PARTS[0].strip() in await read(store, sandbox, origin)
