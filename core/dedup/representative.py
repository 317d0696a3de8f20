"""Which copy of a story is shown.

Among full texts the priority of the source decides. Of sources with equal priority a fuller copy
is shown only if it comes from the same source, or from the site that owns the address of what is
shown: else a stranger could take a story over by adding words. An entry without prose of its own (a
link post, a teaser that the article begins with) gives way to the article of that site whatever
the priorities.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from core.dedup.compare import AGREE, headlines
from core.dedup.copy import SHINGLE, Copy, unlinked
from core.dedup.simhash import shingles
from core.dedup.tokens import tokens

HOLDS = 0.85  # share of the published shingles; room for edited sentences, not for a new lead
ADDS = 0.05  # share of new text that makes a copy fuller, and at least ADDS_TOKENS
ADDS_TOKENS = 30  # two sentences: fewer are a credit line or a note of the paper
LONGEST = 2.5  # a page this many times as long holds other stories too
TEASES = 0.65  # share of a teaser that the beginning of its article holds
BEGINNING = 3  # times as long as the teaser, and ADDS_TOKENS more
TEASER = 0.5  # of the article's length at the most


class Contender(NamedTuple):
    """A member whose text is kept."""

    id: str
    copy: Copy
    priority: int


def elect(members: Iterable[Contender]) -> Contender | None:
    """The member to be shown, of `members` in the order in which they joined."""
    shown: Contender | None = None
    for member in members:
        if shown is None or replaces(member, shown):
            shown = member
    return shown


def replaces(challenger: Contender, shown: Contender) -> bool:
    """Whether `challenger` is to be shown instead of `shown`."""
    ours, theirs = challenger.copy, shown.copy
    if not ours.article.text or not ours.has_prose:
        return False
    trusted = ours.owns_one_of(theirs.addresses) or _same_source(ours, theirs)
    if not theirs.has_prose or is_teaser(theirs, ours):
        agree, _ = headlines(ours.reading.title, theirs.reading.title)
        return trusted or (challenger.priority > shown.priority and agree >= AGREE)
    if challenger.priority < shown.priority:
        return False
    held, holding = _shingles_of(theirs.article.text), _shingles_of(ours.article.text)
    if _share_held(holding, held) < HOLDS or len(holding) > LONGEST * max(len(held), ADDS_TOKENS):
        return False
    return challenger.priority > shown.priority or (trusted and _adds_text(ours, held))


def is_teaser(short: Copy, long: Copy) -> bool:
    """Whether `short` is no more than the beginning of `long`."""
    size = short.reading.size
    if not size or size > TEASER * long.reading.size:
        return False
    beginning = long.reading.hashes[: BEGINNING * size + ADDS_TOKENS]
    lead = set(np.unique(shingles(beginning, SHINGLE)).tolist())
    return _share_held(lead, set(short.reading.shingles.tolist())) >= TEASES


def _same_source(one: Copy, other: Copy) -> bool:
    return one.source is not None and one.source == other.source


def _adds_text(challenger: Copy, shown: set[int]) -> bool:
    """Whether it holds more text; links do not count as text."""
    new = _shingles_of(unlinked(challenger.article)) - shown
    return len(new) >= max(ADDS_TOKENS, ADDS * len(shown))


def _share_held(outer: set[int], inner: set[int]) -> float:
    return len(inner & outer) / len(inner) if inner else 1.0


def _shingles_of(text: str) -> set[int]:
    return set(np.unique(shingles(tokens(text), SHINGLE)).tolist())
