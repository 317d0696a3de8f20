"""Compare two texts: common parts, their position, and the differences, as evidence for a decision.

Both are split into runs of four tokens (shingles). Runs in both are shared; a short difference
between two shared runs is a *swap*. What was swapped matters more than how much: different names,
places, numbers or dates in the same sentences make another story.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from core.dedup.copy import ArticleCopy
from core.dedup.headline import Title
from core.dedup.idf import Idf
from core.dedup.reading import Bools, Reading
from core.dedup.swaps import Swap, cover, places, runs_of, swaps_between

RUN = 8  # consecutive shared tokens that end a lead; fewer are a common phrase
# Length of an isolated phrase that a lead may quote from the common part. Of 144 pairs of leads
# over one background, most with a quoted phrase, 5 were merged without this.
QUOTED = 20
STRANGERS = 0.2  # common share below which no further comparison is made
UNTOUCHED = 0.02  # of the shorter text: an editor changes more than two words
# Common words up to which two swapped common words separate otherwise equal texts. Of 38 Chinese
# flashes with one well-known place replaced, 13 joined their original without it, 1 with it.
FEW_WORDS = 100
SHORT_HEADLINE = 6  # letters; a line this short is not a headline
SENTENCE_WORDS = 25  # of a lead without full stops; two sentences of an intro have about 30
OWN = 0.6  # share of unshared tokens from which a sentence is the text's own
LITTLE = 8  # tokens; less is no text
OWN_TEXT = 40  # tokens beside standing text, or half of a text; less is not compared separately
AGREE = 0.6  # share of the headlines' word pairs
LEAD = 3  # own sentences before the common part: a separate report, not an intro [3–4]
# Words in each of the four sections between which cohesion is measured.
WINDOW, LEAST_WINDOW = 400, 20
LONG, LONG_SHARED = 700, 0.75  # sum of weights and share; frames of programmes are shorter
SUPPORT = 0.15  # share of a headline's words that occur in the common part


@dataclass(frozen=True)
class Pair:
    """Two copies and the evidence from comparing them."""

    entry: ArticleCopy
    held: ArticleCopy
    evidence: Evidence
    is_repeated: bool = False  # nearly all of one text is repeated by its source

    @classmethod
    def of(cls, entry: ArticleCopy, held: ArticleCopy, idf: Idf) -> Pair:
        """Compare two copies, without standing text of their sources or hosts."""
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
        """Both are from one source."""
        return self.entry.source is not None and self.entry.source == self.held.source

    @property
    def same_address(self) -> bool:
        """Both state the same URL."""
        return not self.entry.addresses.isdisjoint(self.held.addresses)

    @property
    def agree(self) -> bool:
        """The headlines agree."""
        return self.evidence.same_headline or self.evidence.agree >= AGREE

    @property
    def is_unsupported(self) -> bool:
        """The headlines differ, and hardly any of their words occur in the common part."""
        e = self.evidence
        return not self.agree and max(e.short.support, e.long.support) < SUPPORT

    @property
    def about(self) -> float:
        """The share of the headlines' words in the common part, on average."""
        return (self.evidence.short.support + self.evidence.long.support) / 2

    @property
    def leads(self) -> int:
        """Own sentences before the common part; the smaller number of the two texts."""
        return min(self.evidence.short.lead, self.evidence.long.lead)

    @property
    def front(self) -> bool:
        """Neither text has its own lead."""
        return max(self.evidence.short.lead, self.evidence.long.lead) < LEAD

    @property
    def is_long(self) -> bool:
        """So much is common that it is no frame of a programme."""
        return self.evidence.short.rare >= LONG and self.least >= LONG_SHARED

    @property
    def least(self) -> float:
        """The smaller of the two weighted shares."""
        return min(self.evidence.short.weight, self.evidence.long.weight)


@dataclass(frozen=True, eq=False)
class Side:
    """One of two compared texts. Shares are 0 to 1; what few rows need is computed on demand."""

    text: Reading
    covered: Bools  # tokens in shared shingles
    fine: Bools  # these, and tokens that are equal inside a difference
    idf: Idf
    weight: float  # of its shingles that the other contains, weighted by rarity in the stream
    rare: float  # sum of those weights: its distinctive content

    @property
    def size(self) -> int:
        """The number of its tokens."""
        return self.text.size

    @cached_property
    def share(self) -> float:
        """The share of its tokens that the other contains."""
        return _mean(self.covered)

    @cached_property
    def lead(self) -> int:
        """The number of its own sentences before the first shared run."""
        first = _first_shared(self.covered)
        if first is None:
            return self.text.sentence_count()
        # Thai and lists have no full stops, so words count as well.
        words = int(self.text.words[:first].sum())
        return max(int(self.text.sentences[first]), words // SENTENCE_WORDS)

    @cached_property
    def own(self) -> int:
        """The number of its own sentences."""
        sentences, count = self.text.sentences, self.text.sentence_count()
        own = np.bincount(sentences[~self.fine], minlength=count)
        return int((own > OWN * np.bincount(sentences, minlength=count)).sum())

    @cached_property
    def least(self) -> float:
        """The share in its least shared quarter."""
        size = len(self.fine) // 4
        if size < 8:
            return _mean(self.fine)
        return min(_mean(self.fine[n * size : (n + 1) * size]) for n in range(4))

    @cached_property
    def support(self) -> float:
        """The share of its headline's words in the common part; 1 without a headline."""
        words = self.text.title.units  # sorted and few
        if not len(words):
            return 1.0
        shared = self.text.units[self.covered]
        places = np.minimum(np.searchsorted(words, shared), len(words) - 1)
        found = np.zeros(len(words), dtype=np.bool_)
        found[places[words[places] == shared]] = True
        weights = self.idf.word_weights(words)
        return float(weights[found].sum()) / max(float(weights.sum()), 1e-9)


@dataclass(frozen=True, eq=False)
class Evidence:
    """The result of a comparison. `short` and `long` are the two texts by length."""

    short: Side
    long: Side
    first_is_short: bool  # refers to the order of arguments
    swaps: tuple[Swap, ...]
    left: int  # tokens neither shared nor swapped; the larger number of the two texts
    shared: float  # number of common words
    word: float  # words per token of the shorter text: 1, or less in scripts without spaces
    agree: float  # share of the shorter headline's word pairs that the other has
    same_headline: bool
    other_numbers: bool  # the headlines have different series numbers, dates or figures

    @cached_property
    def cohesion(self) -> float:
        """Whether the longer text is about one subject: words that its shared part and rest share.

        0: two texts; about 1: as much in common as the halves of either part. This comparison needs
        no knowledge of the language, in which frequent words prove nothing. 0.5: too little text.
        """
        units, fine, likeness = self.long.text.units, self.long.fine, self.long.idf.likeness
        shared, rest = units[fine], units[~fine][: 2 * WINDOW]
        half = min(len(shared) // 2, len(rest) // 2, WINDOW)
        if half < LEAST_WINDOW:
            return 0.5
        one, other = shared[-2 * half : -half], shared[-half:]
        first, second = rest[:half], rest[half : 2 * half]
        within = likeness(one, other) + likeness(first, second)
        across = sum(likeness(a, b) for a in (one, other) for b in (first, second))
        return across / (2 * within) if within > 0.02 else 0.5

    @cached_property
    def headline_inside(self) -> bool:
        """Whether the shorter text's headline is a line of the longer text only."""
        short, long = self.short.text, self.long.text
        headline = short.title.bare
        return len(headline) > SHORT_HEADLINE and headline in long.lines - short.lines

    @property
    def untouched(self) -> bool:
        """Whether hardly anything differs beside the swaps."""
        return self.left <= UNTOUCHED * self.short.size

    @property
    def telling(self) -> tuple[Swap, ...]:
        """Swaps of names and figures; also of words, if nothing else was changed."""
        kinds = {"figure", "name", "word"} | ({"common"} if self.shared < FEW_WORDS else set())
        if self.untouched and all(s.kind in kinds for s in self.swaps):
            return self.swaps
        return tuple(s for s in self.swaps if s.kind in ("figure", "name"))

    @property
    def told_apart(self) -> frozenset[tuple[str, str]]:
        """The different telling swaps, without those that only changed places."""
        return different(self.telling)


def different(swaps: tuple[Swap, ...]) -> frozenset[tuple[str, str]]:
    """What was swapped for what, without what only changed places."""
    swapped = {(s.one, s.other) for s in swaps}
    return frozenset((one, other) for one, other in swapped if (other, one) not in swapped)


def compare(one: Reading, other: Reading, idf: Idf, sources: tuple[int, int] = (0, 0)) -> Evidence:
    """Compare two texts, with the word frequencies of `idf`, also in `sources` (hashes)."""
    short, long = (one, other) if one.size <= other.size else (other, one)
    at, back = places(short, long)
    found = at >= 0
    covered = cover(found, short.size), cover(back, long.size)
    agree, same = headlines(short.title, long.title)
    strange = max(_mean(covered[0]), _mean(covered[1])) < STRANGERS and not same
    fine = (covered[0].copy(), covered[1].copy())
    swaps, swapped = ([], (0, 0)) if strange else swaps_between(short, long, at, fine, idf)
    left = max((~fine[0]).sum() - swapped[0], (~fine[1]).sum() - swapped[1], 0)
    numbers = zip(short.title.numbers, long.title.numbers, strict=True)
    return Evidence(
        short=_side(short, found, covered[0], fine[0], idf, sources),
        long=_side(long, back, covered[1], fine[1], idf, sources),
        first_is_short=short is one,
        swaps=tuple(swaps),
        left=int(left),
        shared=min(float(short.words[fine[0]].sum()), float(long.words[fine[1]].sum())),
        word=_mean(short.words),
        agree=agree,
        same_headline=same,
        other_numbers=any(a and b and a != b for a, b in numbers),
    )


def headlines(one: Title, other: Title) -> tuple[float, bool]:
    """Agreement of two headlines (0 to 1), and whether they are equal except for punctuation.

    All word pairs count equally: on a hot topic the words are common in the whole stream, but not
    their combination.
    """
    same = bool(one.bare) and one.bare == other.bare
    if not one.pairs or not other.pairs:
        return (1.0 if same else 0.0), same
    return len(one.pairs & other.pairs) / min(len(one.pairs), len(other.pairs)), same


def _mean(values: Bools | npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else 0.0


def _side(
    text: Reading, found: Bools, covered: Bools, fine: Bools, idf: Idf, sources: tuple[int, int]
) -> Side:
    weights = idf.weights(idf.counts(text.shingles, *sources))
    rare = float(weights.sum())
    weight = float(weights[found].sum()) / rare if rare > 0 else 0.0
    return Side(text, covered, fine, idf, weight, rare)


def _first_shared(covered: Bools) -> int | None:
    """The start of the common part, after phrases that a lead quotes from it."""
    runs = [run for run in runs_of(covered) if run[1] - run[0] >= min(RUN, len(covered))]
    for start, end in runs:
        after = covered[end : end + 2 * QUOTED]
        if end - start > QUOTED or not after.size or after.mean() >= 0.25:
            return start
    return runs[0][0] if runs else None
