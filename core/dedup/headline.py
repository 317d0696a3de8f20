"""Parse a headline: its words, and its numbers by kind.

Numbers decide whether two similar headlines mean one entry: parts of a series and daily reports
differ in them, while updates of one story differ only in a figure. Latin and Chinese numerals of
the same value have the same canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal, NamedTuple

import numpy as np
import xxhash

from core.dedup.simhash import shingles
from core.dedup.tokens import (
    U64,
    code_points,
    comparable,
    fold,
    simplified,
    token_spans,
    tokens,
    units,
)

_NOT_WORD = re.compile(r"\W+")
_BRACKETED = re.compile(r"[(\[【〔<《]([^)\]】〕>》]{1,8})[)\]】〕>》]")
_TITLES_KEPT = 1 << 11  # cache size; reposts and comparisons repeat headlines
SINGLE_FROM = 0x0E00  # Thai: the first script whose characters are tokens each
# Tags that announce media rather than name the subject. Names of channels are learned, not listed.
_MEDIA_TAGS = frozenset(
    "图 组图 多图 图集 图片 视频 影片 影音 音频 直播 重播 更新 快讯 转载 转 原创 独家 "
    "video videos photos photo live update updated watch audio podcast bilder fotos vidéo".split()
)


class Headline(NamedTuple):
    """The content of a headline as hashes; 0 means none."""

    words: bytes  # uint64 each: unique pairs of neighbouring words, without numbers
    skeleton: int  # all words in order, without numbers and media tags
    series: int  # numbers of a series
    dates: int
    figures: int


def headline(title: str | None) -> Headline:
    """Parse `title` into hashes."""
    text = _BRACKETED.sub(_without_media_tag, simplified(fold((title or "")[:LONGEST])))
    numbers = numbers_of(text)
    hashes = tokens(numbers.rest)
    pairs = shingles(hashes, 2) if len(hashes) > 1 else hashes
    # For so few, plain Python takes a third of numpy's time.
    words = np.array(sorted(set(pairs.tolist())), dtype=np.uint64)
    return Headline(
        words=words.tobytes(),
        skeleton=xxhash.xxh64_intdigest(hashes.tobytes()) if len(hashes) else 0,
        series=_hash_of(numbers.series),
        dates=_hash_of(numbers.dates),
        figures=_hash_of(numbers.figures),
    )


@dataclass(frozen=True)
class Title:
    """A headline prepared for comparison."""

    bare: str  # only letters and digits
    pairs: frozenset[int]  # pairs of neighbouring words, without numbers
    units: U64  # its significant words
    numbers: tuple[int, int, int]  # hashes of series numbers, dates and figures; 0: none


def bare(line: str) -> str:
    """`line` without case, script variant and punctuation."""
    return _NOT_WORD.sub("", simplified(comparable(line)).casefold())


@lru_cache(maxsize=_TITLES_KEPT)
def title_of(title: str) -> Title:
    """Parse `title` for a comparison."""
    text = comparable(title[:LONGEST])
    hashes, starts, ends = token_spans(text)
    single = (ends - starts == 1) & (code_points(text)[starts] >= SINGLE_FROM)
    # Short words in scripts with spaces are mostly articles and prepositions.
    significant = single | (ends - starts > 3)
    words = units(hashes, single)[significant if significant.any() else slice(None)]
    if len(words) > 1 and single[-1]:
        words = words[:-1]  # the last character has no next one to pair with
    parts = headline(title)
    pairs = np.frombuffer(parts.words, dtype=np.uint64).tolist()
    return Title(
        bare(title),
        frozenset(pairs),
        np.unique(words),
        (parts.series, parts.dates, parts.figures),
    )


def _without_media_tag(match: re.Match[str]) -> str:
    return " " if match[1].strip() in _MEDIA_TAGS else match[0]


def _hash_of(numbers: Sequence[str]) -> int:
    return xxhash.xxh64_intdigest("|".join(numbers).encode()) if numbers else 0


Kind = Literal["series", "date", "figure"]

_DIGITS = dict(zip("零〇一二两三四五六七八九", (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_SMALL = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10**4, "亿": 10**8}
_LATIN_SCALES = {
    "k": 1e3, "thousand": 1e3, "tausend": 1e3, "mille": 1e3, "mil": 1e3,
    "m": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6, "millionen": 1e6,
    "millones": 1e6, "milioni": 1e6, "milhões": 1e6,
    "bn": 1e9, "billion": 1e9, "billions": 1e9, "mrd": 1e9, "milliarden": 1e9, "milliards": 1e9,
}  # fmt: skip


def _numbered(lines: str) -> dict[str, int]:
    """Map each word to the number of its line, from 1."""
    split = enumerate(lines.strip().splitlines(), start=1)
    return {name.replace("_", " "): number for number, line in split for name in line.split()}


_MONTHS = _numbered(
    """
    january jan januar janvier enero gennaio janeiro januari
    february feb februar février febrero febbraio fevereiro februari
    march mar märz mars marzo março maart
    april apr avril abril aprile
    may mai mayo maggio maio mei
    june jun juni juin junio giugno junho
    july jul juli juillet julio luglio julho
    august aug août agosto augustus
    september sep sept septembre septiembre settembre setembro
    october oct oktober okt octobre octubre ottobre outubro
    november nov novembre noviembre novembro
    december dec dezember dez décembre diciembre dicembre dezembro
    """
)
_WEEKDAYS = _numbered(
    """
    monday montag lundi lunes lunedì segunda-feira maandag 周一 星期一 礼拜一
    tuesday dienstag mardi martes martedì terça-feira dinsdag 周二 星期二 礼拜二
    wednesday mittwoch mercredi miércoles mercoledì quarta-feira woensdag 周三 星期三 礼拜三
    thursday donnerstag jeudi jueves giovedì quinta-feira donderdag 周四 星期四 礼拜四
    friday freitag vendredi viernes venerdì sexta-feira vrijdag 周五 星期五 礼拜五
    saturday samstag samedi sábado sabato zaterdag 周六 星期六 礼拜六
    sunday sonntag dimanche domingo domenica zondag 周日 星期日 星期天 礼拜天 周天
    """
)
_ORDINALS = {"上": "1", "中": "2", "下": "3", "终": "终", "完": "完", "序": "序"} | {
    roman: str(n) for n, roman in enumerate("i ii iii iv v vi vii viii ix x xi xii".split(), 1)
}

# Characters that are read: numbers in news have up to 12, headlines up to 200. Python refuses to
# parse a number of thousands of digits, and the patterns below are quadratic.
LONGEST = 400
LONGEST_NUMERAL = 24
_CHINESE = "零〇一二两三四五六七八九十百千万亿"
_LATIN = r"\d+(?:[.,]\d+)*"
_NUM = rf"(?:{_LATIN}|[零〇一二两三四五六七八九十百千]+)"
_SCALES = "|".join(_LATIN_SCALES)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_ROMAN = r"[ivx]{1,4}"
_MONTH = rf"(?:{'|'.join(sorted(_MONTHS, key=len, reverse=True))})"
_WEEKDAY = rf"(?:{'|'.join(sorted(_WEEKDAYS, key=len, reverse=True))})"
_COUNTED = "章节集期回话部卷篇辑季批届弹波轮场日天讲课版号次"
_PART = (
    r"(?:\b(?:part|pt|vol(?:ume)?|no|nr|num(?:ber)?|episode|ep|chapter|ch|season|round|week|day|"
    r"issue|lesson|teil|folge|kapitel|ausgabe|tag|partie|chapitre|épisode|semaine|jour|parte|"
    r"capítulo|episodio|capitolo|puntata|deel|aflevering|numéro|número|numero)\b\.?|#|n[°º])"
)
# Applied in this order; each pattern sees the text without earlier matches.
_PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("date", r"(?<![\d.])\d{4}[-./年]\s*\d{1,2}(?:[-./月]\s*\d{1,2}日?|月)?(?!\d)"),
    ("date", rf"(?:{_NUM}月\s*)?{_NUM}(?:日|号)(?!\d)|{_NUM}月(?:份)?"),
    ("date", rf"\b{_MONTH}\b\.?\s*\d{{1,2}}(?:st|nd|rd|th)?\b"),
    ("date", rf"\b\d{{1,2}}(?:\.|st|nd|rd|th)?\s*(?:de\s+)?{_MONTH}\b"),
    ("date", rf"(?<![\d.,]){_DAY}/{_DAY}(?:/\d{{2,4}})?(?![\d.,])"),
    (
        "date",
        rf"(?<![\d.,]){_DAY}[.·]{_DAY}(?:\.\d{{2,4}})?"
        rf"(?![\d.,%万亿千百级元倍]|\s*(?:{_SCALES})\b)",
    ),
    ("date", rf"\b(?:{_WEEKDAY})\b|(?:周|星期|礼拜)[一二三四五六日天]"),
    ("series", rf"第\s*{_NUM}(?=\s*[{_COUNTED}])"),
    ("series", rf"之\s*{_NUM}(?![个人者])"),
    ("series", rf"[(\[【〔]\s*(?:{_NUM}|[上中下终完序]|{_ROMAN})\s*(?:/\s*\d+)?\s*[)\]】〕]"),
    ("series", rf"{_PART}\s*(?:\d+|{_ROMAN}\b)"),
    ("series", r"\b\d{1,3}/\d{1,3}\b"),
    ("series", r"(?<=\s)[ivx]{2,4}$"),
    ("series", r"(?<=[^\d\s.,$€£¥%])\s*[(]?\d{1,3}[)]?$"),
    ("figure", rf"(?<![a-z0-9]){_LATIN}\s*(?:%|[十百千万亿]*)(?:\s*(?:{_SCALES})\b)?"),
    ("figure", r"[一二两三四五六七八九十]+[百千万亿]+"),
    ("figure", r"[一二两三四五六七八九十百千]+(?=[人名死伤例起元倍级岁])"),
)
_PARTS = re.compile(
    rf"(?:周|星期|礼拜)[一二三四五六日天]|{_LATIN}\s*[十百千万亿]*(?:\s*(?:{_SCALES})\b)?"
    rf"|[{_CHINESE}]+|[a-zà-ÿ-]+|[上中下终完序]|%"
)
_MAY_HOLD_NUMBERS = re.compile(rf"[\d{_CHINESE}上中下终完序]|\b(?:{_WEEKDAY}|{_ROMAN})\b|周日|周天")


class Numbers(NamedTuple):
    """The numbers of a line in canonical form, sorted, and the rest of the line."""

    series: tuple[str, ...]
    dates: tuple[str, ...]
    figures: tuple[str, ...]
    rest: str


def numbers_of(text: str) -> Numbers:
    """Extract the numbers of `text`."""
    found: dict[Kind, list[str]] = {"series": [], "date": [], "figure": []}
    if _MAY_HOLD_NUMBERS.search(text):
        for kind, pattern in _patterns():
            text = _extract(pattern, text, found[kind], dotted=kind == "date")
    series, dates, figures = (tuple(sorted(filter(None, each))) for each in found.values())
    return Numbers(series, dates, figures, text)


def is_date_word(word: str) -> bool:
    """Whether a folded word is the name of a month or of a day of the week."""
    return word in _MONTHS or word in _WEEKDAYS


def value_of(numeral: str) -> float:
    """The value of a numeral with its scale: 300万 and 三百万 are both 3,000,000."""
    match = re.match(_LATIN, numeral)
    if match is None:
        return float(_chinese_value(numeral))
    value = _latin_value(match[0])
    scale = numeral[match.end() :].strip().rstrip(".")
    for char in scale:
        value *= _SMALL.get(char, _LARGE.get(char, 1))
    return value * _LATIN_SCALES.get(scale, 1)


@cache
def _patterns() -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)


def _extract(pattern: re.Pattern[str], text: str, found: list[str], *, dotted: bool) -> str:
    """Remove matches from `text`, append them to `found`; `dotted`: 8.4 is a date, like 8月4日."""

    def taken(match: re.Match[str]) -> str:
        number = re.sub(r"[.·/-]", " ", match[0]) if dotted else match[0]
        found.append(" ".join(filter(None, map(_canonical, _PARTS.findall(number)))))
        return " "

    return pattern.sub(taken, text)


def _canonical(part: str) -> str:
    part = part.strip()
    if part in _MONTHS:
        return str(_MONTHS[part])
    if part in _WEEKDAYS:
        return f"w{_WEEKDAYS[part]}"
    if part in _ORDINALS:
        return _ORDINALS[part]
    if part[0].isdigit() or part[0] in _CHINESE:
        return f"{value_of(part):.12g}"
    return part if part == "%" else ""


def _latin_value(digits: str) -> float:
    """1,234 and 1.234.567 have thousands separators; 3.5 and 3,5 are decimals."""
    groups = re.split(r"[.,]", digits)
    if len(groups) > 1 and all(len(group) == 3 for group in groups[1:]) and groups[0] != "0":
        return float("".join(groups))
    return float("".join(groups[:-1]) + "." + groups[-1]) if len(groups) > 1 else float(digits)


def _chinese_value(numeral: str) -> int:
    numeral = numeral[:LONGEST_NUMERAL]
    if all(char in _DIGITS for char in numeral):
        return int("".join(str(_DIGITS[char]) for char in numeral))
    total = section = digit = 0
    for char in numeral:
        if char in _DIGITS:
            digit = _DIGITS[char]
        elif char in _SMALL:
            section += (digit or 1) * _SMALL[char]
            digit = 0
        else:
            total = (total + section + digit or 1) * _LARGE[char]
            section = digit = 0
    return total + section + digit
