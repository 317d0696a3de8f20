from __future__ import annotations

from pathlib import Path

from store import keys
from store.connection import Store
from store.sources import SourceState, dump_source
from tests.origin import Answer, Origin
from tests.score import f1, forbidden
from tests.stage import expected
from tests.workers.desk import desk_for, settings_for
from workers.sandbox.pool import Sandbox
from workers.sources.fetch import wants_whole

SEEDS = Path(__file__).parents[1] / "examples" / "seeds"


def seed(name: str) -> str:
    return (SEEDS / f"{name}.txt").read_text(encoding="utf-8")


ARTICLE = "<p>" + "</p><p>".join(
    f"Sentence {n} of the story about the river. " * 6 for n in range(8)
)


async def test_a_listing_page_gives_each_article_once_and_then_costs_one_request(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    items = "".join(
        f"<li><a href='/a/{n}'>How the story number {n} of the river went on</a> 2026-01-0{n}</li>"
        for n in range(1, 5)
    )
    url = origin.at("/list", Answer(f"<body><ul>{items}</ul>", headers={"ETag": '"1"'}))
    for n in range(1, 5):
        text = ARTICLE.replace("river", ("river", "mountain", "harbour", "desert")[n - 1] * n)
        origin.at(f"/a/{n}", Answer(f"<html><body><article><h1>Story {n}</h1>{text}</article>"))
    settings = settings_for({"url": url, "kind": "page"}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        await desk.poll()
        await desk.read_pages()
        before = len(origin.requests)
        await desk.poll()
        entries = await desk.entries()

    assert len(entries) == 4
    assert len(origin.requests) == before + 1
    assert all(entry.article and entry.article.method == "page" for entry in entries)
    assert [entry.url for entry in entries] == [origin.url(f"/a/{n}") for n in range(1, 5)]


async def test_a_page_that_names_its_feed_is_asked_once(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    link = '<link rel="alternate" type="application/rss+xml" href="{}">'
    page = "<html><head>" + link.format("/gone.xml") + link.format("/feed.xml")
    url = origin.at("/", Answer(page))
    item = "<item><title>x</title></item>"
    feed = f"<rss version='2.0'><channel><title>Found</title>{item}</channel></rss>"
    origin.at("/feed.xml", Answer(feed, headers={"ETag": '"1"'}))
    settings = settings_for({"url": url}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        first = await desk.poll()
        await desk.poll()

    assert (first.url, first.title, first.kind) == (origin.url("/feed.xml"), "Found", "feed")
    assert len(origin.asked("/")) == len(origin.asked("/gone.xml")) == 1
    assert origin.asked("/feed.xml")[1].headers["if-none-match"] == '"1"'


async def test_a_page_that_becomes_a_feed_is_read_as_one(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    items = "".join(
        f"<li><a href='/a/{n}'>How the story number {n} of the river went on</a></li>"
        for n in range(1, 10)
    )
    feed = "<rss version='2.0'><channel><title>Feed</title></channel></rss>"
    url = origin.at("/", Answer(f"<html><title>Page</title><ul>{items}</ul>"), Answer(feed))
    settings = settings_for({"url": url}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        page = await desk.poll()
        feed_now = await desk.poll()

    assert (page.kind, page.title) == ("page", "Page")
    assert (feed_now.kind, feed_now.title, feed_now.failures) == ("feed", "Feed", 0)


async def test_an_error_page_in_place_of_a_feed_is_a_fault(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    url = origin.at(
        "/feed", Answer("<html><title>Oops</title><body><a href='/'>Home, sweet home</a>")
    )
    settings = settings_for({"url": url}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        state = await desk.poll()

    assert state.failures == 1
    assert state.last_error is not None
    assert "a web page, not a feed" in state.last_error


async def test_a_listing_of_a_reprint_arrives_once_and_clean(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    wanted = expected("004")
    raw = seed("004")
    body = raw[raw.index("\\u003c") : raw.rindex("\\u003e") + 6]
    markup = body.replace("\\u003c", "<").replace("\\u003e", ">").replace('\\"', '"')
    title = wanted["title"]
    url = origin.at("/list", Answer(f"<ul><li><a href='/a/1'>{title}</a></li></ul>"))
    page = f"<html><body><nav><a href='/'>首页</a></nav><h1>{title}</h1>{markup}</body></html>"
    origin.at("/a/1", Answer(page))
    settings = settings_for(
        {"url": url, "kind": "page", "links": "li a"}, allow_private=[origin.allowance]
    )
    async with desk_for(store, sandbox, settings) as desk:
        await desk.poll()
        await desk.read_pages()
        asked = len(origin.requests)
        await desk.poll()
        (story,) = await desk.stories()

    assert len(origin.requests) == asked + 1
    assert story.article.title == title
    assert f1(story.article.text, wanted) >= 0.99
    assert forbidden(story.article.text, story.article.html, wanted) == []


async def test_a_page_that_names_no_feed_is_searched_at_few_places_and_once(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    feed = "<rss version='2.0'><channel><title>Found</title><item><title>x</title></item></channel>"
    url = origin.at("/", Answer("<html><title>Blog</title><p>Welcome.</p>"))
    origin.at("/index.xml", Answer(f"{feed}</rss>"))
    settings = settings_for({"url": url}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        state = await desk.poll()
        asked = len(origin.requests)
        await desk.poll()

    assert (state.url, state.title) == (origin.url("/index.xml"), "Found")
    assert len(origin.requests) == asked + 1


async def test_a_header_names_the_feed_of_a_page(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    feed = "<rss version='2.0'><channel><title>Found</title><item><title>x</title></item></channel>"
    link = '</hidden/7>; rel=alternate; type="application/rss+xml"'
    url = origin.at("/", Answer("<html><p>Welcome.</p>", headers={"Link": link}))
    origin.at("/hidden/7", Answer(f"{feed}</rss>"))
    settings = settings_for({"url": url}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        state = await desk.poll()

    assert state.url == origin.url("/hidden/7")


async def test_a_page_that_sends_its_readers_on_is_followed(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    feed = "<rss version='2.0'><channel><title>Found</title><item><title>x</title></item></channel>"
    origin.at("/new", Answer(f"{feed}</rss>"))
    page = '<html><meta http-equiv="refresh" content="0; url=/new"><p>Moved.</p>'
    moved = "<redirect><newLocation>/new</newLocation></redirect>"
    head = Answer("<html><p>Moved.</p>", headers={"Refresh": "0;url=/new"})
    urls = [
        origin.at("/page", Answer(page)),
        origin.at("/xml", Answer(moved)),
        origin.at("/h", head),
    ]
    for url in urls:
        settings = settings_for({"url": url, "kind": "feed"}, allow_private=[origin.allowance])
        async with desk_for(store, sandbox, settings) as desk:
            assert (await desk.poll()).title == "Found"


async def test_a_source_that_says_unchanged_of_everything_is_fetched_whole_in_time(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    def feed(n: int) -> str:
        items = "".join(f"<item><title>News {k} of the river</title></item>" for k in range(n))
        return f"<rss version='2.0'><channel><title>T</title>{items}</channel></rss>"

    tag = {"ETag": '"always"'}
    url = origin.at("/feed", Answer(feed(1), headers=tag), Answer(feed(2), headers=tag))
    settings = settings_for({"url": url}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        name = settings.sources[0].name
        first = await desk.poll()
        days_ago = first.model_copy(update={"whole_at": (first.last_poll or 0) - 30 * 86_400})
        await store.redis.hset(keys.source(name), "state", dump_source(days_ago))
        second = await desk.poll()
        entries = await desk.entries()

    assert [request.headers.get("if-none-match") for request in origin.asked("/feed")] == [None] * 2
    assert len(entries) == 2
    assert second.false_304
    assert "answered 304" in second.notes[0]


def test_a_source_that_is_tried_early_after_an_outage_is_not_fetched_whole() -> None:
    url, now = "https://n.example/feed", 1_800_000_000.0
    planned = SourceState(
        url=url, configured_url=url, etag='"1"', whole_at=now - 3600, next_poll=now + 1800
    )

    assert wants_whole(planned, now)
    assert not wants_whole(planned.model_copy(update={"failures": 6, "unreachable": 6}), now)


async def test_what_was_put_up_with_is_noted(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    items = "<item><title>A & B</title><pubDate>the day of the fair</pubDate></item>"
    url = origin.at("/feed", Answer(f"<rss version='2.0'><channel>{items}</channel></rss>"))
    settings = settings_for({"url": url}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        notes = (await desk.poll()).notes

    assert "read with repairs" in notes[0]
    assert notes[1] == "1 of 1 dates cannot be read, such as 'the day of the fair'"
