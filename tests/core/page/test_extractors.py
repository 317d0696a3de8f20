from pathlib import Path

from trafilatura.utils import load_html

from core.body.html import parse_page
from core.page import extractors as opinions
from core.page.extractors import Opinions, agreement, cover, four_grams, medoid

PAGE = (Path(__file__).parents[2] / "examples" / "pages" / "structure.html").read_text()


def test_each_opinion_finds_the_article() -> None:
    # Readability's port is no public part of trafilatura: an update may move it.
    tree = load_html(PAGE)

    for text in (
        opinions._trafilatura(tree, opinions._FAST),
        opinions._trafilatura(tree, opinions._PRECISE),
        opinions._readability(tree),
    ):
        assert "The engineers followed a plan of four steps" in text


def test_asking_leaves_the_tree_as_it_was() -> None:
    tree = load_html(PAGE)
    before = len(list(tree.iter()))

    opinions._readability(tree)

    assert len(list(tree.iter())) == before


def test_the_candidate_that_agrees_most_wins() -> None:
    article = "The weir was rebuilt in the winter and opened in March. "
    with_promo = article + "Subscribe to our newsletter for more. "
    page = with_promo + "Home News Sport Weather Contact Imprint and everything else here. " * 3

    assert medoid([page, article, with_promo]) == with_promo


def test_agreement_goes_from_none_to_all() -> None:
    one, other = four_grams("the weir was rebuilt"), four_grams("quite another text")

    assert agreement(one, one) == 1
    assert agreement(one, other) < 0.2
    assert agreement(one, set()) == 0
    assert cover(set(), one) == 1


def test_a_page_without_text_has_no_article() -> None:
    for page in ("", "<html><body></body></html>"):
        asked = Opinions(*parse_page(page))

        assert asked.first() == ""
        assert asked.middle("") == ""


def test_the_extractors_are_given_the_tree_that_is_cut_afterwards() -> None:
    page, root = parse_page(PAGE)
    before = len(list(root.iter()))

    asked = Opinions(page, root)
    asked.middle(asked.first())

    assert len(list(root.iter())) == before


def test_the_extractors_are_given_no_tree_deeper_than_their_own() -> None:
    deep = f"<html><body>{'<table><tr><td>' * 500}<p>The weir was rebuilt.</p></body></html>"
    page, root = parse_page(deep)

    asked = Opinions(page, root)

    assert asked._tree is not None
    assert max(sum(1 for _ in each.iterancestors()) for each in asked._tree.iter()) < 300
    assert max(sum(1 for _ in each.iterancestors()) for each in root.iter()) > 1000
