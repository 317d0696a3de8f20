"""`keep` and `drop` in feeds.yaml, for one source or for all: rules, and which entries match."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, Protocol

from pydantic import Discriminator, Field, Tag, model_validator

from core.config.fields import Expression
from core.models import Article, Frozen

_LONGEST = 50_000  # characters of text that rules are tried on: an expression may be quadratic


class Condition(Frozen):
    """What an entry must be to match: every field that is set has to hold."""

    title: Expression | None = Field(None, description="Found in the title.")
    text: Expression | None = Field(None, description="Found in the text.")
    author: Expression | None = Field(None, description="Found in the names of the authors.")
    category: Expression | None = Field(None, description="Found in one of its categories.")
    language: Expression | None = Field(
        None, examples=["^de"], description="Found in its language, as in `de` or `zh-TW`."
    )
    shorter_than: int | None = Field(None, ge=1, description="Characters of text.")

    @model_validator(mode="before")
    @classmethod
    def _says_something(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and not raw:
            raise ValueError("an empty rule matches every entry; name a field, as in {title: Ad}")
        return raw

    def __str__(self) -> str:
        stated = ((name, getattr(self, name)) for name in type(self).model_fields)
        return ", ".join(f"{name}: {value}" for name, value in stated if value is not None)


def _form_of(value: Any) -> str:
    return "fields" if isinstance(value, dict | Condition) else "expression"


Rule = Annotated[  # a bare expression is looked for in title and text
    Annotated[Expression, Tag("expression")] | Annotated[Condition, Tag("fields")],
    Discriminator(_form_of),
]
RULE_FORMS = frozenset({"expression", "fields"})  # steps in the place of a fault, not in the file


class Filters(Frozen):
    """Rules for the entries of all sources; a source's own `keep` and `drop` come on top."""

    keep: tuple[Rule, ...] = Field((), description="Only entries that match one stay.")
    drop: tuple[Rule, ...] = Field((), description="Entries that match one are left out.")


class Rules(Protocol):
    """What holds rules: `Filters`, or a source."""

    @property
    def keep(self) -> tuple[Rule, ...]: ...
    @property
    def drop(self) -> tuple[Rule, ...]: ...


def filtered_by(article: Article, *holders: Rules | None) -> str | None:
    """The rule that keeps this article out, as `drop: PATTERN` or `keep`; None: it may pass.

    Each of `holders` (the rules for all sources, and the source itself) has to let it pass.
    """
    for rules in filter(None, holders):
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
