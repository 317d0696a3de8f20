"""The table that decides whether two texts are one story: the first matching row wins.

Each row has a name, a verdict, a condition and an example. Thresholds were chosen on one half of
the labelled corpora and checked on the other; brackets give the range without harm.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from core.dates import moment
from core.dedup.compare import FEW_WORDS, LEAD, LITTLE, STRANGERS, Pair, different
from core.dedup.headline import bare

CUT = 0.80  # share of the shorter text, weighted by rarity, that the longer contains [.78–.83]
TEASER = 0.65  # the same under an equal headline
WHOLE = 0.95  # share of the shorter text: the other contains all of it
FULL = 300  # sum of weights from which a text alone identifies a story
BLURB = 150  # below this, the numbers in the headline are more specific than the text
SHORT = 100  # below this, it may be the blurb of a programme
RETITLED, WIRE = 0.8, 0.7  # share of both: under any headline; anywhere in both [.6–.8]
# Share of both if it is spread over every quarter of both [.4–.6; .25–.4]. In scripts with a token
# per character, two reports of one event by different authors have up to .63 in common.
EDITED, EVEN, WORDS = 0.5, 0.3, 0.8
MORE = 1.25  # times as long: the longer text may be a page of several stories
SMALL_PART = 3.0  # times as long under another headline: possibly a page of several stories
# The longer text's headline is about its additions if so few of its words are in the common part.
# Of 150 articles followed by another one under that one's headline, 94 were merged without this.
ABOUT = 0.2
# Cohesion from which a text is one. Of over 1,000 pages joined with another page of their language,
# less than 1 % have more.
ONE = 0.75
ANOTHER_DAY = timedelta(hours=20)  # daily items recur; a copy in two sections has one date
BARE = 4.0  # sum of weights; less is standing text
LEFT = 0.25  # share of the shorter text that may be neither equal nor swapped in a template
# Swaps of names and figures per hundred common words (true pairs have up to .69); the same within
# one source, and under one address of it, where a correction is likelier.
SWAPS, OWN_SWAPS, OWN_ADDRESS_SWAPS = 0.7, 0.4, 2.0  # [.6–.8] [.2–.5]
# Share of a headline's words in the common part. With less, the headline is about something else;
# with less on average of two texts that each have a lead, the common part is the notes of a series;
# with less in both of two short texts, it is the description of a programme.
NOT_ABOUT, ABOUT_BOTH, ABOUT_SHORT = 0.1, 0.25, 0.3


class Row(NamedTuple):
    """One row of the table."""

    name: str
    same: bool
    holds: Callable[[Pair], bool]
    example: str


def _pictures(pair: Pair) -> bool:
    shown = pair.entry.article.images
    same = bool(shown) and shown == pair.held.article.images
    return same and pair.agree and pair.evidence.long.size < LITTLE


def _link_post(pair: Pair) -> bool:
    if not (pair.same_address and pair.agree):
        return False
    prose = [copy for copy in (pair.entry, pair.held) if copy.has_prose]
    if len(prose) == 1:
        other = pair.held if prose[0] is pair.entry else pair.entry
        return prose[0].owns_one_of(other.addresses)
    return not prose and (_same_text(pair) or not pair.same_source)


def _no_text(pair: Pair) -> bool:
    return pair.evidence.short.size < LITTLE and not _little_text(pair)


def _own_pages(pair: Pair) -> bool:
    """Both are from one source, with different URLs."""
    stated = pair.entry.addresses and pair.held.addresses
    return pair.same_source and bool(stated) and not pair.same_address


def _recurring(pair: Pair) -> bool:
    """A source's short text repeated under its headline: with another file, on another day, or
    without a date beside another one.

    A podcast may link all of its episodes to one page.
    """
    e = pair.evidence
    if not (pair.same_source and e.same_headline and e.short.rare < BLURB):
        return False
    if pair.entry.files and pair.held.files and pair.entry.files.isdisjoint(pair.held.files):
        return True
    if pair.same_address:
        return False
    if pair.entry.has_twin or pair.held.has_twin:
        return True
    one, other = (moment(copy.article.published) for copy in (pair.entry, pair.held))
    return one is not None and other is not None and abs(one - other) >= ANOTHER_DAY


def _little_text(pair: Pair) -> bool:
    e = pair.evidence
    little = e.short.size < LITTLE or min(e.short.rare, e.long.rare) < BARE
    same = e.same_headline and _same_text(pair) and not _own_pages(pair)
    return little and e.short.size > 0 and same and not e.told_apart


def _same_text(pair: Pair) -> bool:
    return min(pair.evidence.short.share, pair.evidence.long.share) >= WHOLE


def _own_address(pair: Pair) -> bool:
    return pair.same_source and pair.same_address


def _own_address_agrees(pair: Pair) -> bool:
    e = pair.evidence
    agrees = max(e.short.share, e.short.weight) >= 0.3
    return _own_address(pair) and agrees and not _template(pair)


def _series(pair: Pair) -> bool:
    e = pair.evidence
    (series, dates, _), (others, days, _) = (
        copy.reading.title.numbers for copy in (pair.entry, pair.held)
    )
    if series and others and series != others:
        return True
    if e.short.rare < BLURB and pair.agree and (series, dates) != (others, days):
        return True  # the frame of a broadcast, once with its date and once without
    return bool(dates and days and dates != days) and (e.agree >= 0.3 or e.short.rare < FULL)


def _strangers(pair: Pair) -> bool:
    e = pair.evidence
    return max(e.short.share, e.long.share) < STRANGERS and not e.same_headline


def _template(pair: Pair) -> bool:
    """Names or figures were swapped in otherwise equal sentences; in a source's own pages, words.

    Under one address a correction is likelier.
    """
    e = pair.evidence
    telling, own_pages = e.telling, pair.same_source and not pair.same_address
    if pair.same_address:
        telling = tuple(s for s in telling if s.kind in ("figure", "name"))
    elif own_pages and e.untouched and e.shared < FEW_WORDS:
        telling = tuple(s for s in e.swaps if s.kind != "typing")
    if not different(telling) or e.left > LEFT * e.short.size:
        return False
    dense = 100 * len(telling) / max(1.0, e.shared)
    needed = OWN_SWAPS if own_pages else OWN_ADDRESS_SWAPS if _own_address(pair) else SWAPS
    return dense >= needed or (e.other_numbers and pair.agree)


def _named_in_headline(pair: Pair) -> bool:
    """Words that differ between the texts also differ between the headlines.

    In short texts any words; in longer ones names and figures, if the rest is equal.
    """
    e = pair.evidence
    swaps = (
        e.swaps if e.short.rare < BLURB else e.told_apart if e.left <= LEFT * e.short.size else ()
    )
    titles = {pair.entry.reading.title.bare, pair.held.reading.title.bare}
    for one, other in ((bare(swap[-2]), bare(swap[-1])) for swap in swaps):
        for title in titles:
            (against,) = titles - {title} or {title}
            if one in title and one not in against and other in against and other not in title:
                return True
    return False


def _teaser(pair: Pair) -> bool:
    e = pair.evidence
    shorter = e.long.size >= 1.25 * e.short.size
    return shorter and e.same_headline and e.short.weight >= TEASER and e.long.lead < LEAD


def _standing(pair: Pair) -> bool:
    return min(pair.evidence.short.rare, pair.evidence.long.rare) < BARE


def _background(pair: Pair) -> bool:
    """Both have their own lead, or one has it under a headline that is about this lead alone.

    Long texts that were edited are one story even so, unless one of them quotes the other in full.
    """
    e = pair.evidence
    own = any(side.lead >= LEAD and side.support < NOT_ABOUT for side in (e.short, e.long))
    edited = pair.is_long and e.short.weight < WHOLE
    return not pair.agree and (pair.leads >= LEAD or (own and not edited))


def _quotation(pair: Pair) -> bool:
    """The headlines are about something else, or both texts of one source have their own lead."""
    e = pair.evidence
    if pair.agree:
        return False
    if pair.is_unsupported and (pair.same_source or e.short.rare < FULL or pair.least < RETITLED):
        return True
    if pair.same_source and pair.leads >= 1 and not pair.is_long:
        return True
    if e.short.rare < SHORT and max(e.short.support, e.long.support) < ABOUT_SHORT:
        return True
    if pair.leads < 1 and e.long.size <= 2 * e.short.size:
        return False
    if pair.is_long:
        return min(e.short.support, e.long.support) < NOT_ABOUT
    return pair.about < ABOUT_BOTH


def _digest(pair: Pair) -> bool:
    e = pair.evidence
    if e.same_headline or pair.same_address:
        return False
    if e.short.weight < 0.5 or e.long.own < LEAD or e.long.size < MORE * e.short.size:
        return False
    if not pair.agree and e.long.support < NOT_ABOUT:
        return True
    # The longer text's headline is about its additions: a page that combines an article of another
    # site with its own must not hide that article.
    parts = e.long.size > SMALL_PART * e.short.size or e.long.support < ABOUT
    parts = parts and e.cohesion < ONE
    apart = not pair.agree and (parts or e.long.lead >= LEAD > e.short.lead)
    return apart or e.headline_inside


def _cut_copy(pair: Pair) -> bool:
    e = pair.evidence
    nearly_whole = e.short.weight >= 0.9 and e.short.lead < LEAD
    return (e.short.weight >= CUT and pair.front) or (
        nearly_whole and e.long.size < 1.25 * e.short.size
    )


def _edited(pair: Pair) -> bool:
    """Most of both is common: anywhere, or in every part and no names were replaced."""
    e = pair.evidence
    few_swaps = 100 * len(e.telling) < SWAPS * e.shared
    spread = min(e.short.least, e.long.least) >= EVEN
    in_words = pair.least >= EDITED and e.word >= WORDS and spread and few_swaps
    return pair.leads < LEAD and (pair.least >= WIRE or in_words)


TABLE: tuple[Row, ...] = (
    Row("pictures", True, _pictures, "one gallery in two papers under one headline"),
    Row("recurring item", False, _recurring, "the open thread of the next week"),
    Row("link post", True, _link_post, "a link to an article, and the article itself"),
    Row("little text", True, _little_text, "a few words under one headline, twice"),
    Row("no text", False, _no_text, "two link posts with different links"),
    Row("own address", True, _own_address_agrees, "an article that moved between two sections"),
    Row("another item", False, _own_address, "the next live page under one address"),
    Row("closing words", False, lambda pair: pair.is_repeated, "fifty videos of one channel"),
    Row("series", False, _series, "part 1 and part 2 over one frame"),
    Row("other text", False, _strangers, "two reports without a sentence in common"),
    Row("template", False, _template, "one storm warning for two counties"),
    Row("other subject", False, _named_in_headline, "two programmes of a series, one blurb"),
    Row("teaser", True, _teaser, "the first sentences and the article under one headline"),
    Row(
        "address",
        True,
        lambda pair: pair.same_address and pair.least >= EDITED and pair.front,
        "one short report in two sections of a paper, retitled",
    ),
    Row("standing text", False, _standing, "the closing words of a channel"),
    Row("background", False, _background, "a vote and a fire at one harbour, one history"),
    Row("quotation", False, _quotation, "two comments that quote one speech"),
    Row("digest", False, _digest, "one item of a morning briefing"),
    Row("same text", True, _same_text, "an agency report under the headlines of two papers"),
    Row("cut copy", True, _cut_copy, "the first ten sentences before a paywall"),
    Row("edited copy", True, _edited, "an agency report with a few sentences rewritten"),
)


def row_of(pair: Pair) -> Row | None:
    """The first row that matches; None: too little in common."""
    return next((row for row in TABLE if row.holds(pair)), None)
