"""What the commit script and the index scripts are told, as typed models, and how it is sent.

A plan is one argument in MessagePack, which Redis' Lua reads as tables with binary strings in them
(`cmsgpack.unpack`); JSON cannot hold those. Of the format (https://msgpack.org) the six kinds of
value are written that a plan has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from struct import Struct
from typing import Any


@dataclass(frozen=True, slots=True)
class Fence:
    """A lease that the work was done under: refused unless its token is current."""

    schedule: str  # key of the sorted set
    state: str  # key of the hash that holds the token
    name: str
    token: str
    next: int | None = None  # ms until the source is due again; None: it is no source


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """An entry to be written."""

    id: str
    key: str
    doc: bytes
    ttl: int  # seconds
    fresh: bool  # it must not exist yet
    urls: Sequence[str]  # keys under which it is found by address
    due: int | None = None  # ms until its page may be fetched; None: it waits for none


@dataclass(frozen=True, slots=True)
class StoryPlan:
    """A story to be written: refused unless its version is still `expect`, 0 for a new one."""

    key: str
    id: str
    expect: int
    version: int
    kind: str  # of the element in the stream of changes
    doc: bytes
    displaced: str | None = None  # key of the entry that showed its article until now
    article: bytes | None = None  # that article, which goes back to it
    score: str | None = None  # place in the river, of a new story
    arrived: int | None = None  # ms, of a new story


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What a poll leaves behind for its source; None: as it was."""

    key: str
    seen_key: str
    learned_key: str
    state: bytes
    seen: bytes | None = None  # what it listed: layout LISTED of store/scripts.py
    items: bytes | None = None
    tree: bytes | None = None
    learned: bytes | None = None


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    """An entry that was decided upon: checked against what was filed meanwhile; a founder filed."""

    id: str
    keys: bytes  # layout KEY of store/scripts.py
    weighed: Sequence[bytes] | None = None  # the 16 bytes of each founder; None: not checked
    story: bytes | None = None  # 16 bytes; None: a repost, which is not filed
    print: bytes | None = None
    again: bool | None = None  # a founder's later text, filed if it needs keys of its own


@dataclass(frozen=True, slots=True)
class Plan:
    """One commit."""

    layout: str  # refused in a store of another one
    changes_kept: int
    fences: Sequence[Fence]
    entries: Sequence[EntryPlan]
    stories: Sequence[StoryPlan]
    claims: Sequence[ClaimPlan]
    source: SourcePlan | None
    mark: str | None  # where the index stood when the claims' candidates were found


_INTEGER, _LENGTH = Struct(">Bq"), Struct(">BI")


def packed(value: Any) -> bytes:
    """A plan, or a sequence of parts of one, as MessagePack; fields that are None are left out."""
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
    """The names of a model's fields, as MessagePack and as they are."""
    return [(packed(field.name), field.name) for field in fields(kind)]
