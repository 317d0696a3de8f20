"""`millrace check`: reads feeds.yaml as a start would, and reports its faults."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from core.config.file import printed_path
from core.config.messages import fields_of
from core.config.settings import Settings, Source, SourceOptions, Webhook
from core.config.yaml_text import KeyPath, YamlDocument, read_yaml
from core.errors import ConfigError
from millrace.process.config import Snapshot, read_config, read_snapshot

_LISTS = ("sources", "defaults")  # shown a source at a time


def check_file(path: str) -> str:
    """One line about a valid file. Raises ConfigError with one line for each fault."""
    settings = read_config(path)
    count = len(settings.sources)
    if count == 0:
        return f"{path}: no faults, but no sources yet: add one under `sources:`"
    return f"{path}: no faults, {count} source{'' if count == 1 else 's'}"


def check_as_json(path: str) -> int:
    """Print one object, `{path, sources, faults}`; returns the exit code."""
    try:
        count, faults = len(read_config(path).sources), []
    except ConfigError as error:
        count, faults = None, error.faults
    print(orjson.dumps({"path": path, "sources": count, "faults": faults}).decode())
    return 2 if faults else 0


def explained(path: str) -> Iterator[str]:
    """Every effective value as `where = value  (origin)`. Raises ConfigError for an invalid file.

    The origin is a line of a file, the `defaults` of a tag, another value, or `default`.
    """
    snapshot = read_snapshot(path)
    settings = snapshot.settings()
    documents = list(_documents(snapshot))
    main = documents[0][1]
    for value in _values(settings, ()):
        yield value.line(_stated(path, main, value.place) or value.unstated)
    sources = iter(settings.sources)
    for name, document in documents:
        listed = document.value.get("sources") if isinstance(document.value, dict) else None
        for index, _ in enumerate(listed if isinstance(listed, list) else ()):
            source = next(sources)
            for value in _values(source, ()):
                origin = _stated(name, document, ("sources", index, *value.place))
                origin = origin or _by_tag(source, value.place, documents) or value.unstated
                yield f"{source.name}.{value.line(origin)}"


class _Value(NamedTuple):
    """One effective value."""

    place: KeyPath
    shown: str
    unstated: str  # where it comes from if no file states it

    def line(self, origin: str) -> str:
        return f"{printed_path(self.place)} = {self.shown}  ({origin})"


def _values(model: BaseModel | Source, path: KeyPath) -> Iterator[_Value]:
    """All values, set or default, with groups expanded and secrets hidden."""
    plain = to_jsonable_python(model)
    for name, field in fields_of(type(model)).items():
        value = getattr(model, name)
        if isinstance(model, Settings) and name in _LISTS:
            continue
        if isinstance(value, BaseModel):
            yield from _values(value, (*path, name))
        elif isinstance(value, tuple) and any(isinstance(each, Webhook) for each in value):
            for index, each in enumerate(value):
                yield from _values(each, (*path, name, index))
        else:
            hidden = not field.repr and value not in (None, {}, "")
            shown = "set, not shown" if hidden else orjson.dumps(plain.get(name, value)).decode()
            unstated = "default" if value == field.get_default() else "follows from other values"
            yield _Value((*path, name), shown, unstated)


def _stated(file: str, document: YamlDocument, place: KeyPath) -> str | None:
    """`FILE:LINE` if the document states the value."""
    value: Any = document.value
    for step in place:
        known = isinstance(value, dict) and step in value
        listed = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if not (known or listed):
            return None
        value = value[step]
    return None if value is None else f"{file}:{document.line_of(place)}"


def _by_tag(
    source: Source, place: KeyPath, documents: list[tuple[str, YamlDocument]]
) -> str | None:
    """Where the defaults of a tag state the option; the first of the source's tags wins."""
    if place[0] not in fields_of(SourceOptions):
        return None
    for tag in source.tags:
        for file, document in documents:
            if origin := _stated(file, document, ("defaults", tag, place[0])):
                return f"defaults of {tag}, {origin}"
    return None


def _documents(snapshot: Snapshot) -> Iterator[tuple[str, YamlDocument]]:
    files = [(snapshot.path, snapshot.data)]
    files += [found for matches in snapshot.included.values() for found in matches]
    for path, data in files:
        yield path, read_yaml(data.decode("utf-8"), os.environ)
