"""The fixed rules: few, general, all in `junk.json`. A rule looks at one line and its neighbours.

Whole lines only: a phrase inside a paragraph never takes the paragraph with it, because every rule
has a length beyond which a line is prose.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

_RULES = json.loads(Path(__file__).with_name("junk.json").read_text(encoding="utf-8"))
_FOLD = dict(zip(_RULES["fold"]["from"], _RULES["fold"]["to"], strict=True))
_TRADITIONAL = re.compile(f"[{_RULES['fold']['from']}]")
_FRONT_EDGE = re.compile(r"[^\w:#$€£¥（(©“]*")
_BACK_EDGE = re.compile(r"[^\w)）\]」』”】.…。！!？?:：*>»/→]*")
_OPENING = re.compile(r"^[（(【\[「『*_#\s]+")
LONGEST = max(rule["max"] for rule in _RULES["lines"])


_LINES_KEPT = 512  # a source's entries share lines, and mirrors most of their lines


@dataclass(frozen=True, slots=True)
class _Rule:
    """One entry of `lines`; `holds` are patterns that are only tried where a word of theirs is."""

    name: str
    longest: int
    starts: tuple[str, ...]
    holds: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]


_Held = tuple[str, re.Pattern[str], str]  # a word, what must match where it stands, the rule


class _Rules(NamedTuple):
    """The rules that may cut a line of a certain length."""

    starts: re.Pattern[str]  # all beginnings
    names: list[str]  # of the rules, one for each beginning
    held: list[_Held]
    held_ascii: list[_Held]  # those whose word is ASCII
    wide: re.Pattern[str]  # any of the other words: faster than to look for each of them


def _one_of(patterns: list[str], flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), flags)


_LINES = tuple(
    _Rule(
        rule["rule"],
        rule["max"],
        tuple(rule["starts"]),
        tuple((tuple(held["has"]), re.compile(held["pattern"])) for held in rule.get("holds", ())),
    )
    for rule in _RULES["lines"]
)
_LENGTHS = sorted({rule.longest for rule in _LINES})
_LINKED = frozenset(_RULES["linked"]["rules"])
_RELATED = _one_of(_RULES["related"], flags=0)  # of folded lines
_WIDGETS = _one_of(_RULES["widgets"]["names"])
_BARS = _one_of(_RULES["widgets"]["bars"])
_EXEMPT = re.compile(_RULES["widgets"]["exempt"])
_TRUNCATED = tuple(
    (tuple(rule["has"]), re.compile(rule["pattern"], re.IGNORECASE)) for rule in _RULES["truncated"]
)
_PAY, _REFUSED = (
    re.compile(f"{_RULES['walls']['begins']}(?:{'|'.join(_RULES['walls'][name])})", re.IGNORECASE)
    for name in ("pay", "other")
)
_SENTENCE_ENDS = re.compile(r"[\n。！？]+|(?<=[.!?])\s+")
_WALL_TITLE = 30  # characters: “Access denied”, “Attention Required! | Cloudflare”
_WALL_BESIDE_TITLE = 600  # characters; error pages explain themselves in less


@lru_cache(maxsize=_LINES_KEPT)
def fold(text: str) -> str:
    """The text as rules see it: lower case, Simplified, no symbols or brackets at its ends."""
    folded = _simplified(text.lower())
    begins, ends = folded[:1].isalnum(), folded[-1:].isalnum()  # most lines do, and need no more
    if not begins:
        folded = _without_front(folded, _FRONT_EDGE)
    if not ends:
        folded = _without_front(folded[::-1], _BACK_EDGE)[::-1]
    return folded if begins else _OPENING.sub("", folded)


def _simplified(text: str) -> str:
    return text if text.isascii() else _TRADITIONAL.sub(lambda match: _FOLD[match[0]], text)


def _without_front(text: str, edge: re.Pattern[str]) -> str:
    found = edge.match(text)
    return text[found.end() :] if found else text


def line_rule(folded: str, *, linked: bool = True) -> str | None:
    """The name of the rule that cuts this (folded) line; `linked`: whether it holds links."""
    rule = _line_rule(folded)
    return rule if linked or rule not in _LINKED else None


@lru_cache(maxsize=_LINES_KEPT)
def _line_rule(folded: str) -> str | None:
    length = len(folded)
    if length > LONGEST or not length:
        return None
    rules = _rules_for(_LENGTHS[bisect_left(_LENGTHS, length)])
    match = rules.starts.match(folded)
    if match and match.lastindex:
        return rules.names[match.lastindex - 1]
    wide = not folded.isascii() and rules.wide.search(folded)
    for word, pattern, name in rules.held if wide else rules.held_ascii:
        if word in folded and pattern.search(folded):
            return name
    return None


@cache
def _rules_for(length: int) -> _Rules:
    """The rules for lines of that length."""
    fitting = [rule for rule in _LINES if rule.longest >= length]
    starts = [(start, rule.name) for rule in fitting for start in rule.starts]
    held = [
        (word, pattern, rule.name)
        for rule in fitting
        for words, pattern in rule.holds
        for word in words
    ]
    return _Rules(
        # The empty group behind each beginning tells which one it was.
        starts=re.compile("|".join(f"(?:{start})()" for start, _ in starts)),
        names=[name for _, name in starts],
        held=held,
        held_ascii=[each for each in held if each[0].isascii()],
        wide=re.compile("|".join(re.escape(word) for word, _, _ in held if not word.isascii())),
    )


def is_related(folded: str) -> bool:
    """Whether the (folded) line announces links to other articles."""
    return len(folded) <= 160 and _RELATED.match(folded) is not None


def is_truncated(text: str) -> bool:
    """Whether the text ends as excerpts do."""
    end = _simplified(text[-200:])
    folded = end.lower()
    return any(
        any(map(folded.__contains__, words)) and pattern.search(end) is not None
        for words, pattern in _TRUNCATED
    )


def is_wall(title: str | None, text: str) -> bool:
    """Whether a short text is a paywall, a consent page, an error page or a robot check.

    News about captchas and deleted articles holds the same words, inside its sentences. One
    sentence that asks for money is enough; of others they must be a third of the text.
    """
    short = title and len(title) <= _WALL_TITLE and len(text) <= _WALL_BESIDE_TITLE
    if title and short and _REFUSED.match(_simplified(title)):
        return True
    sentences = _SENTENCE_ENDS.split(_simplified(text[:3000]))
    if any(map(_PAY.match, sentences)):
        return True
    refused = sum(len(sentence) for sentence in sentences if _REFUSED.match(sentence))
    return bool(refused) and 3 * refused >= sum(map(len, sentences))


@lru_cache(maxsize=20_000)
def _name_kind(name: str) -> str | None:
    if _EXEMPT.match(name):
        return None
    if _WIDGETS.search(name):
        return "widget"
    return "bar" if _BARS.search(name) else None


def widget_kind(names: str) -> str | None:
    """What a class or id among `names` says: `widget` (newsletter box, advertisement, comments),
    `bar` (share buttons, related links, tags), or nothing.
    """
    kinds = {_name_kind(name) for name in names.lower().split()[:20] if len(name) < 60}
    return "widget" if "widget" in kinds else "bar" if "bar" in kinds else None
