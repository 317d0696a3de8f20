"""Which entries a source's `keep` and `drop` rules let through."""

from __future__ import annotations

import re
from functools import lru_cache

from core.config.settings import Source
from core.models import Article

_LONGEST = 50_000  # characters of text that rules are tried on


def filtered_by(article: Article, source: Source) -> str | None:
    """The rule that keeps this article out, as `drop: PATTERN` or `keep`; None: it may pass."""
    text = f"{article.title or ''}\n{article.text[:_LONGEST]}"
    for pattern in source.drop:
        if _compiled(pattern).search(text):
            return f"drop: {pattern}"
    if source.keep and not any(_compiled(pattern).search(text) for pattern in source.keep):
        return "keep"
    return None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
