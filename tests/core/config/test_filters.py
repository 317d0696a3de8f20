"""keep and drop rules, of a source and of all sources."""

import pytest

from core.config import source as filters
from core.config.settings import Settings, Source
from core.models import Article

ARTICLE = Article(
    title="Weather for Tuesday",
    text="Rain from the west, later dry.",
    author="Ann A, Bob B",
    language="en-GB",
    categories=("Local", "Weather"),
)


def filtered_by(article: Article, source: Source) -> str | None:
    return filters.filtered_by(article, source.filters, source)


def source(**rules: object) -> Source:
    return Source(url="https://example.org/feed", **rules)


def test_without_rules_everything_passes():
    assert filtered_by(ARTICLE, source()) is None


def test_a_drop_rule_on_the_title_is_named():
    assert filtered_by(ARTICLE, source(drop=["^Weather"])) == "drop: ^Weather"


def test_a_keep_rule_may_match_the_text():
    assert filtered_by(ARTICLE, source(keep=["football", "(?i)RAIN"])) is None
    assert filtered_by(ARTICLE, source(keep=["football"])) == "keep"


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ({"author": "Bob"}, True),
        ({"author": "^Bob"}, False),
        ({"category": "^Weather$"}, True),
        ({"category": "Sport"}, False),
        ({"language": "^en"}, True),
        ({"language": "^de"}, False),
        ({"title": "Rain"}, False),
        ({"text": "Rain"}, True),
        ({"shorter_than": 100}, True),
        ({"shorter_than": 10}, False),
        ({"author": "Bob", "language": "^de"}, False),
    ],
)
def test_a_rule_on_fields_matches_where_all_that_it_states_holds(rule, matches):
    assert (filtered_by(ARTICLE, source(drop=[rule])) is not None) is matches
    assert (filtered_by(ARTICLE, source(keep=[rule])) is None) is matches


def test_a_dropped_entry_says_which_rule_it_was():
    dropped = filtered_by(ARTICLE, source(drop=[{"author": "Bob", "shorter_than": 100}]))

    assert dropped == "drop: author: Bob, shorter_than: 100"


def test_filters_at_the_top_hold_for_all_sources_and_a_source_may_replace_them():
    settings = Settings.model_validate(
        {
            "filters": {"drop": [{"category": "Weather"}]},
            "sources": [
                {"url": "https://a.example/feed", "keep": ["Rain"]},
                {"url": "https://b.example/feed", "filters": {}},
            ],
        }
    )

    assert filtered_by(ARTICLE, settings.sources[0]) == "drop: category: Weather"
    assert filtered_by(ARTICLE, settings.sources[1]) is None


def test_global_and_own_keep_rules_must_both_let_an_entry_pass():
    settings = Settings.model_validate(
        {
            "filters": {"keep": ["Weather"]},
            "sources": [{"url": "https://a.example/feed", "keep": ["football"]}],
        }
    )

    assert filtered_by(ARTICLE, settings.sources[0]) == "keep"
