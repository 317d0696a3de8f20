"""Settings with some of them changed by hand: `dedup.radius=8`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from core.config.messages import fields_at, in_words, nearest
from core.config.settings import Settings
from core.errors import ConfigError


def with_overrides(settings: Settings, assignments: Sequence[str], *, group: str) -> Settings:
    """`settings` after each `GROUP.FIELD=VALUE`; raises ConfigError with one line per fault."""
    document = settings.model_dump(mode="json")
    faults = []
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        name = path.strip().removeprefix(f"{group}.")
        if not equals or f"{group}.{name}" != path.strip():
            faults.append(f"--set {assignment}: must look like {group}.FIELD=VALUE")
        elif name not in fields_at((group,)):
            faults.append(f"--set {assignment}: unknown field; {_allowed(group, name)}")
        else:
            document[group][name] = _plain(value.strip())
    if faults:
        raise ConfigError(faults)
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        raise ConfigError(
            [f"--set {'.'.join(map(str, e['loc']))}: {in_words(e)}" for e in error.errors()]
        ) from error


def _allowed(group: str, name: str) -> str:
    allowed = fields_at((group,))
    guess = nearest(name, allowed)
    if guess:
        return f"did you mean `{group}.{guess}`?"
    return f"allowed: {', '.join(f'{group}.{field}' for field in allowed)}"


def _plain(value: str) -> Any:
    """Numbers and truth values as such, everything else as text (`30d`)."""
    try:
        return json.loads(value)
    except ValueError:
        return value
