"""What counts as news: guids that change, guids that are reused, edits, what came back."""

from __future__ import annotations

import asyncio
import html
import time

import pytest

from core.models import Decision
from store import keys
from store.connection import Store
from store.monitoring import read_counters
from tests.origin import Answer, Origin
from tests.workers.desk import Desk, desk_for, settings_for
from workers import context as worker_context
from workers.sandbox.pool import Sandbox

TEXTS = {
    "mill": "The council voted on Tuesday to rebuild the old mill bridge before winter, after "
    "engineers found cracks in two of its five arches when the spring flood had gone down. "
    "Traffic will be led over the northern crossing, which adds nine minutes to the way to work. "
    "The work costs four million and is paid for by the region and a fund for old buildings.",
    "river": "The river rose by two metres overnight and flooded the lower town; forty people left "
    "their houses before dawn. Firemen built a wall of sand along the market, and the school is a "
    "shelter until the water is gone, which may take a week, says the mayor of the lower town.",
    "bread": "A baker from the lower street has won the national prize for rye bread with a loaf "
    "that rests three days in the cold before it meets the oven. The jury praised its crust and "
    "its quiet sourness. He says the secret is patience, and a cellar that never gets warm, which "
    "he inherited with the shop from an aunt who baked there through two wars and a flood.",
}


def item(guid: str, name: str, *, link: str | None = None, title: str | None = None) -> str:
    text = html.escape(f"<p>{TEXTS[name]}</p><p>{TEXTS[name][::-1][:0]}</p>")
    return (
        f"<item><guid isPermaLink='false'>{guid}</guid><title>{title or name.title()}</title>"
        f"<link>{link or f'https://example.org/{name}'}</link>"
        f"<description>{text}</description></item>"
    )


def feed(*items: str) -> Answer:
    return Answer(f"<rss version='2.0'><channel><title>T</title>{''.join(items)}</channel></rss>")


def desk(store: Store, sandbox: Sandbox, origin: Origin, *answers: Answer):  # type: ignore[no-untyped-def]
    url = origin.at("/feed", *answers)
    source = {"url": url, "name": "source", "full_text": "feed"}
    return desk_for(store, sandbox, settings_for(source, allow_private=[origin.allowance]))


async def decisions(at: Desk) -> list[Decision]:
    return [record.decision for record in await at.entries()]


async def test_an_entry_whose_guid_changes_with_every_poll_stays_one(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    answers = feed(item("a-1", "mill")), feed(item("a-2", "mill")), feed(item("a-3", "mill"))
    async with desk(store, sandbox, origin, *answers) as at:
        for _ in answers:
            await at.poll()

        assert await decisions(at) == [Decision.PUBLISHED]


async def test_an_entry_whose_guid_and_link_carry_a_number_of_the_poll_stays_one(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    links = [f"https://example.org/mill?sid={n}" for n in range(3)]
    answers = [feed(item(link, "mill", link=link)) for link in links]
    async with desk(store, sandbox, origin, *answers) as at:
        for _ in answers:
            await at.poll()

        assert await decisions(at) == [Decision.PUBLISHED]


async def test_short_entries_that_differ_by_the_query_of_their_link_are_all_there(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    def short(n: int) -> str:
        link = f"https://example.org/?id={n}"
        title = "<title>Weather</title><description>Sun</description>"
        return f"<item><guid>{link}</guid><link>{link}</link>{title}</item>"

    async with desk(store, sandbox, origin, feed(short(1)), feed(short(2))) as at:
        for _ in range(2):
            await at.poll()

        assert len(await at.entries()) == 2


async def test_a_guid_that_is_reused_for_other_articles_hides_none(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    answers = feed(item("latest", "mill")), feed(item("latest", "bread")), feed(item("x", "bread"))
    async with desk(store, sandbox, origin, *answers) as at:
        for _ in range(2):
            await at.poll()
        stories = await at.stories()

    assert sorted(story.article.title or "" for story in stories) == ["Bread", "Mill"]


async def test_a_corrected_text_is_an_update_under_the_same_id(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    corrected = item("a", "mill").replace("four million", "six million")
    async with desk(store, sandbox, origin, feed(item("a", "mill")), feed(corrected)) as at:
        await at.poll()
        (before,) = await at.stories()
        await at.poll()
        (after,) = await at.stories()

    assert after.id == before.id
    assert "six million" in after.article.text
    assert after.updated > before.updated
    assert after.first_seen == before.first_seen


async def test_an_entry_that_vanishes_and_returns_is_not_news(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    both = feed(item("a", "mill"), item("b", "bread"))
    async with desk(store, sandbox, origin, both, feed(item("b", "bread")), both) as at:
        for _ in range(3):
            await at.poll()

        assert await decisions(at) == [Decision.PUBLISHED, Decision.PUBLISHED]


async def test_a_first_poll_does_not_flood_later_ones_take_the_top(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    old = item("a", "mill").replace(
        "<title>", "<pubDate>Mon, 02 Mar 2026 08:00:00 GMT</pubDate><title>"
    )
    late = item("b", "bread").replace(
        "<title>", "<pubDate>Sun, 01 Mar 2026 08:00:00 GMT</pubDate><title>"
    )
    async with desk(store, sandbox, origin, feed(old), feed(late, old)) as at:
        await at.poll()
        (first,) = await at.stories()
        await at.poll()
        top, bottom = await at.stories()

    assert first.first_seen.isoformat() == "2026-03-02T08:00:00+00:00"
    assert (top.article.title, bottom.article.title) == ("Bread", "Mill")
    assert top.first_seen > top.arrived.replace(year=2025)


async def test_how_copies_were_found_is_counted(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    sources = [
        {"url": origin.at(f"/{name}", feed(item(name, "mill"))), "name": name, "full_text": "feed"}
        for name in ("one", "two")
    ]
    settings = settings_for(*sources, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as at:
        for name in ("one", "two"):
            await at.poll(name)
        await at.context.write_counts()

    counters = await read_counters(store)
    merged = {k: v for k, v in counters.items() if k.startswith("millrace_merged_total")}
    assert sum(merged.values()) == 1
    assert counters["millrace_candidates_count"] == 2
    assert counters["millrace_distance_bits_sum"] == 0
    assert counters["millrace_repost_lag_seconds_count"] == 1


async def test_a_thousand_entries_that_hardly_differ_do_not_stop_the_worker(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    alike = [item(f"{n}", "mill", title=f"Mill {n}").replace("four", str(n)) for n in range(1000)]
    longest, done = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        while not done.is_set():
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    async with desk(store, sandbox, origin, feed(*alike)) as at:
        watching = asyncio.create_task(watch())
        await at.poll()
        done.set()
        await watching

        assert len(await at.entries()) == 1000
    assert longest < 1  # of CPU, of this thread alone


async def test_a_feed_of_thousands_teaches_no_more_than_others(
    store: Store, sandbox: Sandbox, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_context, "TAUGHT_AT_ONCE", 1)
    url = origin.at("/feed", feed(item("1", "mill"), item("2", "bread")))
    settings = settings_for({"url": url, "full_text": "feed"}, allow_private=[origin.allowance])

    async with desk_for(store, sandbox, settings) as at:
        lessons: list[object] = []
        monkeypatch.setattr(
            at.context.shared_idf.idf, "learn_entry", lambda *text, **_: lessons.append(text)
        )
        await at.poll()

        assert len(await at.published()) == 2
        assert len(lessons) == 1


async def test_an_entry_that_moved_to_another_guid_is_updated_under_its_old_id(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    old, new = "http://example.org/?p=1", "https://example.org/?p=1"
    answers = (
        feed(item(old, "mill")),
        feed(item(new, "mill")),
        feed(item(new, "mill", title="Bridge to be rebuilt")),
    )
    async with desk(store, sandbox, origin, *answers) as at:
        for _ in answers:
            await at.poll()
        (entry,) = await at.entries()

    assert (entry.title, entry.guid) == ("Bridge to be rebuilt", old)


async def test_entries_without_links_that_share_a_guid_one_after_the_other_all_come(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    def note(name: str, title: str) -> Answer:
        return feed(
            f"<item><guid isPermaLink='false'>latest</guid><title>{title}</title>"
            f"<description>{TEXTS[name]}</description></item>"
        )

    answers = note("mill", "Mill"), note("bread", "Bread"), note("bread", "Bread")
    async with desk(store, sandbox, origin, *answers) as at:
        for _ in answers:
            await at.poll()

        assert [e.title for e in await at.entries()] == ["Mill", "Bread"]


async def test_one_guid_for_one_entry_after_the_other_loses_none(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    """Two under one guid are told apart; alone, the first has the guid, and then others have."""
    answers = (
        feed(item("g", "mill"), item("g", "bread")),
        feed(item("g", "mill")),
        feed(item("g", "river")),
        feed(item("g", "bread", title="Bread, again")),
    )
    async with desk(store, sandbox, origin, *answers) as at:
        for _ in answers:
            await at.poll()

        assert {e.title for e in await at.entries()} >= {"Mill", "River", "Bread"}


async def test_a_guid_that_changes_after_an_upgrade_is_known_by_its_record(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    """A folder from before has no aliases: one entry alone would come twice."""
    date = "<pubDate>Mon, 23 Nov 2026 08:00:00 GMT</pubDate></item>"
    answers = [feed(item(guid, "mill").replace("</item>", date)) for guid in ("a-1", "a-2")]
    async with desk(store, sandbox, origin, *answers) as at:
        await at.poll()
        key = keys.seen("source")
        aliases = [k for k, row in (await store.redis.hgetall(key)).items() if row[7:8] in b"lw"]
        await store.redis.hdel(key, *aliases)
        await at.poll()

        assert len(await at.entries()) == 1
        assert len(aliases) == 2


async def test_an_entry_whose_guid_was_forgotten_comes_back_as_the_one_it_was(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    mill, bread = item("1", "mill"), item("2", "bread")
    async with desk(store, sandbox, origin, feed(mill), feed(bread), feed(mill, bread)) as at:
        await at.poll()
        await at.poll()
        rows = await store.redis.hgetall(keys.seen("source"))
        dropped = [digest for digest, row in rows.items() if not row.endswith(b"\xff" * 4)]
        await store.redis.hdel(keys.seen("source"), *dropped)
        await at.poll()

        assert await decisions(at) == [Decision.PUBLISHED] * 2
        assert len(await store.redis.xrange(keys.CHANGES)) == 2
