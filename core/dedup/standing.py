"""Standing text: sentences that a source or host repeats under unrelated headlines.

The closing words of a channel, podcast notes and a press office's self-description identify no
story, however long they are. A sentence is standing text if one source has it under three headlines
that do not agree, unless it is about each of them. The same applies if sources of one host have it
under three headlines that it is not about. Comparisons ignore standing text wherever it appears.

Merged entries are observed like separate ones, so the third copy reveals a wrong merge. An agency
report in ten newspapers is not affected: each of them has it once.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from difflib import SequenceMatcher

import numpy as np

from core.dedup.copy import ArticleCopy, owns
from core.dedup.headline import Title
from core.dedup.reading import Bools
from core.dedup.tokens import NO_TOKENS, U64, hash_of

HEADLINES = 3  # as for the third value in a template: two may be a copy with a new headline
KEPT = 1 << 14  # sentences; the least recently seen are dropped. At most 48 bytes each in the store
SHARE = KEPT // 16  # of these per source, up to KEPT in all
TAUGHT = 60  # sentences per pair; notes and closing words of public podcasts have fewer
ALIKE = 0.6  # share of the letters of two headlines; unrelated ones have .3 to .45 in common
LONGEST = 200  # letters of a headline that are compared; the cost is quadratic
LEAST_OWN = 4  # letters; fewer are a number, a day or "video"
SAME = 0.7  # share of the word pairs of two headlines; then one is a variant of the other
ABOUT = 0.3  # share of a headline's words; a text that contains this many is about it
ABOUT_OWN = 0.5  # the same for both headlines in one source: one article under several headlines


class Standing:
    """The sentences that sources and hosts repeat, with sketches of their headlines."""

    def __init__(self, known: Callable[[int], tuple[int, ...]] = lambda _: ()) -> None:
        self._learned: list[tuple[int, int]] = []  # (sentence and place, sketch of a headline)
        self._known = known  # sketches for a sentence in the parent table
        self._given: Counter[str | None] = Counter()  # sentences by source, up to KEPT in all
        self._titles: OrderedDict[int, tuple[int, ...]] = OrderedDict()

    def observe(self, one: ArticleCopy, other: ArticleCopy) -> bool:
        """Learn from two copies; return whether a sentence became standing text."""
        if one.places[0] != other.places[0] and one.places[1] != other.places[1]:
            return False  # applies to most pairs, and avoids a comparison
        shared = np.intersect1d(one.reading.sentence_hashes, other.reading.sentence_hashes)
        places = _common_places(one, other, shared)
        titles = [_sketch(each.reading.title) for each in (one, other)]
        grown = False
        for place in places:
            for sentence in shared[:TAUGHT].tolist():
                for title in titles:
                    grown = self._add(sentence ^ place, title) or grown
        return grown

    def in_pair(self, one: ArticleCopy, other: ArticleCopy) -> tuple[Bools, Bools] | None:
        """For each copy, which sentences are standing text of one of the two origins."""
        known = np.concatenate((self._repeated(one), self._repeated(other)))
        if not known.size:
            return None
        texts = one.reading, other.reading
        return np.isin(texts[0].sentence_hashes, known), np.isin(texts[1].sentence_hashes, known)

    def learn(self, sightings: bytes, *, source: str | None = None, alone: bool = False) -> None:
        """Add observations of another table; `alone`: do not pass them on.

        `source`, whose entries were compared, gets only a share of the free places; otherwise one
        source could displace the sentences of all others.
        """
        before = len(self._learned)
        for key, title in np.frombuffer(sightings, dtype=np.uint64).reshape(-1, 2).tolist():
            new = source is not None and not self.titles_above(key)
            if new and self._given[source] >= SHARE:
                continue
            self._given[source] += new
            if self._given.total() >= KEPT:
                self._given.clear()
            self._add(key, title)
        if alone:
            del self._learned[before:]

    def take_learned(self) -> bytes:
        """The observations since the last call: 16 bytes per headline of a sentence."""
        learned, self._learned = self._learned, []
        return np.array(learned, dtype=np.uint64).tobytes()

    def to_bytes(self) -> bytes:
        """All observations in the same format, for `learn`."""
        known = [(key, title) for key, titles in self._titles.items() for title in titles]
        return np.array(known, dtype=np.uint64).tobytes()

    def _repeated(self, copy: ArticleCopy) -> U64:
        hashes = copy.reading.sentence_hashes
        found = [
            sentence
            for place in copy.places
            for sentence in hashes.tolist()
            if len(self.titles_above(sentence ^ place)) >= HEADLINES
        ]
        return np.array(found, dtype=np.uint64) if found else NO_TOKENS

    def _add(self, key: int, title: int) -> bool:
        """Record a headline of a sentence; return whether this makes it standing text."""
        titles = self.titles_above(key)
        if len(titles) >= HEADLINES or any(
            (title & each).bit_count() >= SAME * (title | each).bit_count() for each in titles
        ):
            return False
        self._titles[key] = (*titles, title)
        self._titles.move_to_end(key)
        if len(self._titles) > KEPT:
            self._titles.popitem(last=False)
        self._learned.append((key, title))
        return len(titles) + 1 == HEADLINES

    def titles_above(self, key: int) -> tuple[int, ...]:
        """Sketches of the different headlines seen with a sentence (key: sentence and place)."""
        own = self._titles.get(key)
        return own if own is not None else self._known(key)


def _common_places(one: ArticleCopy, other: ArticleCopy, shared: U64) -> list[int]:
    """The source and host that two copies share if their headlines are unrelated.

    Empty if both have the same URL. What a source collects from several hosts is not its own text,
    and many people may write on one host. Only sources on a host itself may teach it: otherwise
    anyone who links to it could have the distinctive parts of its stories ignored.
    """
    (source, host), (others_source, others_host) = one.places, other.places
    own = source == others_source != 0 and (host == others_host or 0 in (host, others_host))
    beside = host == others_host != 0 and _is_on_own_host(one) and _is_on_own_host(other)
    if not (own or beside) or not one.addresses.isdisjoint(other.addresses):
        return []
    if not shared.size or not _are_unlike(one.reading.title.bare, other.reading.title.bare):
        return []
    about = _share_about(one, other, shared), _share_about(other, one, shared)
    own = own and min(about) < ABOUT_OWN
    beside = beside and max(about) < ABOUT
    return [place for place, holds in ((source, own), (host, beside)) if holds]


def _is_on_own_host(copy: ArticleCopy) -> bool:
    """Whether its source is on the host that it links to; anyone can link to a host."""
    address = copy.article.original_url or copy.article.link or ""
    return copy.site is not None and owns(copy.site, address)


def _are_unlike(one: str, other: str) -> bool:
    """Whether two headlines differ by more than a series name at their start or end."""
    one, other = one[:LONGEST], other[:LONGEST]
    for _ in range(2):
        letters = zip(one, other, strict=False)
        front = next((n for n, (a, b) in enumerate(letters) if a != b), min(len(one), len(other)))
        one, other = one[front:][::-1], other[front:][::-1]
    if min(len(one), len(other)) < LEAST_OWN:
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() < ALIKE


def _share_about(copy: ArticleCopy, other: ArticleCopy, shared: U64) -> float:
    """The share of the words that only its headline has that occur in the shared sentences."""
    text = copy.reading
    words = np.setdiff1d(text.title.units, other.reading.title.units)
    inside = text.units[np.isin(text.sentence_hashes, shared)[text.sentences]]
    return float(np.isin(words, inside).mean()) if len(words) else 0.0


def _sketch(title: Title) -> int:
    """A 64-bit bitmap of a headline's word pairs."""
    pairs = title.pairs or {hash_of(title.bare)}
    return sum(1 << bit for bit in {pair % 64 for pair in pairs})
