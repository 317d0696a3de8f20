"""Explain decisions to people: the matching row of the table, the sentences behind it, and the
differences between two versions of an article.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import accumulate, groupby
from typing import Any, Literal, NamedTuple

import numpy as np

from core.dedup.compare import OWN, Pair
from core.dedup.copy import ArticleCopy
from core.dedup.idf import Idf
from core.dedup.reading import Bools, Ints, Reading
from core.dedup.swaps import cover, places
from core.dedup.table import row_of
from core.models import EntryRecord

Kind = Literal["same", "gone", "added"]

TOKENS_COMPARED = 4000  # of one changed stretch; longer ones are shown as a whole
CHARS_COMPARED = 80_000  # of one changed stretch; more than TOKENS_COMPARED tokens ever have
# Pairs of equal elements examined in one comparison. A million take 0.1 s; 300 articles with up to
# 40 paragraphs, one to six of them edited, needed 690,000 at most.
STEPS = 1_500_000
# A word, or a single character in scripts without spaces.
_TOKEN = re.compile(r"[぀-ヿ㐀-鿿豈-﫿\U00020000-\U0003ffff]|[^\W㐀-鿿぀-ヿ]+|\s+|.", re.DOTALL)
SENTENCES = 40  # listed sentences of each kind
CHARACTERS = 400  # per listed sentence
# Comparisons per request. Anyone may request an explanation; five texts of this length take 50 ms.
COMPARED = 5
COMPARED_CHARACTERS = 20_000  # of each text, as `COMPARED`


class Stretch(NamedTuple):
    """Text that both versions have, or only one of them."""

    kind: Kind
    text: str


class _Budget:
    """The remaining steps of one comparison."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def spend(self, steps: int) -> bool:
        """Whether that many steps remain; if so, deducts them."""
        if steps > self._left:
            return False
        self._left -= steps
        return True


def difference(old: str, new: str, *, steps: int = STEPS) -> list[Stretch]:
    """Compare two texts by blocks, then by words; return stretches in reading order.

    Takes time proportional to the length of the texts plus `steps`, for any input.
    """
    budget = _Budget(steps)
    found: list[Stretch] = []
    for same, gone, added in _aligned(_blocks(old), _blocks(new), budget):
        found += [Stretch("same", gone)] if same else _by_words(gone, added, budget)
    return _joined(found)


def _blocks(text: str) -> list[str]:
    return re.split(r"(?<=\n)(?=[^\n])", text) if text else []


def _by_words(gone: str, added: str, budget: _Budget) -> list[Stretch]:
    if max(len(gone), len(added)) > CHARS_COMPARED:
        return _one_sided(gone, added)
    before, after = _TOKEN.findall(gone), _TOKEN.findall(added)
    if not before or not after or max(len(before), len(after)) > TOKENS_COMPARED:
        return _one_sided(gone, added)
    found: list[Stretch] = []
    for same, lost, put in _aligned(before, after, budget):
        found += [Stretch("same", lost)] if same else _one_sided(lost, put)
    return found


def _aligned(
    before: Sequence[str], after: Sequence[str], budget: _Budget
) -> Iterator[tuple[bool, str, str]]:
    """Whether a stretch is the same in both, and its text in each, in reading order."""
    i = j = 0
    for at, to, size in [*_matches(before, after, budget), (len(before), len(after), 0)]:
        if i < at or j < to:
            yield False, "".join(before[i:at]), "".join(after[j:to])
        i, j = at + size, to + size
        if size:
            same = "".join(before[at:i])
            yield True, same, same


def _matches(
    before: Sequence[str], after: Sequence[str], budget: _Budget
) -> list[tuple[int, int, int]]:
    """Matching blocks as in `SequenceMatcher.get_matching_blocks`, within the budget."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    often = Counter(after)
    costs = [0, *accumulate(1 + often[each] for each in before)]
    found: list[tuple[int, int, int]] = []
    waiting = deque([(0, len(before), 0, len(after))])
    while waiting:
        start, end, first, last = waiting.popleft()
        if not budget.spend(costs[end] - costs[start]):
            found += _common_ends(before, after, start, end, first, last)
            continue
        i, j, size = matcher.find_longest_match(start, end, first, last)
        if size:
            found.append((i, j, size))
            if start < i and first < j:
                waiting.append((start, i, first, j))
            if i + size < end and j + size < last:
                waiting.append((i + size, end, j + size, last))
    return sorted(found)


def _common_ends(
    before: Sequence[str], after: Sequence[str], start: int, end: int, first: int, last: int
) -> list[tuple[int, int, int]]:
    """The common beginning and end of two ranges."""
    longest = min(end - start, last - first)
    head = 0
    while head < longest and before[start + head] == after[first + head]:
        head += 1
    tail = 0
    while tail < longest - head and before[end - 1 - tail] == after[last - 1 - tail]:
        tail += 1
    both = [(start, first, head), (end - tail, last - tail, tail)]
    return [match for match in both if match[2]]


def _one_sided(gone: str, added: str) -> list[Stretch]:
    both = (Stretch("gone", gone), Stretch("added", added))
    return [stretch for stretch in both if stretch.text]


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    return [
        Stretch(kind, "".join(stretch.text for stretch in alike))
        for kind, alike in groupby(stretches, key=lambda stretch: stretch.kind)
    ]


def explanation(
    url: str, records: Sequence[EntryRecord], others: Mapping[str, EntryRecord | None]
) -> dict[str, Any]:
    """The decisions for the entries with this `url` (or entry id), as printed by `explain`.

    `others`: id -> record of the entries that they were matched with.
    """
    compared = comparisons(records, others)
    entries = [
        {**_decision_fields(record), "compared": compared.get(record.id)} for record in records
    ]
    return {"url": url, "entries": entries}


def repeated(records: Sequence[EntryRecord]) -> list[str]:
    """The ids of the entries that `records` were matched with."""
    return sorted({record.compared_with for record in records if record.compared_with})


def _decision_fields(record: EntryRecord) -> dict[str, Any]:
    article = record.article
    return {
        "id": record.id,
        "source": record.source,
        "guid": record.guid,
        "url": record.url,
        "title": record.title,
        "decision": record.decision.value,
        "story": record.story,
        "rule": record.rule,
        "distance": record.distance,
        "similarity": record.similarity,
        "compared_with": record.compared_with,
        "arrived": record.arrived.isoformat(),
        "revised": record.revised.isoformat() if record.revised else None,
        "method": article.method.value if article else None,
        "original_url": article.original_url if article else None,
        "removed": [part.model_dump() for part in article.removed] if article else [],
    }


def comparisons(
    records: Sequence[EntryRecord], others: Mapping[str, EntryRecord | None]
) -> dict[str, dict[str, Any]]:
    """Entry id -> comparison with its matched entry, if both texts are still stored.

    `others`: id -> record of the matched entries. Word frequencies are not used: every shingle has
    the same weight.
    """
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        if len(found) == COMPARED:
            break
        other = others.get(record.compared_with or "")
        if other is None or other.id == record.id:
            continue
        if record.article is not None and other.article is not None:
            one, two = (
                ArticleCopy(record.article, record.source),
                ArticleCopy(other.article, other.source),
            )
            found[record.id] = comparison(_cut(one), _cut(two))
    return found


class Marks(NamedTuple):
    """A short comparison of one article with another."""

    row: str | None  # name of the matching row; None: too little in common
    shared: int  # number of its sentences that the other contains
    sentences: int
    swapped: list[tuple[str, str]]  # (here, there): differing words in otherwise equal sentences


def marks(this: ArticleCopy, other: ArticleCopy) -> Marks:
    """Like `comparison`, in short form, for two copies of one story."""
    one, two = _cut(this), _cut(other)
    found = comparison(one, two)
    at, _ = places(one.reading, two.reading)
    shared, own = _sentences(one.reading, cover(at >= 0, one.reading.size))
    swapped = [(swap["here"], swap["there"]) for swap in found["swapped"]]
    return Marks(found["row"], len(shared), len(shared) + len(own), swapped)


def comparison(this: ArticleCopy, other: ArticleCopy) -> dict[str, Any]:
    """The matching row of the table, the shares, and the common and differing sentences."""
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
        "shared": _sentence_texts(this.reading, shared),
        "only_here": _sentence_texts(this.reading, own),
        "only_there": _sentence_texts(other.reading, others),
        "swapped": swaps,
    }


def _sentences(text: Reading, covered: Bools) -> tuple[Ints, Ints]:
    """Indexes of the sentences that the other text contains, and of those it does not."""
    count = text.sentence_count()
    own = np.bincount(text.sentences[~covered], minlength=count)
    total = np.bincount(text.sentences, minlength=count)
    is_own = own > OWN * total
    return np.flatnonzero(~is_own), np.flatnonzero(is_own)


def _sentence_texts(text: Reading, numbers: Iterable[int]) -> list[str]:
    listed = [text.sentence(int(number)) for number in list(numbers)[:SENTENCES]]
    return [each if len(each) <= CHARACTERS else f"{each[:CHARACTERS]}…" for each in listed]


def _cut(copy: ArticleCopy) -> ArticleCopy:
    text = copy.article.text[:COMPARED_CHARACTERS]
    return replace(copy, article=copy.article.model_copy(update={"text": text}))
