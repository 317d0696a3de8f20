"""How close a result comes to what was expected: character 4-grams over letters and digits."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

_NOT_LETTERS = re.compile(r"[\W_]+")
_GRAM = 4


def f1(got: str, wanted: dict[str, Any]) -> float:
    """Harmonic mean of precision and recall; optional parts count on neither side."""
    for part in sorted(wanted.get("optional", ()), key=len, reverse=True):
        got = _without(got, part)
    target = "".join(block["text"] for block in wanted["blocks"])
    for part in sorted(wanted.get("optional", ()), key=len, reverse=True):
        target = _without(target, part)
    ours, theirs = _grams(got), _grams(target)
    shared = sum((ours & theirs).values())
    if not shared:
        return 1.0 if not ours and not theirs else 0.0
    precision, recall = shared / sum(ours.values()), shared / sum(theirs.values())
    return 2 * precision * recall / (precision + recall)


def forbidden(text: str, html: str, wanted: dict[str, Any]) -> list[str]:
    """The forbidden strings that are left."""
    left = [part for part in wanted.get("forbidden_text", ()) if part in text]
    return left + [part for part in wanted.get("forbidden_html", ()) if part in html]


def _letters(text: str) -> str:
    return _NOT_LETTERS.sub("", text)


def _without(text: str, part: str) -> str:
    return _letters(text).replace(_letters(part), "")


def _grams(text: str) -> Counter[str]:
    letters = _letters(text)
    return Counter(letters[i : i + _GRAM] for i in range(len(letters) - _GRAM + 1))
