"""Parse YAML text into plain values with line numbers; no objects are constructed from tags.

The result contains only mappings, lists, text, numbers, booleans and null. Size, depth and the
expansion of aliases are bounded. `${NAME}` may be anywhere in a value, also in `{token: ${NAME}}`,
which plain YAML rejects.

libyaml parses the text where PyYAML includes it. ruamel.yaml parses texts with errors or aliases,
or when a line number is needed: it takes ten times as long and keeps every node in memory.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import implicit_resolvers

try:
    from yaml import CBaseLoader, YAMLError as LibyamlError, events, parse as libyaml_events  # isort: skip
except ImportError:  # no wheel for this platform: ruamel.yaml parses all
    CBaseLoader = None

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
KeyPath: TypeAlias = tuple[str | int, ...]

MAX_CHARS = 32 * 2**20  # a source with name and tags takes about 100: room for 300,000
MAX_REPEATED = 50_000  # values that aliases may add, against "billion laughs"
MAX_DEPTH = 40  # the models nest five deep; Python's recursion limit is a thousand calls

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)((?::-[^{}\n]*)?)\}")
# During parsing, private characters replace the braces of references; columns stay the same.
_OPEN, _CLOSE = "\ue0b0", "\ue0b1"
_HIDDEN = re.compile(rf"\${_OPEN}([A-Za-z_][A-Za-z0-9_]*)(?::-([^{_CLOSE}]*))?{_CLOSE}")
_TAG = "tag:yaml.org,2002:"
_KINDS = ("null", "bool", "int", "float", "str", "timestamp")


@dataclass(frozen=True)
class Fault:
    """An error at one place of a file. `line` counts from 1."""

    line: int
    path: KeyPath
    what: str
    file: str = ""


@dataclass
class YamlDocument:
    """The value of a YAML text and its faults."""

    value: Plain = None
    lines: dict[KeyPath, int] = field(default_factory=dict)  # of values; of keys in mappings
    unset: dict[KeyPath, str] = field(default_factory=dict)  # values that are one unset variable
    faults: list[Fault] = field(default_factory=list)
    text: str | None = None  # from which `lines` is computed on demand

    def line_of(self, path: KeyPath) -> int:
        """Line of `path`, or of its nearest parent."""
        if self.text is not None:
            self.lines, self.text = _read_with_lines(self.text, {}).lines, None
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(text: str, env: Mapping[str, str]) -> YamlDocument:
    """Parse `text` and replace `${NAME}` with values of `env`. Never raises."""
    if len(text) > MAX_CHARS:
        return YamlDocument(faults=[Fault(1, (), f"the file is over {MAX_CHARS // 2**20} MiB")])
    text = text.removeprefix("\ufeff")
    if CBaseLoader is not None and "\t" not in text:  # libyaml accepts tabs in more places
        try:
            return _FastParser(text, env).document
        except (_Unsupported, LibyamlError, ValueError, RecursionError):
            pass  # it has a fault, or syntax that only ruamel.yaml handles as required here
    return _read_with_lines(text, env)


def _read_with_lines(text: str, env: Mapping[str, str]) -> YamlDocument:
    document = YamlDocument()
    try:
        root = nodes_of(text)
        document.lines[()] = 1
        document.value = _NodeConverter(document, env).plain(root, ()) if root is not None else None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        document.faults.append(Fault(line, (), f"not YAML: {_in_words(error)}"))
    except (YAMLError, ValueError) as error:
        document.faults.append(Fault(1, (), f"not YAML: {_one_line(str(error))}"))
    except RecursionError:
        document.faults.append(Fault(1, (), "nested too deeply"))
    return document


def nodes_of(text: str) -> Node | None:
    """The node tree of a YAML text with positions. Raises the errors of ruamel.yaml."""
    root: Node | None = YAML(typ="safe", pure=True).compose(_hidden(text))
    return root


def _hidden(text: str) -> str:
    return _REFERENCE.sub(rf"${_OPEN}\1\2{_CLOSE}", text) if "${" in text else text


class _NodeConverter:
    """Converts the node tree of one text to plain values."""

    def __init__(self, document: YamlDocument, env: Mapping[str, str]) -> None:
        self._document = document
        self._env = env
        self._seen: set[int] = set()  # node ids; an alias leads to a node again
        self._repeated = 0

    def plain(self, node: Node, path: KeyPath) -> Plain:
        """Convert `node`. Raises ValueError if nesting or repetition exceeds its limit."""
        self._repeated += id(node) in self._seen
        self._seen.add(id(node))
        if self._repeated > MAX_REPEATED:
            raise ValueError("too many values: aliases multiply what they refer to")
        if len(path) > MAX_DEPTH:
            raise ValueError("nested too deeply, or an alias that contains itself")
        self._document.lines.setdefault(path, _line(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.plain(item, (*path, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)  # noqa: S101 - the third and last kind of node
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: KeyPath) -> Plain:
        found: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, ScalarNode) else None
            if key is None or key_node.tag == _TAG + "merge":
                what = "merging with << is not supported" if key else "a name must be plain text"
                self._fault(key_node, path, what)
            elif key in found:
                self._fault(key_node, (*path, key), "duplicate key; remove one")
            else:
                self._document.lines[(*path, key)] = _line(key_node)
                found[key] = self.plain(value_node, (*path, key))
        return found

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Plain:
        text = str(node.value)
        if _OPEN in text:
            return self._filled(node, path)
        kind = str(node.tag).removeprefix(_TAG)
        if kind not in _KINDS:
            self._fault(node, path, f"the type {_one_line(str(node.tag))} is not allowed here")
            return None
        return _converted(text, kind)

    def _filled(self, node: ScalarNode, path: KeyPath) -> Plain:
        filled, unset = _with_variables(str(node.value), self._env)
        if filled is None:
            self._document.unset[path] = unset[0]
            return None
        for name in unset:
            self._fault(node, path, f"environment variable {name} is not set")
        return filled

    def _fault(self, node: Node, path: KeyPath, what: str) -> None:
        self._document.faults.append(Fault(_line(node), path, what))


class _Unsupported(Exception):
    """The text contains syntax that only ruamel.yaml handles."""


class _FastParser:
    """Converts the event stream of libyaml to plain values, without keeping events."""

    def __init__(self, text: str, env: Mapping[str, str]) -> None:
        self.document = YamlDocument(text=text)
        self._env = env
        self._events = iter(libyaml_events(_hidden(text), Loader=CBaseLoader))
        next(self._events)  # the stream start
        begin = next(self._events)
        if isinstance(begin, events.DocumentStartEvent):
            self.document.value = self._value(next(self._events), ())
            next(self._events)
            if begin.version or isinstance(next(self._events), events.DocumentStartEvent):
                raise _Unsupported("another version, or a second document")

    def _value(self, event: Any, path: KeyPath) -> Plain:
        if len(path) > MAX_DEPTH:
            raise _Unsupported("nested too deeply")
        if isinstance(event, events.ScalarEvent):
            return self._scalar(event, path)
        if getattr(event, "tag", None) is not None:
            raise _Unsupported("a type")
        if isinstance(event, events.SequenceStartEvent):
            found: list[Plain] = []
            while not isinstance(each := next(self._events), events.SequenceEndEvent):
                found.append(self._value(each, (*path, len(found))))
            return found
        if isinstance(event, events.MappingStartEvent):
            return self._mapping(path)
        raise _Unsupported("an alias")

    def _mapping(self, path: KeyPath) -> Plain:
        found: dict[str, Plain] = {}
        while isinstance(event := next(self._events), events.ScalarEvent):
            key = sys.intern(event.value)
            if key in found or event.tag is not None or event.value == "<<":
                raise _Unsupported("a key")
            found[key] = self._value(next(self._events), (*path, key))
        if not isinstance(event, events.MappingEndEvent):
            raise _Unsupported("a key that is no text")
        return found

    def _scalar(self, event: Any, path: KeyPath) -> Plain:
        text: str = event.value
        kind = "str" if not event.implicit[0] else _kind_of(text)  # in quotes, or a block
        if event.tag is not None or kind == "value":
            raise _Unsupported("a type")
        if _OPEN in text:
            filled, unset = _with_variables(text, self._env)
            if filled is None:
                self.document.unset[path] = unset[0]
            elif unset:
                raise _Unsupported("a variable that is not set")
            return filled
        return _converted(text, kind)


@cache
def _kinds() -> dict[str, list[tuple[str, Any]]]:
    """The scalar types of YAML 1.2, in which `no` is text, by first character."""
    kinds: dict[str, list[tuple[str, Any]]] = {}
    for versions, tag, expression, first in implicit_resolvers:
        if (1, 2) in versions:
            for sign in first:
                kinds.setdefault(sign, []).append((tag.removeprefix(_TAG), expression))
    return kinds


def _kind_of(text: str) -> str:
    found = (kind for kind, expression in _kinds().get(text[:1], ()) if expression.match(text))
    return next(found, "str")


def _with_variables(text: str, env: Mapping[str, str]) -> tuple[str | None, list[str]]:
    """Expand variables; also return the unset ones. A single unset variable gives None."""
    alone = _HIDDEN.fullmatch(text)
    if alone and alone[2] is None and not env.get(alone[1]):
        return None, [alone[1]]
    missing: list[str] = []

    def fill(match: re.Match[str]) -> str:
        if not env.get(match[1]) and match[2] is None:
            missing.append(match[1])
        return env.get(match[1]) or match[2] or ""

    return _HIDDEN.sub(fill, text), missing


def _converted(text: str, kind: str) -> Plain:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    try:
        if kind == "int" and len(text) <= 100:  # error messages could not show longer numbers
            return int(text.replace("_", ""), 0)
        if kind == "float":
            return float(text.replace("_", ""))
    except ValueError:
        return text  # 007 and .inf: no option takes such a number
    return text


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _in_words(error: MarkedYAMLError) -> str:
    problem = _one_line(error.problem or str(error))
    if "unexpected end of stream" in problem:
        return "a quote above this line is not closed"
    if problem.startswith("expected <block end>"):
        return "this line does not line up with those above it; check the indentation"
    if "cannot start any token" in problem:
        return f"{problem}; indent with spaces and put the value in quotes"
    mapping = "mapping values are not allowed" in problem
    return f"{problem}; put the value in quotes, or check the indentation" if mapping else problem


def _one_line(text: str) -> str:
    return " ".join(text.replace(_OPEN, "{").replace(_CLOSE, "}").split())[:300]
