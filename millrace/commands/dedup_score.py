"""`millrace dedup --pairs`: scores the decisions on a file against labelled pairs.

The truth has rows `a b label`. The labels are `repost` (one story; the relation is transitive),
`template` (similar, but two stories) and `ambiguous` (not scored). Every pair that shares a story
without being a repost counts as wrong, also one that the truth does not name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import orjson

from core.dedup.compare import Pair
from core.dedup.copy import ArticleCopy
from core.dedup.idf import Idf
from core.dedup.table import row_of
from core.errors import ConfigError

LABELS = ("repost", "template", "ambiguous")
SHORT, LONG = 150, 500  # words of the shorter text; the borders of the score by length

Names = frozenset[Any]  # the ids of two entries


class Truth(NamedTuple):
    """Labelled pairs."""

    reposts: frozenset[Names]
    templates: frozenset[Names]
    ambiguous: frozenset[Names]


def read_truth(path: str) -> Truth:
    """The labelled pairs of a file. Raises ConfigError, which names the line."""
    found: dict[str, set[Names]] = {label: set() for label in LABELS}
    try:
        with open(path, "rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    label, pair = _row(f"{path}:{number}", line)
                    found[label].add(pair)
    except OSError as error:
        raise ConfigError([f"{error.filename}: {error.strerror}"]) from error
    return Truth(
        frozenset(_joined(found["repost"])) - found["ambiguous"],
        frozenset(found["template"]),
        frozenset(found["ambiguous"]),
    )


def _row(place: str, line: bytes) -> tuple[str, Names]:
    try:
        row = orjson.loads(line)
        label, pair = row["label"], frozenset((row["a"], row["b"]))
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ConfigError([f"{place}: not an object with a, b and label"]) from error
    if label not in LABELS or len(pair) != 2:
        raise ConfigError([f"{place}: label is one of {', '.join(LABELS)}, of two entries"])
    return label, pair


def _joined(pairs: Iterable[Names]) -> set[Names]:
    """All pairs within the groups that `pairs` connect."""
    group: dict[Any, set[Any]] = {}
    for pair in pairs:
        one, other = pair
        both = group.get(one, {one}) | group.get(other, {other})
        group |= dict.fromkeys(both, both)
    together = {frozenset(ids) for ids in group.values()}
    return {frozenset(pair) for ids in together for pair in combinations(ids, 2)}


def report(
    answers: Sequence[Mapping[str, Any]],
    truth: Truth,
    copy_of: Callable[[Any], ArticleCopy | None],
    idf: Idf,
) -> Iterator[str]:
    """Lines for people: the missed and the wrong pairs, and the scores, the total last."""
    decided = {answer["id"]: answer for answer in answers if answer["story"] is not None}
    stories: dict[str, list[Any]] = defaultdict(list)
    for entry, answer in decided.items():
        stories[answer["story"]].append(entry)
    merged = {frozenset(p) for ids in stories.values() for p in combinations(ids, 2)}
    merged -= truth.ambiguous
    reposts = {pair for pair in truth.reposts if pair <= decided.keys()}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    missed, wrong = reposts - merged, merged - reposts
    outcomes = (("right", merged & reposts), ("missed", missed), ("wrong", wrong))
    for outcome, pairs in outcomes:
        for pair in sorted(pairs, key=lambda each: sorted(map(str, each))):
            one, other = (copy_of(entry) for entry in sorted(pair, key=str))
            if one is None or other is None:
                continue
            compared = Pair.of(one, other, idf)
            counts[f"length {_length(compared)}"][outcome] += 1
            counts[f"language {one.article.language or 'unknown'}"][outcome] += 1
            if outcome != "right":
                template = pair in truth.templates
                yield _listed(outcome, pair, compared, decided, template=template)
    for name in sorted(counts):
        yield f"{name}: {_score(counts[name])}"
    total = Counter({outcome: len(pairs) for outcome, pairs in outcomes})
    plain = total - Counter(wrong=len(wrong & truth.templates))
    yield f"without template pairs: {_score(plain)}"
    yield f"all: {_score(total)}"


def _listed(
    outcome: str,
    pair: Names,
    compared: Pair,
    decided: Mapping[Any, Mapping[str, Any]],
    *,
    template: bool,
) -> str:
    row = row_of(compared)
    verdict = f"{row.name} ({'same' if row.same else 'different'})" if row else "no row (different)"
    named = [f"{entry} [{decided[entry]['rule']}]" for entry in sorted(pair, key=str)]
    e = compared.evidence
    shares = f"shares {e.short.weight:.2f} {e.long.weight:.2f}, headlines {e.agree:.2f}"
    kind = " template" if template else ""
    titles = " | ".join(str(each.article.title) for each in (compared.entry, compared.held))
    return f"{outcome}{kind}: {' '.join(named)}: {verdict}; {shares}: {titles}"


def _length(compared: Pair) -> str:
    words = min(float(copy.reading.words.sum()) for copy in (compared.entry, compared.held))
    if words < SHORT:
        return f"under {SHORT} words"
    return f"under {LONG} words" if words < LONG else f"{LONG} words and more"


def _score(counts: Counter[str]) -> str:
    right, missed, wrong = (counts[each] for each in ("right", "missed", "wrong"))
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
    f1 = 2 * right / max(1, 2 * right + wrong + missed)
    numbers = f"{right} right, {missed} missed, {wrong} wrong"
    return f"F1 {f1:.4f}, precision {precision:.4f}, recall {recall:.4f} ({numbers})"
