"""Stories leave by age and by number, oldest place first; guids age once they are not listed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from core.dedup.decide import StoryChange
from core.ids import guid_digest
from core.models import Article, Decision, EntryRecord, FeedEntry, Member, Story
from store import keys, retention
from store.commit import Batch, commit
from store.connection import Store
from store.entries import load_entries
from store.retention import drop_orphans, flooding, trim, trim_seen

DAY_MS = 86_400_000


async def put(store: Store, story: str, *, place_ms: int, arrived_ms: int) -> None:
    await store.redis.hset(keys.story(story), "v", 1)
    await store.redis.zadd(keys.RIVER, {story: keys.river_score(place_ms, 0)})
    await store.redis.zadd(keys.ARRIVALS, {story: arrived_ms})


async def river(store: Store) -> list[str]:
    return [i.decode() for i in await store.redis.zrevrange(keys.RIVER, 0, -1)]


async def test_the_old_end_goes_when_there_are_too_many(store: Store):
    now = int(await store.now() * 1000)
    for number in range(5):
        await put(store, f"s{number}", place_ms=now - number, arrived_ms=now)

    assert await trim(store, entries=2, days=30) == 3

    assert await river(store) == ["s0", "s1"]
    assert await store.redis.exists(keys.story("s4")) == 0
    assert await store.redis.xlen(keys.CHANGES) == 3


async def test_entries_outlive_their_story_without_their_bodies(store: Store):
    now = datetime.now(UTC)
    record = EntryRecord(
        id="e", source="a", guid="g", url=None, title="Title", arrived=now, place=now, order=0,
        decision=Decision.PUBLISHED, rule="founder", story="e", article=Article(text="Long."),
        raw=FeedEntry(guid="g", position=0, content="Long."),
    )  # fmt: skip
    member = Member(
        id="e", source="a", url=None, title="Title", first_seen=now,
        decision=Decision.PUBLISHED, rule="founder",
    )  # fmt: skip
    story = Story(
        id="e", first_seen=now, arrived=now, order=0, updated=now, version=1,
        representative="e", members=(member,), article=Article(text="Long."),
    )  # fmt: skip
    await commit(store, Batch(entries=[record], stories=[StoryChange(story, 0)]))

    assert await trim(store, entries=0, days=30) == 1

    (kept,) = await load_entries(store, ["e"])
    assert kept == record.model_copy(update={"raw": None, "article": None})
    assert await store.redis.ttl(keys.entry("e")) > 0


async def test_age_counts_from_arrival_not_from_the_place_in_the_feed(store: Store):
    now = int(await store.now() * 1000)
    await put(store, "old-article", place_ms=now - 400 * DAY_MS, arrived_ms=now)
    await put(store, "stale", place_ms=now - 31 * DAY_MS, arrived_ms=now - 31 * DAY_MS)

    assert await trim(store, entries=100, days=30) == 1

    assert await river(store) == ["old-article"]


async def test_a_guid_that_is_still_listed_never_ages(store: Store):
    now = int(await store.now())
    listed, dropped, recent = (guid_digest(g) for g in ("listed", "dropped", "recent"))
    await store.redis.hset(keys.seen("a"), listed, b"12345678" + b"\xff" * 4)
    await store.redis.hset(keys.seen("a"), dropped, b"12345678" + (now - 500).to_bytes(4, "big"))
    await store.redis.hset(keys.seen("a"), recent, b"12345678" + (now - 5).to_bytes(4, "big"))

    assert await trim_seen(store, "a", window=100) == 1

    assert set(await store.redis.hkeys(keys.seen("a"))) == {listed, recent}


async def test_of_too_many_guids_the_oldest_that_are_not_listed_go(store: Store):
    now = int(await store.now())
    ages = {guid_digest(str(age)): age for age in range(10, 90, 10)}
    for digest, age in ages.items():
        stamp = (now - age).to_bytes(4, "big")
        await store.redis.hset(keys.seen("a"), digest, b"12345678" + stamp)
    listed = guid_digest("listed")
    await store.redis.hset(keys.seen("a"), listed, b"12345678" + b"\xff" * 4)

    assert await trim_seen(store, "a", window=100, most=4) == 5

    youngest = {digest for digest, age in ages.items() if age <= 30}
    assert set(await store.redis.hkeys(keys.seen("a"))) == {listed, *youngest}
    assert await trim_seen(store, "a", window=100, most=0) == 3
    assert await store.redis.hkeys(keys.seen("a")) == [listed]


async def publish(store: Store, name: str, source: str, age: float, *more: str) -> None:
    """A story of these sources whose place is that many minutes old."""
    placed = datetime.now(UTC) - timedelta(minutes=age)
    members = tuple(
        Member(
            id=f"{name}-{each}" if number else name, source=each, url=None, title=None,
            first_seen=placed, decision=Decision.PUBLISHED, rule="founder",
        )
        for number, each in enumerate([source, *more])
    )  # fmt: skip
    story = Story(
        id=name, first_seen=placed, arrived=datetime.now(UTC), order=0, updated=placed, version=1,
        representative=name, members=members, article=Article(text=f"Text of {name}. " * 20),
    )  # fmt: skip
    await commit(store, Batch(stories=[StoryChange(story, 0)]))


async def held_by(store: Store, source: str) -> int:
    return sum(each.startswith(source) for each in await river(store))


async def test_a_source_that_floods_pushes_out_its_own_stories(store: Store) -> None:
    for number in range(40):
        await publish(store, f"other-{number}", f"quiet{number % 10}", 100 + number)
    for number in range(200):
        await publish(store, f"flood-{number}", "flood", 0.01 * number)

    assert await trim(store, entries=100, days=30) == 140

    assert await held_by(store, "other") == 40
    assert (await river(store))[:2] == ["flood-0", "flood-1"]
    assert await flooding(store) == ["flood"]


async def test_below_its_share_a_source_loses_no_more_than_the_old_end(store: Store) -> None:
    for number in range(8):
        for source in ("a", "b", "c", "d", "e", "f"):
            await publish(store, f"{source}-{number}", source, number)

    assert await trim(store, entries=40, days=30) == 8

    assert {await held_by(store, each) for each in "abcdef"} <= {6, 7}
    assert await flooding(store) == []


async def test_a_story_that_others_have_too_is_not_given_up_for_its_founder(store: Store) -> None:
    await publish(store, "flood-old", "flood", 50, "quiet")
    for number in range(60):
        await publish(store, f"flood-{number}", "flood", number * 0.1)
        await publish(store, f"other-{number}", f"quiet{number}", 20)

    await trim(store, entries=100, days=30)

    assert "flood-old" in await river(store)
    assert await held_by(store, "other") == 60


@pytest.mark.parametrize("removal", ["flood", "orphan"])
async def test_a_story_that_another_source_joins_meanwhile_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch, removal: str
) -> None:
    await publish(store, "old", "flood", 50)
    await publish(store, "older", "quiet", 60)
    for number in range(30):
        await publish(store, f"flood-{number}", "flood", number * 0.1)
    load = retention.load_stories

    async def joined_after_the_look(store: Store, ids: Sequence[str]) -> list[Story]:
        stories = await load(store, ids)
        old = next((story for story in stories if story.id == "old"), None)
        if old is not None and len(old.members) == 1:
            member = old.members[0].model_copy(update={"id": "copy", "source": "listed"})
            members = (*old.members, member)
            joined = old.model_copy(update={"version": 2, "members": members})
            assert await commit(store, Batch(stories=[StoryChange(joined, 1)])) is None
        return stories

    monkeypatch.setattr(retention, "load_stories", joined_after_the_look)

    if removal == "flood":
        await trim(store, entries=31, days=30)
    else:
        assert await drop_orphans(store, {"listed"}) == 31

    assert "old" in await river(store)


async def test_one_source_holds_a_bounded_number_of_bytes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SHARE_BYTES", 2000)
    for number in range(30):
        await publish(store, f"long-{number}", "long", number)
        await publish(store, f"short-{number}", f"quiet{number}", number)

    await trim(store, entries=1000, days=30)

    sizes = [
        await store.redis.hstrlen(keys.story(each), "doc")  # type: ignore[misc]
        for each in await river(store)
        if each.startswith("long")
    ]
    assert 0 < sum(sizes) <= 2000
    assert await held_by(store, "short") == 30
