"""Learn boilerplate: the lines that repeat in the last items of a source.

A line is identified by its letters (digits masked, URLs reduced to their host), an image by its
URL. Nothing about specific sites is built in; the learned state is small and bounded.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections import Counter, deque
from collections.abc import Iterable
from itertools import chain

import xxhash

from core.body.blocks import Line
from core.body.rules import Place, is_prose
from core.text import letters_only
from core.urls import host_of

WINDOW = 50  # items; five are nearly as good, so a source is clean from its sixth entry on
MOST_LINES = 160  # per item: both ends, where boilerplate occurs
LONGEST = 600  # letters; longer paragraphs are never boilerplate
SHARE = 0.30  # minimum share of items, and at least three items
SHARE_LINKED = 0.06  # for lines that consist of links: rotating promotions
SHARE_INSIDE = 0.60  # for short lines without links between two paragraphs of text
LEAST = 3  # items; a line in two items may be a follow-up that quotes the first
MOST_CUT = 0.40  # largest share of an item's letters outside links
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_DIGITS = re.compile(r"\d\d*")  # r"\d+" is retried at every letter and takes twice as long
_VERSION = 1  # version of the stored state; other versions are discarded
_MARK = 4  # bytes per signature


class Boilerplate:
    """The line signatures of a source's last items."""

    def __init__(self, items: Iterable[bytes] = ()) -> None:
        self._items: deque[bytes] = deque(items, maxlen=WINDOW)  # signatures, as stored
        self._counts = Counter(chain.from_iterable(map(_signatures_in, self._items)))

    def __len__(self) -> int:
        return len(self._items)

    def learn(self, signatures: Iterable[int]) -> None:
        """Add the lines of one item; the oldest item leaves the window."""
        item = array("I", sorted(set(signatures)))
        if not item:
            return
        if len(self._items) == WINDOW:
            for mark in _signatures_in(self._items[0]):
                self._counts[mark] -= 1
                if not self._counts[mark]:
                    del self._counts[mark]
        self._items.append(item.tobytes())
        self._counts.update(item)

    def seen(self, signature: int) -> int:
        """The number of items in the window that contain the line."""
        return self._counts[signature]

    def repeats(self, signature: int, share: float) -> bool:
        """Whether the line occurs in that share of the items, and in at least three."""
        return self._counts[signature] >= max(LEAST, share * len(self._items))

    def to_bytes(self) -> bytes:
        """The state for the store, about 200 bytes per item."""
        parts = [struct.pack("<BH", _VERSION, len(self._items))]
        for item in self._items:
            parts += (struct.pack("<H", len(item) // _MARK), item)
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, state: bytes | None) -> Boilerplate:
        """Parse the output of `to_bytes`; empty for an empty or unknown state."""
        if not state or state[0] != _VERSION:
            return cls()
        _, count = struct.unpack_from("<BH", state)
        items, at = [], 3
        for _ in range(count):
            end = at + 2 + _MARK * int.from_bytes(state[at : at + 2], "little")
            items.append(state[at + 2 : end])
            at = end
        return cls(items)


def _signatures_in(item: bytes) -> memoryview:
    return memoryview(item).cast("I")


def signature(line: Line) -> int | None:
    """The signature of a line; None if it is too long or too short."""
    if line.images and not line.letters:
        return _hash("img:" + line.images[0].partition("?")[0])
    if line.letters > LONGEST:
        return None
    words = line.words.lower()
    if "http" in line.text or "www." in line.text:
        words = letters_only(_ADDRESS.sub(_host_of_match, line.text))
    text = _DIGITS.sub("0", words)
    return _hash(text) if len(text) >= 2 else None


def signatures(spots: list[Place]) -> tuple[int, ...]:
    """The signatures of one item: lines not cut by fixed rules, images, hosts of bare links."""
    lines = [spot.line for spot in spots if spot.line.rule is None]
    if len(lines) > MOST_LINES:
        lines = lines[: MOST_LINES // 2] + lines[-MOST_LINES // 2 :]
    marks = {mark for mark in map(signature, lines) if mark is not None}
    marks |= {_host_mark(link) for line in lines if line.is_linked for link in line.links}
    return tuple(sorted(marks))


def apply_learned(spots: list[Place], learned: Boilerplate) -> None:
    """Cut the lines that repeat in the source, unless too much text would be lost."""
    if len(learned) < LEAST:
        return
    inside = _between_prose(spots)
    cut = [spot for spot in spots if spot.line.rule is None and _repeats(spot, learned, inside)]
    for spot in cut:
        spot.line.cut("learned")
    cut += _cut_neighbours(spots, learned)
    _restore_if_excessive(spots, cut)


def _repeats(spot: Place, learned: Boilerplate, inside: set[int]) -> bool:
    line = spot.line
    mark = signature(line)
    if mark is None:
        return False
    if line.is_linked:
        return learned.repeats(mark, SHARE_LINKED)
    if id(spot) in inside and not line.links and line.letters < 40:
        return not spot.block.is_heading and learned.repeats(mark, SHARE_INSIDE)
    return learned.repeats(mark, SHARE)


def _between_prose(spots: list[Place]) -> set[int]:
    """Ids of lines with text before and after them."""
    prose = [here for here, spot in enumerate(spots) if is_prose(spot.line) and not spot.line.rule]
    if not prose:
        return set()
    return {id(spot) for spot in spots[prose[0] : prose[-1]]}


def _cut_neighbours(spots: list[Place], learned: Boilerplate) -> list[Place]:
    """Cut bare links beside cut lines, if their host repeats in the source.

    This removes rotating promotions: a different line every day at the same place.
    """
    found = []
    for order in (spots, spots[::-1]):
        beside = False
        for spot in order:
            line = spot.line
            if line.rule is not None:
                beside = line.rule != "title"
            elif beside and _is_rotating(line, learned):
                line.cut("learned-beside")
                found.append(spot)
            elif line.letters or line.images:
                beside = False
    return found


def _is_rotating(line: Line, learned: Boilerplate) -> bool:
    if not line.is_linked:
        mark = signature(line) if 0 < line.letters < 40 else None
        return mark is not None and learned.repeats(mark, SHARE_LINKED)
    return all(learned.repeats(_host_mark(link), SHARE) for link in line.links)


def _restore_if_excessive(spots: list[Place], cut: list[Place]) -> None:
    """Restore lines if more than 40 % of an item, or its only text, was cut."""
    plain = [spot for spot in cut if not spot.line.is_linked and spot.line.letters]
    lost = sum(spot.line.letters for spot in plain)
    left = sum(s.line.letters - s.line.linked for s in spots if s.line.rule is None)
    prose_left = any(is_prose(spot.line) for spot in spots if spot.line.rule is None)
    prose_lost = [spot for spot in plain if is_prose(spot.line)]
    if lost > MOST_CUT * (lost + left):
        restore = plain
    else:
        restore = prose_lost if prose_lost and not prose_left else []
    for spot in restore:
        spot.line.rule = None


def _host_mark(link: str) -> int:
    return _hash("host:" + host_of(link))


def _host_of_match(match: re.Match[str]) -> str:
    return host_of(match[0] if "//" in match[0] else "//" + match[0])


def _hash(text: str) -> int:
    return xxhash.xxh32_intdigest(text.encode("utf-8", "replace"))
