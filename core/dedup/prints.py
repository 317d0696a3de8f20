"""Decide by fingerprints alone whether two entries are one story, if a text is no longer stored.

In case of doubt two entries are different: better to miss a repost than to hide a story.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from core.dedup.fingerprint import FIGURE_BITS, FILED, HEADLINE_BITS, Fingerprint, StoredFingerprint
from core.dedup.simhash import cosine
from core.dedup.simhash import distance as bits_between

FULL = 300  # rare shingles from which a text alone identifies a story
SHORT = 150  # below this a text has little evidence, and the headline must agree well
BARE = 20  # below this there is practically no text
SAME_TEXT = 16  # bits; closer texts are equal except for a few words
PART = 24  # bits from which a text may be one part of a page with several
SOME_FIGURES = 4  # minimum number of figures for a comparison; a sample has at most ten
MANY_FIGURES = 7  # number from which different figures alone separate texts of one form
BEYOND = 8  # bits beyond the radius that further evidence allows
FAR_BEYOND = 12  # the same for an equal headline
FEW_UNDER_URL = 3  # stories with one URL; with more, it does not identify an article

_BY_KEYS = (-8, -4, -1, 1, 4)  # bits added to the radius by the share of common keys, in quarters


class StoryCandidate(NamedTuple):
    """A founder that shares a key with the entry."""

    entry: str
    story: str
    print: StoredFingerprint
    minhashes: int = 0  # number of its minhash keys that the entry has too
    same_headline: bool = False
    under_url: int = 0  # founders with a URL of the entry; if many, it identifies no article


def candidate_of(
    founder_id: str, founder: Fingerprint, entry: Fingerprint
) -> StoryCandidate | None:
    """A founder that is not in the store yet, as the store would find it for `entry`."""
    keys = len(set(entry.minhashes) & set(founder.minhashes[:FILED]))
    same_headline = bool(entry.headline_key) and entry.headline_key == founder.headline_key
    under_url = int(not set(entry.url_keys).isdisjoint(founder.url_keys))
    if not (keys or same_headline or under_url):
        return None
    return StoryCandidate(founder_id, founder_id, founder.print, keys, same_headline, under_url)


class Verdict(NamedTuple):
    """The result of a decision. `story` is None for a new story."""

    story: str | None
    rule: str
    distance: int | None = None  # bits of 128
    similarity: float = 1.0
    entry: str | None = None  # the founder it was matched with


def judge(entry: StoredFingerprint, candidate: StoryCandidate, radius: int) -> Verdict | None:
    """The verdict that adds `entry` to the candidate's story, or None."""
    held = candidate.print
    distance = bits_between(entry.simhash, held.simhash)
    pair = FingerprintPair(entry, held, distance, headlines_agree(entry, held))
    rule = _rule(pair, candidate, radius)
    if rule is None:
        return None
    similarity = round(max(0.0, cosine(distance)), 3)
    return Verdict(candidate.story, rule, distance, similarity, candidate.entry)


class FingerprintPair(NamedTuple):
    """Two fingerprints that are compared."""

    entry: StoredFingerprint
    held: StoredFingerprint
    distance: int
    agree: float  # agreement of the headlines

    @property
    def small(self) -> int:
        """Rare shingles of the shorter text."""
        return min(self.entry.informative, self.held.informative)

    @property
    def ratio(self) -> float:
        """Ratio of rare shingles, shorter to longer text."""
        return self.small / max(self.entry.informative, self.held.informative, 1)

    @property
    def balance(self) -> float:
        """Ratio of the lengths of the headlines, shorter to longer."""
        if self.entry.skeleton == self.held.skeleton:
            return 1.0
        sizes = sorted((self.entry.word_bits.bit_count(), self.held.word_bits.bit_count()))
        return sizes[0] / sizes[1] if sizes[1] else 1.0

    @property
    def contained(self) -> float:
        """The share of the shorter text that the other contains, estimated from the distance."""
        return min(1.0, cosine(self.distance) / math.sqrt(max(self.ratio, 0.01)))


def _rule(pair: FingerprintPair, candidate: StoryCandidate, radius: int) -> str | None:
    if _numbered_apart(pair):
        return None
    if pair.entry.source and pair.entry.source == pair.held.source:
        return "same source" if _is_own_copy(pair, radius) else None
    if 0 < candidate.under_url <= FEW_UNDER_URL:
        # A stated URL is only a claim; unrelated texts differ in about 64 bits, half a text in 32.
        if _same_headline(pair) and pair.distance <= radius + FAR_BEYOND:
            return "address and headline"
        if pair.distance <= radius + BEYOND and (pair.small >= SHORT or pair.agree >= 0.25):
            return "address and text"
    if _reports_other_figures(pair):
        return None
    if pair.distance > _largest_distance(pair, candidate.minhashes, radius):
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


def _largest_distance(pair: FingerprintPair, keys: int, radius: int) -> int:
    """The largest distance for a match; it grows with the number of common minhash keys.

    At the limit, unrelated texts rarely share more than two keys, and copies nearly always three.
    An agreeing headline counts as well, unless the texts contain different figures.
    """
    other_figures = _many_figures(pair) and _figures_shared(pair.entry, pair.held) < 0.5
    headline = 4 if pair.agree >= 0.5 and not other_figures else 0
    shared = round(keys * (len(_BY_KEYS) - 1) / FILED)
    return radius + min(_BY_KEYS[min(shared, len(_BY_KEYS) - 1)] + headline, 4)


def _numbered_apart(pair: FingerprintPair) -> bool:
    """Whether the headlines have different series numbers or dates."""
    a, b = pair.entry, pair.held
    if a.series and b.series and a.series != b.series:
        return True
    if pair.small < SHORT and (a.series, a.dates) != (b.series, b.dates):
        return True
    dated_apart = bool(a.dates and b.dates and a.dates != b.dates)
    return dated_apart and (pair.agree >= 0.3 or pair.small < FULL)


def _reports_other_figures(pair: FingerprintPair) -> bool:
    """Whether headlines agree but headline and text have different figures: not an update."""
    a, b = pair.entry, pair.held
    if pair.agree < 0.5:
        return False
    shared = _figures_shared(a, b)
    if a.figures and b.figures and a.figures != b.figures:
        return shared < 0.5
    return shared < 0.1 and _many_figures(pair) and pair.distance > SAME_TEXT


def _many_figures(pair: FingerprintPair) -> bool:
    a, b = pair.entry, pair.held
    return min(a.figure_bits.bit_count(), b.figure_bits.bit_count()) >= MANY_FIGURES


def _counts_the_same(pair: FingerprintPair) -> bool:
    """Whether both texts have the same figures, and more than a frame around a story would have."""
    a, b = pair.entry, pair.held
    few = min(a.figure_bits.bit_count(), b.figure_bits.bit_count()) < SOME_FIGURES
    return not few and _figures_shared(a, b) >= 0.6


def _is_cut_copy(pair: FingerprintPair, keys: int, radius: int) -> bool:
    """Whether one text contains the other under the same headline; half of it may be missing."""
    other_figures = _many_figures(pair) and _figures_shared(pair.entry, pair.held) < 0.25
    if pair.small < SHORT or pair.ratio > 0.8 or other_figures:
        return False
    if _same_headline(pair):
        # Half a text differs in 32 bits, plus or minus 5, and shares half of the keys.
        farther = FAR_BEYOND + 2 * min(round(keys * 4 / FILED), 2)
        return pair.distance <= radius + farther and pair.contained >= 0.5
    near = pair.distance <= radius + BEYOND and pair.contained >= 0.85
    return near and pair.agree * pair.balance >= 0.8


def _is_own_copy(pair: FingerprintPair, radius: int) -> bool:
    """Whether both text and headline agree: columns of one source use similar words."""
    a, b = pair.entry, pair.held
    if (a.series, a.dates) != (b.series, b.dates) or _reports_other_figures(pair):
        return False
    if pair.small >= SHORT:
        needed = 0.3 if pair.distance <= SAME_TEXT else 0.7
        return pair.agree * pair.balance >= needed and pair.distance <= radius * 3 // 4
    if pair.small < BARE:
        return _same_words(pair)
    return _same_headline(pair) and pair.distance <= radius // 2


def _same_headline(pair: FingerprintPair) -> bool:
    a, b = pair.entry, pair.held
    same = a.skeleton == b.skeleton and (a.dates, a.figures) == (b.dates, b.figures)
    return same and min(a.word_bits.bit_count(), b.word_bits.bit_count()) >= 4


def _same_words(pair: FingerprintPair) -> bool:
    """Whether both have nearly no text, all of it equal, under the same distinctive headline."""
    a, b = pair.entry, pair.held
    same = (a.skeleton, a.series, a.dates, a.figures) == (b.skeleton, b.series, b.dates, b.figures)
    stated = min(a.word_bits.bit_count(), b.word_bits.bit_count()) >= 2
    return same and stated and pair.distance <= 2 and a.tokens > 0 and b.tokens > 0


def headlines_agree(a: StoredFingerprint, b: StoredFingerprint) -> float:
    """Share of the shorter headline's rare words that the other contains, 0 to 1."""
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
    """The share of the smaller set that the other contains, minus the share expected by chance."""
    first, second = one.bit_count(), other.bit_count()
    chance = first * second / size
    return max(0.0, ((one & other).bit_count() - chance) / max(1.0, min(first, second) - chance))
