"""Notices which lines of feeds.yaml ask for something else than before, over restarts too.

Only digests are kept, keyed by a salt of the store's own: what goes in holds credentials.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence

from store import keys
from store.connection import Store, store_errors

_SALT = "*"  # field of the salt; no source can have this name
_DIGEST = 16  # bytes
_AT_ONCE = 5000


async def changed_lines(store: Store, lines: Mapping[str, str]) -> list[str]:
    """The names whose text is another than at the last call; a name never seen is not changed."""
    salt = await _salt(store)
    digests = {name: _digest(text, salt) for name, text in lines.items()}
    changed: list[str] = []
    names = list(digests)
    for start in range(0, len(names), _AT_ONCE):
        chunk = names[start : start + _AT_ONCE]
        changed += await _exchange(store, chunk, [digests[name] for name in chunk])
    return changed


async def forget_lines(store: Store, names: Collection[str]) -> None:
    """Forget the lines of sources that left feeds.yaml."""
    if names:
        with store_errors():
            await store.redis.hdel(keys.LINES, *names)  # type: ignore[misc]


async def _exchange(store: Store, names: Sequence[str], digests: Sequence[bytes]) -> list[str]:
    with store_errors():
        before = await store.redis.hmget(keys.LINES, list(names))  # type: ignore[misc]
    rows = list(zip(names, digests, before, strict=True))
    other = {name: digest for name, digest, known in rows if digest != known}
    if other:
        with store_errors():
            await store.redis.hset(keys.LINES, mapping=other)  # type: ignore[misc]
    return [name for name, digest, known in rows if known is not None and digest != known]


async def _salt(store: Store) -> bytes:
    with store_errors():
        await store.redis.hsetnx(keys.LINES, _SALT, secrets.token_bytes(_DIGEST))  # type: ignore[misc, arg-type]
        salt: bytes = await store.redis.hget(keys.LINES, _SALT)  # type: ignore[misc]
    return salt


def _digest(text: str, salt: bytes) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST, key=salt).digest()
