"""Why two entries are one story, for people: the row that holds and the sentences behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from core.dedup.compare import OWN, Pair, cover, places
from core.dedup.copy import Bools, Copy, Ints, Reading
from core.dedup.idf import Idf
from core.dedup.table import row_of
from core.models import EntryRecord

SENTENCES = 40  # of each kind that are listed
CHARACTERS = 400  # of each
# A stranger may ask for an explanation: five comparisons of this length take some 50 ms.
COMPARED = 5
COMPARED_CHARACTERS = 20_000  # of each text, as `COMPARED`


def comparisons(
    records: Sequence[EntryRecord], others: Mapping[str, EntryRecord | None]
) -> dict[str, dict[str, Any]]:
    """By entry: how it compares with the one it was found to repeat, where both texts are kept.

    `others` are the records of those by id. What the stream has taught since is left out: shares
    count every shingle alike.
    """
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        if len(found) == COMPARED:
            break
        other = others.get(record.compared_with or "")
        if other is None or other.id == record.id:
            continue
        if record.article is not None and other.article is not None:
            one, two = Copy(record.article, record.source), Copy(other.article, other.source)
            found[record.id] = comparison(_cut(one), _cut(two))
    return found


class Marks(NamedTuple):
    """How one article compares with another, in the terms of the table of decisions."""

    row: str | None  # None: none holds, the two have too little in common
    shared: int  # of its sentences, those that are in the other
    sentences: int
    swapped: list[tuple[str, str]]  # what it has in otherwise equal sentences, what the other has


def marks(this: Copy, other: Copy) -> Marks:
    """`comparison` in short, for two copies of a story beside each other."""
    one, two = _cut(this), _cut(other)
    found = comparison(one, two)
    at, _ = places(one.reading, two.reading)
    shared, own = _sentences(one.reading, cover(at >= 0, one.reading.size))
    swapped = [(swap["here"], swap["there"]) for swap in found["swapped"]]
    return Marks(found["row"], len(shared), len(shared) + len(own), swapped)


def comparison(this: Copy, other: Copy) -> dict[str, Any]:
    """The row of the table, the shares, and the sentences that are shared and that are not."""
    pair = Pair.of(this, other, Idf())
    row, evidence = row_of(pair), pair.evidence
    this_is_short = evidence.first_is_short
    sides = (evidence.short, evidence.long) if this_is_short else (evidence.long, evidence.short)
    at, back = places(this.reading, other.reading)
    shared, own = _sentences(this.reading, cover(at >= 0, this.reading.size))
    _, others = _sentences(other.reading, cover(back, other.reading.size))
    swaps = [
        {"kind": swap.kind, "here": here, "there": there}
        for swap in evidence.swaps[:SENTENCES]
        for here, there in [swap[1:] if this_is_short else swap[:0:-1]]
    ]
    return {
        "row": row.name if row else None,
        "same": bool(row and row.same),
        "share": round(sides[0].share, 3),
        "other_share": round(sides[1].share, 3),
        "headlines": round(evidence.agree, 3),
        "shared": _listed(this.reading, shared),
        "only_here": _listed(this.reading, own),
        "only_there": _listed(other.reading, others),
        "swapped": swaps,
    }


def _sentences(text: Reading, covered: Bools) -> tuple[Ints, Ints]:
    """Numbers of the sentences that are in the other text, and of those that are not."""
    count = text.sentence_count()
    own = np.bincount(text.sentences[~covered], minlength=count)
    total = np.bincount(text.sentences, minlength=count)
    is_own = own > OWN * total
    return np.flatnonzero(~is_own), np.flatnonzero(is_own)


def _listed(text: Reading, numbers: Iterable[int]) -> list[str]:
    listed = [text.sentence(int(number)) for number in list(numbers)[:SENTENCES]]
    return [each if len(each) <= CHARACTERS else f"{each[:CHARACTERS]}…" for each in listed]


def _cut(copy: Copy) -> Copy:
    text = copy.article.text[:COMPARED_CHARACTERS]
    return replace(copy, article=copy.article.model_copy(update={"text": text}))
