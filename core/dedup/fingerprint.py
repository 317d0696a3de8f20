"""Compute the fingerprint of an entry: a 128-bit simhash and a few numbers.

`features` does the expensive reading of the text and can run in another process. `fingerprint`
weights the features by their frequency in the stream (`core/dedup/idf.py`) and is cheap.
`StoredFingerprint` is what the store keeps of each story's founder; `Fingerprint` adds the lookup
keys.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import xxhash

from core.dedup.headline import Headline, headline
from core.dedup.idf import COMMON, Idf
from core.dedup.simhash import shingles, simhash
from core.dedup.tokens import NO_TOKENS, U64, hash_of, mix, tokenized, units
from core.models import Article
from core.urls import canonical_url

SHINGLE = 4  # tokens; 3 match more unrelated texts, 5 lose more edited copies
FILED = 6  # minhash keys that a founder is filed under
LOOKED_UP = 10  # minhash keys that are looked up: they include those of a partial copy
HEADLINE_BITS = 80  # ten bytes of the stored form: bitmap of the headline's words
FIGURE_BITS = 32  # four bytes: bitmap of the figures in a text
FIGURES_KEPT = 10  # figures per text; more would fill the bitmap
_LOOKED_UP_WORDS = 1  # minimum number of word pairs in a headline that is looked up
_LONGEST_TEXT = 100_000  # characters; the rest of a longer text adds no information

_WORD_SALT = np.uint64(0xE7037ED1A0B428DB)  # headline words and shingles share one table
# x: a byte that earlier versions wrote; unused
_FORM = struct.Struct("<16sBBHHHBx10s4sH")
_SCALE = 16.0  # steps per doubling of a size that is stored in one byte


class Features(NamedTuple):
    """The input of `fingerprint` and `Idf.learn`. Small: bytes and numbers."""

    shingles: bytes  # uint64 each: unique shingles
    times: bytes  # uint8 each: occurrences of each shingle in the text
    figures: bytes  # uint64 each: numbers in the text together with the counted noun
    tokens: int
    headline: Headline
    words: bytes  # uint64 each: unique words, or pairs of Chinese characters


class StoredFingerprint(NamedTuple):
    """The stored fingerprint of a founder; `PRINT_BYTES` long when packed."""

    simhash: int
    informative: int  # number of rare shingles; within 5 %, as is `tokens`
    tokens: int
    skeleton: int  # hash of the headline's words, 16 bits, 0: none; same for the next two
    series: int
    dates: int
    figures: int  # 8 bits
    word_bits: int  # bitmap of the headline's rare word pairs
    figure_bits: int  # bitmap of some figures in the text
    source: int  # hash of the source, 16 bits; 0: none

    def pack(self) -> bytes:
        """The stored form."""
        return _FORM.pack(
            self.simhash.to_bytes(16, "little"),
            _to_scale(self.informative),
            _to_scale(self.tokens),
            *self[3:7],
            self.word_bits.to_bytes(10, "little"),
            self.figure_bits.to_bytes(4, "little"),
            self.source,
        )

    @classmethod
    def unpack(cls, packed: bytes) -> StoredFingerprint:
        """Parse the output of `pack`."""
        simhash, informative, tokens, *numbers, words, figures, source = _FORM.unpack(packed)
        head = int.from_bytes(simhash, "little"), _from_scale(informative), _from_scale(tokens)
        bits = int.from_bytes(words, "little"), int.from_bytes(figures, "little")
        return cls._make((*head, *numbers, *bits, source))


PRINT_BYTES = _FORM.size


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A fingerprint with its lookup keys."""

    print: StoredFingerprint
    minhashes: tuple[int, ...]  # the smallest hashes of its rare shingles
    headline_key: int  # 0: the headline has too few words to be looked up
    url_keys: tuple[int, ...]  # exact keys: URLs, a newspaper's article id


def features(title: str | None, text: str) -> Features:
    """Extract the features of a clean article; independent of the stream."""
    hashes, digits, single = tokenized(text[:_LONGEST_TEXT])
    unique, times = np.unique(shingles(hashes, SHINGLE), return_counts=True)
    return Features(
        shingles=unique.tobytes(),
        times=np.minimum(times, 255).astype(np.uint8).tobytes(),
        figures=_figures(hashes, digits).tobytes(),
        tokens=len(hashes),
        headline=headline(title),
        words=np.unique(units(hashes, single)).tobytes(),
    )


def fingerprint(
    read: Features, idf: Idf, *, urls: Sequence[str] = (), source: str | None = None
) -> Fingerprint:
    """Weight `read` by current frequencies. `urls` identify the article exactly."""
    hashes = np.frombuffer(read.shingles, dtype=np.uint64)
    origin = hash_of(source)
    mixed, counts = mix(hashes), idf.counts(hashes, origin)
    rare = mixed[counts < COMMON]
    words = np.frombuffer(read.headline.words, dtype=np.uint64) ^ _WORD_SALT
    rare_words = words[idf.counts(words, origin) < COMMON]
    figures = np.frombuffer(read.figures, dtype=np.uint64)[:FIGURES_KEPT]
    kept = StoredFingerprint(
        simhash=simhash(hashes, idf.weights(counts), np.frombuffer(read.times, dtype=np.uint8)),
        informative=len(rare),
        tokens=read.tokens,
        skeleton=_reduced_hash(read.headline.skeleton),
        series=_reduced_hash(read.headline.series),
        dates=_reduced_hash(read.headline.dates),
        figures=_reduced_hash(read.headline.figures, 8),
        word_bits=_bitmap(rare_words, HEADLINE_BITS),
        figure_bits=_bitmap(mix(figures), FIGURE_BITS) if len(figures) else 0,
        source=_reduced_hash(origin),
    )
    minhashes = tuple(np.sort(rare)[:LOOKED_UP].tolist())
    keys = tuple(
        dict.fromkeys(xxhash.xxh64_intdigest(url.encode()) for url in urls if _names_article(url))
    )
    return Fingerprint(kept, minhashes, _headline_key(read), keys)


def fingerprint_of(
    article: Article, idf: Idf, *, source: str | None, read: Features | None = None
) -> Fingerprint:
    """The fingerprint of an article; `read`: its features, where they were computed before."""
    urls = [canonical_url(url) for url in (article.original_url, article.link) if url]
    read = read or features(article.title, article.text)
    return fingerprint(read, idf, urls=urls, source=source)


def idf_hashes(read: Features) -> U64:
    """The hashes that `Idf.learn` counts for a unique entry."""
    words = np.frombuffer(read.headline.words, dtype=np.uint64) ^ _WORD_SALT
    return np.concatenate((np.frombuffer(read.shingles, dtype=np.uint64), words))


def learn_features(read: Features, idf: Idf, *, source: str | None, alone: bool = False) -> None:
    """Count a unique entry in `idf`; `alone`: do not pass it to other workers."""
    words = np.frombuffer(read.words, dtype=np.uint64)
    idf.learn_entry(idf_hashes(read), words, source=hash_of(source), alone=alone)


def _figures(hashes: U64, digits: npt.NDArray[np.bool_]) -> U64:
    """Unique (number, next token) pairs of a text: 35例 differs from 35人."""
    places = np.flatnonzero(digits[:-1])
    if not len(places):
        return NO_TOKENS
    return np.unique(mix(hashes[places] * np.uint64(3) + hashes[places + 1]))


def _bitmap(hashes: U64, size: int) -> int:
    bits = 0
    for place in (hashes >> np.uint64(32)).tolist():
        bits |= 1 << (place % size)
    return bits


def _headline_key(read: Features) -> int:
    """The lookup key of a headline with at least a few words, even if all of them are common.

    On a hot topic each word of a headline is common, but not the whole headline.
    """
    if len(read.headline.words) < _LOOKED_UP_WORDS * 8:
        return 0
    parts = read.headline.skeleton, read.headline.series, read.headline.dates
    return xxhash.xxh64_intdigest(repr(parts).encode())


def _names_article(url: str) -> bool:
    """Whether a URL identifies an article; some feeds state the site's root for every entry."""
    parts = urlsplit(url)
    return bool(parts.netloc) and (len(parts.path) > 1 or bool(parts.query))


def _reduced_hash(long: int, bits: int = 16) -> int:
    """Reduce a hash to `bits` bits; 0 only for 0."""
    return long and long % ((1 << bits) - 1) + 1


def _to_scale(size: int) -> int:
    return min(255, round(_SCALE * math.log2(size + 1)))


def _from_scale(step: int) -> int:
    return round(2 ** (step / _SCALE)) - 1
