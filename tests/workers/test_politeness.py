"""R1 to R20: what an origin does, and what it must see of us then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest

from store.connection import Store
from store.schedule import due_times
from store.sources import SourceState, lift_gone
from tests.origin import Answer, Origin, Request
from tests.workers.desk import desk_for, settings_for
from workers.sandbox.pool import Sandbox

WORDS = ("river", "mountain", "harbour", "desert", "forest", "island", "valley", "glacier")


def feed(*words: str) -> str:
    items = "".join(
        f"<item><guid>{word}</guid><title>News of the {word}</title><description>"
        + f"{' '.join(f'{word} {other} {n}' for n in range(9) for other in WORDS)}. " * 3
        + "</description></item>"
        for word in words
    )
    return f'<rss version="2.0"><channel><title>N</title>{items}</channel></rss>'


FEED = feed("river")


async def polls(
    store: Store, sandbox: Sandbox, origin: Origin, times: int, **options: Any
) -> list[SourceState]:
    """The states of `/feed` after each of so many polls."""
    source = {"url": origin.url("/feed"), **options.pop("source", {})}
    settings = settings_for(source, allow_private=[origin.allowance], **options)
    async with desk_for(store, sandbox, settings) as desk:
        return [await desk.poll() for _ in range(times)]


def sent(origin: Origin, name: str, path: str = "/feed") -> list[str | None]:
    return [request.headers.get(name) for request in origin.asked(path)]


def wait_of(state: SourceState) -> float:
    assert state.next_poll is not None
    assert state.last_poll is not None
    return state.next_poll - state.last_poll


async def test_r1_after_the_first_answer_all_polls_are_conditional(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    origin.at("/feed", Answer(FEED, headers={"ETag": '"1"'}, conditional=False))

    await polls(store, sandbox, origin, 4)

    assert sent(origin, "if-none-match") == [None, '"1"', '"1"', '"1"']


@pytest.mark.parametrize(
    "tag", ['"quoted"', 'W/"weak"', "unquoted", "'", '"a, b"', '"é"', "W/", '"a\\"b"', '"-gzip"']
)
async def test_r2_an_etag_comes_back_byte_for_byte(
    store: Store, sandbox: Sandbox, origin: Origin, tag: str
) -> None:
    on_the_wire = tag.encode().decode("latin-1")
    origin.at("/feed", Answer(FEED, headers={"ETag": on_the_wire}))

    states = await polls(store, sandbox, origin, 3)

    assert sent(origin, "if-none-match") == [None, on_the_wire, on_the_wire]
    assert [state.last_status for state in states] == [200, 304, 304]


@pytest.mark.parametrize(
    ("headers", "tag", "since"),
    [
        (
            {"Last-Modified": "Mon, 2 Jan 2026 03:04 GMT (odd)"},
            None,
            "Mon, 2 Jan 2026 03:04 GMT (odd)",
        ),
        ({"ETag": '"1"'}, '"1"', None),
        ({}, None, None),
        ({"ETag": "\xff\xfe", "Last-Modified": ""}, None, None),
    ],
)
async def test_r3_only_what_was_given_comes_back(
    store: Store, sandbox: Sandbox, origin: Origin, headers: dict[str, str], tag: str, since: str
) -> None:
    origin.at("/feed", Answer(FEED, headers=headers))

    await polls(store, sandbox, origin, 2)

    assert sent(origin, "if-none-match") == [None, tag]
    assert sent(origin, "if-modified-since") == [None, since]


async def test_r4_new_validators_of_the_same_body_are_used(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    answers = [Answer(FEED, headers={"ETag": f'"{n}"'}) for n in range(3)]
    origin.at("/feed", *answers)

    await polls(store, sandbox, origin, 4)

    assert sent(origin, "if-none-match") == [None, '"0"', '"1"', '"2"']


async def test_r5_an_origin_that_never_says_304_gets_no_entry_in_twice(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    origin.at(
        "/feed",
        *(Answer(FEED + f"<!-- {n} -->", headers={"ETag": f'"{n}"'}) for n in range(3)),
    )
    settings = settings_for({"url": origin.url("/feed")}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        for _ in range(3):
            await desk.poll()

        assert len(await desk.entries()) == len(await desk.stories()) == 1
    assert sent(origin, "if-none-match")[1:] == ['"0"', '"1"']


async def test_r6_validators_on_a_304_are_used(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    origin.at(
        "/feed",
        Answer(FEED, headers={"Last-Modified": "one", "ETag": '"1"'}),
        Answer(status=304, headers={"Last-Modified": "two"}),
        Answer(status=304),
    )

    await polls(store, sandbox, origin, 4)

    assert sent(origin, "if-modified-since") == [None, "one", "two", "two"]
    assert sent(origin, "if-none-match") == [None, '"1"', '"1"', '"1"']


async def test_r7_a_restart_neither_hastens_a_poll_nor_forgets_a_validator(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    origin.at("/feed", Answer(FEED, headers={"ETag": '"1"'}))
    settings = settings_for(
        {"url": origin.url("/feed"), "every": "1s"}, allow_private=[origin.allowance]
    )
    for _ in range(3):
        async with desk_for(store, sandbox, settings) as desk:
            while not await desk.sweep():
                due = (await due_times(store, ["source"]))[0]
                assert due is not None
                await asyncio.sleep(max(0.01, due - await store.now()))
            assert await desk.sweep() == 0

    times = [request.at for request in origin.requests]
    assert all(later - earlier >= 1 for earlier, later in pairwise(times))
    assert sent(origin, "if-none-match") == [None, '"1"', '"1"']


async def test_r8_a_cold_start_asks_each_feed_once(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    urls = [origin.at(f"/{n}", Answer(FEED)) for n in range(10)]
    settings = settings_for(*({"url": url} for url in urls), allow_private=[origin.allowance])
    async with (
        desk_for(store, sandbox, settings) as desk,
        desk_for(store, sandbox, settings) as twin,
    ):
        await asyncio.gather(desk.sweep(), twin.sweep(), desk.sweep(), twin.sweep())

    assert sorted(request.path for request in origin.requests) == [f"/{n}" for n in range(10)]


def http_date(seconds: float) -> str:
    moment = datetime.now(UTC).timestamp() + seconds
    return format_datetime(datetime.fromtimestamp(moment, UTC), usegmt=True)


RETRY_AFTER: list[tuple[str, float, float]] = [
    ("8", 8, 9),
    ("date", 7, 10),
    ("soon", 1, 5),
    ("", 1, 5),
    ("99999999999", 60, 24 * 3600),
]


@pytest.mark.parametrize(("value", "least", "most"), RETRY_AFTER)
async def test_r9_a_429_is_waited_out(
    store: Store, sandbox: Sandbox, origin: Origin, value: str, least: float, most: float
) -> None:
    value = http_date(8.9) if value == "date" else value
    origin.at("/feed", Answer(status=429, headers={"Retry-After": value}), Answer(FEED))

    refused, well = await polls(store, sandbox, origin, 2)

    assert least <= wait_of(refused) <= most
    assert (well.failures, well.last_error) == (0, None)


@pytest.mark.parametrize(("value", "least", "most"), RETRY_AFTER)
async def test_r10_a_503_is_waited_out(
    store: Store, sandbox: Sandbox, origin: Origin, value: str, least: float, most: float
) -> None:
    value = http_date(8.9) if value == "date" else value
    origin.at("/feed", Answer(status=503, headers={"Retry-After": value}))

    (refused,) = await polls(store, sandbox, origin, 1)

    assert least <= wait_of(refused) <= most


@pytest.mark.parametrize(
    ("headers", "channel"),
    [
        ({"Cache-Control": "max-age=300"}, ""),
        ({"Expires": "date"}, ""),
        ({}, "<ttl>5</ttl>"),
        ({}, "<updatePeriod>hourly</updatePeriod><updateFrequency>12</updateFrequency>"),
    ],
)
async def test_r11_freshness_is_waited_out_after_a_304_too(
    store: Store, sandbox: Sandbox, origin: Origin, headers: dict[str, str], channel: str
) -> None:
    until = datetime.now(UTC).timestamp() + 299  # as a date it is over then, however busy we are
    headers = {k: v.replace("date", http_date(300.9)) for k, v in headers.items()}
    body = FEED.replace("</channel>", channel + "</channel>")
    origin.at("/feed", Answer(body, headers={"ETag": '"1"', **headers}))

    states = await polls(store, sandbox, origin, 2, source={"every": "1s"})

    assert [state.last_status for state in states] == [200, 304]
    least = [min(298, until - (state.last_poll or 0)) for state in states]
    waits = [wait_of(state) for state in states]
    assert all(low <= wait <= 400 for low, wait in zip(least, waits, strict=True))


@pytest.mark.parametrize("status", [301, 308])
async def test_r12_a_permanent_redirect_is_believed_after_three_answers(
    store: Store, sandbox: Sandbox, origin: Origin, status: int
) -> None:
    origin.at("/feed", Answer(status=status, headers={"Location": "/new"}))
    origin.at("/new", Answer(FEED, headers={"ETag": '"1"'}))

    states = await polls(store, sandbox, origin, 6, redirect_persistence="1ms")

    assert len(origin.asked("/feed")) <= 4
    assert len(origin.asked("/new")) == 6
    assert states[-1].url == origin.url("/new")
    assert sent(origin, "if-none-match", "/new")[1:] == ['"1"'] * 5


async def test_r12_a_redirect_of_an_hour_moves_nothing(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    origin.at("/feed", Answer(status=301, headers={"Location": "/new"}))
    origin.at("/new", Answer(FEED))

    await polls(store, sandbox, origin, 5)

    assert len(origin.asked("/feed")) == 5


@pytest.mark.parametrize("status", [302, 303, 307])
async def test_r13_a_temporary_redirect_is_asked_for_each_time(
    store: Store, sandbox: Sandbox, origin: Origin, status: int
) -> None:
    origin.at("/feed", Answer(status=status, headers={"Location": "/new"}))
    origin.at("/new", Answer(FEED))

    await polls(store, sandbox, origin, 5, redirect_persistence="1ms")

    assert len(origin.asked("/feed")) == 5


async def test_r14_gone_is_confirmed_once_and_then_believed(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    origin.at("/feed", Answer(status=410))

    states = await polls(store, sandbox, origin, 2)

    assert [state.gone for state in states] == [False, True]
    first, second = (str(state.last_error) for state in states)
    assert "after a second 410 it is polled only with another `url`" in first
    assert "; polled again with another `url`, or by `millrace poll source`" in second
    assert states[1].next_poll is None
    (due,) = await due_times(store, ["source"])
    assert (due or 0) - await store.now() > 30 * 86400


async def test_r14_what_is_gone_stays_so_until_its_address_changes_or_it_is_named(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    origin.at("/feed", Answer(status=410))
    origin.at("/new", Answer(FEED))
    await polls(store, sandbox, origin, 2)

    await polls(store, sandbox, origin, 2)  # a restart
    await polls(store, sandbox, origin, 2, source={"tags": ["edited"], "auth": "ann:secret"})
    assert len(origin.asked("/feed")) == 2

    await lift_gone(store, "source")
    (named,) = await polls(store, sandbox, origin, 1)
    assert (len(origin.asked("/feed")), named.gone) == (3, False)

    (again,) = await polls(store, sandbox, origin, 1)
    (moved,) = await polls(store, sandbox, origin, 1, source={"url": origin.url("/new")})
    assert again.gone
    assert (moved.gone, moved.failures, len(origin.asked("/new"))) == (False, 0, 1)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=404),
        Answer(status=403),
        Answer(status=500),
        Answer(delay=9),
        Answer(reset=True),
        Answer(FEED, cut=200),
        Answer("<html>"),
        Answer(""),
    ],
)
async def test_r15_gaps_grow_while_a_source_fails(
    store: Store, sandbox: Sandbox, origin: Origin, answer: Answer
) -> None:
    origin.at("/feed", answer)

    states = await polls(store, sandbox, origin, 4, timeout="150ms")

    waits = [wait_of(state) for state in states]
    assert all(later >= 1.5 * earlier for earlier, later in pairwise(waits))
    assert states[-1].failures == 4
    assert states[-1].last_error
    assert not states[-1].gone


@pytest.mark.parametrize(
    "torn",
    [
        Answer(feed("river", "desert"), headers={"ETag": '"2"'}, cut=2000),
        Answer(feed("river", "desert"), headers={"ETag": '"2"'}, cut=2000, chunked=True),
        Answer(feed("river", "desert")[:2000], headers={"ETag": '"2"'}, length=False),
    ],
)
async def test_r15_a_torn_document_loses_no_entry(
    store: Store, sandbox: Sandbox, origin: Origin, torn: Answer
) -> None:
    origin.at(
        "/feed",
        Answer(FEED, headers={"ETag": '"1"'}),
        torn,
        Answer(feed("river", "desert"), headers={"ETag": '"2"'}),
    )
    settings = settings_for({"url": origin.url("/feed")}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        for _ in range(3):
            await desk.poll()
        titles = {entry.title for entry in await desk.entries()}

    assert sent(origin, "if-none-match") == [None, '"1"', '"1"']
    assert titles == {"News of the river", "News of the desert"}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(f"{FEED}   ", cut=len(FEED) + 1),
        Answer(f"{FEED}   ", cut=len(FEED) + 1, chunked=True),
        Answer(FEED, status=206, headers={"Content-Range": "bytes 0-99/200", "ETag": '"2"'}),
    ],
)
async def test_r15_a_document_with_its_last_tag_is_whole(
    store: Store, sandbox: Sandbox, origin: Origin, answer: Answer
) -> None:
    """Some servers announce more than they have."""
    settings = settings_for({"url": origin.at("/feed", answer)}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        state = await desk.poll()

    assert (state.document, state.last_error) == (1, None)


async def test_r16_cookies_end_with_their_chain_of_redirects(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    cookie = {"Set-Cookie": "id=1; Path=/"}
    origin.at("/feed", Answer(status=302, headers={"Location": "/new", **cookie}))
    origin.at("/new", Answer(FEED, headers=cookie))

    await polls(store, sandbox, origin, 2)

    assert all("cookie" not in request.headers for request in origin.asked("/feed"))
    assert {request.headers.get("cookie") for request in origin.asked("/new")} == {"id=1"}


SUMMARIES = {
    "river": "The river rose by two metres overnight and flooded the lower town.",
    "desert": "Explorers crossed the desert on foot and found three unknown wells.",
    "forest": "A forest of very old oaks becomes a national park next spring.",
}


def stubs(origin: Origin, *names: str) -> str:
    items = "".join(
        f"<item><guid>{name}</guid><title>News of the {name}</title>"
        f"<link>{origin.url('/a/' + name)}</link>"
        f"<description>{SUMMARIES[name]}</description></item>"
        for name in names
    )
    return f'<rss version="2.0"><channel><title>N</title>{items}</channel></rss>'


def page(word: str) -> str:
    text = "</p><p>".join(f"{word} {other} and more of the {word}. " * 8 for other in WORDS)
    return f"<html><body><article><h1>News of the {word}</h1><p>{text}</p></article></body></html>"


async def test_r17_pages_that_robots_txt_forbids_are_not_fetched(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    origin.at("/robots.txt", Answer("User-agent: *\nDisallow: /a/"))
    origin.at("/feed", Answer(stubs(origin, "river", "desert")))
    settings = settings_for({"url": origin.url("/feed")}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        await desk.poll()
        await desk.read_pages()
        stories = await desk.stories()

    assert [request.path for request in origin.requests] == ["/feed", "/robots.txt"]
    assert len(stories) == 2
    assert {story.article.text for story in stories} == {SUMMARIES["river"], SUMMARIES["desert"]}


async def test_r18_no_page_is_fetched_twice(store: Store, sandbox: Sandbox, origin: Origin) -> None:
    origin.at("/robots.txt", Answer(status=404))
    names = ("river", "desert", "forest")
    for name in names:
        origin.at(f"/a/{name}", Answer(page(name)))
    origin.at(
        "/feed",
        Answer(stubs(origin, "river", "desert"), headers={"ETag": '"1"'}),
        Answer(stubs(origin, "river", "desert") + " "),
        Answer(stubs(origin, "forest", "river", "desert")),
    )
    settings = settings_for({"url": origin.url("/feed")}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        for _ in range(4):
            await desk.poll()
            await desk.read_pages()

    assert all(len(origin.asked(f"/a/{name}")) == 1 for name in names)
    assert len(origin.asked("/robots.txt")) == 1


def redirect(location: str) -> Answer:
    return Answer(status=302, headers={"Location": location})


@pytest.mark.parametrize("kind", ["loop", "growing", "long"])
async def test_r19_redirects_without_end_are_cut_and_the_feed_backs_off(
    store: Store, sandbox: Sandbox, origin: Origin, kind: str
) -> None:
    def next_hop(request: Request) -> Answer:
        hop = len(origin.requests)
        where = {"loop": "/feed", "growing": request.path + "x", "long": f"/{hop}"}[kind]
        return redirect(where) if hop <= 30 else Answer(FEED)

    origin.otherwise(next_hop)

    states = await polls(store, sandbox, origin, 2)

    assert len(origin.requests) == 12
    assert [state.failures for state in states] == [1, 2]
    assert wait_of(states[1]) >= 1.5 * wait_of(states[0])


async def test_r20_sixty_feeds_on_one_host_are_asked_in_turn(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    urls = [origin.at(f"/{n}", Answer(FEED, delay=0.03)) for n in range(60)]
    settings = settings_for(
        *({"url": url} for url in urls),
        allow_private=[origin.allowance],
        per_host={"in_flight": 2, "per_second": 40},
    )
    async with (
        desk_for(store, sandbox, settings) as desk,
        desk_for(store, sandbox, settings) as twin,
    ):
        await asyncio.gather(desk.sweep(), twin.sweep())

    assert origin.most_in_flight <= 2
    assert len(origin.requests) == 60
    assert most_within(1.0, [request.at for request in origin.requests]) <= 41


def most_within(seconds: float, times: Sequence[float]) -> int:
    return max(sum(1 for at in times if start <= at < start + seconds) for start in times)
