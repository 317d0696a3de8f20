"""Find where two texts are equal, and which parts were swapped in otherwise equal sentences.

What was swapped matters more than how much: different names, places, numbers or dates make another
story of the same sentences; typos and wording do not.
"""

from __future__ import annotations

from bisect import bisect_right
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

import numpy as np

from core.dedup.headline import is_date_word
from core.dedup.idf import Idf
from core.dedup.reading import NUMBER_WORDS, NUMERALS, SHINGLE, Bools, Ints, Reading

# "word": only one of the two parts is rare in the stream, so it may be a name. "common": two short
# parts that are not rare, such as two capitals or two synonyms.
Kind = Literal["figure", "name", "word", "common", "typing", "prose"]

MOST_GAPS = 300  # compared gaps; texts with more were rewritten, and each gap costs 40 µs
GAP = 40  # tokens of a difference that is compared
EDGE_GAP = 20  # the same at the beginning and end of a text [20–30]
SWAPPED_WORDS = 6  # a longer part is rewritten prose
LONGEST_SWAP = 120  # characters; a token may have any length, and the comparison is quadratic
LONGEST_NAME = 4  # characters in scripts without capitals, for well-known places
ALIKE = 0.75  # share of the letters: two spellings of one word
OTHERWISE = 0.6  # share of a sentence that must be equal around a swap


class Swap(NamedTuple):
    """Different parts at the same place of an otherwise equal sentence."""

    kind: Kind
    one: str
    other: str


def places(one: Reading, other: Reading) -> tuple[Ints, Bools]:
    """Index in `other` of each shingle of `one`, or -1; and which shingles of `other` are in `one`.

    Of several indexes, the next one after that of the preceding shingle is chosen, else the first.
    """
    ours = one.shingles
    order, ordered = other.by_hash
    if not len(ordered):
        return np.full(len(ours), -1, dtype=np.intp), np.zeros(0, dtype=np.bool_)
    first = np.minimum(np.searchsorted(ordered, ours), len(ordered) - 1)
    found = ordered[first] == ours
    at = np.where(found, order[first], -1)
    begins = np.append(True, ordered[1:] != ordered[:-1])  # of each group of equal shingles
    several = np.flatnonzero(found & ~np.append(begins[1:], True)[first])
    if several.size:
        ordered_places = order.tolist()
        before = np.maximum.accumulate(np.where(found, np.arange(len(ours)), 0))
        ends = np.searchsorted(ordered, ours[several], "right").tolist()
        for n, start, end in zip(several.tolist(), first[several].tolist(), ends, strict=True):
            last = int(at[before[n - 1]]) if n else -1
            following = bisect_right(ordered_places, last, start, end)
            at[n] = ordered_places[following if following < end else start]
    hit = np.zeros(len(ordered), dtype=np.bool_)
    hit[first[found]] = True
    back = np.empty(len(ordered), dtype=np.bool_)
    back[order] = hit[np.maximum.accumulate(np.where(begins, np.arange(len(ordered)), 0))]
    return at, back


def cover(found: Bools, size: int) -> Bools:
    """Which tokens are in a shared shingle."""
    if size < SHINGLE:
        return np.full(size, bool(len(found) and found[0]))
    steps = np.zeros(size + 1, dtype=np.intp)
    starts = np.flatnonzero(found)
    steps[starts] += 1
    np.subtract.at(steps, starts + SHINGLE, 1)
    covered: Bools = np.cumsum(steps[:size]) > 0
    return covered


def swaps_between(
    one: Reading, other: Reading, at: Ints, fine: tuple[Bools, Bools], idf: Idf
) -> tuple[list[Swap], tuple[int, int]]:
    """The swaps, and how many tokens of each text they include.

    Tokens found to be equal inside a difference are marked as shared in `fine`.
    """
    pending: list[tuple[int, int, int, int]] = []
    if fine[0].any():
        for first, last in runs_of(~fine[0])[:MOST_GAPS]:
            gap = _range_in_other(one, other, at, first, last)
            if gap is not None:
                pending += _aligned(one, other, (first, last, *gap), fine)
    swaps, taken = [], [0, 0]
    for i, j, k, m in (part for swap in pending for part in _by_sentence(one, other, swap)):
        kind = _kind(one, other, (i, j, k, m), idf)
        low, high = np.searchsorted(one.sentences, (one.sentences[i], one.sentences[i] + 1))
        around = (high - low) - (j - i)
        needed = OTHERWISE * around * (0.6 if kind == "figure" else 1)
        credit = around == 0 and j == one.size and k > 0  # an entire last line
        if credit or fine[0][low:high].sum() < needed:
            continue
        swaps.append(Swap(kind, _joined(one, i, j), _joined(other, k, m)))
        taken[0] += j - i
        taken[1] += m - k
    return swaps, (taken[0], taken[1])


def _range_in_other(
    one: Reading, other: Reading, at: Ints, i: int, j: int
) -> tuple[int, int] | None:
    """The range in `other` at the place of tokens i to j of `one`; None: not comparable."""
    k = int(at[i - SHINGLE]) + SHINGLE if i >= SHINGLE else 0
    m = int(at[j]) if j + SHINGLE <= one.size else other.size
    longest = max(j - i, m - k)
    at_edge = i == 0 or j == one.size
    return None if k > m or longest > (EDGE_GAP if at_edge else GAP) else (k, m)


def _aligned(
    one: Reading, other: Reading, gap: tuple[int, int, int, int], fine: tuple[Bools, Bools]
) -> list[tuple[int, int, int, int]]:
    i, j, k, m = gap
    if max(j - i, m - k) <= LONGEST_NAME and i < j and k < m and one.is_single(i, j):
        return [gap]  # 北京 and 河北 have a common character, but are two names
    a, b = one.hashes[i:j].tolist(), other.hashes[k:m].tolist()
    swapped = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            fine[0][i + i1 : i + i2] = True
            fine[1][k + j1 : k + j2] = True
        elif tag == "replace":
            swapped.append((i + i1, i + i2, k + j1, k + j2))
    return swapped


def _by_sentence(
    one: Reading, other: Reading, swap: tuple[int, int, int, int]
) -> list[tuple[int, int, int, int]]:
    """Split a swap across full stops into one per sentence."""
    i, j, k, m = swap
    if i == j or one.sentences[i] == one.sentences[j - 1]:
        return [swap]
    ours, theirs = one.sentences[i:j], other.sentences[k:m]
    ends = [np.flatnonzero(np.diff(numbers)) + 1 for numbers in (ours, theirs)]
    if not ends[0].size or ends[0].size != ends[1].size:
        return [swap]
    first, second = (
        [0, *end.tolist(), size] for end, size in zip(ends, (j - i, m - k), strict=True)
    )
    parts = zip(first, first[1:], second, second[1:], strict=False)
    return [(i + a, i + b, k + c, k + d) for a, b, c, d in parts]


def _kind(one: Reading, other: Reading, places: tuple[int, int, int, int], idf: Idf) -> Kind:
    """The kind of a swap: tokens i to j of `one` for tokens k to m of `other`."""
    i, j, k, m = places
    a, b = [one.token(n) for n in range(i, j)], [other.token(n) for n in range(k, m)]
    if _bare(a) == _bare(b):
        return "typing"  # 10 亿 and 10亿
    figures = [[t for t in each if _is_figure(t)] for each in (a, b)]
    if figures[0] or figures[1]:
        rest = [[t for t in each if not _is_figure(t)] for each in (a, b)]
        figures = [[t.lstrip("0") for t in each] for each in figures]  # 08 and 8 are the same day
        counted = figures[0] and figures[1] and figures[0] != figures[1]
        few = max(map(len, rest)) <= SWAPPED_WORDS
        return "figure" if counted and few else "prose"
    first, second = "".join(a), "".join(b)
    words = max(one.words[i:j].sum(), other.words[k:m].sum())
    if words > SWAPPED_WORDS or max(len(first), len(second)) > LONGEST_SWAP:
        return "prose"
    alike = SequenceMatcher(None, first, second, autojunk=False).ratio() >= ALIKE
    if len(first) == len(second) == 1 and one.is_single(i, j) and i and k:
        return "common" if _are_words(one, i, idf) == _are_words(other, k, idf) else "typing"
    if alike or min(len(first), len(second)) < 2 or sorted(first) == sorted(second):
        return "typing"
    if one.has_capital(i, j) and other.has_capital(k, m):
        return "name"
    if first[0].lower() != first[0].upper():
        return "prose"  # a script with capitals, but not capitalized
    rare = _may_name(one, i, j, idf) + _may_name(other, k, m, idf)
    if rare:
        return "name" if rare == 2 else "word"
    return "common" if max(len(first), len(second)) <= LONGEST_NAME else "prose"


def _bare(words: list[str]) -> str:
    return "".join("".join(words).split())


def _is_figure(token: str) -> bool:
    """2024, q3, seven, Monday, 二千四百亿; a numeral alone may be a part of a word."""
    numeral = len(token) > 1 and token[0] in NUMERALS
    return numeral or any(map(str.isdigit, token)) or token in NUMBER_WORDS or is_date_word(token)


def _may_name(text: Reading, first: int, last: int, idf: Idf) -> bool:
    """Whether a part without capitals contains a rare word."""
    words = text.units[first : max(first + 1, last - 1)]
    return bool(idf.is_rare(words).any())


def _are_words(text: Reading, place: int, idf: Idf) -> list[bool]:
    """Whether a character forms known words with the one before it and the one after it.

    With a typo, only one of the two texts has words there; 长沙 and 长春 are two places.
    """
    words: list[bool] = (~idf.is_rare(text.units[place - 1 : place + 1])).tolist()
    return words


def _joined(text: Reading, first: int, last: int) -> str:
    return text.text[text.starts[first] : text.ends[last - 1]].casefold()


def runs_of(mask: Bools) -> list[tuple[int, int]]:
    """(start, end) of each run of true values in `mask`."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.view(np.int8), [0]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
