"""The river in memory: all kept stories, updated from the store, available while it is away.

Stories stay compressed as in the store: 2.5 kB each instead of 30, so that 100,000 fit. The fields
needed for selection (place, sources, tags) are kept beside them.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from core.config.settings import Settings
from core.errors import StoreError
from core.models import Story
from service.changelog import ChangeLog
from store.connection import Store
from store.entries import (
    Change,
    add_story_ids,
    changes_after,
    first_after_trim,
    load_packed,
    river_ids,
    river_size,
    story_ids_written,
    story_versions,
    write_story_ids,
)
from store.keys import CHANGES_KEPT
from store.layout import UNREADABLE, unpack
from store.migration import ensure_layout, shared_secret

FLOOD = 5000  # stories beyond the retention, 3 kB each; two sources may bring as many in one poll
RETRY = 0.5  # seconds between two attempts to reach the store again
WAIT = 5.0  # seconds for which one read waits for a change
COMPARE = 15.0  # seconds between two comparisons of sizes during constant changes
RECONCILE = 300.0  # seconds between two comparisons with all ids in the store
CHUNK = 200  # stories read at once; unpacking them takes about 20 ms, long ones 2 ms each
PASS = 0.01  # seconds of unpacking, after which the event loop continues with other tasks

log = structlog.get_logger()

Rank = tuple[float, int, str]  # newest first, then feed order, then id


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)  # one object a version
class KeptStory:
    """One story of the river, with the fields needed for selection."""

    id: str
    seen: datetime
    rank: Rank
    version: int
    updated: datetime
    sources: frozenset[str]
    tags: frozenset[tuple[str, str]]  # (tag, the source that had it when the entry came)
    packed: bytes
    members: int
    letters: int  # of the body that is shown
    cut: int  # letters that cleaning took out of it
    shown: str  # the source that it is from
    generation: int  # of the river when this version came in

    @property
    def story(self) -> Story:
        """The whole story, unpacked at each use."""
        return unpack(Story, self.packed)


class River:
    """All kept stories in feed order. `generation` grows with every change to them."""

    def __init__(self, store: Store, settings: Callable[[], Settings]) -> None:
        self.generation = 0
        self.loaded: datetime | None = None  # when the first load ended
        self.away: str | None = None  # why the store does not answer
        self.away_since: datetime | None = None
        self.log = ChangeLog()
        self.secret: bytes | None = None  # the store's, for signing
        self._store = store
        self._settings = settings
        self._stories: dict[str, KeptStory] = {}
        self._ranks: list[Rank] = []
        self._ordered: list[KeptStory] = []  # parallel to `_ranks`, so that a snapshot is one copy
        self._snapshot: tuple[int, tuple[KeptStory, ...]] = (-1, ())

    def newest(self) -> tuple[KeptStory, ...]:
        """All kept stories, the newest first."""
        if self._snapshot[0] != self.generation:
            self._snapshot = (self.generation, tuple(self._ordered))
        return self._snapshot[1]

    def __len__(self) -> int:
        return len(self._stories)

    def find(self, story_id: str) -> KeptStory | None:
        """One kept story."""
        return self._stories.get(story_id)

    async def follow(self) -> None:
        """Keep the river equal to that in the store until cancelled."""
        while True:
            try:
                await self.catch_up()
                if self.away is not None:
                    log.info("store.back")
                self.away = self.away_since = None
                self.log.ring()
                while True:
                    await self._keep_up()
                    await self._reconcile()
            except StoreError as error:
                self._note_outage(str(error))
            except Exception as error:  # an error in one round must not end the feeds
                log.exception("river.failed")
                self._note_outage(repr(error))
            await asyncio.sleep(RETRY)

    async def keep_story_ids(self) -> None:
        """Write story ids of entries back into a new or wiped store."""
        while True:
            try:
                await self._write_story_ids()
            except StoreError as error:
                log.debug("story_ids.not_written", reason=str(error))
            except Exception:  # it only matters after a wipe, and the next round may succeed
                log.exception("story_ids.failed")
            await asyncio.sleep(RETRY)

    async def _write_story_ids(self) -> None:
        if self.loaded is not None and not await story_ids_written(self._store):
            await write_story_ids(self._store, self._story_ids(self._stories))

    def _story_ids(self, ids: Iterable[str]) -> dict[str, str]:
        """Entry id -> story id, for members of these stories where the two differ."""
        kept = [story for story in map(self._stories.__getitem__, ids) if story.members > 1]
        return {
            member.id: each.id
            for each in kept
            for member in each.story.members
            if member.id != each.id
        }

    def _most(self) -> int:
        """The maximal number of stories in memory: above the retention, which the store applies.

        Cut at the retention here, a flood of one source hid the oldest stories of all others for up
        to a minute, although the store then removes those of the flood.
        """
        return self._settings().retention.entries + FLOOD

    def _note_outage(self, reason: str) -> None:
        if self.away is None:
            self.away_since = datetime.now(UTC)
            log.warning("store.away", reason=reason)
        self.away = reason
        self.log.ring()

    async def catch_up(self) -> None:
        """Read the changes, then the river, then publish the changes to readers of the log.

        Changes during the load are in the next read. Published before the load, a change would name
        a story that is not in the river and looks removed.
        """
        await ensure_layout(self._store)
        changes, end = list[Change](), self.log.end
        while found := await changes_after(self._store, end, wait=0):
            changes += found
            end = found[-1].id
        first = await first_after_trim(self._store)
        await self._reconcile(versions=True)
        self.log.extend(changes, first=first)
        if self.loaded is None:
            self.loaded = datetime.now(UTC)
            self.generation += 1

    async def _keep_up(self) -> None:
        loop = asyncio.get_running_loop()
        until, compared = loop.time() + RECONCILE, loop.time()
        while loop.time() < until:
            changes = await changes_after(self._store, self.log.end, wait=WAIT)
            if changes:
                await self._apply(changes)
            if changes and loop.time() - compared < COMPARE:
                continue
            compared = loop.time()
            if len(self._stories) != min(await river_size(self._store), self._most()):
                return  # the store was wiped, or set back to an earlier state

    async def _apply(self, changes: list[Change]) -> None:
        last = {change.story: change.kind for change in changes}
        await self._load([story for story, kind in last.items() if kind != "removed"])
        self._forget(story for story, kind in last.items() if kind == "removed")
        self._forget([rank[2] for rank in self._ranks[self._most() :]])
        self.log.extend(changes)

    async def _reconcile(self, *, versions: bool = False) -> None:
        """Compare with the ids in the store: the trimmed stream of changes may have a gap."""
        await self._write_story_ids()  # before stories that a wiped store lacks are forgotten here
        self.secret = await shared_secret(self._store, self.secret)
        ids = await river_ids(self._store, self._most())
        lost = set(self._stories).difference(ids)
        await add_story_ids(self._store, self._story_ids(lost))  # the store may be an old backup
        if lost:  # unless coming changes name all of them, readers of the log need a reset
            coming = await changes_after(self._store, self.log.end, wait=0, count=CHANGES_KEPT)
            if not lost <= {change.story for change in coming if change.kind == "removed"}:
                self.log.lose()
        self._forget(lost)
        unknown = [story for story in ids if story not in self._stories]
        await self._load(await self._stale(ids) if versions else unknown)

    async def _stale(self, ids: list[str]) -> list[str]:
        """The `ids` that are unknown here, or known in another version."""
        found = await story_versions(self._store, ids)
        return [
            story
            for story, version in zip(ids, found, strict=True)
            if story not in self._stories or self._stories[story].version != version
        ]

    async def _load(self, ids: list[str]) -> None:
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            begun = time.monotonic()
            for story_id, packed in zip(chunk, await load_packed(self._store, chunk), strict=True):
                if time.monotonic() - begun > PASS:
                    await asyncio.sleep(0)
                    begun = time.monotonic()
                if packed is None:
                    self._forget([story_id])
                else:
                    self._keep(story_id, packed)

    def _keep(self, story_id: str, packed: bytes) -> None:
        before = self._stories.get(story_id)
        if before is not None and before.packed == packed:
            return
        try:
            kept = kept_story(unpack(Story, packed), packed, self.generation + 1)
        except UNREADABLE as error:
            log.error("story.unreadable", story=story_id, fault=str(error))
            return
        self._forget([story_id])
        self.place(kept)

    def place(self, kept: KeptStory) -> None:
        """Insert a story at its rank."""
        self._stories[kept.id] = kept
        place = bisect_left(self._ranks, kept.rank)
        self._ranks.insert(place, kept.rank)
        self._ordered.insert(place, kept)
        self.generation += 1

    def _forget(self, ids: Iterable[str]) -> None:
        for story_id in ids:
            kept = self._stories.pop(story_id, None)
            if kept is not None:
                place = bisect_left(self._ranks, kept.rank)
                del self._ranks[place], self._ordered[place]
                self.generation += 1


def kept_story(story: Story, packed: bytes, generation: int) -> KeptStory:
    """A story with the fields needed for selection."""
    return KeptStory(
        id=story.id,
        seen=story.first_seen,
        rank=(-story.first_seen.timestamp(), story.order, story.id),
        version=story.version,
        updated=story.updated,
        sources=frozenset(member.source for member in story.members),
        tags=frozenset((tag, member.source) for member in story.members for tag in member.tags),
        packed=packed,
        members=len(story.members),
        letters=len(story.article.text),
        cut=sum(len(part.text) for part in story.article.removed),
        shown=next((m.source for m in story.members if m.id == story.representative), ""),
        generation=generation,
    )
