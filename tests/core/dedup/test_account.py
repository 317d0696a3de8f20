"""What explain says of a merge: the row, what is shared, what differs; bounded."""

from __future__ import annotations

from datetime import UTC, datetime

from core.dedup.account import COMPARED, SENTENCES, comparisons
from core.models import Article, Decision, EntryRecord
from tests.core.stories import paragraphs

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = "The warning holds for the whole county of {} until the evening comes."


def record(name: str, *body: str, repeats: str | None = None) -> EntryRecord:
    article = Article(title="A storm is coming to the county", text="\n\n".join(body))
    return EntryRecord(
        id=name, source=name, guid=name, url=None, title=article.title, arrived=NOW, place=NOW,
        order=0, decision=Decision.MERGED, rule="edited copy", story=repeats,
        compared_with=repeats, article=article,
    )  # fmt: skip


def test_shared_sentences_and_own_sentences_are_named():
    common = paragraphs(1, 6)
    one = record("a", *common)
    other = record("b", *common, "And this is more.", repeats="a")

    found = comparisons([other], {"a": one})["b"]

    assert (found["row"], found["same"]) == ("same text", True)
    assert set(found["shared"]) >= {text.split(". ")[0] for text in common}
    assert found["only_here"] == ["And this is more"]
    assert found["only_there"] == []


def test_a_swap_is_told_from_the_side_of_the_entry():
    common = paragraphs(1, 2)
    one = record("a", common[0], PLACE.format("Hale"), common[1])
    other = record("b", common[0], PLACE.format("Perry"), common[1], repeats="a")

    assert comparisons([other], {"a": one})["b"]["swapped"] == [
        {"kind": "name", "here": "perry", "there": "hale"}
    ]


def test_a_founder_and_an_entry_whose_other_is_gone_have_no_comparison():
    founder = record("a", *paragraphs(1, 2), repeats="a")

    assert comparisons([founder, record("b", "x", repeats="c")], {"a": founder, "c": None}) == {}


def test_what_a_stranger_may_ask_for_has_an_end():
    one = record("a", *paragraphs(1, 400))
    many = [record(f"b{n}", *paragraphs(1, 400), repeats="a") for n in range(COMPARED + 3)]

    found = comparisons(many, {"a": one})

    assert len(found) == COMPARED
    assert all(len(each["shared"]) <= SENTENCES for each in found.values())
