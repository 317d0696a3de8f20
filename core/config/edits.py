"""Add sources to the text of feeds.yaml; comments, spaces and quotes of existing lines are kept.

New lines follow the last source, in the style of the existing list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from core.config.opml import OpmlFeed
from core.config.yaml_text import nodes_of
from core.errors import ConfigError

LONGEST_TITLE = 200  # characters, as of `title` in feeds.yaml
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9:/._~%?=&+@;,!()*'-]*")


class NewSource(OpmlFeed):
    """A subscription and its name in feeds.yaml."""

    name: str = ""
    keeps_title: bool = False  # `title` was set by the user, not by the feed


def with_sources(text: str, additions: Sequence[NewSource]) -> str:
    """Append `additions` to the sources in `text`. Raises ConfigError if it is not a mapping."""
    if not additions:
        return text
    root = nodes_of(text)
    if root is None:
        return _joined(text, "sources:", _block(additions, indent=2))
    if not isinstance(root, MappingNode):
        raise ConfigError(["the file must begin with a name, as in `sources:`"])
    for key, value in root.value:
        if isinstance(key, ScalarNode) and key.value == "sources":
            return _extended(text, key, value, additions)
    return _joined(text, "sources:", _block(additions, indent=2))


def _extended(text: str, key: Node, value: Node, additions: Sequence[NewSource]) -> str:
    lines = text.splitlines(keepends=True)
    if isinstance(value, SequenceNode) and value.value and not value.flow_style:
        indent = value.start_mark.column
        at = _last_line(value) + 1
        return _inserted(lines, at, _block(additions, indent=indent))
    if isinstance(value, SequenceNode) and value.value:
        return _into_flow(text, value, additions)
    # `sources:` or `sources: []` becomes a block list; a comment on that line stays.
    line = key.start_mark.line
    lines[line] = re.sub(r"(sources['\"]?\s*:)\s*(\[\s*\]|null|~)?", r"\1", lines[line], count=1)
    return _inserted(lines, line + 1, _block(additions, indent=key.start_mark.column + 2))


def _into_flow(text: str, value: SequenceNode, additions: Sequence[NewSource]) -> str:
    """Extend a list in flow style: `[{url: …}, {url: …}]` stays on its line."""
    end = value.value[-1].end_mark.index
    added = "".join(f", {_flow(each)}" for each in additions)
    return text[:end] + added + text[end:]


def _last_line(node: Node) -> int:
    """The last line of a value, excluding comments below it."""
    while isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    mark = node.end_mark
    ends_above = mark.column == 0 and mark.line > node.start_mark.line
    return int(mark.line - 1 if ends_above else mark.line)


def _inserted(lines: list[str], at: int, block: str) -> str:
    if at > 0 and at <= len(lines) and not lines[at - 1].endswith("\n"):
        lines[at - 1] += "\n"
    return "".join(lines[:at]) + block + "".join(lines[at:])


def _joined(text: str, heading: str, block: str) -> str:
    gap = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{gap}{heading}\n{block}"


def _block(additions: Sequence[NewSource], *, indent: int) -> str:
    pad = " " * indent
    written = []
    for each in additions:
        title = "".join(sign for sign in each.title if sign.isprintable())[:80]
        shows_title = each.title and each.title != each.name and not each.keeps_title
        comment = f"  # {title}" if shows_title else ""
        written.append(f"{pad}- url: {_scalar(each.url)}{comment}\n")
        written += [f"{pad}  {line}\n" for line in _fields(each)]
    return "".join(written)


def _fields(each: NewSource) -> list[str]:
    """The YAML lines of a source, without its URL."""
    fields = [f"name: {_scalar(each.name)}"] if each.name else []
    if each.keeps_title and each.title not in ("", each.name):
        fields.append(f"title: {_in_quotes(each.title[:LONGEST_TITLE])}")
    if each.site:
        fields.append(f"site: {_scalar(each.site)}")
    if each.tags:
        fields.append(f"tags: [{', '.join(_quoted(tag) for tag in each.tags)}]")
    return fields


def _flow(each: NewSource) -> str:
    stated = each.model_copy(update={"site": ""})  # a plain URL must be quoted between commas
    parts = [f"url: {_in_quotes(each.url)}", *_fields(stated)]
    parts += [f"site: {_in_quotes(each.site)}"] if each.site else []
    return "{" + ", ".join(parts) + "}"


def _scalar(value: str) -> str:
    """`value` unquoted if YAML reads it back unchanged, else quoted."""
    plain = _PLAIN.fullmatch(value) and ": " not in value and not value.endswith(":")
    return value if plain and not _looks_like_a_number(value) else _in_quotes(value)


def _quoted(tag: str) -> str:
    plain = re.fullmatch(r"[a-z][a-z0-9-]*", tag) and tag not in ("true", "false", "null")
    return tag if plain else _in_quotes(tag)


def _in_quotes(value: str) -> str:
    """`value` in quotes, escaped so that it is read back unchanged.

    The value is untrusted: `${NAME}` in an imported URL must not expand to an environment variable,
    which would send the operator's secrets to that host.
    """
    return json.dumps(value, ensure_ascii=False).replace("${", "\\u0024{")


def _looks_like_a_number(value: str) -> bool:
    return re.fullmatch(r"[0-9][0-9_.eExXoO+-]*", value) is not None or value in (
        "true",
        "false",
        "null",
    )
