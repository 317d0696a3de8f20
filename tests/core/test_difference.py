"""What differs between two copies of one article."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.difference import difference

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
