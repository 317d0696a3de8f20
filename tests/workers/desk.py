"""A worker's tools on a real store, driven by hand: poll this source now, read what is pending."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from core.config.settings import Settings
from core.models import Decision, EntryRecord, Story
from store import keys
from store.connection import Store
from store.entries import load_entries, load_stories
from store.hosts import HostTurns
from store.index import SharedIdf
from store.outbox import OPERATOR, Outbox
from store.schedule import PAGES, SOURCES, add_sources, poll_now
from store.sources import SourceState, load_source
from tests.leases import lease_due
from workers.context import WorkerContext
from workers.http.client import Fetcher
from workers.http.robots import Robots
from workers.jobs.deliver import Sender, callback_settings
from workers.jobs.page import read_page
from workers.jobs.page_commits import PageCommits
from workers.jobs.poll import refresh
from workers.sandbox.pool import Sandbox

QUICK: dict[str, Any] = {
    "min_interval": "1s",
    "timeout": "2s",
    "backoff": {"base": "1s", "cap": "1h"},
    "per_host": {"in_flight": 8, "per_second": 1000},
}


async def deliver(context: WorkerContext, outbox: Outbox = OPERATOR) -> int:
    """Send what is due in an outbox, once; how many deliveries that were."""
    sender = Sender(context, outbox, context.outgoing if outbox is OPERATOR else context.callbacks)
    begun = await sender.send_due()
    await sender.sent()
    return begun


class Desk:
    """One worker without its loops."""

    def __init__(self, context: WorkerContext, settings: Settings) -> None:
        self.context = context
        self.commits = PageCommits(context)
        self.settings = settings

    async def poll(self, name: str = "source") -> SourceState:
        """Poll a source whatever its schedule says; its state afterwards."""
        await add_sources(self.context.store, [name])
        await poll_now(self.context.store, name)
        for lease in await lease_due(self.context.store, SOURCES, limit=1, seconds=20):
            await refresh(self.context, lease)
        state = await load_source(self.context.store, name)
        assert state is not None
        return state

    async def sweep(self) -> int:
        """Schedule what is configured and poll all that is due, at once; how many that were."""
        names = [source.name for source in self.settings.sources]
        await add_sources(self.context.store, names, spacing=0)
        leases = await lease_due(self.context.store, SOURCES, limit=1000, seconds=20)
        await asyncio.gather(*(refresh(self.context, lease) for lease in leases))
        return len(leases)

    async def read_pages(self) -> None:
        """Read all pages that are pending and due."""
        while leases := await lease_due(self.context.store, PAGES, limit=50, seconds=20):
            for lease in leases:
                await read_page(self.context, self.commits, lease)

    async def entries(self) -> list[EntryRecord]:
        """Every entry that was taken in."""
        prefix = keys.entry("")
        found = [key async for key in self.context.store.redis.scan_iter(prefix + "*")]
        ids = [key.decode().removeprefix(prefix) for key in found]
        records = await load_entries(self.context.store, ids)
        return sorted((r for r in records if r is not None), key=lambda r: (r.place, -r.order))

    async def published(self) -> list[EntryRecord]:
        """The entries that founded a story."""
        return [r for r in await self.entries() if r.decision is Decision.PUBLISHED]

    async def stories(self) -> list[Story]:
        """Every story that is kept."""
        ids = [i.decode() for i in await self.context.store.redis.zrevrange(keys.RIVER, 0, -1)]
        return [story for story in await load_stories(self.context.store, ids) if story is not None]


def settings_for(*sources: dict[str, Any], **fetch: Any) -> Settings:
    """Settings with these sources; `fetch` goes over the quick ones."""
    named = [{"name": f"source{n or ''}", **source} for n, source in enumerate(sources)]
    return Settings.model_validate({"sources": named, "fetch": {**QUICK, **fetch}})


@asynccontextmanager
async def desk_for(store: Store, sandbox: Sandbox, settings: Settings) -> AsyncIterator[Desk]:
    """A desk for these settings."""
    turns = HostTurns(store, settings.fetch.per_host, timeout=settings.fetch.timeout)
    async with (
        Fetcher(settings.fetch, turns=turns) as fetcher,
        Fetcher(settings.fetch) as outgoing,
        Fetcher(callback_settings(settings.fetch)) as callbacks,
    ):
        context = WorkerContext(
            store=store,
            settings=lambda: settings,
            fetcher=fetcher,
            outgoing=outgoing,
            callbacks=callbacks,
            robots=Robots(store, fetcher, sandbox),
            sandbox=sandbox,
            shared_idf=SharedIdf(store),
            version="1",
            chance=lambda: 0.5,
        )
        yield Desk(context, settings)
