from pathlib import Path

import pytest

from core.body.blocks import Block, Line
from core.body.html import parse_page
from core.page import extractors
from core.page.extractors import common_share, extracted_texts, four_grams, votes

PAGE = (Path(__file__).parents[2] / "examples" / "pages" / "structure.html").read_text()
STORY = "The weir was rebuilt in the winter, and the mill turns again since March."


def blocks_of(*texts: str, linked: bool = False) -> tuple[list[Block], list[str]]:
    lines = [
        Line(text, text, linked=len(text) if linked else 0, links=("/x",) if linked else ())
        for text in texts
    ]
    return [Block("p", [line]) for line in lines], [line.words.lower() for line in lines]


def test_each_extractor_finds_the_article() -> None:
    # Readability's port is no public part of trafilatura: an update may move it.
    texts = extracted_texts(*parse_page(PAGE), fast=False)

    assert len(texts) == 3
    for text in texts:
        assert text is None or "The engineers followed a plan of four steps" in text


def test_an_extractor_that_is_not_installed_has_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractors, "_resiliparse_extract", lambda: None)

    first, second, third = extracted_texts(*parse_page(PAGE), fast=True)

    assert first
    assert second
    assert third is None


def test_extractors_leave_the_tree_as_it_was() -> None:
    page, root = parse_page(PAGE)
    before = len(list(root.iter()))

    extracted_texts(page, root, fast=False)

    assert len(list(root.iter())) == before


def test_a_page_without_text_has_no_article() -> None:
    for page in ("", "<html><body></body></html>"):
        assert not any(extracted_texts(*parse_page(page), fast=False))


def test_a_tree_deeper_than_their_own_costs_the_extractors_no_minute() -> None:
    deep = f"<html><body>{'<table><tr><td>' * 500}<p>{STORY}</p></body></html>"

    assert len(extracted_texts(*parse_page(deep), fast=False)) == 3


def test_a_block_that_the_text_holds_has_its_vote() -> None:
    blocks, letters = blocks_of(STORY, STORY[5:60], STORY.upper() + " [1]", "Quite another text.")

    assert list(votes(blocks, letters, f"Title\n{STORY}\n")) == [1, 1, 1, 0]


def test_short_blocks_and_links_must_be_lines_of_the_text() -> None:
    blocks, letters = blocks_of("the winter", "March", "One | Two")
    linked, linked_letters = blocks_of("the mill turns again", linked=True)

    assert list(votes(blocks, letters, f"{STORY}\nMarch\nOne | Two")) == [0, 1, 1]
    assert list(votes(linked, linked_letters, STORY)) == [0]


def test_cover_is_the_share_that_the_whole_holds() -> None:
    assert common_share(four_grams(STORY[:40]), four_grams(STORY)) == 1
    assert common_share(set(), four_grams(STORY)) == 1
    assert common_share(four_grams("quite another text"), four_grams(STORY)) < 0.2
