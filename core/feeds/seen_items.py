"""What is remembered of the items of a source's last document, so that old ones are not read again.

An item is known by its bytes. What is remembered of it is what it was found to be: the digest of
its guid, and the digest of what it says. That holds while it is what was last seen of the guid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from core.feeds.item_split import ITEM_DIGEST
from core.ids import CONTENT_DIGEST, GUID_DIGEST

RECORD = ITEM_DIGEST + GUID_DIGEST + CONTENT_DIGEST
_MARKS: dict[str, bytes] = {"guid": b"g", "link": b"l"}


class Known(NamedTuple):
    """One item as it was found to be."""

    guid: bytes  # digest
    content: bytes  # digest


class KnownItems(NamedTuple):
    """The items of a document in which all were told apart in the same way."""

    named_by: Literal["guid", "link"]
    items: Mapping[bytes, Known]  # by the digest of its bytes

    def to_bytes(self) -> bytes:
        """For the store: a letter, then 40 bytes an item."""
        records = (digest + known.guid + known.content for digest, known in self.items.items())
        return _MARKS[self.named_by] + b"".join(records)


def known_items(stored: bytes) -> KnownItems:
    """What `to_bytes` wrote; from nothing nothing is known."""
    starts = range(1, len(stored) - RECORD + 1, RECORD)
    records = (stored[at : at + RECORD] for at in starts)
    return KnownItems("link" if stored[:1] == _MARKS["link"] else "guid", dict(_split(records)))


def still_known(stored: bytes, seen: Mapping[bytes, bytes]) -> bytes:
    """What `to_bytes` wrote, without items that are no longer what was `seen` under their guid."""
    middle = ITEM_DIGEST + GUID_DIGEST
    records = (stored[at : at + RECORD] for at in range(1, len(stored) - RECORD + 1, RECORD))
    still = (r for r in records if seen.get(r[ITEM_DIGEST:middle]) == r[middle:])
    return stored[:1] + b"".join(still)


def _split(records: Iterable[bytes]) -> Iterable[tuple[bytes, Known]]:
    middle = ITEM_DIGEST + GUID_DIGEST
    for record in records:
        yield record[:ITEM_DIGEST], Known(record[ITEM_DIGEST:middle], record[middle:])
