"""Whether two entries are one story by their fingerprints alone: where a text is no longer kept.

When unsure, two entries are different: better to miss a repost than to hide a story.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from core.dedup.fingerprint import FIGURE_BITS, FILED, HEADLINE_BITS, Fingerprint, StoredFingerprint
from core.dedup.simhash import cosine
from core.dedup.simhash import distance as bits_between

FULL = 300  # informative shingles from which a text speaks for itself
SHORT = 150  # below this a text says little, and the headline must agree well
BARE = 20  # below this there is no text to speak of
SAME_TEXT = 16  # bits; nearer texts are the same but for a few words
PART = 24  # bits from which a text may be one part of a page that holds several
SOME_FIGURES = 4  # in a text, to compare those of two; a sample holds ten at most
MANY_FIGURES = 7  # from which other figures alone part two texts of one form
BEYOND = 8  # bits past the radius that a second witness makes good for
FAR_BEYOND = 12  # the same for one and the same headline
FEW_UNDER_URL = 3  # stories under one address; if more share it, it names no article

_BY_KEYS = (-8, -4, -1, 1, 4)  # bits to add to the radius for none to all of them, in quarters


class Candidate(NamedTuple):
    """A founder that shares a key with the entry."""

    entry: str
    story: str
    print: StoredFingerprint
    minhashes: int = 0  # how many of those it is filed under the entry has, too
    same_headline: bool = False
    under_url: int = 0  # founders filed under an address of the entry; many: it names no article


def candidate_of(founder_id: str, founder: Fingerprint, entry: Fingerprint) -> Candidate | None:
    """A founder that no store holds yet, as the store would find it for `entry`."""
    keys = len(set(entry.minhashes) & set(founder.minhashes[:FILED]))
    same_headline = bool(entry.headline_key) and entry.headline_key == founder.headline_key
    under_url = int(not set(entry.url_keys).isdisjoint(founder.url_keys))
    if not (keys or same_headline or under_url):
        return None
    return Candidate(founder_id, founder_id, founder.print, keys, same_headline, under_url)


class Verdict(NamedTuple):
    """What became of the comparison. `story` is None for a new story."""

    story: str | None
    rule: str
    distance: int | None = None  # bits of 128
    similarity: float = 1.0
    entry: str | None = None  # the founder it was found to repeat


def judge(entry: StoredFingerprint, candidate: Candidate, radius: int) -> Verdict | None:
    """The verdict that joins `entry` to the candidate, or None."""
    held = candidate.print
    distance = bits_between(entry.simhash, held.simhash)
    pair = Pair(entry, held, distance, headlines_agree(entry, held))
    rule = _rule(pair, candidate, radius)
    if rule is None:
        return None
    similarity = round(max(0.0, cosine(distance)), 3)
    return Verdict(candidate.story, rule, distance, similarity, candidate.entry)


class Pair(NamedTuple):
    """Two prints side by side."""

    entry: StoredFingerprint
    held: StoredFingerprint
    distance: int
    agree: float  # of the headlines

    @property
    def small(self) -> int:
        """Informative shingles of the one that says less."""
        return min(self.entry.informative, self.held.informative)

    @property
    def ratio(self) -> float:
        """How much shorter that one is."""
        return self.small / max(self.entry.informative, self.held.informative, 1)

    @property
    def balance(self) -> float:
        """How much shorter the shorter headline is."""
        if self.entry.skeleton == self.held.skeleton:
            return 1.0
        sizes = sorted((self.entry.word_bits.bit_count(), self.held.word_bits.bit_count()))
        return sizes[0] / sizes[1] if sizes[1] else 1.0

    @property
    def contained(self) -> float:
        """The share of the shorter text that the other holds, as far as the distance tells."""
        return min(1.0, cosine(self.distance) / math.sqrt(max(self.ratio, 0.01)))


def _rule(pair: Pair, candidate: Candidate, radius: int) -> str | None:
    if _numbered_apart(pair):
        return None
    if pair.entry.source and pair.entry.source == pair.held.source:
        return "same source" if _is_own_copy(pair, radius) else None
    if 0 < candidate.under_url <= FEW_UNDER_URL:
        # A stated address is a claim; strangers lie some 64 bits apart, half a text 32.
        if _same_headline(pair) and pair.distance <= radius + FAR_BEYOND:
            return "address and headline"
        if pair.distance <= radius + BEYOND and (pair.small >= SHORT or pair.agree >= 0.25):
            return "address and text"
    if _reports_other_figures(pair):
        return None
    if pair.distance > _reach(pair, candidate.minhashes, radius):
        return "text and headline" if _is_cut_copy(pair, candidate.minhashes, radius) else None
    if pair.small >= FULL:
        part_of_more = pair.ratio < 0.6 and pair.distance > PART
        return "text" if not part_of_more or pair.agree * pair.balance >= 0.6 else None
    if pair.small >= SHORT:
        witnessed = pair.agree >= 0.25 or _counts_the_same(pair)
        return "text and headline" if witnessed else None
    if pair.small < BARE:
        return "text and headline" if _same_words(pair) else None
    return "text and headline" if pair.agree * pair.balance >= 0.5 else None


def _reach(pair: Pair, keys: int, radius: int) -> int:
    """How far two texts may lie apart: farther the more of their minhash keys they share.

    Of strangers at the edge hardly one shares more than two; of copies there nearly all share
    three. A common headline is a witness too, unless the texts count other things.
    """
    other_figures = _many_figures(pair) and _figures_shared(pair.entry, pair.held) < 0.5
    headline = 4 if pair.agree >= 0.5 and not other_figures else 0
    shared = round(keys * (len(_BY_KEYS) - 1) / FILED)
    return radius + min(_BY_KEYS[min(shared, len(_BY_KEYS) - 1)] + headline, 4)


def _numbered_apart(pair: Pair) -> bool:
    """The headlines name different places in a series, or different days."""
    a, b = pair.entry, pair.held
    if a.series and b.series and a.series != b.series:
        return True
    if pair.small < SHORT and (a.series, a.dates) != (b.series, b.dates):
        return True
    dated_apart = bool(a.dates and b.dates and a.dates != b.dates)
    return dated_apart and (pair.agree >= 0.3 or pair.small < FULL)


def _reports_other_figures(pair: Pair) -> bool:
    """One headline with other figures, and the texts count other things too: not an update."""
    a, b = pair.entry, pair.held
    if pair.agree < 0.5:
        return False
    shared = _figures_shared(a, b)
    if a.figures and b.figures and a.figures != b.figures:
        return shared < 0.5
    return shared < 0.1 and _many_figures(pair) and pair.distance > SAME_TEXT


def _many_figures(pair: Pair) -> bool:
    a, b = pair.entry, pair.held
    return min(a.figure_bits.bit_count(), b.figure_bits.bit_count()) >= MANY_FIGURES


def _counts_the_same(pair: Pair) -> bool:
    """Both texts hold the same figures, and enough of them: more than a frame around a story."""
    a, b = pair.entry, pair.held
    few = min(a.figure_bits.bit_count(), b.figure_bits.bit_count()) < SOME_FIGURES
    return not few and _figures_shared(a, b) >= 0.6


def _is_cut_copy(pair: Pair, keys: int, radius: int) -> bool:
    """One text holds the other under the same headline: half of it may be gone."""
    other_figures = _many_figures(pair) and _figures_shared(pair.entry, pair.held) < 0.25
    if pair.small < SHORT or pair.ratio > 0.8 or other_figures:
        return False
    if _same_headline(pair):
        # Half a text lies 32 bits away, give or take 5, and shares half of the keys.
        farther = FAR_BEYOND + 2 * min(round(keys * 4 / FILED), 2)
        return pair.distance <= radius + farther and pair.contained >= 0.5
    near = pair.distance <= radius + BEYOND and pair.contained >= 0.85
    return near and pair.agree * pair.balance >= 0.8


def _is_own_copy(pair: Pair, radius: int) -> bool:
    """Columns of one source recur under like words: both text and headline must agree."""
    a, b = pair.entry, pair.held
    if (a.series, a.dates) != (b.series, b.dates) or _reports_other_figures(pair):
        return False
    if pair.small >= SHORT:
        needed = 0.3 if pair.distance <= SAME_TEXT else 0.7
        return pair.agree * pair.balance >= needed and pair.distance <= radius * 3 // 4
    if pair.small < BARE:
        return _same_words(pair)
    return _same_headline(pair) and pair.distance <= radius // 2


def _same_headline(pair: Pair) -> bool:
    a, b = pair.entry, pair.held
    same = a.skeleton == b.skeleton and (a.dates, a.figures) == (b.dates, b.figures)
    return same and min(a.word_bits.bit_count(), b.word_bits.bit_count()) >= 4


def _same_words(pair: Pair) -> bool:
    """Next to no text, and all of it the same, under one headline that others do not have."""
    a, b = pair.entry, pair.held
    same = (a.skeleton, a.series, a.dates, a.figures) == (b.skeleton, b.series, b.dates, b.figures)
    stated = min(a.word_bits.bit_count(), b.word_bits.bit_count()) >= 2
    return same and stated and pair.distance <= 2 and a.tokens > 0 and b.tokens > 0


def headlines_agree(a: StoredFingerprint, b: StoredFingerprint) -> float:
    """0 to 1: how much of the shorter headline's informative words the other holds."""
    first, second = a.word_bits.bit_count(), b.word_bits.bit_count()
    if not first or not second:
        return 0.0
    if a.skeleton == b.skeleton:
        return 1.0
    return _overlap(a.word_bits, b.word_bits, HEADLINE_BITS)


def _figures_shared(a: StoredFingerprint, b: StoredFingerprint) -> float:
    if not a.figure_bits or not b.figure_bits:
        return 0.0
    return _overlap(a.figure_bits, b.figure_bits, FIGURE_BITS)


def _overlap(one: int, other: int, size: int) -> float:
    """The share of the smaller set that the other holds, less what chance puts there."""
    first, second = one.bit_count(), other.bit_count()
    chance = first * second / size
    return max(0.0, ((one & other).bit_count() - chance) / max(1.0, min(first, second) - chance))
