"""Prepare a text for comparison: tokens, sentences, words, numbers in one form.

Numbers in words and in digits are the same token: 2400亿 equals 二千四百亿, and "seven" equals 7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from core.dedup.headline import LONGEST_NUMERAL, SINGLE_FROM, Title, bare, title_of, value_of
from core.dedup.simhash import shingles
from core.dedup.tokens import (
    U64,
    code_points,
    comparable,
    hash_of,
    mix,
    simplified,
    token_spans,
    tokens,
    units,
)

SHINGLE = 4  # tokens, same as in fingerprints
# Characters that are compared; the beginning of a longer text decides. Comparing two texts of this
# length takes about 30 ms, and a hostile source may send thousands.
LONGEST = 40_000

_CUT = re.compile(r"(?:…|\.{3})\W*$")  # the end of an excerpt
_STOP = re.compile(r"[。！？!?；;؟।\n]|\.(?=\s|$)|…")
_LINE = (6, 160)  # minimum and maximum length of a line that may be a headline inside a digest
# Share of a word per token of one character, measured on parallel texts: a Chinese character is
# about .6 of an English word, a Thai letter about a quarter.
_HAN_WORD, _LETTER_WORD = 0.6, 0.25
_LETTERS = (SINGLE_FROM, 0x1800)  # Thai to Khmer: one token per letter
_SCALES = "十百千万亿"
NUMERALS = "零〇一二两三四五六七八九十百千万亿兩萬億"
_HAN_FROM, HAN_SHARE = 0x3400, 0.3  # share of tokens from which a text is Chinese or Japanese
_LATIN, _MANY = r"\d+(?:[.,]\d+)*", f"[{NUMERALS}]{{2,{LONGEST_NUMERAL}}}"
# Two or more numerals, or one before a counted noun: 一些 and 三峡 are words. The look-ahead halves
# the time.
_AMOUNT = re.compile(
    rf"(?=[\d{NUMERALS}])(?:百分之((?:{_MANY}|[{NUMERALS}])(?:[点點][{NUMERALS}]+)?)|({_LATIN})\s?%"
    rf"|{_LATIN}[十百千万亿萬億]*|{_MANY}(?:[点點][{NUMERALS}]+)?"
    rf"|[{NUMERALS}][点點][零〇一二三四五六七八九]+[万亿萬億]"
    r"|[一二两三四五六七八九十兩](?=[人名死伤傷例起元倍级級岁歲天年月日号號个個次项項家]))"
)

_AMOUNTS_KEPT = 1 << 12  # cache size; news repeat days, years and small counts
# From two; "one" is also an article in many languages.
_NUMBERS_FROM_TWO = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen",
    "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "deux trois quatre cinq six sept huit neuf dix onze douze",
    "dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "dois três quatro cinco seis sete oito nove dez onze doze",
    "due tre quattro cinque sei sette otto nove dieci undici dodici",
    "twee drie vier vijf zes zeven acht negen tien elf twaalf",
    "два три четыре пять шесть семь восемь девять десять",
    "dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć",
)
_TENS = {20: "twenty zwanzig vingt", 30: "thirty dreißig trente", 40: "forty", 50: "fifty"}
NUMBER_WORDS = {word: n for line in _NUMBERS_FROM_TWO for n, word in enumerate(line.split(), 2)}
NUMBER_WORDS |= {word: n for n, line in _TENS.items() for word in line.split()}

Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reading:
    """A text prepared for comparison. Arrays have one element per token unless stated otherwise."""

    text: str  # in compatibility form; `starts` and `ends` are indexes into it
    hashes: U64
    starts: Ints
    ends: Ints
    sentences: Ints  # index of the sentence
    title: Title

    @property
    def size(self) -> int:
        """The number of tokens."""
        return len(self.hashes)

    @cached_property
    def shingles(self) -> U64:
        """One hash for each run of four tokens; a shorter text is a single run."""
        if 0 < self.size < SHINGLE:
            return mix(self.hashes.sum(keepdims=True))
        return shingles(self.hashes, SHINGLE)

    @cached_property
    def units(self) -> U64:
        """One hash per token: of the word, or of a single character with the next one."""
        return units(self.hashes, self._single)

    @cached_property
    def words(self) -> npt.NDArray[np.float64]:
        """The share of a word that each token represents."""
        share = np.where(self._first < _LETTERS[1], _LETTER_WORD, _HAN_WORD)
        return np.where(self._single, share, 1.0)

    @cached_property
    def by_hash(self) -> tuple[Ints, U64]:
        """Indexes of the shingles sorted by hash, and the sorted hashes."""
        order = np.argsort(self.shingles, kind="stable")
        return order, self.shingles[order]

    @cached_property
    def lines(self) -> frozenset[str]:
        """Its short lines without punctuation: a digest contains the headlines of its parts."""
        least, most = _LINE
        return frozenset(bare(line) for line in self.text.split("\n") if least < len(line) < most)

    @cached_property
    def _single(self) -> Bools:
        """Whether each token is a character of a script without spaces."""
        single: Bools = (self.ends - self.starts == 1) & (self._first >= _LETTERS[0])
        return single

    @cached_property
    def _first(self) -> npt.NDArray[np.uint32]:
        """The first character of each token."""
        return code_points(self.text)[self.starts]

    @cached_property
    def sentence_hashes(self) -> U64:
        """One hash per sentence, independent of the order of its tokens."""
        starts = np.flatnonzero(np.diff(self.sentences, prepend=-1))
        return mix(np.add.reduceat(self.hashes, starts)) if starts.size else self.hashes

    def without(self, gone: Bools) -> Reading:
        """The text without the sentences marked in `gone`."""
        kept = ~gone[self.sentences]
        sentences = (np.cumsum(~gone) - 1)[self.sentences]
        return replace(
            self,
            hashes=self.hashes[kept],
            starts=self.starts[kept],
            ends=self.ends[kept],
            sentences=sentences[kept],
        )

    def has_capital(self, first: int, last: int) -> bool:
        """Whether one of these tokens is capitalized within a sentence."""
        return any(
            self.text[self.starts[n]].isupper()
            and n > 0
            and self.sentences[n] == self.sentences[n - 1]
            for n in range(first, last)
        )

    def is_single(self, first: int, last: int) -> bool:
        """Whether all of these tokens are characters of scripts without spaces."""
        return bool(self._single[first:last].all())

    def token(self, number: int) -> str:
        """The token as written, in lower case."""
        return self.text[self.starts[number] : self.ends[number]].casefold()

    def sentence_count(self) -> int:
        """The number of sentences with at least one token."""
        return int(self.sentences[-1]) + 1 if self.size else 0

    def sentence(self, number: int) -> str:
        """The sentence as written."""
        first, last = np.searchsorted(self.sentences, (number, number + 1))
        return self.text[self.starts[first] : self.ends[last - 1]]


def prepare_text(title: str | None, text: str) -> Reading:
    """Prepare a text and its headline for comparison."""
    text = comparable(text[:LONGEST])
    hashes, starts, ends = token_spans(text)
    # The last word of an excerpt may be half of one: “45…” of “453 people”.
    if len(hashes) > SHINGLE and _CUT.search(text[-10:]):
        hashes, starts, ends = hashes[:-1], starts[:-1], ends[:-1]
    stops = np.fromiter((stop.start() for stop in _STOP.finditer(text)), dtype=np.intp)
    after = np.searchsorted(stops, starts)  # number of full stops before each token
    sentences = np.zeros(len(starts), dtype=np.intp)
    np.cumsum(after[1:] != after[:-1], out=sentences[1:])
    kept: Bools | slice = slice(None)
    if (code_points(text)[starts] >= _HAN_FROM).sum() < HAN_SHARE * len(starts):
        hashes = _with_numerals(hashes)
    else:
        hashes, ends, kept = _with_amounts(text, hashes, starts, ends)
    tokens = hashes[kept], starts[kept], ends[kept], sentences[kept]
    return Reading(text, *tokens, title_of(title or ""))


def _with_numerals(hashes: U64) -> U64:
    """Replace number words by the hashes of their digits.

    Some of these words have other meanings too; this is harmless, as both texts are treated alike.
    """
    words, digits = _numerals()
    at = np.minimum(np.searchsorted(words, hashes), len(words) - 1)
    return np.where(words[at] == hashes, digits[at], hashes)


@cache
def _numerals() -> tuple[U64, U64]:
    """Sorted hashes of number words, and the hashes of their digits."""
    words = np.array([tokens(word)[0] for word in NUMBER_WORDS])
    digits = np.array([tokens(str(n))[0] for n in NUMBER_WORDS.values()])
    order = np.argsort(words)
    return words[order], digits[order]


def _with_amounts(text: str, hashes: U64, starts: Ints, ends: Ints) -> tuple[U64, Ints, Bools]:
    """Combine each number of a Chinese text into one token: 2400亿 equals 二千四百亿."""
    kept = np.ones(len(starts), dtype=np.bool_)
    found = [(m.start(), m.end(), _amount(m[1] or m[2], m[0])) for m in _AMOUNT.finditer(text)]
    begins = np.array([begin for begin, _, _ in found], dtype=np.intp)
    firsts = np.searchsorted(starts, begins)
    lasts = np.searchsorted(starts, np.array([end for _, end, _ in found], dtype=np.intp))
    hashes, ends = hashes.copy(), ends.copy()
    for first, last, (_, _, amount) in zip(firsts.tolist(), lasts.tolist(), found, strict=True):
        if first < last:
            hashes[first] = amount
            ends[first] = ends[last - 1]
            kept[first + 1 : last] = False
    return hashes, ends, kept


@lru_cache(maxsize=_AMOUNTS_KEPT)
def _amount(share: str | None, number: str) -> int:
    """The hash of a number's value; `share`: the number of a percentage."""
    whole, point, decimals = simplified(share or number).partition("点")
    value = value_of(whole)
    if point:  # 三百七十一点一亿: the scale applies to the whole number
        digits = decimals.rstrip(_SCALES)
        value += sum(value_of(d) / 10**n for n, d in enumerate(digits[:LONGEST_NUMERAL], start=1))
        value *= value_of("1" + decimals[len(digits) :])
    return hash_of(f"{value / 100 if share else value:.12g}")
