"""YAML text to plain values, with the line of each: no object that the text names is constructed.

Only mappings, lists, text, numbers, truth values and null come out. Size, depth and what aliases
multiply are bounded. `${NAME}` may be anywhere in a value, also in `{token: ${NAME}}`, which
YAML alone would refuse.

A text is read by libyaml where PyYAML brings it; where it has a fault or aliases, or a line number
is wanted, by ruamel.yaml, which takes ten times as long and holds every node in memory.
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
except ImportError:  # no wheel for this platform: all is read by ruamel.yaml
    CBaseLoader = None

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
Path: TypeAlias = tuple[str | int, ...]

MAX_CHARS = 32 * 2**20  # a source with name and tags takes about 100: room for 300,000
MAX_REPEATED = 50_000  # values that aliases may add, against "billion laughs"
MAX_DEPTH = 40  # the models nest five deep; Python's stack ends at a thousand calls

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)((?::-[^{}\n]*)?)\}")
# While YAML reads the text, braces of references are two private characters, so that columns stay.
_OPEN, _CLOSE = "\ue0b0", "\ue0b1"
_HIDDEN = re.compile(rf"\${_OPEN}([A-Za-z_][A-Za-z0-9_]*)(?::-([^{_CLOSE}]*))?{_CLOSE}")
_TAG = "tag:yaml.org,2002:"
_KINDS = ("null", "bool", "int", "float", "str", "timestamp")


@dataclass(frozen=True)
class Fault:
    """What is wrong at one place of a file. `line` counts from 1."""

    line: int
    path: Path
    what: str
    file: str = ""


@dataclass
class Document:
    """The value of a YAML text and what is wrong with it."""

    value: Plain = None
    lines: dict[Path, int] = field(default_factory=dict)  # of values, and of keys for mappings
    unset: dict[Path, str] = field(default_factory=dict)  # values that are one unset variable
    faults: list[Fault] = field(default_factory=list)
    text: str | None = None  # from which lines are found once they are wanted

    def line_of(self, path: Path) -> int:
        """Line of `path`, or of the nearest thing around it."""
        if self.text is not None:
            self.lines, self.text = _read_with_lines(self.text, {}).lines, None
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(text: str, env: Mapping[str, str]) -> Document:
    """The plain value of `text` with `${NAME}` filled in from `env`. Never raises."""
    if len(text) > MAX_CHARS:
        return Document(faults=[Fault(1, (), f"the file is over {MAX_CHARS // 2**20} MiB")])
    text = text.removeprefix("\ufeff")
    if CBaseLoader is not None and "\t" not in text:  # which libyaml allows in more places
        try:
            return _Quickly(text, env).document
        except (_TooHard, LibyamlError, ValueError, RecursionError):
            pass  # it has a fault, or what only ruamel.yaml reads as it is meant here
    return _read_with_lines(text, env)


def _read_with_lines(text: str, env: Mapping[str, str]) -> Document:
    document = Document()
    try:
        root = nodes_of(text)
        document.lines[()] = 1
        document.value = _Plainer(document, env).plain(root, ()) if root is not None else None
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
    """The nodes of a YAML text with their places; raises what ruamel.yaml does."""
    root: Node | None = YAML(typ="safe", pure=True).compose(_hidden(text))
    return root


def _hidden(text: str) -> str:
    return _REFERENCE.sub(rf"${_OPEN}\1\2{_CLOSE}", text) if "${" in text else text


class _Plainer:
    """Walks the nodes of one text."""

    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        self._document = document
        self._env = env
        self._seen: set[int] = set()  # nodes; an alias leads to one a second time
        self._repeated = 0

    def plain(self, node: Node, path: Path) -> Plain:
        """`node` as plain values; raises ValueError when it is too deep or repeats too much."""
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

    def _mapping(self, node: MappingNode, path: Path) -> Plain:
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

    def _scalar(self, node: ScalarNode, path: Path) -> Plain:
        text = str(node.value)
        if _OPEN in text:
            return self._filled(node, path)
        kind = str(node.tag).removeprefix(_TAG)
        if kind not in _KINDS:
            self._fault(node, path, f"the type {_one_line(str(node.tag))} is not allowed here")
            return None
        return _typed(text, kind)

    def _filled(self, node: ScalarNode, path: Path) -> Plain:
        filled, unset = _with_variables(str(node.value), self._env)
        if filled is None:
            self._document.unset[path] = unset[0]
            return None
        for name in unset:
            self._fault(node, path, f"environment variable {name} is not set")
        return filled

    def _fault(self, node: Node, path: Path, what: str) -> None:
        self._document.faults.append(Fault(_line(node), path, what))


class _TooHard(Exception):
    """What a text holds that is left to ruamel.yaml."""


class _Quickly:
    """The value of one text from the events of libyaml, of which none is kept."""

    def __init__(self, text: str, env: Mapping[str, str]) -> None:
        self.document = Document(text=text)
        self._env = env
        self._events = iter(libyaml_events(_hidden(text), Loader=CBaseLoader))
        next(self._events)  # of the stream
        begin = next(self._events)
        if isinstance(begin, events.DocumentStartEvent):
            self.document.value = self._value(next(self._events), ())
            next(self._events)
            if begin.version or isinstance(next(self._events), events.DocumentStartEvent):
                raise _TooHard("another version, or a second document")

    def _value(self, event: Any, path: Path) -> Plain:
        if len(path) > MAX_DEPTH:
            raise _TooHard("nested too deeply")
        if isinstance(event, events.ScalarEvent):
            return self._scalar(event, path)
        if getattr(event, "tag", None) is not None:
            raise _TooHard("a type")
        if isinstance(event, events.SequenceStartEvent):
            found: list[Plain] = []
            while not isinstance(each := next(self._events), events.SequenceEndEvent):
                found.append(self._value(each, (*path, len(found))))
            return found
        if isinstance(event, events.MappingStartEvent):
            return self._mapping(path)
        raise _TooHard("an alias")

    def _mapping(self, path: Path) -> Plain:
        found: dict[str, Plain] = {}
        while isinstance(event := next(self._events), events.ScalarEvent):
            key = sys.intern(event.value)
            if key in found or event.tag is not None or event.value == "<<":
                raise _TooHard("a key")
            found[key] = self._value(next(self._events), (*path, key))
        if not isinstance(event, events.MappingEndEvent):
            raise _TooHard("a key that is no text")
        return found

    def _scalar(self, event: Any, path: Path) -> Plain:
        text: str = event.value
        kind = "str" if not event.implicit[0] else _kind_of(text)  # in quotes, or a block
        if event.tag is not None or kind == "value":
            raise _TooHard("a type")
        if _OPEN in text:
            filled, unset = _with_variables(text, self._env)
            if filled is None:
                self.document.unset[path] = unset[0]
            elif unset:
                raise _TooHard("a variable that is not set")
            return filled
        return _typed(text, kind)


@cache
def _kinds() -> dict[str, list[tuple[str, Any]]]:
    """The types of YAML 1.2, in which `no` is text, by their first character."""
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
    """A text with its variables, and those that are unset; one that is and is alone gives None."""
    alone = _HIDDEN.fullmatch(text)
    if alone and alone[2] is None and not env.get(alone[1]):
        return None, [alone[1]]
    missing: list[str] = []

    def fill(match: re.Match[str]) -> str:
        if not env.get(match[1]) and match[2] is None:
            missing.append(match[1])
        return env.get(match[1]) or match[2] or ""

    return _HIDDEN.sub(fill, text), missing


def _typed(text: str, kind: str) -> Plain:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    try:
        if kind == "int" and len(text) <= 100:  # no message could show a number of thousands
            return int(text.replace("_", ""), 0)
        if kind == "float":
            return float(text.replace("_", ""))
    except ValueError:
        return text  # 007 and .inf: not a number that anything here wants
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
