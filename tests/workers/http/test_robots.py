from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from core.config.settings import FetchSettings
from store import keys
from store.connection import Store
from store.hosts import keep_robots
from tests.origin import Answer, Origin
from workers.http.client import Fetcher
from workers.http.robots import Robots
from workers.sandbox.pool import Sandbox


@pytest.fixture
async def robots(store: Store, origin: Origin, sandbox: Sandbox) -> AsyncIterator[Robots]:
    async with Fetcher(FetchSettings(allow_private=(origin.allowance,))) as fetcher:
        yield Robots(store, fetcher, sandbox)


async def test_a_site_is_asked_once_whatever_the_number_of_its_pages(
    origin: Origin, robots: Robots
) -> None:
    origin.at(
        "/robots.txt", Answer("User-agent: *\nDisallow: /private/\nAllow: /private/open*.html$")
    )

    assert await robots.allow(origin.url("/news/1"))
    assert not await robots.allow(origin.url("/private/1"))
    assert await robots.allow(origin.url("/private/open-1.html"))
    assert len(origin.asked("/robots.txt")) == 1


async def test_pages_that_are_read_at_once_ask_their_site_once(
    origin: Origin, robots: Robots, store: Store, sandbox: Sandbox
) -> None:
    origin.at("/robots.txt", Answer("User-agent: *\nDisallow: /no", delay=0.2))
    async with Fetcher(FetchSettings(allow_private=(origin.allowance,))) as another:
        twin = Robots(store, another, sandbox)

        answers = await asyncio.gather(
            *(who.allow(origin.url(f"/{page}")) for who in (robots, twin) for page in ("1", "no"))
        )

    assert answers == [True, False, True, False]
    assert len(origin.asked("/robots.txt")) == 1


async def test_rules_for_us_count_more_than_rules_for_all(origin: Origin, robots: Robots) -> None:
    origin.at("/robots.txt", Answer("User-agent: *\nAllow: /\n\nUser-agent: millrace\nDisallow: /"))

    assert not await robots.allow(origin.url("/news/1"))


@pytest.mark.parametrize(
    ("answer", "allowed"),
    [
        (Answer(status=404), True),
        (Answer(status=403), True),
        (Answer(""), True),
        (Answer("<!doctype html><title>Not found</title>"), True),
        (Answer(os.urandom(5000)), True),
        (Answer(status=429), False),
        (Answer(status=503), False),
        (Answer(reset=True), False),
        (Answer(b"#" * 1_100_000), False),
        (Answer("User-agent: *\nDisallow: /" + "*a" * 2000 + "$"), False),
    ],
)
async def test_a_site_that_does_not_say_is_read_with_care(
    origin: Origin, robots: Robots, answer: Answer, allowed: bool
) -> None:
    origin.at("/robots.txt", answer)

    assert await robots.allow(origin.url("/" + "a" * 2000)) is allowed
    assert await robots.allow(origin.url("/" + "a" * 2000)) is allowed
    assert len(origin.asked("/robots.txt")) == 1


async def test_the_question_can_be_put_before_each_hop(origin: Origin, robots: Robots) -> None:
    origin.at("/robots.txt", Answer("User-agent: *\nDisallow: /no"))

    allowed = robots.for_source(None)

    assert await allowed(origin.url("/yes"))
    assert not await allowed(origin.url("/no"))


async def test_large_files_of_many_hosts_do_not_fill_the_store(
    origin: Origin, robots: Robots, store: Store
) -> None:
    """200 hosts with a file of a megabyte each took 128 MB."""
    rules = "".join(f"Disallow: /{os.urandom(20).hex()}\n" for _ in range(10_000))
    origin.at("/robots.txt", Answer(f"User-agent: *\nDisallow: /no\n{rules}"))

    assert await robots.allow(origin.url("/news/1"))
    assert not await robots.allow(origin.url("/no"))

    assert len(origin.asked("/robots.txt")) == 1
    assert not await store.redis.exists(keys.robots(origin.address))
    await keep_robots(store, "http://a.example:80", os.urandom(4096), seconds=keys.ROBOTS_SECONDS)
    assert await store.redis.ttl(keys.robots("http://a.example:80")) < keys.ROBOTS_SECONDS / 10
