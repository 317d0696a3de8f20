"""Which entries the `keep` and `drop` rules of a source, and those of all sources, let through."""

from __future__ import annotations

import re
from functools import lru_cache

from core.config.filters import Condition, Rule
from core.config.settings import Source
from core.models import Article

_LONGEST = 50_000  # characters of text that rules are tried on


def filtered_by(article: Article, source: Source) -> str | None:
    """The rule that keeps this article out, as `drop: PATTERN` or `keep`; None: it may pass."""
    for rules in (source.filters, source):
        if rules is None:
            continue
        for rule in rules.drop:
            if _matches(rule, article):
                return f"drop: {rule}"
        if rules.keep and not any(_matches(rule, article) for rule in rules.keep):
            return "keep"
    return None


def _matches(rule: Rule, article: Article) -> bool:
    text = article.text[:_LONGEST]
    if not isinstance(rule, Condition):
        return bool(_compiled(rule).search(f"{article.title or ''}\n{text}"))
    if rule.shorter_than is not None and len(article.text) >= rule.shorter_than:
        return False
    if rule.category is not None:
        search = _compiled(rule.category).search
        if not any(search(category) for category in article.categories):
            return False
    stated = (
        (rule.title, article.title),
        (rule.text, text),
        (rule.author, article.author),
        (rule.language, article.language),
    )
    return all(wanted is None or _compiled(wanted).search(value or "") for wanted, value in stated)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
