"""Whether an entry repeats a story: a pure decision over the candidates the store found.

An entry is held against the founders of stories only, so stories never chain. When unsure, two
entries are different: better to miss a repost than to hide a story.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from core.fingerprint import HEADLINE_BITS, Fingerprint, Print
from core.settings import DedupSettings

FULL = 300  # informative shingles from which a text speaks for itself
SHORT = 150  # below this the headline must agree too


class Candidate(NamedTuple):
    """A founder that shares a key with the entry."""

    entry: str
    story: str
    print: Print
    anchors: int = 0  # how many the two share
    same_headline: bool = False
    under_url: int = 0  # founders filed under an address of the entry; many: it names no article


def candidate_of(founder_id: str, founder: Fingerprint, entry: Fingerprint) -> Candidate | None:
    """A founder that no store holds yet, as the store would find it for `entry`."""
    anchors = len(set(entry.anchors) & set(founder.anchors))
    same_headline = bool(entry.headline_key) and entry.headline_key == founder.headline_key
    under_url = int(not set(entry.url_keys).isdisjoint(founder.url_keys))
    if not (anchors or same_headline or under_url):
        return None
    return Candidate(founder_id, founder_id, founder.print, anchors, same_headline, under_url)


class Verdict(NamedTuple):
    """What became of the comparison. `story` is None for a new story."""

    story: str | None
    rule: str
    distance: int | None = None  # bits of 128
    similarity: float = 1.0
    entry: str | None = None  # the founder it was found to repeat


NEW = Verdict(None, "founder")


def decide(entry: Fingerprint, candidates: Sequence[Candidate], settings: DedupSettings) -> Verdict:
    """The story that `entry` belongs to, or none. The nearest founder wins, of equals the first."""
    best = NEW
    for candidate in candidates:
        verdict = judge(entry.print, candidate, settings.radius)
        if verdict is not None and _nearness(verdict) < _nearness(best):
            best = verdict
    return best


def _nearness(verdict: Verdict) -> int:
    return 129 if verdict.distance is None else verdict.distance


def judge(entry: Print, candidate: Candidate, radius: int) -> Verdict | None:
    """The verdict that joins `entry` to the candidate, or None."""
    held = candidate.print
    distance = (entry.simhash ^ held.simhash).bit_count()
    if distance > radius:
        return None
    agree = headlines_agree(entry, held)
    if numbers_differ(entry, held) and agree >= 0.5:
        return None
    rule = "text"
    if min(entry.informative, held.informative) < FULL:
        if agree < 0.5 or not numbers_equal(entry, held):
            return None
        rule = "text and headline"
    similarity = round(max(0.0, math.cos(math.pi * distance / 128)), 3)
    return Verdict(candidate.story, rule, distance, similarity, candidate.entry)


def headlines_agree(a: Print, b: Print) -> float:
    """0 to 1: how much of the shorter headline's informative words the other holds."""
    if a.skeleton and a.skeleton == b.skeleton:
        return 1.0
    first, second = a.word_bits.bit_count(), b.word_bits.bit_count()
    if not first or not second:
        return 0.0
    chance = first * second / HEADLINE_BITS
    shared = (a.word_bits & b.word_bits).bit_count()
    return max(0.0, (shared - chance) / max(1.0, min(first, second) - chance))


def numbers_differ(a: Print, b: Print) -> bool:
    """Both headlines name a place in a series, or a date, and not the same."""
    return any(x and y and x != y for x, y in ((a.series, b.series), (a.dates, b.dates)))


def numbers_equal(a: Print, b: Print) -> bool:
    """Both headlines hold the same numbers."""
    return (a.series, a.dates, a.figures) == (b.series, b.dates, b.figures)
