"""libyaml and ruamel.yaml read the same out of a text, and lines are found once they are wanted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import yaml_text
from core.config.yaml_text import YamlDocument, read_yaml

ENV = {"SET": "value", "EMPTY": ""}
TEXTS = [
    "a: [yes, no, on, off, true, False, TRUE, null, ~, '~', \"null\", Null]",
    "a: [1, 007, 0x1F, 0b11, 1_000, 1e3, 1.5, .5, -2, +3, .inf, 12:30, 1e, 0o17, =, 2026-01-01]",
    "a: 'it''s'\nb: \"x\\ty\"\nc: |\n  two\n  lines\nd: >-\n  one\n  line\n",
    "a: ${SET}\nb: ${UNSET}\nc: 'x ${SET} y'\nd: ${UNSET:-other}\ne: {t: ${SET}}\nf: ${EMPTY}",
    "a: x ${UNSET}\n",
    "sources:\n  - url: https://a.example/\n    tags: [a, b]\n  - {url: 'https://b.example/'}\n",
    "a: &x [1, 2]\nb: *x\n", "a: &x 1\n", "a: !!str 1", "a: !odd 1", "!!map {a: 1}",
    "a: 1\na: 2\n", "<<: {a: 1}", "a: {<<: {b: 1}}", "? [1]\n: 2\n", "1: x", "? \n: 1",
    "", "# only\n", "---\n", "--- a\n", "a: 1\n---\nb: 2\n", "a: 1\n...\n", "%YAML 1.1\n---\na: no",
    "\ufeffa: 1", "a: [", "a: b: c", "a:\tb", "\ta: 1", "- a\n b", "a: 'x", "\x00", "a: \x07",
    "[" * 60 + "]" * 60, "a: " + "{a: " * 45 + "1" + "}" * 45, "[" * 5000,
    "a: \U0001f600", "a: \ue0b0", "k\ne\ny: 1", "a: [1,, 2]", "a: @x", "a: `x", "a: %x", "a: #x",
]  # fmt: skip


def outcome(document: YamlDocument) -> object:
    return document.value, document.unset, [(fault.line, fault.what) for fault in document.faults]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_alike_by_both(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = read_yaml(text, ENV)
    monkeypatch.setattr(yaml_text, "CBaseLoader", None)

    assert outcome(quick) == outcome(read_yaml(text, ENV))


@given(st.text(alphabet="ab:-[]{},'\"#&*!|>%@~=?.0x1 \n\t", max_size=40))
def test_whatever_ruamel_reads_is_read_alike_by_libyaml(text: str) -> None:
    quick, careful = read_yaml(text, ENV), yaml_text._read_with_lines(text, ENV)

    if not careful.faults:
        assert outcome(quick) == outcome(careful)


def test_lines_are_those_of_the_text() -> None:
    document = read_yaml("a: 1\nb:\n  - x\n  - {c: 2}\n", {})

    assert document.text is not None
    assert [document.line_of(path) for path in [("a",), ("b", 1), ("b", 1, "c"), ("no",)]] == [
        1, 4, 4, 1,
    ]  # fmt: skip


def test_a_number_that_no_message_could_show_is_text() -> None:
    assert read_yaml("a: 0x" + "f" * 9000, {}).value == {"a": "0x" + "f" * 9000}
