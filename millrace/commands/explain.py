"""`millrace explain`: what became of an entry, and why."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson

from core.errors import MillraceError
from millrace.process.data_folder import running_store
from service.pages.story import explained


def explain_entry(asked: str, *, data: Path, redis: str | None) -> str:
    """The decisions about an address or id, as JSON; raises MillraceError when it is unknown."""
    found = asyncio.run(_explain(asked, data, redis))
    if not found["entries"]:
        raise MillraceError(f"{asked}: no entry under this address or id, or no longer kept")
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


async def _explain(asked: str, data: Path, redis: str | None) -> dict[str, Any]:
    async with running_store(data=data, redis=redis) as store:
        return await explained(store, asked)
