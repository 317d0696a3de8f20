"""Messages for pydantic errors: what is wrong, what is allowed, and the closest valid word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from core.config.fields import format_duration
from core.config.settings import Settings
from core.config.source import RULE_FORMS, Condition
from core.config.yaml_text import KeyPath

_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def in_words(error: ErrorDetails) -> str:
    """The message for one pydantic error, on one line."""
    kind = error["type"]
    field = _field_at(error["loc"])
    given = error["input"] if field is None or field.repr else _Secret()
    context: dict[str, Any] = error.get("ctx", {})
    if error["loc"] == ("sources",) and given is None:
        return "is empty; add a source, or write `sources: []`"
    if kind == "missing":
        return "is required and missing"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return _unknown_field(error["loc"])
    if kind in _BOUNDS:
        return _out_of_bounds(kind, error["loc"], context, given)
    if kind == "literal_error":
        return _not_one_of(context["expected"], given)
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_type" and error["loc"][-1:] == ("expression",):
        return f"must be an expression or a group of fields; it is {_printable(given)}"
    if kind == "string_pattern_mismatch":
        return _pattern_mismatch(error["loc"], given)
    if kind in ("string_too_short", "string_too_long"):
        return _length(kind, context)
    if kind == "dataclass_type" and error["loc"][:1] == ("sources",) and isinstance(given, str):
        return f"must begin with a field, as in `- url: {given}`"
    return _wrong_type(kind, given)


def nearest(word: str, allowed: list[str]) -> str | None:
    """The allowed word closest to `word`; None if none is similar."""
    close = get_close_matches(word.lower().replace("-", "_"), allowed, n=1, cutoff=0.6)
    return close[0] if close else None


def fields_of(group: Any) -> Mapping[str, FieldInfo]:
    """The fields of a settings group; empty for other types."""
    if isinstance(group, type) and issubclass(group, BaseModel):
        return group.model_fields
    if isinstance(group, type) and is_pydantic_dataclass(group):
        return group.__pydantic_fields__
    return {}


def fields_at(path: KeyPath) -> list[str]:
    """Names of the fields allowed at `path` in feeds.yaml."""
    return list(fields_of(_group_at(path)))


def _unknown_field(location: KeyPath) -> str:
    allowed = fields_at(location[:-1])
    guess = nearest(str(location[-1]), allowed)
    if guess:
        return f"unknown field; did you mean `{guess}`?"
    return f"unknown field; allowed here: {', '.join(allowed)}"


def _not_one_of(expected: str, given: Any) -> str:
    allowed = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    guess = nearest(given, allowed) if isinstance(given, str) else None
    hint = f"; did you mean `{guess}`?" if guess else ""
    return f"must be one of {', '.join(allowed)}, not {_printable(given)}{hint}"


def _out_of_bounds(kind: str, location: KeyPath, context: dict[str, Any], given: Any) -> str:
    key, words = _BOUNDS[kind]
    bound = context[key]
    if _field_at(location) is not None and "parse_duration" in repr(_field_at(location)):
        # Validated in seconds, but written as a duration.
        return f"must be {words} {format_duration(bound)}, not {format_duration(given)}"
    return f"must be {words} {bound:g}, not {_printable(given)}"


def _pattern_mismatch(location: KeyPath, given: Any) -> str:
    """A pattern mismatch: examples of valid values, with a suggestion for names."""
    field = _field_at(location)
    examples = field.examples if field is not None and field.examples else []
    guess = re.sub(r"[^a-z0-9]+", "-", str(given).lower()).strip("-")
    if location[-1] == "name" and guess:
        wanted = f"small letters, digits and hyphens; `{guess}` would do"
    else:
        wanted = f"it must look like {' or '.join(f'`{each}`' for each in examples)}"
    return f"{_printable(given)} does not fit: {wanted}"


def _length(kind: str, context: dict[str, Any]) -> str:
    if kind == "string_too_long":
        return f"is too long: at most {context['max_length']} characters"
    if context["min_length"] == 1:
        return "must not be empty"
    return f"is too short: at least {context['min_length']} characters"


def _wrong_type(kind: str, given: Any) -> str:
    """A type error (`string_type`, `tuple_type`, `int_parsing` …), with the expected type."""
    wanted = {
        "string": "text" if isinstance(given, (list, dict)) else "text: put it in quotes",
        "bool": "true or false",
        "int": "a whole number",
        "float": "a number",
        "finite": "a number",
        "tuple": "a list, as in [a, b]",
        "dict": "a group of fields",
        "model": "a group of fields",
        "dataclass": "a group of fields",
    }.get(kind.split("_")[0], "something else")
    if kind == "tuple_type" and isinstance(given, str):
        return f"must be a list: write [{given}]"
    if given is None:
        return f"is empty; it must be {wanted.removesuffix(': put it in quotes')}"
    return f"must be {wanted}; it is {_printable(given)}"


class _Secret:
    """Placeholder for a value that must not be printed."""


def _printable(value: Any) -> str:
    if isinstance(value, _Secret):
        return "what is set"
    if isinstance(value, dict):
        return "a group of fields"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…'"


def _field_at(location: KeyPath) -> FieldInfo | None:
    return fields_of(_group_at(location[:-1])).get(str(location[-1])) if location else None


def _group_at(path: KeyPath) -> Any:
    current: Any = Settings
    for step in path:
        if fields := fields_of(current):
            field = fields.get(str(step))
            current = field.annotation if field else None
        elif step in RULE_FORMS:
            current = Condition
        else:
            current = _element_type(current)
        if current is None:
            return None
    return current


def _element_type(annotation: Any) -> Any:
    """The type of the elements of a list or of the values of a mapping."""
    arguments = get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return next((_element_type(each) for each in arguments if get_args(each)), None)
    if get_origin(annotation) is dict:
        return arguments[1]
    return arguments[0] if arguments else None
