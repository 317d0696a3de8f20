"""Removes stories from the feed: those beyond the retention, and those of removed sources.

Stories go by age, and beyond the kept number by their place in the feed. A source with more than
its share loses its own stories first, so that a flood does not push out the stories of others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import chain
from typing import NamedTuple

from core.models import Story
from store import keys
from store.connection import Store, store_errors
from store.entries import load_bare, load_packed, load_stories, url_keys
from store.layout import UNREADABLE, pack, unpack

_AT_ONCE = 100  # stories unpacked before the event loop continues with other tasks
_TRIM_AT_ONCE = 100  # stories a call; a longer script would block the store

_CHANGES_PER_STORY = 4  # kept changes for each kept story
_FEWEST_CHANGES = 1000


async def trim(
    store: Store,
    *,
    entries: int,
    days: float,
    window: float = 30 * 86_400.0,
    shares: Shares | None = None,
) -> int:
    """Remove stories beyond `entries`, and those older than `days`; returns their number.

    Their fingerprints stay for the dedup window, because a later repost must not be news. Their
    entries stay as long, without bodies.
    """
    removed, most = 0, max(_FEWEST_CHANGES, _CHANGES_PER_STORY * entries)
    with store_errors():
        await store.redis.xtrim(keys.CHANGES, maxlen=min(most, keys.CHANGES_KEPT))
    given = await (shares or Shares()).trim(store, entries=entries)
    if given:
        await note_floods(store, given)
    victims = [victim for own in given.values() for victim in own]
    await _note_yielded(store, victims, window)
    for start in range(0, len(victims), _TRIM_AT_ONCE):
        chunk = victims[start : start + _TRIM_AT_ONCE]
        removed += await _trim_once(store, entries, days, window, chunk)
    while True:
        went = await _trim_once(store, entries, days, window)
        removed += went
        if went < _TRIM_AT_ONCE:
            return removed


async def _trim_once(
    store: Store, entries: int, days: float, window: float, victims: Sequence[Version] = ()
) -> int:
    """Remove `victims`, else a bounded number beyond the limits; returns the number."""
    limits = [entries, int(days * 86_400_000), keys.story(""), _TRIM_AT_ONCE, keys.CHANGES_KEPT]
    went = await store.call(
        store.script("trim"),
        [keys.RIVER, keys.ARRIVALS, keys.CHANGES],
        [*limits, *chain.from_iterable(victims)],
    )
    await _drop_bodies(store, [unpack(Story, document) for document in went if document], window)
    return len(went)


SHARE = 4  # one source has a quarter of the window at most while others need the room
FEWEST = 20  # stories that any source may have
# Packed stories of one source: almost three times a quarter of 5,000 stories of 4.6 kB. With 32 MiB
# giant ones took 62 MB of the store before the next round, because a megabyte takes a third more.
SHARE_BYTES = 16 * 2**20
FLOOD_SECONDS = 86_400  # for which /health names a source that exceeded its share
_FLOODS_NAMED = 100
_YIELDED_KEPT = 20_000  # four days of a flood (`NEW_A_DAY`); 110 bytes each
_VICTIMS = 2000  # in one round; the next comes within ten seconds


Version = tuple[str, int]  # id of a story, and the version that was looked at


class _SourceAndSize(NamedTuple):
    """Source and size of one story in the feed."""

    source: str  # of its founder
    size: int  # bytes, packed


class Shares:
    """The shares of sources in the window; kept between rounds."""

    def __init__(self) -> None:
        self._known: dict[str, _SourceAndSize] = {}

    async def trim(self, store: Store, *, entries: int) -> dict[str, list[Version]]:
        """Source -> the stories that it loses, oldest first."""
        with store_errors():
            ids = [i.decode() for i in await store.redis.zrange(keys.RIVER, 0, -1)]
        await self._read_unknown(store, ids)
        by_source: dict[str, list[str]] = defaultdict(list)
        for story_id in ids:
            if (known := self._known.get(story_id)) is not None:
                by_source[known.source].append(story_id)
        surplus, share = len(ids) - entries, max(entries // SHARE, FEWEST)
        given: dict[str, list[Version]] = {}
        for source, own in sorted(by_source.items(), key=lambda each: -len(each[1])):
            most = min(max(0, surplus), max(0, len(own) - share), _VICTIMS)
            if found := await self._to_give_up(store, source, own, most=most):
                given[source] = found
                surplus -= len(found)
        return given

    async def _to_give_up(
        self, store: Store, source: str, own: Sequence[str], *, most: int
    ) -> list[Version]:
        """The oldest stories that no other source has: `most`, more if they exceed SHARE_BYTES."""
        found, size = list[Version](), sum(self._known[each].size for each in own)
        for start in range(0, len(own), _AT_ONCE):
            if len(found) >= most and size <= SHARE_BYTES:
                break
            for story in await load_stories(store, own[start : start + _AT_ONCE]):
                needed = len(found) < most or size > SHARE_BYTES
                if needed and all(member.source == source for member in story.members):
                    found.append((story.id, story.version))
                    size -= self._known[story.id].size
        return found

    async def _read_unknown(self, store: Store, ids: Sequence[str]) -> None:
        present = set(ids)
        self._known = {each: known for each, known in self._known.items() if each in present}
        unknown = [each for each in ids if each not in self._known]
        for start in range(0, len(unknown), _AT_ONCE):
            chunk = unknown[start : start + _AT_ONCE]
            for story_id, packed in zip(chunk, await load_packed(store, chunk), strict=True):
                try:
                    story = unpack(Story, packed or b"")
                except UNREADABLE:
                    continue
                founder = next((m for m in story.members if m.id == story.id), story.members[0])
                self._known[story_id] = _SourceAndSize(founder.source, len(packed or b""))


async def flooding(store: Store) -> list[str]:
    """The sources that within the last day lost stories for exceeding their share, or brought more
    new entries than a day has room for."""
    since = (await store.now() - FLOOD_SECONDS) * 1000
    with store_errors():
        found = await store.redis.zrangebyscore(keys.FLOODS, since, "+inf")
    return [name.decode() for name in found]


async def _note_yielded(store: Store, victims: Sequence[Version], window: float) -> None:
    """Remember these stories: a copy that another source brings later is news."""
    if not victims:
        return
    now = await store.now() * 1000
    pipe = store.redis.pipeline()
    pipe.zadd(keys.YIELDED, dict.fromkeys((story_id for story_id, _ in victims), now))
    pipe.zremrangebyrank(keys.YIELDED, 0, -_YIELDED_KEPT - 1)
    pipe.expire(keys.YIELDED, max(1, int(window)))
    with store_errors():
        await pipe.execute()


async def yielded_among(store: Store, ids: Collection[str]) -> frozenset[str]:
    """Those of these stories that their source lost for exceeding its share."""
    asked = sorted(ids)
    if not asked:
        return frozenset()
    with store_errors():
        scores = await store.redis.zmscore(keys.YIELDED, asked)
    return frozenset(i for i, score in zip(asked, scores, strict=True) if score is not None)


async def note_floods(store: Store, sources: Collection[str]) -> None:
    """Have /health name these sources for a day."""
    now = await store.now() * 1000
    pipe = store.redis.pipeline()
    pipe.zadd(keys.FLOODS, dict.fromkeys(sources, now))
    pipe.zremrangebyrank(keys.FLOODS, 0, -_FLOODS_NAMED - 1)
    pipe.expire(keys.FLOODS, FLOOD_SECONDS)
    with store_errors():
        await pipe.execute()


async def _drop_bodies(store: Store, stories: Sequence[Story], window: float) -> None:
    ids = [member.id for story in stories for member in story.members]
    shown = {story.representative: story.article for story in stories}
    found = await load_bare(store, ids)
    names, arguments = list[str](), list[int | str | bytes]([max(1, int(window))])
    for record in filter(None, found):
        # Its article states addresses under which it is listed, and may be in the story.
        whole = record.model_copy(update={"article": record.article or shown.get(record.id)})
        bare = record.model_copy(update={"raw": None, "article": None})
        names.append(keys.entry(record.id))
        arguments += [pack(bare), " ".join(url_keys(whole))]
    if names:
        await store.call(store.script("drop_bodies"), names, arguments)


# Rows of one source. An entry has three, for its guid and aliases, so this is 500 entries a day for
# a month. A feed with 2,000 new guids at each poll would add 600,000 a day. An entry that returns
# later is still recognised by its record.
SEEN_KEPT = 50_000


async def trim_seen(store: Store, source: str, *, window: float, most: int = SEEN_KEPT) -> int:
    """Forget guids that `source` stopped listing `window` seconds ago, or beyond `most` the oldest.

    Listed guids stay. Returns the number of removed guids.
    """
    arguments = [max(1, int(window)), most]
    return int(await store.call(store.script("trim_seen"), [keys.seen(source)], arguments))


async def drop_orphans(
    store: Store, sources: Collection[str], *, days: int = 30, entries: int = 5000
) -> int:
    """Remove the stories that none of these sources has; returns their number.

    They are kept apart for `days`, up to `entries` of them, so that `return_stories` can restore
    them.
    """
    with store_errors():
        ids = [i.decode() for i in await store.redis.zrange(keys.RIVER, 0, -1)]
    removed = 0
    for start in range(0, len(ids), _AT_ONCE):
        removed += await _drop_orphans_among(
            store,
            sources,
            ids[start : start + _AT_ONCE],
            [keys.CHANGES_KEPT, days * 86_400, entries],
        )
    return removed


async def _drop_orphans_among(
    store: Store, sources: Collection[str], ids: Sequence[str], limits: list[int]
) -> int:
    """Move orphans aside; a story that changes meanwhile is checked again, as it may have gained
    a member of a listed source."""
    removed = 0
    while True:
        stories = await load_stories(store, ids)
        orphans = [s for s in stories if not any(m.source in sources for m in s.members)]
        if not orphans:
            return removed
        versions = [part for story in orphans for part in (story.id, story.version)]
        went = await _move_aside(store, "drop_stories", limits, versions)
        removed += went
        if went == len(orphans):
            return removed


async def return_stories(store: Store, sources: Collection[str]) -> int:
    """Restore the dropped stories of sources that are listed again; returns their number."""
    with store_errors():
        ids = [i.decode() for i in await store.redis.zrange(keys.DROPPED, 0, -1)]
    back = 0
    for start in range(0, len(ids), _AT_ONCE):
        chunk = ids[start : start + _AT_ONCE]
        found = await store.field_of_each(map(keys.dropped, chunk), "doc")
        stories = [unpack(Story, doc) for doc in found if doc is not None]
        wanted = [s for s in stories if any(m.source in sources for m in s.members)]
        if not wanted:
            continue
        members = [member.id for story in wanted for member in story.members]
        with store_errors():
            scores = await store.redis.zmscore(keys.FORGOTTEN, members)
        taken_out = {m for m, score in zip(members, scores, strict=True) if score is not None}
        kept = [s.id for s in wanted if not any(m.id in taken_out for m in s.members)]
        back += await _move_aside(store, "return_stories", [keys.CHANGES_KEPT], kept)
    return back


async def _move_aside(
    store: Store, script: str, limits: list[int], ids: Sequence[str | int]
) -> int:
    answer = await store.call(
        store.script(script),
        [keys.RIVER, keys.ARRIVALS, keys.CHANGES, keys.DROPPED],
        [keys.story(""), keys.dropped(""), *limits, *ids],
    )
    return int(answer)
