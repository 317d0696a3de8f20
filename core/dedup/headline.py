"""A headline taken apart: its words, and the numbers in it by what they count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xxhash

from core.dedup.numerals import numbers_of
from core.dedup.simhash import shingles
from core.dedup.tokens import fold, simplified, tokens

_BRACKETED = re.compile(r"[(\[【〔<《]([^)\]】〕>》]{1,8})[)\]】〕>》]")
# Says that there is a picture, not what the entry is about. Channels are learned, not listed.
_MEDIA_TAGS = frozenset(
    "图 组图 多图 图集 图片 视频 影片 影音 音频 直播 重播 更新 快讯 转载 转 原创 独家 "
    "video videos photos photo live update updated watch audio podcast bilder fotos vidéo".split()
)


class Headline(NamedTuple):
    """What a headline says, in hashes. 0 stands for: holds none."""

    words: bytes  # uint64 each: every pair of neighbouring words once, without numbers
    skeleton: int  # all words in order, without numbers and media tags
    series: int  # places in a series
    dates: int
    figures: int


def headline(title: str | None) -> Headline:
    """Take `title` apart."""
    text = _BRACKETED.sub(_without_media_tag, simplified(fold(title or "")))
    numbers = numbers_of(text)
    hashes = tokens(numbers.rest)
    pairs = shingles(hashes, 2) if len(hashes) > 1 else hashes
    # Of so few, plain Python finds the different ones in a third of numpy's time.
    words = np.array(sorted(set(pairs.tolist())), dtype=np.uint64)
    return Headline(
        words=words.tobytes(),
        skeleton=xxhash.xxh64_intdigest(hashes.tobytes()) if len(hashes) else 0,
        series=_hash_of(numbers.series),
        dates=_hash_of(numbers.dates),
        figures=_hash_of(numbers.figures),
    )


def _without_media_tag(match: re.Match[str]) -> str:
    return " " if match[1].strip() in _MEDIA_TAGS else match[0]


def _hash_of(numbers: Sequence[str]) -> int:
    return xxhash.xxh64_intdigest("|".join(numbers).encode()) if numbers else 0
