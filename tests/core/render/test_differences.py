"""What differs between two copies of one article, and what explain says of a merge."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models import Article, Decision, EntryRecord
from core.render import differences as module
from core.render.differences import COMPARED, SENTENCES, comparisons, difference
from tests.core.stories import paragraphs

TEXT = st.text(alphabet="ab 河流。\n", max_size=60)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = "The warning holds for the whole county of {} until the evening comes."


def test_a_changed_word_is_told_from_the_rest() -> None:
    found = difference("The river is wide.\n\nIt flows.", "The river is deep.\n\nIt flows.")

    assert [(part.kind, part.text) for part in found] == [
        ("same", "The river is "),
        ("gone", "wide"),
        ("added", "deep"),
        ("same", ".\n\nIt flows."),
    ]


def test_chinese_is_compared_by_character() -> None:
    found = difference("河流很宽。", "河流很深。")

    assert [(part.kind, part.text) for part in found] == [
        ("same", "河流很"),
        ("gone", "宽"),
        ("added", "深"),
        ("same", "。"),
    ]


@given(TEXT, TEXT)
def test_both_texts_can_be_read_out_of_the_difference(old: str, new: str) -> None:
    found = difference(old, new)

    assert "".join(part.text for part in found if part.kind != "added") == old
    assert "".join(part.text for part in found if part.kind != "gone") == new


@given(TEXT, TEXT, st.integers(0, 300))
def test_whatever_is_spent_both_texts_can_be_read_out(old: str, new: str, steps: int) -> None:
    found = difference(old, new, steps=steps)

    assert "".join(part.text for part in found if part.kind != "added") == old
    assert "".join(part.text for part in found if part.kind != "gone") == new


@given(st.lists(st.sampled_from("abc"), max_size=40), st.lists(st.sampled_from("abc"), max_size=40))
def test_within_the_budget_it_finds_what_difflib_finds(before: list[str], after: list[str]) -> None:
    found = module._aligned(before, after, module._Budget(module.STEPS))
    own = [part for same, part, _ in found if same]

    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    assert "".join(own) == "".join("".join(before[i : i + size]) for i, _, size in blocks)


CHANCE = random.Random(3)
HOSTILE = {
    "thirty thousand paragraphs of one letter": [
        "\n\n".join(CHANCE.choices("ab", k=30_000)) for _ in range(2)
    ],
    "nothing alike but the spaces": [
        "\n\n".join(" ".join(f"{sign}{n}" for n in range(1900)) for _ in range(60)) for sign in "xy"
    ],
    "every second line alike": ["\n".join(f"1\n{sign}{n}" for n in range(40_000)) for sign in "xy"],
    "four letters in any order": ["".join(CHANCE.choices("的是不了", k=900_000)) for _ in range(2)],
}


@pytest.mark.parametrize("texts", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_comparison_costs_a_bounded_amount(texts: list[str]) -> None:
    started = time.process_time()

    difference(*texts)

    assert time.process_time() - started < 2.0  # unbounded: minutes


def test_what_is_too_long_to_compare_shows_its_beginning_and_end() -> None:
    shared = "\n\n".join(f"paragraph {number}" for number in range(100))
    old, new = (f"{shared}\n\n{text}\n\nThe end." for text in HOSTILE["every second line alike"])

    first, *_, last = difference(old, new)

    assert first.text.startswith(shared)
    assert last == ("same", "The end.")


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
