"""How well an assignment of entries to stories fits the labels of a corpus of reposts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

Pair = frozenset[str]


class Labels(NamedTuple):
    """What is known of a corpus."""

    cluster: dict[str, str]  # entry -> cluster
    ambiguous: frozenset[Pair]  # left out of scoring
    template: frozenset[Pair]  # not reposts, but told apart


class Score(NamedTuple):
    """Shares, 0 to 1."""

    f1: float  # of pairs, without template pairs
    f1_templates: float  # counting template pairs that were merged as errors
    rightly: float  # of the suppressed, those that repeat their story's first
    found: float  # of those to be suppressed, those that were


def labels(items: Iterable[dict[str, Any]], pairs: Iterable[dict[str, Any]]) -> Labels:
    """Labels as `items.jsonl` and `pairs.jsonl` of the corpus state them."""
    kinds: dict[str, set[Pair]] = defaultdict(set)
    for pair in pairs:
        kinds[pair["kind"]].add(frozenset((pair["a"], pair["b"])))
    return Labels(
        {item["id"]: item["cluster"] for item in items},
        frozenset(kinds["ambiguous"]),
        frozenset(kinds["template"]),
    )


def score(stories: Sequence[tuple[str, str]], known: Labels) -> Score:
    """The score of (entry, story), in the order in which they were decided."""
    ids = [entry for entry, _ in stories]
    truth = _pairs((entry, known.cluster[entry]) for entry in ids) - known.ambiguous
    merged = _pairs(stories) - known.ambiguous
    right, wrong = merged & truth, merged - truth
    missed = truth - merged
    return Score(
        _f1(len(right), len(wrong - known.template), len(missed)),
        _f1(len(right), len(wrong), len(missed)),
        *_suppressed(stories, known),
    )


def _pairs(grouped: Iterable[tuple[str, str]]) -> set[Pair]:
    groups: dict[str, list[str]] = defaultdict(list)
    for entry, group in grouped:
        groups[group].append(entry)
    return {frozenset(pair) for group in groups.values() for pair in combinations(group, 2)}


def _f1(right: int, wrong: int, missed: int) -> float:
    return 2 * right / max(1, 2 * right + wrong + missed)


def _suppressed(stories: Sequence[tuple[str, str]], known: Labels) -> tuple[float, float]:
    first: dict[str, str] = {}
    seen: Counter[str] = Counter()
    suppressed = rightly = due = found = 0
    for entry, story in stories:
        founder = first.setdefault(story, entry)
        cluster = known.cluster[entry]
        if founder != entry and frozenset((founder, entry)) not in known.ambiguous:
            suppressed += 1
            rightly += known.cluster[founder] == cluster
        if seen[cluster]:
            due += 1
            found += founder != entry
        seen[cluster] += 1
    return rightly / max(1, suppressed), found / max(1, due)
