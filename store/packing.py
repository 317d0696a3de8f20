"""How records lie in the store: JSON, compressed with zstd when that pays."""

from __future__ import annotations

import sys
from typing import TypeVar

from pydantic import BaseModel, ValidationError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Record = TypeVar("Record", bound=BaseModel)

UNREADABLE = (ValidationError, zstd.ZstdError)  # what `unpack` raises on a foreign record

_LEVEL = 3  # 5.5 kB of body to 2.5 kB in 0.03 ms; higher levels gain little
_MAX_UNPACKED = 64 * 2**20  # bytes; nothing we write comes near it


def pack(record: BaseModel) -> bytes:
    """The stored form of a record."""
    return zstd.compress(record.model_dump_json(exclude_defaults=True).encode(), level=_LEVEL)


def unpack(kind: type[Record], stored: bytes) -> Record:
    """The record that `pack` stored."""
    return kind.model_validate_json(zstd.decompress(stored))


def packed_json(stored: bytes) -> bytes:
    """The JSON inside what `pack` stored, for a look that is cheaper than reading it."""
    return zstd.decompress(stored)
