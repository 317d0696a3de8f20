"""Decide whether an entry repeats one of the candidate stories, and describe the changes.

If both texts are stored, they are compared and the table decides (`table.py`); otherwise
fingerprints decide (`prints.py`). An entry is compared only with founders of stories, so stories
never chain. In case of doubt two entries are different: better to miss a repost than to hide a
story.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.config.settings import DedupSettings
from core.dedup.compare import Pair
from core.dedup.copy import ArticleCopy
from core.dedup.fingerprint import Fingerprint
from core.dedup.idf import Idf
from core.dedup.prints import StoryCandidate, Verdict, candidate_of, judge
from core.dedup.simhash import distance
from core.dedup.table import row_of
from core.models import Article, Decision, EntryRecord, Member, Story

NEW = Verdict(None, "founder")
# Candidates whose texts are compared, most likely first. On the corpora an entry has .3 on average;
# a comparison costs one to two milliseconds.
COMPARED = 8
OF_ONE_SOURCE = 3  # of these per source; a source that varies another's text would fill all of them
# Distance in bits from which two texts are unrelated, unless headline or URL match. On the corpora,
# true pairs found only by minhash keys differed in at most 51.
FAR = 54
NEAR_IN_BATCH = 200  # founders of one batch that an entry is compared with


class Subject(NamedTuple):
    """The entry to decide on."""

    fingerprint: Fingerprint
    copy: ArticleCopy | None  # None: only its fingerprint is available


def decide(
    entry: Subject,
    candidates: Sequence[StoryCandidate],
    settings: DedupSettings,
    *,
    copies: Callable[[str], ArticleCopy | None],
    idf: Idf,
) -> tuple[Verdict, list[str]]:
    """The story of `entry`, or none: the most similar candidate, the first of equals.

    `copies` returns the text of a founder, if stored. Sentences that `entry` shares with founders
    of its source or host under different headlines are recorded in `idf.standing`. The second value
    lists stories with a sentence that became standing text by this.
    """
    best, nearest = NEW, -1.0
    likely = _most_likely(entry, [c for c in candidates if _is_plausible(entry, c)])
    held = [copies(candidate.entry) if entry.copy else None for candidate in likely]
    turned = [
        candidate.story
        for candidate, copy in zip(likely, held, strict=True)
        if entry.copy and copy and idf.standing.observe(entry.copy, copy)
    ]
    for candidate, copy in zip(likely, held, strict=True):
        if entry.copy is None or copy is None:
            verdict = judge(entry.fingerprint.print, candidate, settings.radius)
        else:
            verdict = _by_text(entry, candidate, Pair.of(entry.copy, copy, idf))
        if verdict is not None and verdict.similarity > nearest:
            best, nearest = verdict, verdict.similarity
        if nearest >= 1.0:  # no other can be more similar, and the first of equals wins
            break
    return best, turned


def _by_text(entry: Subject, candidate: StoryCandidate, pair: Pair) -> Verdict | None:
    row = row_of(pair)
    if row is None or not row.same:
        return None
    similarity = round(pair.evidence.short.share, 3)
    bits = _distance(entry, candidate)
    return Verdict(candidate.story, row.name, bits, similarity, candidate.entry)


def _most_likely(entry: Subject, candidates: Sequence[StoryCandidate]) -> Sequence[StoryCandidate]:
    if len(candidates) <= COMPARED:
        return candidates

    def likeness(candidate: StoryCandidate) -> tuple[int, int]:
        shared = candidate.minhashes + 2 * candidate.same_headline + 2 * bool(candidate.under_url)
        return -shared, _distance(entry, candidate)

    kept: list[StoryCandidate] = []
    of_source: Counter[int] = Counter()
    for candidate in sorted(candidates, key=likeness):
        source = candidate.print.source
        of_source[source] += 1
        if not source or of_source[source] <= OF_ONE_SOURCE:
            kept.append(candidate)
    return [candidate for candidate in candidates if candidate in kept[:COMPARED]]


def _is_plausible(entry: Subject, candidate: StoryCandidate) -> bool:
    led = candidate.same_headline or candidate.under_url > 0
    return led or _distance(entry, candidate) <= FAR


def _distance(entry: Subject, candidate: StoryCandidate) -> int:
    return distance(entry.fingerprint.print.simhash, candidate.print.simhash)


class BatchIndex:
    """Stories founded in the current batch, found by the same keys as in the store."""

    def __init__(self) -> None:
        self._founded: list[tuple[str, Fingerprint]] = []
        self._under: dict[tuple[str, int], list[int]] = defaultdict(list)

    def near(self, fingerprint: Fingerprint) -> list[StoryCandidate]:
        """The first founders that share a key with an entry."""
        places = {place for key in _keys(fingerprint) for place in self._under.get(key, ())}
        near = [self._founded[place] for place in sorted(places)[:NEAR_IN_BATCH]]
        found = [candidate_of(story, other, fingerprint) for story, other in near]
        return [candidate for candidate in found if candidate is not None]

    def add(self, story: str, fingerprint: Fingerprint) -> None:
        """File a founder under its keys; a first poll may add two thousand."""
        for key in _keys(fingerprint):
            if len(self._under[key]) < NEAR_IN_BATCH:  # later ones are never compared
                self._under[key].append(len(self._founded))
        self._founded.append((story, fingerprint))


def _keys(fingerprint: Fingerprint) -> set[tuple[str, int]]:
    """The keys of an entry; entries that share one are compared."""
    keys = {("minhash", key) for key in fingerprint.minhashes}
    keys |= {("url", key) for key in fingerprint.url_keys}
    return keys | {("headline", fingerprint.headline_key)} if fingerprint.headline_key else keys


# Fields of a decision that an entry keeps when its source changes it.
DECIDED = (
    *("rule", "story", "distance", "similarity", "compared_with"),
    *("arrived", "place", "order"),
)


@dataclass(frozen=True)
class Arrival:
    """One clean entry, ready for the decision."""

    record: EntryRecord  # including its article
    fingerprint: Fingerprint
    priority: int
    tags: tuple[str, ...]
    known: EntryRecord | None = None  # the stored record of the same entry
    copy: ArticleCopy | None = None  # its text; None: only its fingerprint decides
    source_title: str | None = None
    source_link: str | None = None


@dataclass(frozen=True)
class StoryChange:
    """The new version of a story, and the version it is based on (0: a new story)."""

    story: Story
    expected: int
    before: Story | None = None  # the story in that version, if the published member changes


@dataclass(frozen=True)
class Claim:
    """States that all founders near an entry were compared; files a founder's fingerprint.

    The commit is refused if the store has gained a founder that was not compared.
    """

    entry: str
    story: str  # for a founder, its own id
    fingerprint: Fingerprint
    weighed: frozenset[str] | None  # ids of the compared founders; None: a founder's text changed


@dataclass
class Outcome:
    """The changes of one batch."""

    entries: list[EntryRecord] = field(default_factory=list)
    stories: dict[str, StoryChange] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)  # entries whose merge was undone
    standing: bytes = b""  # observations for `Standing.learn`
    # Entries whose records are needed: load them and decide again.
    wanted: set[str] = field(default_factory=set)


def with_decision(record: EntryRecord, verdict: Verdict, story_id: str) -> EntryRecord:
    """`record` with the decision."""
    founder = verdict.story in (None, record.id)
    return record.model_copy(
        update={
            "decision": Decision.PUBLISHED if founder else Decision.MERGED,
            "rule": verdict.rule,
            "story": story_id,
            "distance": verdict.distance,
            "similarity": 1.0 if founder else (verdict.similarity or 0.0),
            "compared_with": None if founder else verdict.story,
        }
    )


def decision_of(known: EntryRecord) -> Decision:
    """The earlier decision for an entry; it was pending while its page was fetched again."""
    if known.decision not in (Decision.PENDING, Decision.FILTERED):
        return known.decision
    return Decision.PUBLISHED if known.story == known.id else Decision.MERGED


def new_story(record: EntryRecord, member: Member) -> Story:
    """The story founded by an entry."""
    return Story(
        id=record.story or record.id,
        first_seen=record.place,
        arrived=record.arrived,
        order=record.order,
        updated=record.arrived,
        version=1,
        representative=record.id,
        members=(member,),
        article=record.article or Article(),
    )


def member_of(arrival: Arrival, record: EntryRecord) -> Member:
    """An entry as a member of its story."""
    return Member(
        id=record.id,
        source=record.source,
        url=record.url,
        title=record.title,
        first_seen=record.arrived,
        decision=record.decision,
        rule=record.rule,
        distance=record.distance,
        similarity=record.similarity,
        priority=arrival.priority,
        published=record.article.published if record.article else None,
        tags=arrival.tags,
        source_title=arrival.source_title,
        source_link=arrival.source_link,
    )


def with_member(members: tuple[Member, ...], member: Member) -> tuple[Member, ...]:
    """`members` with `member` at its earlier position, or at the end."""
    if all(m.id != member.id for m in members):
        return (*members, member)
    return tuple(member if m.id == member.id else m for m in members)


def same_article(one: Article | None, other: Article | None) -> bool:
    """Whether readers would see no difference."""
    if one is None or other is None:
        return one is other
    return (one.title, one.html, one.lead_image, one.link) == (
        other.title,
        other.html,
        other.lead_image,
        other.link,
    )


STILL = 0.5  # share of the shorter text; revisions are trusted further than unrelated entries


def agrees(pair: Pair) -> bool:
    """Whether a changed text still agrees: the other contains half of the shorter one."""
    return max(pair.evidence.short.share, pair.evidence.short.weight) >= STILL
