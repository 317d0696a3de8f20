"""`millrace forget`: takes a story out of the feed and keeps it out."""

from __future__ import annotations

import asyncio
from pathlib import Path

from millrace.process.data_folder import running_store
from store.curation import forget


def forget_entry(asked: str, *, data: Path, redis: str | None) -> str:
    """Remove the story of an address or id, with all its copies; one line about it."""
    return asyncio.run(_forget(asked, data, redis))


async def _forget(asked: str, data: Path, redis: str | None) -> str:
    async with running_store(data=data, redis=redis) as store:
        done = await forget(store, asked)
    if not done.entries:
        return f"{asked}: nothing under it yet; it is kept out from now on"
    return f"{asked}: {done.stories} taken out of the feed, {done.entries} entries kept out"
