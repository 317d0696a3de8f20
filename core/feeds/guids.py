"""One guid for each entry of a document, the same at every poll.

A stated guid counts, unless the feed gives one to all; then the link, unless that is one for all
too; then the text. Better two entries of one story than two stories under one guid.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple

LONGEST = 1024


class Named(NamedTuple):
    """What an entry can be told apart by."""

    stated: str | None
    link: str | None
    title: str
    body: str


def stable_guids(entries: Sequence[Named]) -> list[str | None]:
    """A guid for each entry; None for one that only repeats an earlier entry of the document."""
    stated = _unless_one_for_all([_short(entry.stated) for entry in entries])
    links = _unless_one_for_all([_short(entry.link) for entry in entries])
    guids = [
        guid or link or _digest(entry)
        for guid, link, entry in zip(stated, links, entries, strict=True)
    ]
    return _kept_apart(guids, links, entries)


def plain_guids(entries: Sequence[Named]) -> tuple[Literal["guid", "link"], list[str]] | None:
    """What tells all of them apart alone: the guids they state, or, if none does, their links.

    Then `stable_guids` gives just these, whatever other entries of that kind there are besides, as
    long as all differ. None where it takes more.
    """
    stated = [_short(entry.stated) for entry in entries]
    links = [] if any(stated) else [_short(entry.link) for entry in entries]
    names = [name for name in links or stated if name is not None]
    if len(set(names)) < len(entries):
        return None
    return "link" if links else "guid", names


def _kept_apart(
    guids: Sequence[str], links: Sequence[str | None], entries: Sequence[Named]
) -> list[str | None]:
    """Entries that share a guid get their link or text added to it; true copies go."""
    groups: dict[str, list[int]] = defaultdict(list)
    for at, guid in enumerate(guids):
        groups[guid].append(at)
    result: list[str | None] = list(guids)
    for guid, members in groups.items():
        if len(members) == 1:
            continue
        firsts: dict[str, int] = {}
        for at in members:
            if firsts.setdefault(_digest(entries[at]), at) != at:
                result[at] = None
        if len(firsts) > 1:
            for at, name in zip(firsts.values(), _names(firsts, links), strict=True):
                result[at] = f"{guid}#{name}"
    return result


def _names(firsts: dict[str, int], links: Sequence[str | None]) -> list[str]:
    """What tells the entries of one guid apart: their links, or else their texts."""
    found = [link for at in firsts.values() if (link := links[at]) is not None]
    return found if len(set(found)) == len(firsts) else list(firsts)


def _unless_one_for_all(values: list[str | None]) -> list[str | None]:
    if len(values) > 1 and len(set(values)) == 1:
        return [None] * len(values)
    return values


def _short(value: str | None) -> str | None:
    value = (value or "").strip()
    if len(value) > LONGEST:
        return "sha256:" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return value or None


def _digest(entry: Named) -> str:
    text = f"{entry.title}\0{entry.body}"
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
