"""Whether this Millrace and this store fit together, and the secret that only this store knows."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping

from core.errors import LayoutMismatch, StoreError
from store import keys
from store.connection import Store, store_errors

_BYTES = 32


async def shared_secret(store: Store, known: bytes | None) -> bytes:
    """The secret that all services of this store share; a wiped store gets the one `known`."""
    fresh = known or secrets.token_bytes(_BYTES)
    with store_errors():
        there: bytes | None = await store.redis.set(keys.SECRET, fresh, nx=True, get=True)
    return there or fresh


OLDEST_SERVER = 7  # older ones lack what the scripts use
_MIGRATING_SECONDS = 120

Step = Callable[[Store], Awaitable[None]]


async def _read_as_it_is(_: Store) -> None:
    """Layout 2 lets the story hold the article it shows, and packs tighter; 1 can still be read."""


# From which version -> what makes the next one of it. A step may be cut off and run again.
STEPS: Mapping[int, Step] = {1: _read_as_it_is}


async def ensure_layout(store: Store) -> None:
    """Return once the store holds our layout; raises LayoutMismatch or StoreError if it cannot."""
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
    """One process at a time; the others wait by trying again."""
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
    version = str(info.get("redis_version", OLDEST_SERVER))
    if int(version.partition(".")[0]) < OLDEST_SERVER:
        raise StoreError(
            f"the store is version {version}: Millrace needs Redis or Valkey {OLDEST_SERVER}.0 "
            "or newer"
        )
