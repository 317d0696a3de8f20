"""How records lie in the store: JSON, compressed with zstd by what all records have in common."""

from __future__ import annotations

import sys
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from store.dictionary import COMMON

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Record = TypeVar("Record", bound=BaseModel)

_DICTIONARY = zstd.ZstdDict(COMMON, is_raw=True)
_BY_DICTIONARY = b"\x01"  # in front of what was compressed with it; no frame of zstd begins so
UNREADABLE = (ValidationError, zstd.ZstdError)  # what `unpack` raises on a foreign record

_LEVEL = 3  # 5.5 kB of body to 2.5 kB in 0.03 ms; higher levels gain little
_COMPRESSOR = zstd.ZstdCompressor(level=_LEVEL, zstd_dict=_DICTIONARY)  # dearer than most records
_MAX_UNPACKED = 64 * 2**20  # bytes; nothing we write comes near it


def pack(record: BaseModel) -> bytes:
    """The stored form of a record."""
    written = record.model_dump_json(exclude_defaults=True).encode()
    return _BY_DICTIONARY + _COMPRESSOR.compress(written, _COMPRESSOR.FLUSH_FRAME)


def unpack(kind: type[Record], stored: bytes) -> Record:
    """The record that `pack` stored."""
    return kind.model_validate_json(_unpacked(stored))


def packed_json(stored: bytes) -> str:
    """The JSON inside what `pack` stored, for a look that is cheaper than reading it."""
    return _unpacked(stored).decode()


def _unpacked(stored: bytes) -> bytes:
    if stored.startswith(_BY_DICTIONARY):
        return zstd.decompress(memoryview(stored)[1:], zstd_dict=_DICTIONARY)
    return zstd.decompress(stored)  # as layout 1 had it
