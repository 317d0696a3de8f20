"""Standing text: what one source, or one host, puts under headlines of every kind.

The closing words of a channel, the notes of a podcast and what a press office says of itself
identify nothing, however long they are. A sentence that one source has under three headlines that
do not agree is such text, unless it is about each of them. So is a sentence that sources of one
host have under three headlines of which it says nothing. Comparisons leave standing text out,
wherever else it is reprinted.

Entries that were folded teach it like those that stayed apart, so a wrong merge shows itself by its
third copy. An agency's report in ten papers teaches nothing: each of them has it once.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from difflib import SequenceMatcher

import numpy as np

from core.dedup.copy import Copy, owns
from core.dedup.headline import Title
from core.dedup.reading import Bools
from core.dedup.tokens import NO_TOKENS, U64, hash_of

HEADLINES = 3  # as with the third value in a template: two may be a copy under a new headline
KEPT = 1 << 14  # sentences; the one met longest ago goes. At most 48 bytes each in the store
SHARE = KEPT // 16  # of them for one source, before the others had theirs
TAUGHT = 60  # sentences of a pair: notes and closing words of public podcasts come to fewer
ALIKE = 0.6  # of the letters of two headlines; strangers have .3 to .45 in common
LONGEST = 200  # letters of a headline that are looked at: the cost grows with their square
LEAST_OWN = 4  # letters: fewer are a number, a day or "video"
SAME = 0.7  # of the word pairs of two headlines: one of them is the other, retitled
ABOUT = 0.3  # of a headline's words: a text that has that many of them is about it
ABOUT_OWN = 0.5  # the same of both headlines in one source: one article under several headlines


class Standing:
    """The sentences that sources and hosts repeat, and the headlines that were seen above them."""

    def __init__(self, known: Callable[[int], tuple[int, ...]] = lambda _: ()) -> None:
        self._learned: list[tuple[int, int]] = []  # sentence at its place, sketch of a headline
        self._known = known  # titles above a sentence, as another table has them
        self._given: Counter[str | None] = Counter()  # places by source, until all were given once
        self._titles: OrderedDict[int, tuple[int, ...]] = OrderedDict()

    def observe(self, one: Copy, other: Copy) -> bool:
        """Learn from two copies; whether a sentence turned out to be standing text by it."""
        if one.places[0] != other.places[0] and one.places[1] != other.places[1]:
            return False  # most pairs: nothing is compared for them
        shared = np.intersect1d(one.reading.sentence_hashes, other.reading.sentence_hashes)
        places = _common_places(one, other, shared)
        titles = [_sketch(each.reading.title) for each in (one, other)]
        grown = False
        for place in places:
            for sentence in shared[:TAUGHT].tolist():
                for title in titles:
                    grown = self._add(sentence ^ place, title) or grown
        return grown

    def in_pair(self, one: Copy, other: Copy) -> tuple[Bools, Bools] | None:
        """Which sentences of each copy are standing text where one of the two is from."""
        known = np.concatenate((self._repeated(one), self._repeated(other)))
        if not known.size:
            return None
        texts = one.reading, other.reading
        return np.isin(texts[0].sentence_hashes, known), np.isin(texts[1].sentence_hashes, known)

    def learn(self, sightings: bytes, *, source: str | None = None, alone: bool = False) -> None:
        """Take over what was observed elsewhere; `alone`: it is not to be passed on.

        Of the places that become free `source`, whose entries were compared, gets a share: else
        one could have what all others repeat forgotten.
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
        """What was learned since the last call: 16 bytes for a headline above a sentence."""
        learned, self._learned = self._learned, []
        return np.array(learned, dtype=np.uint64).tobytes()

    def to_bytes(self) -> bytes:
        """All of it in the same form, for `learn`."""
        known = [(key, title) for key, titles in self._titles.items() for title in titles]
        return np.array(known, dtype=np.uint64).tobytes()

    def _repeated(self, copy: Copy) -> U64:
        hashes = copy.reading.sentence_hashes
        found = [
            sentence
            for place in copy.places
            for sentence in hashes.tolist()
            if len(self.titles_above(sentence ^ place)) >= HEADLINES
        ]
        return np.array(found, dtype=np.uint64) if found else NO_TOKENS

    def _add(self, key: int, title: int) -> bool:
        """Count a headline above a sentence; whether that makes it standing text now."""
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
        """Sketches of the unlike headlines that were seen above a sentence at its place."""
        own = self._titles.get(key)
        return own if own is not None else self._known(key)


def _common_places(one: Copy, other: Copy, shared: U64) -> list[int]:
    """Source and host that two copies share, if their headlines are unlike; of one address: none.

    What one source gathers from several hosts is not its own, and many may write on one host. A
    host is taught by sources that lie on it alone: else a stranger who links to it could have what
    tells its stories apart left out of comparisons.
    """
    (source, host), (others_source, others_host) = one.places, other.places
    own = source == others_source != 0 and (host == others_host or 0 in (host, others_host))
    beside = host == others_host != 0 and _is_at_home(one) and _is_at_home(other)
    if not (own or beside) or not one.addresses.isdisjoint(other.addresses):
        return []
    if not shared.size or not _are_unlike(one.reading.title.bare, other.reading.title.bare):
        return []
    about = _share_about(one, other, shared), _share_about(other, one, shared)
    own = own and min(about) < ABOUT_OWN
    beside = beside and max(about) < ABOUT
    return [place for place, holds in ((source, own), (host, beside)) if holds]


def _is_at_home(copy: Copy) -> bool:
    """Whether its source lies on the host that it links to; anyone can link to a host."""
    address = copy.article.original_url or copy.article.link or ""
    return copy.site is not None and owns(copy.site, address)


def _are_unlike(one: str, other: str) -> bool:
    """Whether two headlines differ beyond a name of the series in front or behind both."""
    one, other = one[:LONGEST], other[:LONGEST]
    for _ in range(2):
        letters = zip(one, other, strict=False)
        front = next((n for n, (a, b) in enumerate(letters) if a != b), min(len(one), len(other)))
        one, other = one[front:][::-1], other[front:][::-1]
    if min(len(one), len(other)) < LEAST_OWN:
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() < ALIKE


def _share_about(copy: Copy, other: Copy, shared: U64) -> float:
    """How many of the words that its headline alone has are in the shared sentences, 0 to 1."""
    text = copy.reading
    words = np.setdiff1d(text.title.units, other.reading.title.units)
    inside = text.units[np.isin(text.sentence_hashes, shared)[text.sentences]]
    return float(np.isin(words, inside).mean()) if len(words) else 0.0


def _sketch(title: Title) -> int:
    """A bit of 64 for each word pair of a headline."""
    pairs = title.pairs or {hash_of(title.bare)}
    return sum(1 << bit for bit in {pair % 64 for pair in pairs})
