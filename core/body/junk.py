"""Recognize what is not part of an article: by the words of a line, or the markup of an element.

All words are in `junk.json`. Rules match whole lines up to a length, so a phrase never removes the
paragraph around it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from lxml import etree

from core.body.html import inner_text
from core.text import count_letters, simplified, wide_share

RULES = json.loads(Path(__file__).with_name("junk.json").read_text(encoding="utf-8"))
_FRONT_EDGE = re.compile(r"[^\w:#$€£¥（(©“]*")
_BACK_EDGE = re.compile(r"[^\w)）\]」』”】.…。！!？?:：*>»/→]*")
_CALLS = frozenset(("disclaimer", "subscribe", "follow", "share"))
_LONGEST_CALL = 100  # characters; “Copyright: the bone of contention between …” has 107
_CALL_SIGNS = re.compile(
    r"\b(?:our|your|inbox|e-?mail|newsletter|subscri|support|donat|member|click|free|stories|updates"
    r"|rights|reserved|licen[cs]e|permission|views|opinions|patreon|journalism|uploaded|platform|©"
    r"|(?:19|20)\d\d\b)"
    r"|sign(?:ing)? up|@"
)
_OPENING = re.compile(r"^[（(【\[「『*_#\s]+")
LONGEST = max(rule["max"] for rule in RULES["lines"])
_LINES_KEPT = 512  # cache size; entries of one source share lines, and mirrors share most of them


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule of `lines`; each pattern of `holds` is tried only if one of its words occurs."""

    name: str
    longest: int
    starts: tuple[str, ...]
    holds: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]


_Held = tuple[str, re.Pattern[str], str]  # (word, pattern to match if it occurs, rule)


class _Rules(NamedTuple):
    """The rules for lines of a certain length."""

    starts: re.Pattern[str]  # all beginnings
    names: list[str]  # rule names, in the order of `starts`
    held: list[_Held]
    held_ascii: list[_Held]  # those whose word is ASCII
    wide: re.Pattern[str]  # matches any non-ASCII word; faster than a search for each


def _one_of(patterns: list[str], flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), flags)


_LINES = tuple(
    _Rule(
        rule["rule"],
        rule["max"],
        tuple(rule["starts"]),
        tuple((tuple(held["has"]), re.compile(held["pattern"])) for held in rule.get("holds", ())),
    )
    for rule in RULES["lines"]
)
_LENGTHS = sorted({rule.longest for rule in _LINES})
_LINKED = frozenset(RULES["linked"]["rules"])
_RELATED = _one_of(RULES["related"], flags=0)  # for folded lines
_WIDGETS = _one_of(RULES["widgets"]["names"])
_BARS = _one_of(RULES["widgets"]["bars"])
_EXEMPT = re.compile(RULES["widgets"]["exempt"])
_TRUNCATED = tuple(
    (tuple(rule["has"]), re.compile(rule["pattern"], re.IGNORECASE)) for rule in RULES["truncated"]
)
_PAY, _REFUSED = (
    re.compile(f"{RULES['walls']['begins']}(?:{'|'.join(RULES['walls'][name])})", re.IGNORECASE)
    for name in ("pay", "other")
)
_SENTENCE_ENDS = re.compile(r"[\n。！？]+|(?<=[.!?])\s+")
_WALL_TITLE = 30  # characters: “Access denied”, “Attention Required! | Cloudflare”
_WALL_BESIDE_TITLE = 600  # characters; error pages have less text


@lru_cache(maxsize=_LINES_KEPT)
def fold(text: str) -> str:
    """Fold a line for matching: lower case, Simplified, without symbols at both ends."""
    folded = simplified(text.lower())
    begins, ends = folded[:1].isalnum(), folded[-1:].isalnum()  # most lines need no more
    if not begins:
        folded = _without_front(folded, _FRONT_EDGE)
    if not ends:
        folded = _without_front(folded[::-1], _BACK_EDGE)[::-1]
    return folded if begins else _OPENING.sub("", folded)


def _without_front(text: str, edge: re.Pattern[str]) -> str:
    found = edge.match(text)
    return text[found.end() :] if found else text


def line_rule(folded: str, *, linked: bool = True) -> str | None:
    """The rule that cuts this (folded) line; `linked`: whether it contains links.

    Long lines outside Chinese need two more signs: “Subscribe to the theory that …” is running
    text.
    """
    rule = _line_rule(folded)
    if rule in _CALLS and not linked and len(folded) > _LONGEST_CALL and wide_share(folded) < 0.3:
        return rule if len(set(_CALL_SIGNS.findall(folded))) >= 2 else None
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
    """The compiled rules for lines of that length."""
    fitting = [rule for rule in _LINES if rule.longest >= length]
    starts = [(start, rule.name) for rule in fitting for start in rule.starts]
    held = [
        (word, pattern, rule.name)
        for rule in fitting
        for words, pattern in rule.holds
        for word in words
    ]
    return _Rules(
        # The index of the empty group that matched is the index of the rule.
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
    """Whether the text ends like an excerpt."""
    end = simplified(text[-200:])
    folded = end.lower()
    return any(
        any(map(folded.__contains__, words)) and pattern.search(end) is not None
        for words, pattern in _TRUNCATED
    )


def is_wall(title: str | None, text: str) -> bool:
    """Whether a short text is a paywall, consent page, error page or robot check.

    News about captchas and deleted articles contains the same words within sentences. One sentence
    that demands payment suffices; others must be a third of the text.
    """
    short = title and len(title) <= _WALL_TITLE and len(text) <= _WALL_BESIDE_TITLE
    if title and short and _REFUSED.match(simplified(title)):
        return True
    sentences = _SENTENCE_ENDS.split(simplified(text[:3000]))
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
    """The kind of element that a class or id among `names` marks.

    `widget` (newsletter box, advertisement, comments), `bar` (share buttons, related links, tags),
    or None.
    """
    kinds = {_name_kind(name) for name in names.lower().split()[:20] if len(name) < 60}
    return "widget" if "widget" in kinds else "bar" if "bar" in kinds else None


_NEVER = frozenset(("html", "body", "main", "article", "br", "tr", "tbody"))
IN_LINE = frozenset(
    "a abbr b bdi bdo big cite code data dfn em font i ins kbd label mark q s small span strong sub"
    " sup time tt u var".split()
)
# In paragraphs, full sentences outweigh the class.
_PARAGRAPHS = frozenset("p li dd dt blockquote h1 h2 h3 h4 h5 h6 td th".split())
_NEIGHBOURS = 8  # on each side; a hostile paragraph may have thousands
_PROSE = 80  # letters; calls to subscribe are shorter
_UNSEEN = re.compile(
    r"(?:^|[-_ ])(?:sr-only|screen-reader-text|visually-?hidden)(?:$|[-_ ])", re.IGNORECASE
)
_NAMED_BY_ID = frozenset(("div", "aside", "ul", "ol", "table", "form", "footer", "header"))
_GUARDED = frozenset(("aside", "footer", "form"))
_QUOTED = re.compile(r"\b(?:quote|onebox)\b")  # Discourse quotes in an `aside`
_TELLING = frozenset(("style", "hidden", "class", "id"))  # attributes
_SENTENCE = re.compile(r"[\u4e00-\u9fff]{4}[。！？]|[^\W\d_]{3,}[.!?](?:\s|$)")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def may_be_widget(element: etree._Element, tag: str) -> bool:
    """Whether `widget_rule` can match; most elements lack the attributes."""
    return tag in _GUARDED or "-" in tag or not _TELLING.isdisjoint(element.keys())


def widget_rule(element: etree._Element, tag: str) -> str | None:
    """`hidden`, `widget` or `bar` if the markup marks the element as not article text."""
    style = element.get("style")
    if (style and _HIDDEN.search(style)) or element.get("hidden") is not None:
        return "hidden"
    if tag in _GUARDED and not _QUOTED.search(element.get("class") or ""):
        return "widget"
    if tag in _NEVER or element.get("itemprop") == "articleBody":
        return None
    if tag in IN_LINE and _is_in_sentence(element):
        return "hidden" if _UNSEEN.search(element.get("class") or "") else None
    if tag in _PARAGRAPHS and _is_prose(element):
        return None
    # The id of a heading or section is made from its words: “Related work” is no widget.
    named = element.get("id") if tag in _NAMED_BY_ID else None
    names = " ".join(filter(None, (element.get("class"), named)))
    if "-" in tag:
        names += " " + tag
    return widget_kind(names) if names else None


def _is_in_sentence(element: etree._Element) -> bool:
    """Whether there is text beside an inline element within its paragraph."""
    while element.tag in IN_LINE:
        around = element.getparent()
        if around is None:
            return False
        before = list(islice(element.itersiblings(preceding=True), _NEIGHBOURS))
        after = list(islice(element.itersiblings(), _NEIGHBOURS))
        pieces = [element.tail, *(each.tail for each in before + after)]
        if len(before) < _NEIGHBOURS:
            pieces.append(around.text)
        if any(piece and count_letters(piece) for piece in pieces):
            return True
        element = around
    return False


def _is_prose(element: etree._Element) -> bool:
    """Whether a paragraph contains a long sentence outside links."""
    text = inner_text(element)
    size = count_letters(text) * (1 + 1.6 * wide_share(text))
    if size < _PROSE or not _SENTENCE.search(text):
        return False
    return sum(count_letters(inner_text(link)) for link in element.iter("a")) < 0.4 * size


def is_slight(element: etree._Element, text: str, *, kind: str) -> bool:
    """Whether a widget may be dropped: little text, or mostly links; a bar has no sentences."""
    size = count_letters(text)
    linked = sum(count_letters(inner_text(link)) for link in element.iter("a"))
    if linked >= 0.4 * size:
        return True
    if kind == "bar" and size >= 20 and linked < 0.2 * size and _SENTENCE.search(text):
        return False
    return size <= 300
