"""`millrace explain` and `millrace forget`: show or remove the story of an address or id."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson

from core.errors import MillraceError
from core.ids import PREFIX
from core.urls import web_url
from millrace.process.data_folder import running_store
from service.pages.story import explained
from store.curation import forget


def explain_entry(asked: str, *, data: Path, redis: str | None) -> str:
    """The decisions about an address or id, as JSON. Raises MillraceError if it is unknown."""
    found = asyncio.run(_explain(asked, data, redis))
    if not found["entries"]:
        raise MillraceError(f"{asked}: no entry under this address or id, or no longer kept")
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


async def _explain(asked: str, data: Path, redis: str | None) -> dict[str, Any]:
    async with running_store(data=data, redis=redis) as store:
        return await explained(store, asked)


def forget_entry(asked: str, *, data: Path, redis: str | None) -> str:
    """Remove the story of an address or id, with all its copies; returns one line about it.

    Raises MillraceError if it is neither an address nor an id.
    """
    if not (asked.startswith(PREFIX) or web_url(asked, None)):
        raise MillraceError(f"{asked}: neither the address of a story nor an id ({PREFIX}…)")
    return asyncio.run(_forget(asked, data, redis))


async def _forget(asked: str, data: Path, redis: str | None) -> str:
    async with running_store(data=data, redis=redis) as store:
        done = await forget(store, asked)
    if not done.entries:
        return f"{asked}: nothing under it yet; it is kept out from now on"
    return f"{asked}: {done.stories} taken out of the feed, {done.entries} entries kept out"
