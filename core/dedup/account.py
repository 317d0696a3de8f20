"""Why two entries are one story, for people: the row that holds and the sentences behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from core.dedup.compare import OWN, Pair, cover, places
from core.dedup.copy import Bools, Copy, Reading
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
        if other is not None and other.id != record.id:
            one, two = _copy(record), _copy(other)
            if one is not None and two is not None:
                found[record.id] = comparison(one, two)
    return found


def comparison(this: Copy, other: Copy) -> dict[str, Any]:
    """The row of the table, the shares, and the sentences that are shared and that are not."""
    pair = Pair.of(this, other, Idf())
    row, evidence = row_of(pair), pair.evidence
    this_is_short = this.reading.size <= other.reading.size
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
        "shared": shared,
        "only_here": own,
        "only_there": others,
        "swapped": swaps,
    }


def _sentences(text: Reading, covered: Bools) -> tuple[list[str], list[str]]:
    """The sentences that stand in the other text, and those that do not."""
    count = text.sentence_count()
    own = np.bincount(text.sentences[~covered], minlength=count)
    total = np.bincount(text.sentences, minlength=count)
    is_own = own > OWN * total
    return _listed(text, np.flatnonzero(~is_own)), _listed(text, np.flatnonzero(is_own))


def _listed(text: Reading, numbers: Iterable[int]) -> list[str]:
    listed = [text.sentence(int(number)) for number in list(numbers)[:SENTENCES]]
    return [each if len(each) <= CHARACTERS else f"{each[:CHARACTERS]}…" for each in listed]


def _copy(record: EntryRecord) -> Copy | None:
    if record.article is None:
        return None
    text = record.article.text[:COMPARED_CHARACTERS]
    return Copy(record.article.model_copy(update={"text": text}), record.source)
