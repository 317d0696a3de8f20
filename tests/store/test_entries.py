"""An article lies in the store once, and every entry is read with its own wherever that lies."""

import json
from datetime import UTC, datetime

from core import zstd
from core.dedup.decide import StoryChange
from core.models import Article, Decision, EntryRecord, FeedEntry, Member, Story
from store import keys
from store.commit import Batch, commit
from store.connection import Store
from store.entries import load_bare, load_entries, load_entry
from store.layout import pack, unpack
from store.monitoring import WorkerBeat, beat, load_workers
from store.sources import SourceState, load_source

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record(entry_id: str, text: str, *, story: str = "e") -> EntryRecord:
    return EntryRecord(
        id=entry_id, source="a", guid=entry_id, url=None, title="Title", arrived=NOW, place=NOW,
        order=0, decision=Decision.PUBLISHED, rule="founder", story=story,
        raw=FeedEntry(guid=entry_id, position=0, title="Title", link="https://a/", content=text),
        article=Article(text=text),
    )  # fmt: skip


def stated(record: EntryRecord) -> FeedEntry:
    return FeedEntry(guid=record.guid, position=0, title="Title", link="https://a/")


def story_of(shown: EntryRecord, *records: EntryRecord, version: int) -> Story:
    members = tuple(
        Member(
            id=each.id, source="a", url=None, title=None, first_seen=NOW,
            decision=each.decision, rule=each.rule,
        )
        for each in records
    )  # fmt: skip
    return Story(
        id="e", first_seen=NOW, arrived=NOW, order=0, updated=NOW, version=version,
        representative=shown.id, members=members, article=shown.article or Article(),
    )  # fmt: skip


async def found(store: Store, founder: EntryRecord) -> Story:
    story = story_of(founder, founder, version=1)
    await commit(store, Batch(entries=[founder], stories=[StoryChange(story, 0)]))
    return story


async def test_the_article_that_is_shown_lies_in_the_story_alone(store: Store):
    founder = record("e", "Long.")
    await found(store, founder)

    (bare,) = await load_bare(store, ["e"])
    read = await load_entry(store, "e")

    assert bare == founder.model_copy(update={"article": None, "raw": stated(founder)})
    assert read == founder.model_copy(update={"raw": stated(founder)})


async def test_of_the_words_of_a_settled_entry_only_title_and_link_are_kept(store: Store):
    await found(store, record("e", "Long."))

    read = await load_entry(store, "e")

    assert read is not None
    assert read.raw == stated(read)


async def test_an_entry_that_is_shown_no_more_takes_its_article_back(store: Store):
    founder, better = record("e", "Long."), record("f", "Longer.")
    before = await found(store, founder)
    story = story_of(better, founder, better, version=2)

    await commit(store, Batch(entries=[better], stories=[StoryChange(story, 1, before)]))

    read = await load_entries(store, ["e", "f", "g"])
    assert [each and each.article for each in read] == [founder.article, better.article, None]


async def test_an_entry_that_ran_out_is_not_made_again_by_its_article(store: Store):
    founder, better = record("e", "Long."), record("f", "Longer.")
    before = await found(store, founder)
    await store.redis.delete(keys.entry("e"))
    story = story_of(better, founder, better, version=2)

    await commit(store, Batch(entries=[better], stories=[StoryChange(story, 1, before)]))

    assert await store.redis.exists(keys.entry("e")) == 0


async def test_what_layout_1_wrote_is_read_as_it_is(store: Store):
    founder = record("e", "Long.")
    written = zstd.compress(founder.model_dump_json(exclude_defaults=True).encode())
    await store.redis.hset(keys.entry("e"), "doc", written)

    assert await load_entry(store, "e") == founder


def test_what_all_records_say_takes_no_room():
    founder = record("e", "Long.")
    plain = zstd.compress(founder.model_dump_json(exclude_defaults=True).encode())

    assert unpack(EntryRecord, pack(founder)) == founder
    assert len(pack(founder)) < 0.6 * len(plain)


async def test_what_a_newer_version_wrote_is_read_without_its_new_fields(store: Store) -> None:
    mine = record("e", "Text")
    newer = json.loads(mine.model_dump_json())
    newer |= {"added": 1}
    newer["article"]["added"] = {"also": "nested"}
    await store.redis.hset(keys.entry("e"), "doc", zstd.compress(json.dumps(newer).encode()))
    source = SourceState(url="https://a/", configured_url="https://a/").model_dump_json()
    await store.redis.hset(keys.source("a"), "state", json.dumps({**json.loads(source), "n": 1}))
    beat_of_newer = WorkerBeat(id="w", host="h", pid=1, started=1, last=await store.now())
    await beat(store, beat_of_newer)
    await store.redis.set(
        keys.heartbeat("worker", "w"), json.dumps({**beat_of_newer.model_dump(), "n": 1})
    )

    assert await load_entry(store, "e") == mine
    assert await load_source(store, "a") == SourceState.model_validate_json(source)
    assert await load_workers(store) == [beat_of_newer]
