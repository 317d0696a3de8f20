"""Generates reference files from models and commands: `python -m docs.reference [--check]`.

feeds.schema.json (completion in editors), docs/feeds-yaml.md and docs/commands.md. A test fails
when one of them is not what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import orjson
import typer.main
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from core.config.fields import format_duration, format_size
from core.config.messages import fields_of
from core.config.settings import Settings, Source, SourceOptions
from millrace.cli import app

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"

_INTRODUCTION = """# feeds.yaml

<!-- Made by `make docs` from core/config/settings.py; edit the descriptions there. -->

One file says what is read and how it is published. It is watched: a good edit takes effect within
5 seconds, a bad one changes nothing and is named by `/health`; `millrace check` names every fault
with its line. Unknown fields are faults.

- **Durations** are a number with a unit: `500ms`, `10s`, `15m`, `1h`, `7d`; so are **sizes**:
  `512KiB`, `10MiB`.
- **`${NAME}`** in a value is filled in from the environment, `${NAME:-default}` with a default.
  A value that is one unset variable counts as not set; inside other text it is a fault.
- **Completion in editors**: `# yaml-language-server: $schema=feeds.schema.json` as first line.
- **Names** are made from the address where missing. The ids of entries are made from the name of
  the source, so give a source its name before its address changes.

```yaml
feed:
  title: Morning river
  link: https://news.example.org/
sources:
  - url: https://example.org/rss.xml
  - url: https://mirror.example.net/feed.xml
    name: mirror
    tags: [world, slow]
    priority: -1
defaults:
  slow: {every: 6h}           # all sources with the tag `slow`
include: feeds.d/*.yaml       # more `sources` and `defaults`
service: {token: ${MILLRACE_TOKEN}}
```
"""


def written() -> dict[str, str]:
    """Path below the repository → text."""
    return {
        "feeds.schema.json": schema_text(),
        "docs/feeds-yaml.md": settings_text(),
        "docs/commands.md": commands_text(),
    }


def schema_text() -> str:
    """The JSON schema of feeds.yaml."""
    schema = {"$schema": SCHEMA_ID, **Settings.model_json_schema()}
    schema["title"] = "feeds.yaml of Millrace"
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode() + "\n"


def settings_text() -> str:
    """The reference page of feeds.yaml."""
    return _INTRODUCTION + "".join(_sections(Settings, ""))


def _sections(model: type, path: str) -> Iterator[str]:
    """One table per group of fields, in the order of the file."""
    fields = _ordered(model)
    plain = {name: field for name, field in fields.items() if _group_of(field) is None}
    if path and plain:
        yield f"\n## `{path}`\n\n{(model.__doc__ or '').strip()}\n\n"
        yield "| field | default | what |\n| --- | --- | --- |\n"
        yield from (_row(name, field) for name, field in plain.items())
    elif plain:
        yield "\n## At the top\n\n| field | default | what |\n| --- | --- | --- |\n"
        yield from (_row(name, field) for name, field in plain.items())
    for name, field in fields.items():
        group = _group_of(field)
        if group is SourceOptions:
            yield f"\n## `{name}.TAG`\n\n{field.description} The fields are those of a source "
            yield f"from `{next(iter(fields_of(SourceOptions)))}` on.\n"
        elif group is not None:
            listed = "[]" if "tuple" in str(field.annotation) else ""
            yield from _sections(group, f"{path}.{name}{listed}".lstrip("."))


def _ordered(model: type) -> Mapping[str, FieldInfo]:
    """The options of a source with its name and address first."""
    if model is not Source:
        return fields_of(model)
    fields, options = fields_of(Source), fields_of(SourceOptions)
    return {name: fields[name] for name in [*(n for n in fields if n not in options), *options]}


def _group_of(field: FieldInfo) -> type | None:
    """The model that a field, or each element of it, holds."""
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and fields_of(candidate):
            return candidate
    return None


def _row(name: str, field: FieldInfo) -> str:
    what = (field.description or "").replace("|", r"\|")
    allowed = _allowed(field)
    return f"| `{name}` | {_default(field)} | {what}{allowed} |\n"


def _allowed(field: FieldInfo) -> str:
    words = [word for word in get_args(field.annotation) if isinstance(word, str)]
    return f" One of {', '.join(f'`{word}`' for word in words)}." if words else ""


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is PydanticUndefined:
        return "required"
    if value is None or value == "":
        return "–"
    kind = repr(field.metadata)
    if "parse_duration" in kind:
        return f"`{format_duration(value)}`"
    if "parse_size" in kind:
        return f"`{format_size(value)}`"
    if isinstance(value, (tuple, dict)):
        return f"`{orjson.dumps(value).decode().replace(',', ', ')}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def commands_text() -> str:
    """The reference page of the command line."""
    parts = [
        "# Commands\n\n"
        "<!-- Made by `make docs` from millrace/commands/*_commands.py; edit the texts there. -->\n"
        "\n"
        "Precedence: options, environment variables, feeds.yaml, defaults. Exit codes: 0 done,\n"
        "1 failed, 2 wrong usage or configuration. Errors are lines on standard error.\n"
        "`MILLRACE_LOG=json` writes logs as JSON; `--install-completion` adds completion to your\n"
        "shell.\n"
    ]
    group = typer.main.get_command(app)
    parts += _command_sections(group, "millrace")
    return "".join(parts)


def _command_sections(group: Any, prefix: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _command_sections(command, f"{prefix} {name}")
            continue
        yield f"\n## `{prefix} {name}`\n\n{_as_markdown(command.help or '')}\n\n"
        options = [parameter for parameter in command.params if parameter.name != "help"]
        if options:
            yield "| option | environment | default | what |\n| --- | --- | --- | --- |\n"
            yield from (_option_row(option) for option in options)


def _as_markdown(text: str) -> str:
    lines = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    return "\n\n".join(
        f"```\n{line.removeprefix('Example: ')}\n```" if line.startswith("Example: ") else line
        for line in lines
    )


def _option_row(option: Any) -> str:
    names = ", ".join(f"`{each}`" for each in option.opts if each.startswith("-"))
    shown = names or "`" + (option.metavar or option.name).replace("|", r"\|") + "`"
    default = option.default
    if default is None or default is False or callable(default):
        default = ""
    variable = f"`{option.envvar}`" if option.envvar else ""
    required = "required" if option.required else f"`{default}`" if default != "" else ""
    return f"| {shown} | {variable} | {required} | {getattr(option, 'help', None) or ''} |\n"


def main() -> int:
    """Write the files; with --check only report those that are not current."""
    root = Path(__file__).parent.parent
    stale = [
        path
        for path, text in written().items()
        if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path} is not current: run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(written()[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
