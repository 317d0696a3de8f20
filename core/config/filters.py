"""What `keep` and `drop` in feeds.yaml may say of an entry, for one source or for all."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from core.config.fields import Expression
from core.models import Frozen


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
