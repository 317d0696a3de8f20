"""One text gives the same tokens in any script, width and case."""

from __future__ import annotations

import subprocess
import sys

import pytest

from core.dedup.simhash import shingles
from core.dedup.tokens import simplified, tokenized, tokens


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("臺灣的經濟發展", "台湾的经济发展"),
        ("ＢＢＣ　Ｎｅｗｓ　２０２６", "bbc news 2026"),
        ("Café", "cafe\u0301"),
        ("ﬁne STRASSE", "fine straße"),
        ("他看著裡面", "他看着里面"),
        ("a…b", "a...b"),
    ],
)
def test_the_same_words_are_the_same_tokens(one, other):
    assert tokens(one).tolist() == tokens(other).tolist()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("中国 2026年", 4),  # each character, and a number
        ("Hello, world!", 2),
        ("Привет, мир", 2),
        ("สวัสดี", 6),
        ("한국어", 3),
        ("😀 — …", 0),
        ("", 0),
        ("𠮷野家", 3),
    ],
)
def test_a_token_is_a_cjk_character_or_a_word(text, count):
    assert len(tokens(text)) == count


def test_words_do_not_run_into_what_stands_between_them():
    assert tokens("one two").tolist() == tokens("  one --- two!").tolist()
    assert tokens("onetwo").tolist() != tokens("one two").tolist()


def test_a_short_text_in_ascii_has_the_tokens_it_has_in_any_other():
    text = f"A1 b2_c-3 {'x' * 100} 2026: The\x00end"

    alone, beside = tokenized(text), tokenized(f"{text} é")

    assert alone.hashes.tolist() == beside.hashes[:-1].tolist()
    assert alone.digits.tolist() == beside.digits[:-1].tolist()
    assert len(alone.hashes) == 8


def test_very_long_words_and_lone_surrogates_are_survived():
    assert len(tokens("x" * 100_000)) == 1
    assert len(tokens("a \ud800 b")) >= 2


def test_a_text_shorter_than_a_shingle_has_none():
    assert shingles(tokens("one two three"), 4).size == 0


def test_characters_are_simplified_one_by_one():
    assert simplified("臺灣繁體") == "台湾繁体"


def test_no_hash_seed_changes_a_token():
    program = "from core.dedup.tokens import tokens; print(tokens('臺灣 News 2026').tolist())"
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "7")
    }

    assert len(answers) == 1
