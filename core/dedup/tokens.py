"""Text to token hashes: one CJK character, or one word of any other script, is a token.

Compatibility forms, case and Traditional characters are folded first, so that copies of one text
in different scripts give the same tokens. The hashes depend on nothing but the text.
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

_BMP = 0x10000  # code points that one table covers
_APART, _WORD, _SINGLE = 0, 1, 2
# Scripts written without spaces between words: each of their characters is a token.
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
# Both sides of each pair stand in Traditional text where Simplified has one of them.
_TWINS = str.maketrans("着妳裡牠祂於徵乾", "著你里它他于征干")

# Letters whose folded form is longer; texts hold hardly any others of that kind.
_FOLDING_LONGER = str.maketrans({"ß": "ss", "ẞ": "SS", "İ": "I", "ŉ": "n"})

_SHORT = 2000  # characters; numpy is faster at more
_ASCII_WORD = re.compile("[0-9a-z]+")
_WORDS_KEPT = 1 << 13  # hashes of frequent words that are kept
NO_TOKENS: U64 = np.zeros(0, dtype=np.uint64)
_LONGEST_WORD = 64  # characters; the rest of a longer one does not count
_POWERS = np.cumprod(np.full(_LONGEST_WORD, 0x9E3779B97F4A7C15, dtype=np.uint64))
_POWER_LIST: list[int] = _POWERS.tolist()
_U64 = (1 << 64) - 1  # hashes are numbers of 64 bits
_PAIR = np.uint64(0x9E3779B97F4A7C15)
_SHIFTS = tuple(map(np.uint64, (30, 27, 31)))
_FACTORS = tuple(map(np.uint64, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)))


def fold(text: str) -> str:
    """`text` in compatibility form and without case; scripts are folded by `tokens`."""
    return unicodedata.normalize("NFKC", text).casefold()


class Tokens(NamedTuple):
    """The tokens of a text in order."""

    hashes: U64
    digits: npt.NDArray[np.bool_]  # whether it begins with a digit
    single: npt.NDArray[np.bool_]  # whether it is a character of a script without spaces


def tokens(text: str) -> U64:
    """The hash of each token of `text`, in order."""
    return tokenized(text).hashes


def tokenized(text: str) -> Tokens:
    """The tokens of `text`."""
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
    """One hash a token: of a word, or of a single character with the next one."""
    if len(hashes) < 2:
        return hashes
    two = np.zeros(len(hashes), dtype=np.bool_)
    two[:-1] = single[:-1] & single[1:]
    return np.where(two, mix(hashes * _PAIR + np.roll(hashes, -1)), hashes)


def token_spans(text: str) -> tuple[U64, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The hash of each token of `text`, where it starts and where it ends.

    For a text in compatibility form whose characters fold one by one (`comparable` makes it so);
    there the hashes are those of `tokens`.
    """
    hashes, starts, folded = _hashed(code_points(text))
    apart = np.flatnonzero(np.append(_kinds_of(folded) == _APART, True))
    ends = apart[np.searchsorted(apart, starts)]
    if starts.size:  # a token of one character ends where the next one starts
        ends[:-1] = np.minimum(ends[:-1], starts[1:])
    return hashes, starts, ends


def comparable(text: str) -> str:
    """`text` in compatibility form, case kept, every character folding to one character."""
    return unicodedata.normalize("NFKC", text).translate(_FOLDING_LONGER)


def _hashed(points: U32) -> tuple[U64, npt.NDArray[np.intp], U32]:
    """The hash of each token, where it starts, and all characters folded."""
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
    """The same of a short text in ASCII, which needs no table: most words were met before."""
    words = _ASCII_WORD.findall(text.lower())
    hashes = np.array([_hash_of(word) for word in words], dtype=np.uint64)
    digits = np.array([word[0] <= "9" for word in words], dtype=np.bool_)
    return Tokens(hashes, digits, np.zeros(len(words), dtype=np.bool_))


@lru_cache(maxsize=_WORDS_KEPT)
def _hash_of(word: str) -> int:
    powers = chain(_POWER_LIST, repeat(_POWER_LIST[-1]))
    mixed: int = sum(map(operator.mul, word.encode(), powers)) & _U64
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _U64  # as `mix`
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _U64
    return mixed ^ (mixed >> 31)


def hash_of(name: str | None) -> int:
    """64 bits of a name; 0: no name."""
    return xxhash.xxh64_intdigest(name.encode()) if name else 0


def mix(values: U64) -> U64:
    """Each value spread over all 64 bits (the finaliser of splitmix64)."""
    mixed = values ^ (values >> _SHIFTS[0])
    mixed *= _FACTORS[0]
    mixed ^= mixed >> _SHIFTS[1]
    mixed *= _FACTORS[1]
    mixed ^= mixed >> _SHIFTS[2]
    return mixed


def simplified(text: str) -> str:
    """`text` with each Traditional character as its Simplified one, character by character."""
    return text.translate(_simplified_characters())


def code_points(text: str) -> U32:
    """One number a character."""
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
    begins = np.zeros(len(points), dtype=np.intp)  # where the token of each character begins
    begins[starts] = starts
    places = np.arange(len(points)) - np.maximum.accumulate(begins)
    weighted = points * _POWERS[np.minimum(places, _LONGEST_WORD - 1)]
    # A token's range runs on to the next token: what stands between them must not count.
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
    """Mapped one by one: phrases would make the result depend on the characters beside it."""
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
    """Code point to code point, for characters whose folded form is one character."""
    simple = _simplified_characters()
    folded = [fold(chr(point)).translate(simple) for point in range(_BMP)]
    return np.array(
        [ord(form) if len(form) == 1 else point for point, form in enumerate(folded)],
        dtype=np.uint32,
    )


@cache
def _needs_unicode() -> npt.NDArray[np.bool_]:
    """Characters that folding takes apart or joins with others; the last stands for beyond.

    Their texts are folded whole. Those that fold to nothing but punctuation may stay: … is ...
    """
    needs = np.zeros(_BMP + 1, dtype=np.bool_)
    for point in range(_BMP):
        char = chr(point)
        form = fold(char)
        needs[point] = unicodedata.combining(char) or (
            len(form) > 1 and any(map(str.isalnum, form))
        )
    needs[0x1100:0x1200] = True  # Hangul that is composed of its letters
    needs[_BMP] = True
    return needs
