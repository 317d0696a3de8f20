"""The table of keys in store/keys.py, held against the keys that a test left in a store."""

from __future__ import annotations

import re

from store import keys
from store.connection import Store

_ROW = re.compile(r"(\S+) +(string|hash|zset|list|stream|several) +\S.*")
# `seen:NAME` -> seen:.+; `host:HOST:...` -> host:.+
_NAME = re.compile(r"[A-Z]{2,}(?::\.\.\.)?|\.\.\.")


def rows() -> list[tuple[re.Pattern[str], str]]:
    """The pattern of each key in the table, and its type; the longest first."""
    found = sorted(filter(None, map(_ROW.fullmatch, str(keys.__doc__).split("\n"))), key=_longest)
    return [(re.compile(_NAME.sub(".+", row[1])), row[2]) for row in found]


def _longest(row: re.Match[str]) -> int:
    return -len(row[1])


async def undocumented(store: Store) -> list[str]:
    """The keys of a store that the table does not name, or names with another type."""
    known, wrong = rows(), []
    async for raw in store.redis.scan_iter(match=keys.PREFIX + "*", count=1000):
        name = raw.decode("utf-8", "replace").removeprefix(keys.PREFIX)
        kind = (await store.redis.type(raw)).decode()
        wanted = next((kind for pattern, kind in known if pattern.fullmatch(name)), "no row")
        if kind != "none" and wanted not in (kind, "several"):
            wrong.append(f"{name}: a {kind}, in the table: {wanted}")
    return wrong
