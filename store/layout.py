"""How things are written: byte layouts that Lua and Python share, scripts and their arguments, and
records, which are JSON compressed with zstd and a shared dictionary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from struct import Struct
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from core import zstd
from core.ids import CONTENT_DIGEST, GUID_DIGEST
from store import keys


@dataclass(frozen=True)
class Layout:
    """The fields of a byte string, in order, with their sizes in bytes."""

    name: str
    fields: dict[str, int]

    def __getitem__(self, field: str) -> int:
        return self.fields[field]

    @property
    def size(self) -> int:
        """The total size in bytes."""
        return sum(self.fields.values())

    def split(self, text: bytes) -> dict[str, bytes]:
        """The fields of a byte string."""
        return {field: text[first : last + 1] for field, first, last in self._places()}

    def constants(self) -> Iterator[tuple[str, int]]:
        """The constants that describe the layout to Lua: sizes, and positions counted from 0."""
        yield f"{self.name}_BYTES", self.size
        for field, first, last in self._places():
            yield f"{self.name}_{field.upper()}", first
            yield f"{self.name}_{field.upper()}_LAST", last

    def _places(self) -> Iterator[tuple[str, int, int]]:
        first = 0
        for field, size in self.fields.items():
            yield field, first, first + size - 1
            first += size


# Of the duplicate index (index.lua). Entries are looked up by their keys. A posting is filed in the
# bucket of its key and names a record of the slice. A record describes a founder: `moment` is its
# time as a share of the slice's length, `print` has PRINT_BYTES of core/dedup/fingerprint.py (not
# imported, because that module is large; a test compares).
KEY = Layout("KEY", {"kind": 1, "bucket": 2, "suffix": 2})
POSTING = Layout("POSTING", {"suffix": KEY["suffix"], "record": 3})
RECORD = Layout("RECORD", {"story": 16, "moment": 2, "print": 42})

# Of `seen:NAME` (commit.lua, trim_seen.lua). A poll passes its listed guids as a string of LISTED;
# each is stored under its guid as SEEN. `dropped` is the Unix time at which the source stopped
# listing the guid, or all ones while it lists it.
LISTED = Layout("LISTED", {"guid": GUID_DIGEST, "content": CONTENT_DIGEST})
SEEN = Layout("SEEN", {"content": CONTENT_DIGEST, "dropped": 4})

LAYOUTS = (KEY, POSTING, RECORD, LISTED, SEEN)


@cache
def script(*names: str) -> str:
    """The script made of constants, the prelude and the files store/lua/NAME.lua, in order."""
    folder = resources.files("store") / "lua"
    parts = [(folder / f"{name}.lua").read_text(encoding="utf-8") for name in ("prelude", *names)]
    return "\n".join([_constants(), *parts])


def _constants() -> str:
    numbers = [pair for layout in LAYOUTS for pair in layout.constants()]
    lines = [f"local {name} = {value}" for name, value in numbers]
    return "\n".join([f"local PREFIX = '{keys.PREFIX}'", *lines])


_INTEGER, _LENGTH = Struct(">Bq"), Struct(">BI")


def packed(value: Any) -> bytes:
    """Dataclasses, or a sequence of them, as MessagePack; fields that are None are left out."""
    parts: list[bytes] = []
    _pack(value, parts.append)
    return b"".join(parts)


def _pack(value: Any, add: Callable[[bytes], None]) -> None:
    if isinstance(value, bytes):
        add(_LENGTH.pack(0xDB, len(value)))
        add(value)
    elif isinstance(value, str):
        _pack(value.encode(), add)
    elif isinstance(value, bool):
        add(b"\xc3" if value else b"\xc2")
    elif isinstance(value, int):
        add(_INTEGER.pack(0xD3, value))
    elif isinstance(value, Sequence):
        add(_LENGTH.pack(0xDD, len(value)))
        for each in value:
            _pack(each, add)
    else:
        kind: Any = type(value)
        known = [(name, getattr(value, field)) for name, field in _fields(kind)]
        given = [(name, each) for name, each in known if each is not None]
        add(bytes([0x80 | len(given)]))  # a map of up to 15 fields
        for name, each in given:
            add(name)
            _pack(each, add)


@cache
def _fields(kind: Any) -> list[tuple[bytes, str]]:
    """The field names of a model, as MessagePack and as text."""
    return [(packed(field.name), field.name) for field in fields(kind)]


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
UNREADABLE = (ValidationError, zstd.ZstdError)  # raised by `unpack` for an invalid record

_LEVEL = 3  # 5.5 kB of body to 2.5 kB in 0.03 ms; higher levels gain little
# Made once, because that costs more than compressing a record.
_COMPRESSOR = zstd.ZstdCompressor(level=_LEVEL, zstd_dict=_DICTIONARY)


def pack(record: BaseModel) -> bytes:
    """The stored form of a record."""
    written = record.model_dump_json(exclude_defaults=True).encode()
    return _BY_DICTIONARY + _COMPRESSOR.compress(written, _COMPRESSOR.FLUSH_FRAME)


def unpack(kind: type[Record], stored: bytes) -> Record:
    """The record that `pack` stored.

    Unknown fields are ignored: during a rolling upgrade a newer version writes too.
    """
    return kind.model_validate_json(_unpacked(stored), extra="ignore")


def packed_json(stored: bytes) -> str:
    """The JSON text that `pack` stored, for a search that is cheaper than parsing."""
    return _unpacked(stored).decode()


def pack_bytes(data: bytes) -> bytes:
    """The stored form of bytes that are not a record."""
    return zstd.compress(data, level=_LEVEL)


def unpack_bytes(stored: bytes) -> bytes:
    """The bytes that `pack_bytes` stored."""
    return zstd.decompress(stored)


def _unpacked(stored: bytes) -> bytes:
    if stored.startswith(_BY_DICTIONARY):
        return zstd.decompress(memoryview(stored)[1:], zstd_dict=_DICTIONARY)
    return zstd.decompress(stored)  # layout 1 had no dictionary
