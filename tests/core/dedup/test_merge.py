"""What a batch changes: stories founded, joined, parted again; decided from values alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from core.config.settings import DedupSettings
from core.dedup.copy import ArticleCopy
from core.dedup.decide import Arrival, Outcome
from core.dedup.fingerprint import fingerprint_of
from core.dedup.idf import Idf
from core.dedup.merge import MEMBERS_KEPT, merge
from core.dedup.prints import StoryCandidate, candidate_of
from core.models import Article, Decision, EntryRecord, Story
from tests.core.stories import paragraphs

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# Long enough that one place is no template yet: a correction, as far as two texts can tell.
FRAME = paragraphs(5, 9)


class Desk:
    """Decides entry after entry, and keeps what was decided as the store would."""

    def __init__(self) -> None:
        self.idf = Idf()
        self.records: dict[str, EntryRecord | None] = {}
        self.stories: dict[str, Story] = {}
        self._founders: dict[str, Arrival] = {}

    def take(self, name: str, title: str, *body: str, source: str | None = None) -> Outcome:
        return self.take_together(self.arrival(name, title, *body, source=source))

    def arrival(self, name: str, title: str, *body: str, source: str | None = None) -> Arrival:
        article = Article(
            title=title, text="\n\n".join(body), html=f"<p>{'</p><p>'.join(body)}</p>"
        )
        record = EntryRecord(
            id=name, source=source or name, guid=name, url=None, title=title, arrived=NOW,
            place=NOW, order=0, decision=Decision.PENDING, rule="", article=article,
        )  # fmt: skip
        print_ = fingerprint_of(article, self.idf, source=record.source)
        copy = ArticleCopy(article, record.source)
        return Arrival(record, print_, 0, (), self.records.get(name), copy)

    def take_together(self, *arrivals: Arrival) -> Outcome:
        """Decide upon what one poll brought."""
        outcome = self._decided(arrivals)
        self.idf.standing.learn(outcome.standing)
        self.records |= {each.id: each for each in outcome.entries}
        self.stories |= {i: change.story for i, change in outcome.stories.items()}
        self._founders |= {each.record.id: each for each in arrivals}
        return outcome

    def _decided(self, arrivals: Sequence[Arrival]) -> Outcome:
        return merge(
            arrivals, candidates={each.record.id: self._near(each) for each in arrivals},
            stories=self.stories, settings=DedupSettings(), now=NOW, idf=self.idf,
            records=self.records,
        )  # fmt: skip

    def _near(self, arrival: Arrival) -> list[StoryCandidate]:
        founders = ((i, self._founders[i].fingerprint) for i in self.stories)
        found = [candidate_of(i, each, arrival.fingerprint) for i, each in founders]
        return [each for each in found if each is not None]

    def groups(self) -> set[frozenset[str]]:
        return {frozenset(m.id for m in story.members) for story in self.stories.values()}


def warned(place: str) -> list[str]:
    return [
        *FRAME[:4],
        f"The warning holds for the whole county of {place} until evening.",
        *FRAME[4:],
    ]


def test_a_copy_joins_and_names_the_row_that_decided():
    desk = Desk()
    desk.take("a", "The bridge opens", *FRAME)

    outcome = desk.take("b", "The bridge opens", *FRAME)

    assert desk.groups() == {frozenset("ab")}
    assert [each.rule for each in outcome.entries] == ["same text"]


def test_the_third_value_in_one_place_takes_a_merge_back():
    desk = Desk()
    desk.take("a", "Storm warning for the county", *warned("Hale"))
    desk.take("b", "Storm warning for the county", *warned("Perry"))
    assert desk.groups() == {frozenset("ab")}

    outcome = desk.take("c", "Storm warning for the county", *warned("Moor"))

    assert desk.groups() == {frozenset("a"), frozenset("b"), frozenset("c")}
    assert outcome.undone == ["b"]
    assert desk.stories["a"].id == "a"
    assert desk.records["b"] is not None
    assert (desk.records["b"].story, desk.records["b"].decision) == ("b", Decision.PUBLISHED)


def test_a_correction_takes_no_merge_back():
    desk = Desk()
    desk.take("a", "Storm warning for the county", *warned("Hale"))
    desk.take("b", "Storm warning for the county", *warned("Perry"))

    desk.take("c", "Storm warning for the county", *warned("Perry"))

    assert desk.groups() == {frozenset("abc")}


def test_one_text_under_a_third_strange_headline_is_standing_text():
    desk = Desk()
    text = paragraphs(5, 16)
    desk.take("a", "Quux gronk zibble", *text)
    desk.take("b", "Wug blicket dax", *text)
    assert desk.groups() == {frozenset("ab")}

    desk.take("c", "Toma fep lorp", *text)

    assert desk.groups() == {frozenset("a"), frozenset("b"), frozenset("c")}


def test_the_closing_words_of_a_channel_are_no_story_though_its_name_is_in_every_headline():
    desk = Desk()
    closing = paragraphs(5, 6)
    about = ("Harbour wall is repaired", "Two teachers retire", "Ferry starts on Monday")
    name = " ".join(closing[0].split()[:5])
    for place, title in enumerate(about[:2]):
        desk.take(f"v{place}", f"{name}: {title}", *closing, source="channel")
    assert desk.groups() == {frozenset(("v0", "v1"))}

    third = desk.take("v2", f"{name}: {about[2]}", *closing, source="channel")
    reprint = desk.take("r", "Nothing else to watch tonight", *closing, source="reprints")

    assert third.undone == ["v1"]
    assert desk.groups() == {frozenset((each,)) for each in ("v0", "v1", "v2", "r")}
    assert reprint.entries[0].rule == "founder"


def test_an_agency_text_under_three_headlines_of_three_papers_stays_one_story():
    desk = Desk()
    text = paragraphs(5, 12)
    for paper in range(3):
        desk.take(f"p{paper}", " ".join(text[paper].split()[:7]), *text)

    assert desk.groups() == {frozenset(("p0", "p1", "p2"))}


def test_a_revision_that_still_agrees_stays():
    desk = Desk()
    desk.take("a", "The bridge opens", *FRAME)
    desk.take("b", "The bridge opens", *FRAME)

    desk.take("b", "The bridge opens again", *FRAME[:6])

    assert desk.groups() == {frozenset("ab")}
    assert desk.stories["a"].representative == "a"


def test_what_a_person_joined_no_revision_parts():
    desk = Desk()
    desk.take("a", "The bridge opens", *FRAME)
    desk.take("b", "The bridge opens", *FRAME)
    known = desk.records["b"]
    assert known is not None
    desk.records["b"] = known.model_copy(update={"rule": "joined by hand"})

    desk.take("b", "Something else", *paragraphs(6, 9))

    assert desk.groups() == {frozenset("ab")}


def test_a_merge_is_taken_back_inside_the_batch_that_made_it():
    desk = Desk()
    places = {"a": "Hale", "b": "Perry", "c": "Moor"}

    outcome = desk.take_together(
        *(desk.arrival(name, "Storm warning", *warned(place)) for name, place in places.items())
    )

    assert desk.groups() == {frozenset(each) for each in places}
    assert sorted(each.id for each in outcome.entries) == ["a", "b", "c"]
    assert {each.decision for each in outcome.entries} == {Decision.PUBLISHED}
    assert outcome.undone == []  # nothing of it was written before
    assert {claim.story for claim in outcome.claims if claim.entry == "b"} == {"a", "b"}


def test_an_edit_is_shown_though_a_person_joined_more_members_than_are_kept() -> None:
    desk = Desk()
    desk.take("first", "The mill bridge is rebuilt", *FRAME)
    story = desk.stories["first"]
    copies = [story.members[0].model_copy(update={"id": f"copy-{n}"}) for n in range(MEMBERS_KEPT)]
    joined = story.model_copy(update={"members": (*story.members, *copies)})
    desk.stories["first"] = joined

    desk.take("first", "The mill bridge is rebuilt at last", *FRAME, "It cost four million.")

    assert desk.stories["first"].article.title == "The mill bridge is rebuilt at last"
    assert len(desk.stories["first"].members) == MEMBERS_KEPT + 1
