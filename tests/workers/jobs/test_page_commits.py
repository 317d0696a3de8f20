"""Pages that are read at about the same moment are written together."""

from __future__ import annotations

import asyncio
import random

from core.body.boilerplate import Boilerplate
from core.models import Decision
from store import keys
from store.connection import Store
from store.schedule import PAGES
from store.sources import Taken, count_taken, load_learned, load_taken
from tests.leases import lease_due
from tests.origin import Answer, Origin
from tests.workers.desk import Desk, desk_for, settings_for
from workers.jobs.page import read_page
from workers.jobs.page_commits import MOMENT, PageBatcher
from workers.sandbox.pool import Sandbox

COUNT = 6
PROMO = "Follow the Mill Courier on all channels and never miss a story from the valley."


def page(number: int) -> Answer:
    chance = random.Random(number)
    words = ["".join(chance.choices("abdegiklmnoprstu", k=6)) for _ in range(240)]
    paragraphs = [" ".join(words[at : at + 60]).capitalize() + "." for at in range(0, 240, 60)]
    body = "".join(f"<p>{text}</p>" for text in [*paragraphs, PROMO])
    return Answer(f"<html><body><article><h1>Story {number}</h1>{body}</article></body></html>")


def stubs(origin: Origin) -> Answer:
    items = "".join(
        f"<item><guid>{number}</guid><title>Story {number}</title>"
        f"<link>{origin.url(f'/{number}.html')}</link></item>"
        for number in range(COUNT)
    )
    return Answer(f"<rss version='2.0'><channel><title>N</title>{items}</channel></rss>")


def listed(origin: Origin) -> None:
    origin.at("/robots.txt", Answer(status=404))
    origin.at("/feed", stubs(origin))
    for number in range(COUNT):
        origin.at(f"/{number}.html", page(number))


def desk(store: Store, sandbox: Sandbox, origin: Origin):  # type: ignore[no-untyped-def]
    listed(origin)
    settings = settings_for({"url": origin.url("/feed")}, allow_private=[origin.allowance])
    return desk_for(store, sandbox, settings)


async def read_all(at: Desk) -> None:
    leases = await lease_due(at.context.store, PAGES, limit=COUNT, seconds=20)
    await asyncio.gather(*(read_page(at.context, at.commits, lease) for lease in leases))


async def test_pages_that_come_together_are_all_published(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    async with desk(store, sandbox, origin) as at:
        await at.poll()
        await read_all(at)

        assert {record.title for record in await at.published()} == {
            f"Story {number}" for number in range(COUNT)
        }


async def test_entries_whose_pages_are_read_count_for_their_source(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    async with desk(store, sandbox, origin) as at:
        name = at.context.settings().sources[0].name
        await at.poll()
        (before,) = await load_taken(store, [name])
        await read_all(at)

        assert before == Taken()
        assert await load_taken(store, [name]) == [Taken(entries=COUNT, founders=COUNT)]
        await store.redis.delete(keys.source("gone"))
        await count_taken(store, {"gone": Taken(1, 1, 0)})
        assert not await store.redis.exists(keys.source("gone"))


async def test_a_page_whose_lease_ran_out_leaves_the_others_of_its_commit_alone(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    async with desk(store, sandbox, origin) as at:
        await at.poll()
        leases = await lease_due(store, PAGES, limit=COUNT, seconds=20)
        finish = at.context.settle

        async def lose_one_first(*args):  # type: ignore[no-untyped-def]
            await store.redis.hset(PAGES.state_prefix + leases[0].name, "token", "another's")
            return await finish(*args)

        at.context.settle = lose_one_first  # type: ignore[method-assign]
        await asyncio.gather(*(read_page(at.context, at.commits, lease) for lease in leases))

        entries = {record.id: record.decision for record in await at.entries()}
        assert entries.pop(leases[0].name) is Decision.PENDING
        assert set(entries.values()) == {Decision.PUBLISHED}


async def test_what_stands_under_every_page_of_a_source_is_learned_and_cut(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    async with desk(store, sandbox, origin) as at:
        await at.poll()
        for _ in range(COUNT):
            (lease,) = await lease_due(store, PAGES, limit=1, seconds=20)
            await read_page(at.context, at.commits, lease)
            await at.commits.boilerplate.write()

        texts = [record.article.text for record in await at.published() if record.article]
        assert [PROMO in text for text in texts].count(True) == 3  # until it was seen three times
        assert len(Boilerplate.from_bytes(await load_learned(store, "source"))) == COUNT


async def test_a_page_that_is_alone_waits_for_nobody() -> None:
    company = PageBatcher()
    with company.reading():
        pass

    async with asyncio.timeout(MOMENT / 2):
        assert await company.gather() == 0


async def test_who_waits_goes_with_the_last_one_under_way() -> None:
    company = PageBatcher()
    with company.reading():
        waiting = [asyncio.create_task(company.gather()) for _ in range(3)]
        await asyncio.wait(waiting, timeout=0)

        assert not any(task.done() for task in waiting)

    async with asyncio.timeout(MOMENT / 2):
        assert await asyncio.gather(*waiting) == [0, 1, 2]


async def test_a_slow_page_holds_up_nobody_for_longer_than_a_moment() -> None:
    company = PageBatcher()
    with company.reading():
        async with asyncio.timeout(5):
            await company.gather()
