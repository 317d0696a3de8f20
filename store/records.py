"""How records lie in the store: JSON, compressed with zstd and a shared dictionary."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from core import zstd

# The beginnings of our own field names, which a record need not hold again: 6 % of an entry. What
# was written with it is read only with these very bytes, so they are never edited, though some
# fields have changed since; a folder may hold records of years. A new dictionary would stand beside
# this one, under a number of its own, and pay only if it saved far more.
COMMON = (
    b'"language":"zh-Hans","categories":["politics","world","news"],'
    b'"enclosures":[{"url":"https://","type":"audio/mpeg","length":'
    b'","updated":"20","summary":"","content_type":"html","base":"https://www.",'
    b'{"id":"urn:millrace:","source":"","guid":"https://www.","url":"https://","title":"",'
    b'"arrived":"2026-01-01T00:00:00.000000Z","place":"2026-01-01T00:00:00Z","order":10,'
    b'"decision":"merged","rule":"distance","story":"urn:millrace:","distance":12,'
    b'"similarity":0.9,"compared_with":"urn:millrace:","revised":"2026-","attempts":1,'
    b'"backfill":true,"raw":{"guid":"https://","position":1,"title":"","link":"https://"}'
    b'"decision":"published","rule":"founder","story":"urn:millrace:'
    b'{"id":"urn:millrace:","first_seen":"2026-","arrived":"2026-","order":1,"updated":"2026-'
    b'","version":2,"representative":"urn:millrace:","members":[{"id":"urn:millrace:","source":"'
    b'","url":"https://www.","title":"","first_seen":"2026-","decision":"merged","rule":"same-url"'
    b',"distance":0,"similarity":1.0,"priority":1,"published":"2026-01-01","tags":["'
    b'","decision":"published","rule":"founder","published":"2026-01-01T00:00:00+00:00"}],'
    b'"article":{"title":"","author":"","published":"2026-01-01T00:00:00+00:00",'
    b'"original_url":"https://www.","link":"https://www.","lead_image":"https://","language":"en",'
    b'"html":"<h2></h2>\\n<blockquote><p></p></blockquote>\\n<ul><li><p></p></li></ul>\\n'
    b'<figure><img src=\\"https://\\" alt=\\"\\" width=\\"600\\" height=\\"400\\" '
    b'loading=\\"lazy\\" /><figcaption></figcaption></figure>\\n<p><strong></strong></p>\\n'
    b'<p><a href=\\"https://www.\\" rel=\\"noopener noreferrer\\"></a></p>\\n<p>'
    b'","text":"\\n\\n","images":["https://","https://"],"links":["https://www.","https://www."],'
    b'"method":"page","removed":[{"rule":"learned","text":"'
    b'"},{"rule":"promo","text":"'
    b'"},{"rule":"share","text":"'
    b'"},{"rule":"related","text":"'
    b'"},{"rule":"original-address","text":"'
    b'"},{"rule":"editor","text":"'
    b'"},{"rule":"navigation","text":"'
    b'"},{"rule":"title","text":"'
    b'"}]}}'
)


Record = TypeVar("Record", bound=BaseModel)

_DICTIONARY = zstd.ZstdDict(COMMON, is_raw=True)
_BY_DICTIONARY = b"\x01"  # in front of what was compressed with it; no frame of zstd begins so
UNREADABLE = (ValidationError, zstd.ZstdError)  # what `unpack` raises on a foreign record

_LEVEL = 3  # 5.5 kB of body to 2.5 kB in 0.03 ms; higher levels gain little
_COMPRESSOR = zstd.ZstdCompressor(
    level=_LEVEL, zstd_dict=_DICTIONARY
)  # costs more than most records
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


def pack_bytes(data: bytes) -> bytes:
    """The stored form of what is no record."""
    return zstd.compress(data, level=_LEVEL)


def unpack_bytes(stored: bytes) -> bytes:
    """What `pack_bytes` stored."""
    return zstd.decompress(stored)


def _unpacked(stored: bytes) -> bytes:
    if stored.startswith(_BY_DICTIONARY):
        return zstd.decompress(memoryview(stored)[1:], zstd_dict=_DICTIONARY)
    return zstd.decompress(stored)  # as layout 1 had it
