"""A secret of this store's own, which signs what only its services may hand out."""

from __future__ import annotations

import secrets

from store import keys
from store.connection import Store, store_errors

_BYTES = 32


async def shared_secret(store: Store, known: bytes | None) -> bytes:
    """The secret that all services of this store share; a wiped store is told the one `known`."""
    fresh = known or secrets.token_bytes(_BYTES)
    with store_errors():
        there: bytes | None = await store.redis.set(keys.SECRET, fresh, nx=True, get=True)
    return there or fresh
