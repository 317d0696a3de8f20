"""Candidates are found under shared keys, and filing refuses what was not weighed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from core.config.settings import DedupSettings
from core.dedup.decide import Claim, Subject, decide
from core.dedup.fingerprint import Fingerprint, features, fingerprint
from core.dedup.idf import Idf
from core.dedup.prints import StoryCandidate
from core.ids import entry_id
from store import keys
from store.commit import Batch, commit
from store.connection import Store
from store.entries import write_story_ids
from store.index import claim, look_up

SETTINGS = DedupSettings()
IDF = Idf()


@dataclass(frozen=True)
class Filed:
    entry: str
    story: str
    fingerprint: Fingerprint
    weighed: frozenset[str] | None


def body(subject: int, words: int = 400) -> str:
    """A text of which nothing stands in the text of another subject."""
    return " ".join(f"w{subject}x{number}" for number in range(words))


def printed(subject: int, **more: object) -> Fingerprint:
    read = features(f"Headline about w{subject} and what else came of it", body(subject))
    return fingerprint(read, IDF, **more)  # type: ignore[arg-type]


async def lookup(
    store: Store, entries: dict[str, Fingerprint], settings: DedupSettings
) -> dict[str, list[StoryCandidate]]:
    return (await look_up(store, entries, settings)).candidates


async def find_or_claim(store: Store, entry: str, print_: Fingerprint) -> str:
    """As a worker does it; returns the story."""
    while True:
        found = (await lookup(store, {entry: print_}, SETTINGS))[entry]
        subject = Subject(print_, None)
        verdict, _ = decide(subject, found, SETTINGS, copies=lambda _: None, idf=IDF)
        story = verdict.story or entry
        weighed = frozenset(candidate.entry for candidate in found)
        if not await claim(store, [Filed(entry, story, print_, weighed)]):
            return story


async def test_a_founder_is_found_by_a_copy_and_by_nothing_else(store: Store):
    founder = entry_id("one", "a")
    await claim(store, [Filed(founder, founder, printed(1), frozenset())])

    found = await lookup(store, {"copy": printed(1), "other": printed(2)}, SETTINGS)

    assert [candidate.story for candidate in found["copy"]] == [founder]
    assert found["copy"][0].print.simhash == printed(1).print.simhash
    assert found["copy"][0].minhashes == 6
    assert found["other"] == []


async def test_filing_refuses_when_a_founder_appeared_that_was_not_weighed(store: Store):
    first, second = entry_id("one", "a"), entry_id("two", "a")
    await claim(store, [Filed(first, first, printed(1), frozenset())])

    refused = await claim(store, [Filed(second, second, printed(1), frozenset())])

    assert refused == [second]
    assert len((await lookup(store, {"copy": printed(1)}, SETTINGS))["copy"]) == 1


async def test_a_commit_is_refused_once_a_founder_was_filed_after_the_look_up(store: Store):
    first, second = entry_id("one", "a"), entry_id("two", "a")
    mark = (await look_up(store, {second: printed(1)}, SETTINGS)).mark
    weighed = Claim(second, second, printed(1), frozenset())
    await claim(store, [Filed(first, first, printed(1), frozenset())])

    refused = await commit(store, Batch(claims=[weighed], mark=mark))

    assert refused is not None
    assert len((await lookup(store, {"copy": printed(1)}, SETTINGS))["copy"]) == 1


async def test_a_batch_files_all_its_founders_even_under_one_key(store: Store):
    founders = {entry_id("one", str(n)): printed(n, urls=["https://a.example/x"]) for n in (1, 2)}
    mark = (await look_up(store, founders, SETTINGS)).mark
    claims = [Claim(entry, entry, each, frozenset()) for entry, each in founders.items()]

    assert await commit(store, Batch(claims=claims, mark=mark)) is None

    found = (await lookup(store, {"x": printed(3, urls=["https://a.example/x"])}, SETTINGS))["x"]
    assert [candidate.story for candidate in found] == [*founders]


async def test_more_founders_than_one_call_takes_are_all_found_again(store: Store):
    founders = {entry_id("one", str(n)): printed(n) for n in range(450)}
    await claim(store, [Filed(e, e, each, frozenset()) for e, each in founders.items()])

    found = await lookup(store, founders, SETTINGS)

    assert all(entry in {c.story for c in found[entry]} for entry in founders)


async def test_reposts_are_not_filed_so_that_stories_never_chain(store: Store):
    first, second = entry_id("one", "a"), entry_id("two", "b")
    await claim(store, [Filed(first, first, printed(1), frozenset())])
    await claim(store, [Filed(second, first, printed(2), frozenset())])

    assert (await lookup(store, {"copy": printed(2)}, SETTINGS))["copy"] == []


async def test_an_address_leads_to_the_founder_until_too_many_share_it(store: Store):
    urls = ["https://example.org/junk"]
    for subject in range(20):
        founder = entry_id("one", str(subject))
        filed = Filed(founder, founder, printed(subject, urls=urls), None)
        await claim(store, [filed])

    found = (await lookup(store, {"new": printed(99, urls=urls)}, SETTINGS))["new"]

    assert len(found) == 8
    assert {candidate.under_url for candidate in found} == {8}


async def test_what_left_the_window_is_not_found_and_leaves_the_store(store: Store):
    founder = entry_id("one", "a")
    short = DedupSettings.model_validate({"window": "100ms"})
    await lookup(store, {"x": printed(1)}, short)
    await claim(store, [Filed(founder, founder, printed(1), frozenset())])

    async def gone() -> bool:
        found = (await lookup(store, {"copy": printed(1)}, short))["copy"]
        return not found and not await store.redis.keys(keys.PREFIX + "ix:[pr]:*")

    async with asyncio.timeout(5):
        while not await gone():  # noqa: ASYNC110 - the store's clock runs by itself
            await asyncio.sleep(0.01)


async def test_many_records_in_many_slices_are_all_found(store: Store):
    founders = [entry_id("one", str(number)) for number in range(120)]
    prints = {founder: printed(number) for number, founder in enumerate(founders)}
    for number, (founder, each) in enumerate(prints.items()):
        await claim(store, [Filed(founder, founder, each, frozenset())])
        if number % 40 == 39:  # the next record opens a slice of its own
            last = (await store.redis.lrange(keys.PREFIX + "ix:slices", -1, -1))[0].decode()
            await store.redis.hset(f"{keys.PREFIX}ix:r:{last.split(':')[0]}", "n", 262144)

    found = await lookup(store, prints, SETTINGS)

    assert all([c.story for c in found[founder]] == [founder] for founder in founders)
    assert await store.redis.llen(keys.PREFIX + "ix:slices") == 3


async def test_a_founders_later_text_is_filed_once_if_it_is_another_text(store: Store):
    founder = entry_id("one", "a")
    await claim(store, [Filed(founder, founder, printed(1), frozenset())])
    for print_ in (printed(1), printed(2), printed(2)):
        await claim(store, [Filed(founder, founder, print_, None)])

    assert len((await lookup(store, {"c": printed(1)}, SETTINGS))["c"]) == 1
    assert len((await lookup(store, {"c": printed(2)}, SETTINGS))["c"]) == 1


async def test_four_workers_bring_every_story_five_times_and_publish_it_once(store: Store):
    stories, copies = 40, 5
    jobs = [(s, c) for s in range(stories) for c in range(copies)]
    prints = [printed(subject) for subject in range(stories)]

    async def worker(number: int) -> list[str]:
        mine = jobs[number::4] if number % 2 else jobs[number::4][::-1]
        return [await find_or_claim(store, entry_id(f"s{c}", str(s)), prints[s]) for s, c in mine]

    taken = await asyncio.gather(*(worker(number) for number in range(4)))

    assert sum(map(len, taken)) == stories * copies
    assert len({story for each in taken for story in each}) == stories


async def test_a_look_up_tells_the_time_and_the_stories_of_before_a_wipe(store: Store):
    asked = {"entry": printed(1), "other": printed(2)}
    before = await store.now()

    assert (await look_up(store, asked, SETTINGS)).names == {}
    await write_story_ids(store, {"entry": "story"})
    found = await look_up(store, asked, SETTINGS)

    assert found.names == {"entry": "story"}
    assert before - 0.001 <= found.now <= await store.now()
    assert found.candidates == {"entry": [], "other": []}
