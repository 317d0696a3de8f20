"""Why entries were published, merged or dropped, for people: the row of the table that holds, the
sentences behind it, and where two versions of an article differ."""

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
from core.dedup.copy import Copy
from core.dedup.idf import Idf
from core.dedup.reading import Bools, Ints, Reading
from core.dedup.swaps import cover, places
from core.dedup.table import row_of
from core.models import EntryRecord

Kind = Literal["same", "gone", "added"]

TOKENS_COMPARED = 4000  # of one stretch; longer ones are shown whole
CHARS_COMPARED = 80_000  # of one stretch: longer than this many tokens ever are
# Pairs of equal elements looked at in one comparison. A million take 0.1 s; of 300 articles with up
# to 40 paragraphs and one to six of them edited, none needed more than 690,000.
STEPS = 1_500_000
# A word, or a single character where a script writes without spaces.
_TOKEN = re.compile(r"[぀-ヿ㐀-鿿豈-﫿\U00020000-\U0003ffff]|[^\W㐀-鿿぀-ヿ]+|\s+|.", re.DOTALL)
SENTENCES = 40  # of each kind that are listed
CHARACTERS = 400  # of each
# A stranger may ask for an explanation: five comparisons of this length take some 50 ms.
COMPARED = 5
COMPARED_CHARACTERS = 20_000  # of each text, as `COMPARED`


class Stretch(NamedTuple):
    """A stretch of text that both have, or only one."""

    kind: Kind
    text: str


class _Budget:
    """Steps that are left of one comparison."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def pays(self, steps: int) -> bool:
        """Whether that many steps may be taken; takes them."""
        if steps > self._left:
            return False
        self._left -= steps
        return True


def difference(old: str, new: str, *, steps: int = STEPS) -> list[Stretch]:
    """`old` and `new` as stretches in reading order: by blocks first, then by words in them.

    Takes time in proportion to the texts and to `steps`, whatever they hold.
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
    """Where both are equal, as `SequenceMatcher.get_matching_blocks` while the budget lasts."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    often = Counter(after)
    costs = [0, *accumulate(1 + often[each] for each in before)]
    found: list[tuple[int, int, int]] = []
    waiting = deque([(0, len(before), 0, len(after))])
    while waiting:
        start, end, first, last = waiting.popleft()
        if not budget.pays(costs[end] - costs[start]):
            found += _ends(before, after, start, end, first, last)
            continue
        i, j, size = matcher.find_longest_match(start, end, first, last)
        if size:
            found.append((i, j, size))
            if start < i and first < j:
                waiting.append((start, i, first, j))
            if i + size < end and j + size < last:
                waiting.append((i + size, end, j + size, last))
    return sorted(found)


def _ends(
    before: Sequence[str], after: Sequence[str], start: int, end: int, first: int, last: int
) -> list[tuple[int, int, int]]:
    """What two ranges have in common at their beginning and at their end."""
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
    """What became of the entries under `url`, or under the id given instead.

    `others`: the records of the entries that those were found to repeat, by id.
    """
    compared = comparisons(records, others)
    entries = [{**_explained(record), "compared": compared.get(record.id)} for record in records]
    return {"url": url, "entries": entries}


def repeated(records: Sequence[EntryRecord]) -> list[str]:
    """The ids of the entries that `records` were found to repeat."""
    return sorted({record.compared_with for record in records if record.compared_with})


def _explained(record: EntryRecord) -> dict[str, Any]:
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
