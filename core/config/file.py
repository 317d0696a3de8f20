"""Parse the text of feeds.yaml (and included files) into Settings, or into a list of faults.

The caller passes a reader for included files and the environment; this module opens nothing. Each
fault is one line: `feeds.yaml:LINE: sources[3].every: what is wrong`. `with_overrides` applies
command-line changes such as `dedup.radius=8`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from core.config.messages import fields_at, fields_of, in_words, nearest
from core.config.settings import Settings, Source, SourceOptions
from core.config.source import RULE_FORMS, name_from_url, with_values
from core.config.yaml_text import Fault, KeyPath, Plain, YamlDocument, read_yaml
from core.errors import ConfigError

# Returns (displayed path, content) of each file that matches an include pattern.
IncludeReader = Callable[[str], Sequence[tuple[str, bytes]]]

_INCLUDED = ("sources", "defaults")


def load_settings(
    data: bytes | str, *, path: str, env: Mapping[str, str], read: IncludeReader | None = None
) -> Settings:
    """Parse `data` and the files it includes. Raises ConfigError with one line per fault."""
    main = _Part(path, _document(data, env))
    parts = [main, *_included(main, env, read)]
    faults = [replace(fault, file=part.path) for part in parts for fault in part.document.faults]
    checked = [_validated(part, main=part is main) for part in parts]
    named = {(fault.file, fault.path) for fault in faults if fault.path}
    faults += [f for _, found in checked for f in found if (f.file, f.path) not in named]
    if not faults:
        settings, faults = _joined(parts, [value for value, _ in checked])
        if settings is not None:
            return settings
    else:
        faults += _duplicate_names(parts)
    rank = {part.path: position for position, part in enumerate(parts)}
    faults.sort(key=lambda fault: (rank.get(fault.file, 0), fault.line))
    raise ConfigError([_printed(fault) for fault in faults])


class _Part:
    """One parsed file and its path."""

    def __init__(self, path: str, document: YamlDocument) -> None:
        self.path = path
        self.document = document

    def fault(self, path: KeyPath, what: str) -> Fault:
        variable = self.document.unset.get(path)
        if variable is not None:
            what = f"environment variable {variable} is not set"
        return Fault(self.document.line_of(path), path, what, self.path)


def _document(data: bytes | str, env: Mapping[str, str]) -> YamlDocument:
    if isinstance(data, bytes):
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            return YamlDocument(faults=[Fault(line, (), "not UTF-8 text: save the file as UTF-8")])
    else:
        text = data
    document = read_yaml(text, env)
    if not document.faults and not isinstance(document.value, dict):
        empty = "is empty; write `sources: [{url: ADDRESS}]`"
        what = empty if document.value is None else "must begin with a name, as in `sources:`"
        document.faults.append(Fault(1, (), f"the file {what}"))
    return document


def _included(main: _Part, env: Mapping[str, str], read: IncludeReader | None) -> list[_Part]:
    parts: list[_Part] = []
    for index, pattern in enumerate(include_patterns(main.document.value)):
        where: KeyPath = ("include", index)
        try:
            found = read(pattern) if read else ()
        except OSError as error:
            main.document.faults.append(main.fault(where, f"cannot be read: {error}"))
            continue
        if not found and not any(sign in pattern for sign in "*?["):
            main.document.faults.append(main.fault(where, f"there is no file {pattern}"))
        parts += [_Part(path, _document(data, env)) for path, data in found]
    return parts


def include_patterns(value: Plain) -> list[str]:
    """The patterns under `include`; other values are left to the model's validation."""
    stated = value.get("include") if isinstance(value, dict) else None
    patterns = stated if isinstance(stated, list) else [stated]
    return [each for each in patterns if isinstance(each, str)]


def _validated(part: _Part, *, main: bool) -> tuple[Settings | None, list[Fault]]:
    """Validate each file separately, so that a fault has the line of its own file."""
    value = part.document.value
    if not isinstance(value, dict):
        return None, []
    value = _without_empty_groups(value)
    if not main:
        odd = [name for name in value if name not in _INCLUDED]
        if odd:
            what = "only `sources` and `defaults` are allowed in an included file"
            return None, [part.fault((name,), what) for name in odd]
    try:
        return Settings.model_validate(value), []
    except ValidationError as error:
        return None, [part.fault(_path(e["loc"], value), in_words(e)) for e in error.errors()]


def _without_empty_groups(value: dict[str, Plain]) -> dict[str, Plain]:
    """Drop groups without content: `fetch:` with nothing (or only comments) under it is valid.

    An empty `sources:` stays and is reported: the file may be in the middle of an edit.
    """
    return {name: each for name, each in value.items() if each is not None or name == "sources"}


def _path(location: KeyPath, value: Plain) -> KeyPath:
    """A pydantic location without pydantic's own steps (`[key]`, the branch of a union)."""
    path: list[str | int] = []
    for step in location:
        if isinstance(value, dict) and step in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        elif step == "[key]" or step in RULE_FORMS:
            continue
        else:
            value = None
        path.append(step)
    return tuple(path)


def _joined(
    parts: list[_Part], checked: list[Settings | None]
) -> tuple[Settings | None, list[Fault]]:
    """Merge all files: apply defaults of tags, generate names, report duplicates."""
    main = checked[0]
    if main is None:
        return None, []
    raw_defaults: dict[str, Any] = {}
    for part in parts:
        for tag, options in _group(part, "defaults").items():
            raw_defaults.setdefault(tag, options)
    faults: list[Fault] = []
    names = _Names(parts[0])
    sources: list[dict[str, Any] | Source] = []
    for part, settings in zip(parts, checked, strict=True):
        for index, source in enumerate(settings.sources if settings else ()):
            name, what = names.take(source, part, index)
            if what:
                faults.append(part.fault(("sources", index, "name"), what))
            if defaults := _defaults(source.tags, raw_defaults):
                raw = _group(part, "sources")[index]
                sources.append({**defaults, **raw, "name": name})
            else:  # already validated; a second validation would double the time
                sources.append(source if source.name == name else with_values(source, name=name))
    if faults:
        return None, faults
    whole = _without_empty_groups(dict(_group(parts[0])))
    return Settings.model_validate({**whole, "sources": sources, "defaults": raw_defaults}), []


def _duplicate_names(parts: list[_Part]) -> list[Fault]:
    """Duplicate names, checked also if the files have other faults."""
    first: dict[str, str] = {}
    faults = []
    for part in parts:
        listed = part.document.value.get("sources") if isinstance(part.document.value, dict) else []
        for index, source in enumerate(listed if isinstance(listed, list) else []):
            name = source.get("name") if isinstance(source, dict) else None
            if not isinstance(name, str):
                continue
            if name in first:
                what = f"the name {name!r} is taken by {first[name]}; names are unique"
                faults.append(part.fault(("sources", index, "name"), what))
            first.setdefault(name, f"sources[{index}]")
    return faults


class _Names:
    """Assigns names to sources and detects duplicates."""

    def __init__(self, main: _Part) -> None:
        self._main = main
        self._taken: dict[str, tuple[str, str]] = {}  # name -> URL, position in the file

    def take(self, source: Source, part: _Part, index: int) -> tuple[str, str | None]:
        """The name of a source, and a fault text if it is taken."""
        name = source.name or name_from_url(source.url)
        if not source.name and self._taken.get(name, (source.url,))[0] != source.url:
            name = name_from_url(source.url, taken=self._taken)
        where = f"sources[{index}]" + ("" if part is self._main else f" of {part.path}")
        if name not in self._taken:
            self._taken[name] = (source.url, where)
            return name, None
        other = self._taken[name][1]
        if source.name:
            return name, f"the name {name!r} is taken by {other}; names are unique"
        return name, f"the same address as {other}; remove one, or give it another name"


def _group(part: _Part, name: str | None = None) -> Any:
    value: Any = part.document.value
    if name is None:
        return value
    return value.get(name) or {}


def _defaults(tags: Sequence[str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The default options for a source's tags; earlier tags take precedence."""
    found: dict[str, Any] = {}
    for tag in tags:
        for option, value in (defaults.get(tag) or {}).items():
            if option in fields_of(SourceOptions):
                found.setdefault(option, value)
    return found


def _printed(fault: Fault) -> str:
    place = f"{fault.file}:{fault.line}"
    shown = f"{printed_path(fault.path)}: " if fault.path else ""
    line = " ".join(f"{place}: {shown}{fault.what}".split())
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)


def printed_path(path: KeyPath) -> str:
    """`("sources", 3, "every")` as `sources[3].every`."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        else:
            shown += f".{step}" if shown else step
    return shown


def with_overrides(settings: Settings, assignments: Sequence[str], *, group: str) -> Settings:
    """`settings` after each `GROUP.FIELD=VALUE`. Raises ConfigError with one line per fault."""
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
            document[group][name] = _json_or_text(value.strip())
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


def _json_or_text(value: str) -> Any:
    """Parse numbers and booleans; return anything else (`30d`) as text."""
    try:
        return json.loads(value)
    except ValueError:
        return value
