"""Convert text to token hashes: one CJK character, or one word of any other script, is a token.

Compatibility forms, case and Traditional characters are folded first, so that copies of a text in
different scripts give the same tokens. A hash depends only on the token's text.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from functools import cache, lru_cache
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash

from core.text import converter

U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

_BMP = 0x10000  # code points covered by one table
_APART, _WORD, _SINGLE = 0, 1, 2
# Scripts without spaces between words; each of their characters is a token.
_SINGLES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # CJK radicals
    (0x3005, 0x3007),  # 々〆〇
    (0x3040, 0x30FF),  # kana
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK
    (0xAC00, 0xD7A3),  # Hangul
    (0xF900, 0xFAFF),  # CJK compatibility
)
_ASTRAL_HAN = (0x20000, 0x3FFFF)
# Traditional text uses both characters of each pair where Simplified has one of them.
_TWINS = str.maketrans("着妳裡牠祂於徵乾", "著你里它他于征干")

# Letters with a longer folded form; others of that kind are very rare.
_FOLDING_LONGER = (("ß", "ss"), ("ẞ", "SS"), ("İ", "I"), ("ŉ", "n"))

_SHORT = 2000  # characters; numpy is faster for longer texts
_ASCII_WORD = re.compile("[0-9a-z]+")
_WORDS_KEPT = 1 << 13  # cached hashes of frequent words
NO_TOKENS: U64 = np.zeros(0, dtype=np.uint64)
_LONGEST_WORD = 64  # characters; the rest of a longer word is ignored
_POWERS = np.cumprod(np.full(_LONGEST_WORD, 0x9E3779B97F4A7C15, dtype=np.uint64))
_POWER_LIST: list[int] = _POWERS.tolist()
_U64 = (1 << 64) - 1  # hashes have 64 bits
_PAIR = np.uint64(0x9E3779B97F4A7C15)
_SHIFTS = tuple(map(np.uint64, (30, 27, 31)))
_FACTORS = tuple(map(np.uint64, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)))


def fold(text: str) -> str:
    """`text` in compatibility form and without case; `tokens` folds the scripts."""
    return unicodedata.normalize("NFKC", text).casefold()


class Tokens(NamedTuple):
    """The tokens of a text in order; one array element per token."""

    hashes: U64
    digits: npt.NDArray[np.bool_]  # whether it begins with a digit
    single: npt.NDArray[np.bool_]  # whether it is a character of a script without spaces


def tokens(text: str) -> U64:
    """The hash of each token of `text`, in order."""
    return tokenized(text).hashes


def tokenized(text: str) -> Tokens:
    """Split `text` into tokens."""
    if len(text) <= _SHORT and text.isascii():
        return _of_ascii(text)
    points = code_points(text)
    if not text.isascii() and _needs_unicode()[np.minimum(points, _BMP)].any():
        points = code_points(fold(text))
    hashes, starts, folded = _hashed(points)
    first = folded[starts]
    digits = (first >= ord("0")) & (first <= ord("9"))
    return Tokens(hashes, digits, _kinds_of(first) == _SINGLE)


def units(hashes: U64, single: npt.NDArray[np.bool_]) -> U64:
    """One hash per token: of the word, or of a single character with the next one."""
    if len(hashes) < 2:
        return hashes
    two = np.zeros(len(hashes), dtype=np.bool_)
    two[:-1] = single[:-1] & single[1:]
    return np.where(two, mix(hashes * _PAIR + np.roll(hashes, -1)), hashes)


def token_spans(text: str) -> tuple[U64, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The hash of each token of `text`, with its start and end index.

    `text` must be in compatibility form, with characters that fold one by one (see `comparable`);
    then the hashes equal those of `tokens`.
    """
    hashes, starts, folded = _hashed(code_points(text))
    apart = np.flatnonzero(np.append(_kinds_of(folded) == _APART, True))
    ends = apart[np.searchsorted(apart, starts)]
    if starts.size:  # a token of one character ends at the start of the next one
        ends[:-1] = np.minimum(ends[:-1], starts[1:])
    return hashes, starts, ends


def comparable(text: str) -> str:
    """`text` in compatibility form with case kept, where each character folds to one character."""
    text = unicodedata.normalize("NFKC", text)
    for letter, longer in _FOLDING_LONGER:  # an eighth of the time of `str.translate`
        text = text.replace(letter, longer)
    return text


def _hashed(points: U32) -> tuple[U64, npt.NDArray[np.intp], U32]:
    """The hash of each token, its start index, and all characters in folded form."""
    if points.size == 0:
        return NO_TOKENS, np.zeros(0, dtype=np.intp), points
    points, kinds = _folded_with_kinds(points)
    starts_here = kinds == _WORD
    starts_here[1:] &= kinds[:-1] != _WORD
    starts_here |= kinds == _SINGLE
    starts = np.flatnonzero(starts_here)
    if starts.size == 0:
        return NO_TOKENS, starts, points
    return mix(_sums_from(starts, points, kinds)), starts, points


def _of_ascii(text: str) -> Tokens:
    """Like `tokenized`, for short ASCII texts: no tables, and most words are in the cache."""
    words = _ASCII_WORD.findall(text.lower())
    hashes = np.array([_hash_of(word) for word in words], dtype=np.uint64)
    digits = np.array([word[0] <= "9" for word in words], dtype=np.bool_)
    return Tokens(hashes, digits, np.zeros(len(words), dtype=np.bool_))


@lru_cache(maxsize=_WORDS_KEPT)
def _hash_of(word: str) -> int:
    powers = chain(_POWER_LIST, repeat(_POWER_LIST[-1]))
    mixed: int = sum(map(operator.mul, word.encode(), powers)) & _U64
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _U64  # same as `mix`
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _U64
    return mixed ^ (mixed >> 31)


def hash_of(name: str | None) -> int:
    """A 64-bit hash of a name; 0 if there is no name."""
    return xxhash.xxh64_intdigest(name.encode()) if name else 0


def mix(values: U64) -> U64:
    """Spread each value over all 64 bits (the finalizer of splitmix64)."""
    mixed = values ^ (values >> _SHIFTS[0])
    mixed *= _FACTORS[0]
    mixed ^= mixed >> _SHIFTS[1]
    mixed *= _FACTORS[1]
    mixed ^= mixed >> _SHIFTS[2]
    return mixed


def simplified(text: str) -> str:
    """`text` with each Traditional character replaced by its Simplified form."""
    return text.translate(_simplified_characters())


def code_points(text: str) -> U32:
    """The code point of each character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _folded_with_kinds(points: U32) -> tuple[U32, npt.NDArray[np.uint8]]:
    high = points >= _BMP
    if not high.any():
        folded = _folded_characters()[points]
        return folded, _character_kinds()[folded]
    folded = np.where(high, points, _folded_characters()[np.where(high, 0, points)])
    return folded, _kinds_of(folded)


def _kinds_of(folded: U32) -> npt.NDArray[np.uint8]:
    high = folded >= _BMP
    if not high.any():
        return _character_kinds()[folded]
    han = high & (folded >= _ASTRAL_HAN[0]) & (folded <= _ASTRAL_HAN[1])
    kinds = np.where(han, _SINGLE, _APART).astype(np.uint8)
    return np.where(high, kinds, _character_kinds()[np.where(high, 0, folded)])


def _sums_from(starts: npt.NDArray[np.intp], points: U32, kinds: npt.NDArray[np.uint8]) -> U64:
    """A position-weighted sum of the characters of each token."""
    begins = np.zeros(len(points), dtype=np.intp)  # start index of the token of each character
    begins[starts] = starts
    places = np.arange(len(points)) - np.maximum.accumulate(begins)
    weighted = points * _POWERS[np.minimum(places, _LONGEST_WORD - 1)]
    # The range of a token extends to the next token; characters in between must not count.
    weighted[kinds == _APART] = 0
    return np.add.reduceat(weighted, starts)


@cache
def _character_kinds() -> npt.NDArray[np.uint8]:
    kinds = np.zeros(_BMP, dtype=np.uint8)
    for point in range(_BMP):
        char = chr(point)
        if char.isalnum() or unicodedata.category(char) in ("Mn", "Mc"):
            kinds[point] = _WORD
    for first, last in _SINGLES:
        block = kinds[first : last + 1]
        block[block == _WORD] = _SINGLE
    return kinds


@cache
def _simplified_characters() -> dict[int, str]:
    """Traditional to Simplified by single characters; phrases would depend on context."""
    blocks = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF))
    han = [chr(point) for first, last in blocks for point in range(first, last + 1)]
    mapped = converter("t2s").convert("\n".join(han)).split("\n")
    return {
        ord(char): simple.translate(_TWINS)
        for char, simple in zip(han, mapped, strict=True)
        if simple < "\U00010000" and len(simple) == 1 and simple.translate(_TWINS) != char
    }


@cache
def _folded_characters() -> U32:
    """Table of code points, for characters whose folded form is one character."""
    simple = _simplified_characters()
    folded = [fold(chr(point)).translate(simple) for point in range(_BMP)]
    return np.array(
        [ord(form) if len(form) == 1 else point for point, form in enumerate(folded)],
        dtype=np.uint32,
    )


@cache
def _needs_unicode() -> npt.NDArray[np.bool_]:
    """Characters that fold to several or combine with others; the last element is for non-BMP.

    Texts with these are folded as a whole, except if they fold to punctuation only: … is ...
    """
    needs = np.zeros(_BMP + 1, dtype=np.bool_)
    for point in range(_BMP):
        char = chr(point)
        form = fold(char)
        needs[point] = unicodedata.combining(char) or (
            len(form) > 1 and any(map(str.isalnum, form))
        )
    needs[0x1100:0x1200] = True  # Hangul composed of letters
    needs[_BMP] = True
    return needs
