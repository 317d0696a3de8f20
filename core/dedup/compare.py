"""What two texts have in common, where, and what differs: the evidence for a decision.

Both are cut into runs of four tokens. What both contain is shared; a short stretch that differs
between two shared ones is a *swap*, and what was swapped says more than how much: names, places,
figures and dates make another story of the same sentences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.dedup.copy import Copy
from core.dedup.headline import Title
from core.dedup.idf import Idf
from core.dedup.reading import Bools, Reading
from core.dedup.swaps import Swap, cover, places, runs_of, swaps_between
from core.dedup.tokens import U64

RUN = 8  # shared tokens in a row that end a lead: fewer are a common phrase
# Tokens of a phrase that a lead may quote from the common part; it stands alone there. Of 144 pairs
# of leads over one background, most with a quoted phrase, 5 were taken for one without this.
QUOTED = 20
STRANGERS = 0.2  # share in common below which nothing more is found out
UNTOUCHED = 0.02  # of the shorter text: an editor leaves more traces than two replaced words
# Words in common up to which two common words that were swapped part texts that are equal else. Of
# 38 Chinese flashes with one well-known place replaced 13 joined their original without it, 1 with.
FEW_WORDS = 100
MORE = 1.25  # times as long: the longer text may be a page of several stories
SHORT_HEADLINE = 6  # letters; a line that is as short is no headline
SENTENCE_WORDS = 25  # of a lead without full stops; two sentences of an intro have some 30
OWN = 0.6  # share of a sentence's tokens that are not shared: the sentence is the text's own


LITTLE = 8  # tokens; less is no text
OWN_TEXT = 40  # tokens beside standing text, or half of a text; less is not compared alone
AGREE = 0.6  # of the headlines' word pairs
LEAD = 3  # own sentences before the common part: a report of its own, not an intro [3–4]
# Words of each of the four stretches between which cohesion is measured.
WINDOW, LEAST_WINDOW = 400, 20
SUPPORT = 0.15  # of a headline's words that stand in the common part


@dataclass(frozen=True)
class Pair:
    """Two copies beside each other."""

    entry: Copy
    held: Copy
    evidence: Evidence
    is_repeated: bool = False  # next to nothing in one of them that its source does not repeat

    @classmethod
    def of(cls, entry: Copy, held: Copy, idf: Idf) -> Pair:
        """Compare the two, without what their sources or hosts put under every headline."""
        texts, repeated = (entry.reading, held.reading), False
        standing = idf.standing.in_pair(entry, held)
        if standing is not None:
            rest = texts[0].without(standing[0]), texts[1].without(standing[1])
            sizes = zip(rest, texts, strict=True)
            if all(own.size >= min(OWN_TEXT, text.size / 2) for own, text in sizes):
                texts = rest
            else:
                repeated = texts[0].title.bare != texts[1].title.bare
        return cls(entry, held, compare(*texts, idf, (entry.places[0], held.places[0])), repeated)

    @property
    def same_source(self) -> bool:
        """Both from one source."""
        return self.entry.source is not None and self.entry.source == self.held.source

    @property
    def same_address(self) -> bool:
        """Both say that they stand under one address."""
        return not self.entry.addresses.isdisjoint(self.held.addresses)

    @property
    def agree(self) -> bool:
        """The headlines agree."""
        return self.evidence.same_headline or self.evidence.agree >= AGREE

    @property
    def is_unsupported(self) -> bool:
        """Other headlines, and hardly a word of either is in the common part."""
        e = self.evidence
        return not self.agree and max(e.short.support, e.long.support) < SUPPORT

    @property
    def leads(self) -> int:
        """Own sentences before the common part, of the text that has fewer."""
        return min(self.evidence.short.lead, self.evidence.long.lead)

    @property
    def front(self) -> bool:
        """Neither has a lead of its own."""
        return max(self.evidence.short.lead, self.evidence.long.lead) < LEAD

    @property
    def least(self) -> float:
        """The smaller of the two weighted shares."""
        return min(self.evidence.short.weight, self.evidence.long.weight)


@dataclass(frozen=True)
class Side:
    """One of two texts beside the other. Shares go from 0 to 1."""

    size: int  # tokens
    share: float  # of its tokens that stand in the other
    weight: float  # the same of its shingles, each by its rarity in the stream
    rare: float  # sum of those weights: what it says that others do not
    lead: int  # its own sentences before the first shared run
    own: int  # its own sentences
    least: float  # share of the least shared quarter
    support: float  # share of its headline's words that stand in the shared part


@dataclass(frozen=True)
class Evidence:
    """What a comparison found. `short` and `long` are the texts by length."""

    short: Side
    long: Side
    first_is_short: bool  # of the two texts as they were given
    swaps: tuple[Swap, ...]
    left: int  # tokens that neither stand in both nor were swapped, in the text that has more
    shared: float  # words in common
    order: float  # share of neighbouring shared shingles that come in the same order
    cohesion: float  # of the longer text's shared part with the rest, beside that of each in itself
    agree: float  # of the headlines: share of the shorter's word pairs that the other has
    same_headline: bool
    other_numbers: bool  # the headlines state other places in a series, dates or figures
    headline_inside: bool  # the shorter's headline is a line of the longer text

    @property
    def telling(self) -> tuple[Swap, ...]:
        """Swaps of names and figures; of words, too, where nothing else was changed."""
        kinds = {"figure", "name", "word"} | ({"common"} if self.shared < FEW_WORDS else set())
        untouched = self.left <= UNTOUCHED * self.short.size
        if untouched and all(s.kind in kinds for s in self.swaps):
            return self.swaps
        return tuple(s for s in self.swaps if s.kind in ("figure", "name"))

    @property
    def told_apart(self) -> frozenset[tuple[str, str]]:
        """The different telling swaps, without those that only changed places."""
        swapped = {(s.one, s.other) for s in self.telling}
        return frozenset((one, other) for one, other in swapped if (other, one) not in swapped)


def compare(one: Reading, other: Reading, idf: Idf, sources: tuple[int, int] = (0, 0)) -> Evidence:
    """Hold two texts against each other, by what `idf` knows to be common, also in `sources`."""
    short, long = (one, other) if one.size <= other.size else (other, one)
    at, back = places(short, long)
    found = at >= 0
    covered = cover(found, short.size), cover(back, long.size)
    agree, same = headlines(short.title, long.title)
    strange = max(_mean(covered[0]), _mean(covered[1])) < STRANGERS and not same
    fine = (covered[0].copy(), covered[1].copy())
    swaps, swapped = ([], (0, 0)) if strange else swaps_between(short, long, at, fine, idf)
    left = max((~fine[0]).sum() - swapped[0], (~fine[1]).sum() - swapped[1], 0)
    steps = np.diff(long.by_hash[0][np.searchsorted(long.by_hash[1], short.shingles[found])])
    holds_more = not (strange or same) and long.size >= MORE * short.size
    return Evidence(
        short=_side(short, found, covered[0], fine[0], idf, sources),
        long=_side(long, back, covered[1], fine[1], idf, sources),
        first_is_short=short is one,
        swaps=tuple(swaps),
        left=int(left),
        shared=min(float(short.words[fine[0]].sum()), float(long.words[fine[1]].sum())),
        order=float((steps > 0).mean()) if len(steps) else 1.0,
        cohesion=_cohesion(long, fine[1], idf) if holds_more else 0.5,
        agree=agree,
        same_headline=same,
        other_numbers=_other_numbers(short.title, long.title),
        headline_inside=holds_more and _heads_a_part(short, long),
    )


def _heads_a_part(short: Reading, long: Reading) -> bool:
    """Whether the headline of the shorter text, and not its text alone, is a line of the longer."""
    headline = short.title.bare
    return len(headline) > SHORT_HEADLINE and headline in long.lines - short.lines


def headlines(one: Title, other: Title) -> tuple[float, bool]:
    """How far two headlines agree, 0 to 1, and whether they are the same but for punctuation.

    Every word pair counts alike: on a hot topic the words are common to the whole stream, their
    order and the whole of them are not.
    """
    same = bool(one.bare) and one.bare == other.bare
    if not one.pairs or not other.pairs:
        return (1.0 if same else 0.0), same
    return len(one.pairs & other.pairs) / min(len(one.pairs), len(other.pairs)), same


def _other_numbers(one: Title, other: Title) -> bool:
    pairs = zip(one.numbers, other.numbers, strict=True)
    return any(a and b and a != b for a, b in pairs)


def _mean(mask: Bools) -> float:
    return float(mask.mean()) if mask.size else 0.0


def _side(
    text: Reading,
    found: Bools,
    covered: Bools,
    fine: Bools,
    idf: Idf,
    sources: tuple[int, int],
) -> Side:
    weights = idf.weights(idf.counts(text.shingles, *sources))
    rare = float(weights.sum())
    own = np.bincount(text.sentences[~fine], minlength=text.sentence_count())
    total = np.bincount(text.sentences, minlength=text.sentence_count())
    lead = text.sentence_count()
    first = _first_shared(covered)
    if first is not None:  # Thai and lists have no full stops: words count, too
        lead = max(int(text.sentences[first]), int(text.words[:first].sum()) // SENTENCE_WORDS)
    return Side(
        size=text.size,
        share=_mean(covered),
        weight=float(weights[found].sum()) / rare if rare > 0 else 0.0,
        rare=rare,
        lead=lead,
        own=int((own > OWN * total).sum()),
        least=_least_quarter(fine),
        support=_support(text, covered, idf),
    )


def _first_shared(covered: Bools) -> int | None:
    """Where the common part begins, past phrases that a lead quotes from it."""
    runs = [run for run in runs_of(covered) if run[1] - run[0] >= min(RUN, len(covered))]
    begins = (start for start, end in runs if end - start > QUOTED or _goes_on(covered, end))
    return next(begins, runs[0][0] if runs else None)


def _goes_on(covered: Bools, end: int) -> bool:
    """Whether more of what follows a shared run is shared, too."""
    rest = covered[end : end + 2 * QUOTED]
    return not rest.size or bool(rest.mean() >= 0.25)


def _least_quarter(fine: Bools) -> float:
    quarter = len(fine) // 4
    if quarter < 8:
        return _mean(fine)
    return min(_mean(fine[n * quarter : (n + 1) * quarter]) for n in range(4))


def _support(text: Reading, covered: Bools, idf: Idf) -> float:
    """The share of the headline's words that stand in the shared part; 1 without a headline."""
    words = text.title.units
    return _weighed(words, np.isin(words, text.units[covered]), idf) if len(words) else 1.0


def _weighed(words: U64, mask: Bools, idf: Idf) -> float:
    weights = idf.word_weights(words)
    return float(weights[mask].sum()) / max(float(weights.sum()), 1e-9)


def _cohesion(text: Reading, fine: Bools, idf: Idf) -> float:
    """How far a text speaks of one thing: words that its shared part and the rest have in common.

    0: two texts; about 1: as much as the halves of either have. By that comparison it needs no
    knowledge of the language, in which a frequent word says nothing. 0.5: too little to say.
    """
    shared, rest = text.units[fine], text.units[~fine][: 2 * WINDOW]
    half = min(len(shared) // 2, len(rest) // 2, WINDOW)
    if half < LEAST_WINDOW:
        return 0.5
    one, other = shared[-2 * half : -half], shared[-half:]
    first, second = rest[:half], rest[half : 2 * half]
    within = _likeness(one, other, idf) + _likeness(first, second, idf)
    across = sum(_likeness(a, b, idf) for a in (one, other) for b in (first, second))
    return float(across / (2 * within)) if within > 0.02 else 0.5


def _likeness(one: U64, other: U64, idf: Idf) -> float:
    """How much two stretches have of each other's words, the rare ones above all; 0 to 1."""
    weights = [float((idf.word_weights(np.unique(words)) ** 2).sum()) for words in (one, other)]
    common = idf.word_weights(np.intersect1d(one, other)) ** 2
    return float(common.sum()) / max(math.sqrt(weights[0] * weights[1]), 1e-9)
