"""The store's scripts, and the byte layouts that they and Python share.

Every script of `store/lua` is preceded by what Python states here, as Lua constants, and by
`prelude.lua`. A layout is written down once: `Layout` below. Of a field that Lua cuts from a text
it knows the first and the last byte, counted from 0: `record:sub(at + RECORD_STORY,
at + RECORD_STORY_LAST)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from core.ids import CONTENT_DIGEST, GUID_DIGEST
from store import keys


@dataclass(frozen=True)
class Layout:
    """The fields of a binary text, one after the other, with their bytes."""

    name: str
    fields: dict[str, int]

    def __getitem__(self, field: str) -> int:
        return self.fields[field]

    @property
    def size(self) -> int:
        """Bytes of the whole."""
        return sum(self.fields.values())

    def split(self, text: bytes) -> dict[str, bytes]:
        """The fields of a text."""
        return {field: text[first : last + 1] for field, first, last in self._places()}

    def constants(self) -> Iterator[tuple[str, int]]:
        """As Lua knows it."""
        yield f"{self.name}_BYTES", self.size
        for field, first, last in self._places():
            yield f"{self.name}_{field.upper()}", first
            yield f"{self.name}_{field.upper()}_LAST", last

    def _places(self) -> Iterator[tuple[str, int, int]]:
        first = 0
        for field, size in self.fields.items():
            yield field, first, first + size - 1
            first += size


# Of the duplicate index (index.lua). A key is where an entry is looked up; a posting is filed in
# the bucket of its key and names a record of the slice; a record is what is kept of a founder: its
# moment is a share of the slice's length, its print `PRINT_BYTES` of core/dedup/fingerprint.py (a
# test compares; that module is heavy).
KEY = Layout("KEY", {"kind": 1, "bucket": 2, "suffix": 2})
POSTING = Layout("POSTING", {"suffix": KEY["suffix"], "record": 3})
RECORD = Layout("RECORD", {"story": 16, "moment": 2, "print": 42})

# Of `seen:NAME` (commit.lua, trim_seen.lua). What a poll listed comes as one text of LISTED; it is
# kept under the guid as SEEN. `dropped`: seconds since 1970 at which the source stopped listing the
# guid, all ones while it lists it.
LISTED = Layout("LISTED", {"guid": GUID_DIGEST, "content": CONTENT_DIGEST})
SEEN = Layout("SEEN", {"content": CONTENT_DIGEST, "dropped": 4})

LAYOUTS = (KEY, POSTING, RECORD, LISTED, SEEN)


@cache
def script(*names: str) -> str:
    """The script made of the files `store/lua/NAME.lua`, in this order, behind the prelude."""
    folder = resources.files("store") / "lua"
    parts = [(folder / f"{name}.lua").read_text(encoding="utf-8") for name in ("prelude", *names)]
    return "\n".join([_constants(), *parts])


def _constants() -> str:
    numbers = [pair for layout in LAYOUTS for pair in layout.constants()]
    lines = [f"local {name} = {value}" for name, value in numbers]
    return "\n".join([f"local PREFIX = '{keys.PREFIX}'", *lines])
