"""Leases due sources and pages, and queues hints for them: the only place that starts work."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from core.config.settings import Settings
from store.connection import Store
from store.entries import story_ids_written, write_story_ids
from store.retention import Shares, drop_orphans, return_stories, trim
from store.revision import InForce, load_processes
from store.schedule import (
    add_sources,
    drop_sources,
    lease_all_due,
    make_due,
    poll_in_order,
    release,
)
from store.sources import changed_lines, forget_lines, load_sources
from workers.leases import LEASE_SECONDS, SCHEDULES, Places, Role
from workers.queue import arq_redis, enqueue
from workers.settle import Sequencer

DROP_SECONDS = 5.0  # between two checks whether all processes have the same feeds.yaml
REMEMBER_SECONDS = 4.0  # in which a service can write back the story ids that it remembers
# Few, so that several workers share the due leases.
PER_SWEEP = {Role.POLL: 50, Role.PAGE: 10}
_ALLOWED = "allow_private"  # a key beside the names of sources, none of which has an underscore


class Sweeper:
    """Sweeps both schedules and keeps them in step with feeds.yaml."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        places: Places,
        *,
        sequencer: Sequencer | None = None,
        in_force: InForce | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._places = places
        self._arq = arq_redis(store)
        self.more = False  # whether the last sweep left due leases for the next
        self.quiet = False  # whether nothing runs and nothing is due soon
        self._sequencer = sequencer or Sequencer()
        self._in_force = in_force or InForce.alone()
        self._in_step_with: Settings | None = None
        self._found_empty: float | None = None  # when a store without story ids was found
        self._scheduled = 0  # number of sources in the schedule
        self._shares = Shares()
        self._drop_at: float | None = None  # when stories of removed sources may be dropped

    async def sweep(self) -> int:
        """Lease what is due, and start it or queue hints; returns the number of leases."""
        if self._settings() is not self._in_step_with:
            await self._keep_in_step()
        if self._drop_at is not None and time.monotonic() >= self._drop_at:
            await self._drop()
        limits = {SCHEDULES[role]: self._limit(role) for role in Role}
        found = await lease_all_due(self._store, limits, seconds=self._places.lateness.lease)
        self.more = False
        self.quiet = all(each.next_in > LEASE_SECONDS for each in found)
        for role, (scheduled, _, leases) in zip(Role, found, strict=True):
            self.more = self.more or len(leases) == PER_SWEEP[role]
            if len(leases) != 1 or self._sequencer.strict:  # all through the queue keep their order
                await enqueue(self._arq, role, leases)
                self._places.hint(role, leases)
            # One lease need not be shared. Started here, a pushed entry is in the feed after 35 ms;
            # through the queue it takes 110 ms (benchmarks/push.py).
            elif not self._places.start(role, leases[0]):
                await release(self._store, SCHEDULES[role], leases[0], after=0)
            if role is Role.POLL and scheduled != self._scheduled:
                await self._keep_in_step()
        return sum(len(each.leases) for each in found)

    async def tidy(self) -> int:
        """Remove data beyond the retention; returns the number of removed stories.

        While the feeds.yaml of some process differs, the longest retention of all applies, because
        a removal cannot be undone.
        """
        settings, processes = self._settings(), await load_processes(self._store)
        others = processes.beats if processes.differ else []
        return await trim(
            self._store,
            entries=max([settings.retention.entries, *(beat.entries for beat in others)]),
            days=max([settings.retention.days, *(beat.days for beat in others)]),
            window=settings.dedup.window,
            shares=self._shares,
        )

    async def _drop(self) -> None:
        """Drop the stories of removed sources, once all processes have the same feeds.yaml."""
        if (await load_processes(self._store)).differ:
            self._drop_at = time.monotonic() + DROP_SECONDS
            return
        self._drop_at, settings = None, self._settings()
        await drop_orphans(
            self._store,
            {source.name for source in settings.sources},
            days=settings.retention.days,
            entries=settings.retention.entries,
        )

    def _limit(self, role: Role) -> int:
        if role is Role.PAGE and not self._sequencer.pages_may_begin:
            return 0
        return min(self._places.room(role), PER_SWEEP[role])

    async def _keep_in_step(self) -> None:
        """Bring the schedule in line with feeds.yaml, after an edit or a wiped store."""
        settings = self._settings()
        known = settings is self._in_step_with
        if not await self._in_force.agrees(self._store) or not await self._story_ids_are_written():
            return
        names = [source.name for source in settings.sources if source.enabled]
        left = await drop_sources(self._store, names, forget_after=settings.dedup.window)
        await forget_lines(self._store, left)
        if not known:
            await return_stories(self._store, {source.name for source in settings.sources})
            dropping = settings.retention.removed_sources == "drop"
            self._drop_at = time.monotonic() if dropping else None
        await add_sources(self._store, names)
        if not known:
            await make_due(self._store, _longest_waits(settings))
            await self._poll_changed(settings)
        self._in_step_with, self._scheduled = settings, len(names)

    async def _poll_changed(self, settings: Settings) -> None:
        """Poll sources at once whose request settings changed: the edit may be a repair."""
        lines = {source.name: source.request_line for source in settings.sources if source.enabled}
        fetch = settings.fetch
        allowed = json.dumps([sorted(fetch.allow_private), sorted(fetch.ports)])
        changed = await changed_lines(self._store, {**lines, _ALLOWED: allowed})
        if _ALLOWED in changed:
            changed.remove(_ALLOWED)
            states = await load_sources(self._store, list(lines))
            refused = {n for n, s in zip(lines, states, strict=True) if s is not None and s.refused}
            changed += refused.difference(changed)
        if changed:
            await poll_in_order(self._store, changed)

    async def _story_ids_are_written(self) -> bool:
        """Whether the story ids of before are known; a new or wiped store waits for a service.

        A service that ran before the wipe remembers them and writes them back.
        """
        if await story_ids_written(self._store):
            self._found_empty = None
            return True
        self._found_empty = self._found_empty or time.monotonic()
        if time.monotonic() - self._found_empty < REMEMBER_SECONDS:
            return False
        await write_story_ids(self._store, {})
        return True


def _longest_waits(settings: Settings) -> dict[str, float]:
    """The longest possible wait of each source; longer ones were planned under other settings.

    They are shortened, so that a half-saved file has no lasting effect.
    """
    fetch = settings.fetch
    longest = max(fetch.max_interval, fetch.backoff.cap)
    jitter = 1.5
    return {
        source.name: jitter * max(longest, source.every or 0)
        for source in settings.sources
        if source.enabled
    }
