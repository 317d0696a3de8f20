"""Articles that follow from a seed: in invented Latin words or in real Chinese ones.

The Chinese words are pairs of characters of the seed articles, so that a conversion to Traditional
characters has something to convert.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

SEEDS = Path(__file__).parents[1] / "examples" / "seeds"
FIRST_DATE = datetime(2025, 1, 2, 6, tzinfo=UTC)  # long past, so that no clock clips a date
APART = timedelta(minutes=157)

_SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu bra cle dro fli".split()
_WORDS = 1200


@dataclass(frozen=True)
class Story:
    """One article as its first publisher tells it."""

    number: int
    title: str
    paragraphs: tuple[str, ...]
    published: datetime


class Writer:
    """Writes one story after the other; the same seed writes the same stories."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._words = [self._word() for _ in range(_WORDS)]
        self._common = [
            1 / (rank + 10) for rank in range(_WORDS)
        ]  # as words are: a few are frequent
        self._pairs = _chinese_pairs()
        self._written = 0

    def story(self, *, chinese: bool = False, paragraphs: int = 4) -> Story:
        """The next story."""
        sentence = self._chinese if chinese else self._latin
        number, self._written = self._written, self._written + 1
        title = re.split(r"[,，.。]", sentence())[0][:60]
        body = tuple(
            ("" if chinese else " ").join(sentence() for _ in range(self._chance.randint(2, 3)))
            for _ in range(paragraphs)
        )
        return Story(number, title, body, FIRST_DATE + number * APART)

    def note(self) -> Story:
        """A short template whose figures alone differ from those of the next: never a repost."""
        story = self.story(paragraphs=1)
        rate, change = self._chance.randint(6000, 9000), self._chance.randint(-90, 90)
        text = f"Exchange desk, note {story.number}: the rate closed at {rate}, {change} points."
        return Story(story.number, f"Rates {story.number}: {rate}", (text,), story.published)

    def _word(self) -> str:
        return "".join(self._chance.choices(_SYLLABLES, k=self._chance.randint(1, 4)))

    def _latin(self) -> str:
        count = self._chance.randint(9, 14)
        words = self._chance.choices(self._words, self._common, k=count)
        if self._chance.random() < 0.25:
            words[3] = str(self._chance.randint(2, 4000))
        return " ".join(words).capitalize() + "."

    def _chinese(self) -> str:
        words = self._chance.choices(self._pairs, k=12)
        return "".join(words[:6]) + "，" + "".join(words[6:]) + "。"


def _chinese_pairs() -> list[str]:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(SEEDS.glob("*.txt")))
    pairs: dict[str, None] = {}
    for run in re.findall(r"[\u4e00-\u9fff]{2,}", text):
        pairs.update(dict.fromkeys(run[at : at + 2] for at in range(0, len(run) - 1, 2)))
    return list(pairs)
