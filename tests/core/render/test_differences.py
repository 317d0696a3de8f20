"""What differs between two copies of one article."""

from __future__ import annotations

import random
import time
from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.render import differences as module
from core.render.differences import difference

TEXT = st.text(alphabet="ab 河流。\n", max_size=60)


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
