"""keep and drop rules of a source."""

from core.config.settings import Source
from core.filters import filtered_by
from core.models import Article

ARTICLE = Article(title="Weather for Tuesday", text="Rain from the west, later dry.")


def source(**rules: object) -> Source:
    return Source.model_validate({"url": "https://example.org/feed", **rules})


def test_without_rules_everything_passes():
    assert filtered_by(ARTICLE, source()) is None


def test_a_drop_rule_on_the_title_is_named():
    assert filtered_by(ARTICLE, source(drop=["^Weather"])) == "drop: ^Weather"


def test_a_keep_rule_may_match_the_text():
    assert filtered_by(ARTICLE, source(keep=["football", "(?i)RAIN"])) is None
    assert filtered_by(ARTICLE, source(keep=["football"])) == "keep"
