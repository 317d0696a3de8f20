"""Articles that are cut into several pages."""

from __future__ import annotations

import asyncio
from html import escape

import pytest

from core.models import Decision
from store import keys
from store.connection import Store
from store.schedule import PAGES
from tests.leases import lease_due
from tests.origin import Answer, Origin
from tests.workers.desk import Desk, desk_for, settings_for
from tests.workers.test_recovery import free_port
from workers.jobs import page as jobs_page
from workers.jobs.page import ATTEMPTS_TO_CONNECT, read_page
from workers.jobs.page_commits import PageCommits, ReadPage
from workers.sandbox.pool import Sandbox

PARTS = (
    "The river rose by two metres overnight, and the people who live along its banks were moved. ",
    "Two of the three bridges were closed at dawn; the third one only carries food and medicine. ",
    "The council will decide next week whether the dyke is to be raised before the next winter. ",
)


FEED = '<rss version="2.0"><channel><title>N</title>{}</channel></rss>'


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


async def test_pages_of_one_source_leave_places_to_others(
    store: Store, sandbox: Sandbox, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_page, "PAGES_OF_SOURCE", 2)
    links = "".join(
        f"<item><guid>{n}</guid><title>F {n}</title><link>{origin.url(f'/hung/{n}')}</link></item>"
        for n in range(5)
    )
    origin.at("/many", Answer(FEED.format(links)))
    origin.at("/feed", stub(origin))
    origin.at("/flood.html", page(PARTS[0], None))
    origin.otherwise(lambda r: Answer(status=404, delay=1 if "hung" in r.path else 0))
    settings = settings_for(
        {"url": origin.url("/many"), "name": "many"},
        {"url": origin.url("/feed"), "name": "quiet"},
        allow_private=[origin.allowance],
    )

    async with desk_for(store, sandbox, settings) as desk:
        await desk.poll("many")
        await desk.poll("quiet")
        leases = await lease_due(store, PAGES, limit=50, seconds=20)
        await asyncio.gather(*(read_page(desk.context, desk.commits, lease) for lease in leases))

        assert len(leases) == 6
        assert sum("/hung/" in request.path for request in origin.requests) == 2
        assert "quiet" in {story.members[0].source for story in await desk.stories()}
        assert await store.redis.zcard(keys.PENDING) >= 3  # they wait for a place
        assert not desk.context.pages


async def make_pages_due(store: Store) -> None:
    waiting = await store.redis.zrange(keys.PENDING, 0, -1)
    if waiting:
        await store.redis.zadd(keys.PENDING, dict.fromkeys(waiting, 1))


async def test_a_page_waits_for_the_network_and_then_for_no_longer(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    port = free_port()
    link = f"http://127.0.0.1:{port}/flood.html"
    excerpt = f"<item><guid>1</guid><title>Flood</title><link>{link}</link></item>"
    late = excerpt.replace("<guid>1", "<guid>2").replace("flood.html", "late.html")
    origin.at("/feed", *(Answer(FEED.format(items)) for items in (excerpt, late + excerpt)))
    settings = settings_for(
        {"url": origin.url("/feed")},
        allow_private=[origin.allowance, f"127.0.0.1:{port}"],
    )
    async with desk_for(store, sandbox, settings) as desk:
        await desk.poll()
        for _ in range(4):  # the network is away
            await make_pages_due(store)
            await desk.read_pages()
        waiting = await desk.published()
        async with Origin(port) as pages:
            pages.at("/robots.txt", Answer(status=404))
            pages.at("/flood.html", page(PARTS[0], None))
            await make_pages_due(store)
            await desk.read_pages()
            (read,) = await desk.stories()
        await desk.poll()
        for _ in range(ATTEMPTS_TO_CONNECT):
            await make_pages_due(store)
            await desk.read_pages()
        published = await desk.published()

    assert waiting == []
    assert PARTS[0].strip() in read.article.text
    assert len(published) == 2  # the host is gone: what the feed says is better than nothing


class PollFirst(PageCommits):
    """Polls the feed between the fetch of a page and its commit."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.context)
        self._desk = desk

    async def finish(self, page: ReadPage) -> None:
        await self._desk.poll()
        await super().finish(page)


async def test_what_the_feed_states_while_the_page_is_read_wins(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    link = origin.url("/flood.html")
    stub = f"<item><guid>1</guid><title>Flood</title><link>{link}</link></item>"
    text = "".join(f"<p>{number}. {part}</p>" for number, part in enumerate(PARTS * 3))
    whole = stub.replace("</item>", f"<description>{escape(text)}</description></item>")
    origin.at("/robots.txt", Answer(status=404))
    origin.at("/feed", Answer(FEED.format(stub)), Answer(FEED.format(whole)))
    origin.at("/flood.html", page(PARTS[0], None))
    settings = settings_for({"url": origin.url("/feed")}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        await desk.poll()
        (lease,) = await lease_due(store, PAGES, limit=1, seconds=20)
        await read_page(desk.context, PollFirst(desk), lease)
        (story,) = await desk.stories()

    assert story.members[0].decision is Decision.PUBLISHED
    assert "8. " in story.article.text


async def test_entries_of_a_source_that_was_taken_off_are_published_whatever_their_links(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    links = ("https://n.example:99999/a", "https://n.example/\u202eb", "https://n.example/c")
    items = (
        f"<item><guid>{link}</guid><title>News of {link}</title><link>{link}</link></item>"
        for link in links
    )
    origin.at("/feed", Answer(FEED.format("".join(items))))
    settings = settings_for({"url": origin.url("/feed")}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        await desk.poll()
        others = settings_for({"url": "https://o.example/", "name": "other"})
        desk.context.settings = lambda: others
        await desk.read_pages()
        published = await desk.published()

    assert len(published) == len(links)
