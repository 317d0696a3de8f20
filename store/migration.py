"""Checks that this Millrace and this store fit together; exports and restores all state as text.

The export may run beside Millrace. Keys that mark entries as seen are exported before the entries,
so that changes during the export lead to fetching again, not to missing entries. The text does not
depend on the version of the server.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

from core.errors import LayoutMismatch, StoreError
from core.models import Decision, EntryRecord
from store import keys
from store.connection import Store, store_errors
from store.embedded import outdated_server
from store.layout import unpack

_BYTES = 32


async def shared_secret(store: Store, known: bytes | None) -> bytes:
    """The secret that all services of this store share; a wiped store gets `known` again."""
    fresh = known or secrets.token_bytes(_BYTES)
    with store_errors():
        there: bytes | None = await store.redis.set(keys.SECRET, fresh, nx=True, get=True)
    return there or fresh


_MIGRATING_SECONDS = 120

Step = Callable[[Store], Awaitable[None]]


async def _read_as_it_is(_: Store) -> None:
    """No change: layout 2 stores shown articles in the story; records of layout 1 are readable."""


# Version -> the step to the next one. A step may be interrupted and repeated.
STEPS: Mapping[int, Step] = {1: _read_as_it_is}


async def ensure_layout(store: Store) -> None:
    """Bring the store to our layout. Raises LayoutMismatch or StoreError if that is impossible."""
    found = await _found(store)
    if found == keys.LAYOUT_VERSION:
        return
    await _ensure_server(store)
    if found is None:
        with store_errors():
            await store.redis.set(keys.LAYOUT, keys.LAYOUT_VERSION, nx=True)
        found = await _found(store)
    await _ensure_ours(store, found or keys.LAYOUT_VERSION)


async def _ensure_ours(store: Store, found: int) -> None:
    if found > keys.LAYOUT_VERSION:
        raise LayoutMismatch(
            f"the store holds layout {found}, written by a newer Millrace; this one knows up to "
            f"{keys.LAYOUT_VERSION}: install the newer one, or use another store"
        )
    if found < keys.LAYOUT_VERSION:
        await _migrate(store)


async def _migrate(store: Store) -> None:
    """Run the missing steps. Raises StoreError while another process does; callers retry."""
    mine = secrets.token_hex(8)
    with store_errors():
        if not await store.redis.set(keys.MIGRATING, mine, nx=True, ex=_MIGRATING_SECONDS):
            raise StoreError("another Millrace is bringing the store's layout up to date")
    try:
        for version in range(await _found(store) or 1, keys.LAYOUT_VERSION):
            await STEPS[version](store)
            await store.call(
                store.script("stamp_layout"), [keys.LAYOUT, keys.MIGRATING], [version + 1, mine]
            )
    finally:
        await store.call(store.script("unlock"), [keys.MIGRATING], [mine])


async def _found(store: Store) -> int | None:
    with store_errors():
        stamp = await store.redis.get(keys.LAYOUT)
    if stamp is None:
        return None
    try:
        return int(stamp)
    except ValueError as error:
        raise LayoutMismatch(f"the store's layout version is {stamp!r}, not a number") from error


async def _ensure_server(store: Store) -> None:
    with store_errors():
        info = await store.redis.info("server")
    if outdated := outdated_server(info):
        raise StoreError(f"the store is {outdated}")


FORMAT = 1
_AT_ONCE = 200
# Seen guids before their entries, indexed founders before their stories.
_ORDER = ("source:", "seen:", "learned:", "ix:", "pending", "entry:", "url:", "story:")
# Keys about the present processes and hosts.
_LEFT_BEHIND = (
    "queue",
    "worker:",
    "workers",
    "process",
    "host:",
    "publisher",
    "migrating",
    "leases",
)
_LEASE = (b"token", b"begun")


async def export_state(store: Store) -> AsyncIterator[str]:
    """The lines of an export: a header, then one line for each key."""
    yield json.dumps({"millrace": "state", "format": FORMAT, "layout": keys.LAYOUT_VERSION})
    done: set[str] = set()
    for part in (*_ORDER, ""):
        async for key in _keys(store, keys.PREFIX + part):
            name = key.removeprefix(keys.PREFIX)
            if key in done or name.startswith(_LEFT_BEHIND):
                continue
            if not part and name.startswith(_ORDER):
                continue  # written after its part was exported: it will be fetched again
            done.add(key)
            if (line := await _line(store, key)) is not None:
                yield line


async def restore_state(store: Store, lines: Iterable[str]) -> int:
    """Write exported state into an empty store; returns the number of keys."""
    rows = iter(lines)
    _check_head(next(rows, ""))
    async for _ in _keys(store, keys.PREFIX):
        raise StoreError("the store holds a Millrace already: restore into an empty one")
    count = 0
    for row in rows:
        await _write(store, json.loads(row))
        count += 1
    await _wait_for_pages(store)
    return count


def _check_head(line: str) -> None:
    try:
        head = json.loads(line)
        layout = int(head["layout"])
        fits = head["millrace"] == "state" and head["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError("this is not an exported state") from error
    if not fits or layout != keys.LAYOUT_VERSION:
        raise LayoutMismatch(
            f"this state has layout {layout}, this Millrace writes {keys.LAYOUT_VERSION}: "
            "restore it with the version that exported it, then upgrade"
        )


async def _keys(store: Store, prefix: str) -> AsyncIterator[str]:
    with store_errors():
        async for key in store.redis.scan_iter(match=f"{prefix}*", count=_AT_ONCE):
            yield key.decode()


async def _line(store: Store, key: str) -> str | None:
    redis = store.redis
    with store_errors():
        kind = (await redis.type(key)).decode()
        until = int(await redis.pexpiretime(key))
        match kind:
            case "string":
                value: Any = _text(await redis.get(key))
            case "hash":
                found = await redis.hgetall(key)
                value = [_pair(f, v) for f, v in found.items() if f not in _LEASE]
            case "zset":
                found = await redis.zrange(key, 0, -1, withscores=True)
                value = [[_text(member), score] for member, score in found]
            case "list":
                value = [_text(each) for each in await redis.lrange(key, 0, -1)]
            case "stream":
                found = await redis.xrange(key)
                value = [[i.decode(), [_pair(f, v) for f, v in fs.items()]] for i, fs in found]
            case _:
                return None  # the key expired during the export
    if value is None:
        return None
    return json.dumps({"key": key, "kind": kind, "until": until, "value": value})


async def _write(store: Store, row: dict[str, Any]) -> None:
    key, value = row["key"], row["value"]
    pipe = store.redis.pipeline(transaction=True)
    match row["kind"]:
        case "string":
            pipe.set(key, _bytes(value))
        case "hash" if value:
            pipe.hset(key, mapping={_bytes(f): _bytes(v) for f, v in value})
        case "zset" if value:
            pipe.zadd(key, {_bytes(member): score for member, score in value})
        case "list" if value:
            pipe.rpush(key, *(_bytes(each) for each in value))
        case "stream":
            for position, fields in value:
                pipe.xadd(key, {_bytes(f): _bytes(v) for f, v in fields}, id=position)
    if row["until"] > 0:
        pipe.pexpireat(key, row["until"])
    with store_errors():
        await pipe.execute()


async def _wait_for_pages(store: Store) -> None:
    """Schedule the pages of entries that were pending when they were exported."""
    now = await store.now() * 1000
    async for key in _keys(store, keys.entry("")):
        with store_errors():
            document = await store.redis.hget(key, "doc")
        if document and unpack(EntryRecord, document).decision is Decision.PENDING:
            entry_id = key.removeprefix(keys.entry(""))
            with store_errors():
                await store.redis.zadd(keys.PENDING, {entry_id: now}, nx=True)


def _pair(field: bytes, value: bytes) -> list[str]:
    return [_text(field), _text(value)]


def _text(value: bytes | None) -> Any:
    return None if value is None else base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
