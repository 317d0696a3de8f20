"""Rules of the house that no linter knows: words, circles, names of files, reasons of numbers."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_imports import import_lines

ROOT = Path(__file__).parents[1]
PACKAGES = ("core", "store", "workers", "service", "millrace")

# Words that read well and say little, and what to write instead.
WORDS = {
    r"nobody": "no one in particular: say which process or reader",
    r"anew": "again",
    r"mend(s|ed|ing)?": "fix",
    r"for ever": "for good, or until …",
    r"(is|are) told": "receives, is reported",
    r"seldom": "rarely",
    r"whoever": "the holder, the reader, …",
    r"lets go of": "removes",
    r"stands here": "is here",
    r"dear(er|est)": "expensive",
    r"(is|are) asked": "is fetched, is polled, is called",
    r"so many": "that many, a limit",
    r"outlives?": "survives, remains after",
}

# A name in two packages is one subject with a side in each.
SHARED_NAMES = 8


def sources(*folders: str) -> Iterator[Path]:
    """The tracked files of the folders."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *folders], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            yield ROOT / name


def modules() -> dict[str, Path]:
    """Dotted name of each of our modules and where it is."""
    return {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path
        for path in sources(*PACKAGES)
        if path.suffix == ".py"
    }


@pytest.mark.parametrize("word", WORDS)
def test_the_house_speaks_plain_english(word: str) -> None:
    expression = re.compile(rf"\b{word}\b", re.IGNORECASE)
    texts = {".py", ".md", ".html", ".lua", ".js", ".css", ".yaml"}
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in sources(*PACKAGES, "docs", "README.md", "CHANGELOG.md", "feeds.yaml")
        if path.suffix in texts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if expression.search(line)
    ]

    assert found == [], f"say it plainly: {WORDS[word]}"


def test_no_module_imports_itself_by_a_detour() -> None:
    known = modules()
    imports = {
        name: {target for _, each in import_lines(path) if (target := _module(each, known))}
        for name, path in known.items()
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> list[str]:
        if name in way:
            return [" → ".join((*way[way.index(name) :], name))]
        if name in done:
            return []
        circles = [c for target in sorted(imports[name]) for c in visit(target, (*way, name))]
        done.add(name)
        return circles

    assert [circle for name in sorted(known) for circle in visit(name, ())] == []


def _module(name: str, known: dict[str, Path]) -> str | None:
    """The module of ours that an import line names, also inside `TYPE_CHECKING`."""
    return name if name in known else None


def test_few_file_names_occur_in_more_than_one_package() -> None:
    packages = defaultdict(set)
    for name in modules():
        parts = name.split(".")
        if not parts[-1].startswith("__") and parts[:2] != ["millrace", "commands"]:
            packages[parts[-1]].add(parts[0])
    shared = {name: sorted(found) for name, found in packages.items() if len(found) > 1}

    assert len(shared) <= SHARED_NAMES, shared


def test_every_number_in_core_has_a_reason_beside_it() -> None:
    """Seconds in a day and the like need none: they are no choice."""
    bare = []
    for path in sources("core"):
        if path.suffix != ".py":
            continue
        lines = path.read_text(encoding="utf-8").split("\n")
        for node in ast.parse("\n".join(lines)).body:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or not _is_number(node.value):
                continue
            first = node.lineno - 1
            while first and lines[first - 1].strip():  # a comment may speak for a group
                first -= 1
            group = "\n".join(lines[first : (node.end_lineno or node.lineno)])
            if "#" not in group and not re.match(r"(DAY|HOUR)\b", lines[node.lineno - 1]):
                bare.append(f"{path.relative_to(ROOT)}:{node.lineno}: {lines[node.lineno - 1]}")

    assert bare == []


def _is_number(value: ast.expr | None) -> bool:
    if isinstance(value, ast.BinOp):
        return _is_number(value.left) and _is_number(value.right)
    return (
        isinstance(value, ast.Constant)
        and isinstance(value.value, int | float)
        and not isinstance(value.value, bool)
    )
