"""Which copy of a story is shown.

A copy may replace the one that is shown only if it holds the published text: by a higher
priority, or from an equal one by adding body text. Links and promo lines do not count as text,
so a mirror cannot take a story over by wrapping it in more of its own.
"""

from __future__ import annotations

import re

import numpy as np

from core.dedup.tokens import shingles, tokens
from core.models import Article

HOLDS = 0.85  # share of the published shingles; room for edited sentences, not for a new lead
ADDS = 0.05  # share of new text that makes a copy fuller, and at least ADDS_TOKENS
ADDS_TOKENS = 30
LONGEST = 2.5  # a page this many times as long holds other stories too
_SHINGLE = 4  # tokens

_LINK = re.compile(r"<a\b[^>]*>.*?</a>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


def replaces(challenger: Article, shown: Article, *, priority: int, shown_priority: int) -> bool:
    """Whether `challenger` is to be shown instead of `shown`; priorities are of their sources."""
    if priority < shown_priority or not challenger.text:
        return False
    ours, theirs = _shingles_of(challenger.text), _shingles_of(shown.text)
    if _share_held(ours, theirs) < HOLDS or len(ours) > LONGEST * max(len(theirs), ADDS_TOKENS):
        return False
    return priority > shown_priority or _adds_text(challenger, theirs)


def _adds_text(challenger: Article, shown: set[int]) -> bool:
    unlinked = _TAG.sub(" ", _LINK.sub(" ", challenger.html))
    new = _shingles_of(unlinked) - shown
    return len(new) >= max(ADDS_TOKENS, ADDS * len(shown))


def _share_held(outer: set[int], inner: set[int]) -> float:
    return len(inner & outer) / len(inner) if inner else 1.0


def _shingles_of(text: str) -> set[int]:
    found = shingles(tokens(text), _SHINGLE)
    return set(np.unique(found).tolist())
