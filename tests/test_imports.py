"""The house rule, read from our import lines: down, never up or sideways; one home a library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "core": {"core"},
    "store": {"store", "core"},
    "workers": {"workers", "store", "core"},
    "service": {"service", "store", "core"},
    "millrace": {"millrace", "service", "workers", "store", "core"},
}

# Inside a package, too: each may import what comes before it. The name of a package alone is the
# files beside its folders, but for those that are named.
LAYERS = {
    "core": (
        {"core"},
        {"core.config"},
        {"core.body"},
        {"core.feeds"},
        {"core.page"},
        {"core.dedup"},
        {"core.polling", "core.render"},
        {"core.pipeline"},
    ),
    "workers": (
        {"workers.sandbox"},
        {"workers.http"},
        {"workers.jobs.page_batch", "workers.jobs.sequencer"},  # of a worker, between its jobs
        {"workers"},
        {"workers.sources"},
        {"workers.jobs"},
        {"workers.scheduler"},
        {"workers.loops"},
        {"workers.worker"},
    ),
    "service": (
        {"service"},
        {"service.feeds"},
        {"service.pages"},
        {"service.ops"},
        {"service.app"},
    ),
}

# Library → where alone it may be imported: a package or a file.
HOMES = {
    "feedparser": {"core/feeds/parse.py"},
    "trafilatura": {"core/page/extractors.py"},
    "readability": {"core/page/extract.py"},
    "nh3": {"core/body/html.py"},
    "redis": {"store"},
    "arq": {"workers/queue.py"},
    "aiohttp": {"workers", "service"},
    "jinja2": {"service"},
    "typer": {"millrace"},
    "rich": {"millrace"},
    "watchfiles": {"millrace"},
    "ruamel": {"core"},
}

# Used by what they document alone; ruff's SLF forbids their private members.
NOT_EXTENDED = {"arq", "aiohttp", "redis", "feedparser"}

# Core is pure: values in, values out.
IMPURE = {
    "asyncio",
    "http",
    "multiprocessing",
    "os",
    "random",
    "requests",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
}


def import_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import in a file, also of those inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write imports in full"
            yield node.lineno, str(node.module)


def faults(root: Path) -> list[str]:
    """Every import line that breaks a rule."""
    found = []
    for package, allowed in MAY_IMPORT.items():
        for path in sorted((root / package).rglob("*.py")):
            where = path.relative_to(root).as_posix()
            for line, name in import_lines(path):
                what = _fault(where, package, allowed, name)
                if what:
                    found.append(f"{where}:{line}: {what}")
    return found


def _fault(where: str, package: str, allowed: set[str], name: str) -> str | None:
    top = name.partition(".")[0]
    if top in MAY_IMPORT and top not in allowed:
        return f"{package} must not import {top}"
    if top in HOMES and not HOMES[top] & {where, package}:
        return f"{top} belongs in {' or '.join(sorted(HOMES[top]))}"
    if package == "core" and (top in IMPURE or name in IMPURE):
        return f"core is pure and must not import {name}"
    if package == top and package in LAYERS:
        own, part = _part(where.removesuffix(".py").replace("/", ".")), _part(name)
        if _layer(part) >= _layer(own) and part != own:
            return f"{own} must not import {part}"
    return None


def _part(name: str) -> str:
    """`core.feeds` of `core.feeds.parse`; `core` of the files beside the folders."""
    named = set[str]().union(*LAYERS[name.partition(".")[0]])
    pieces = name.split(".")
    ways = (".".join(pieces[:count]) for count in range(len(pieces), 0, -1))
    return next(way for way in ways if way in named)


def _layer(part: str) -> int:
    layers = LAYERS[part.partition(".")[0]]
    return next(at for at, layer in enumerate(layers) if part in layer)


def extended(root: Path) -> list[str]:
    """Every class that extends one of these libraries: what it overrides may change under it."""
    found = []
    for path in sorted(path for package in MAY_IMPORT for path in (root / package).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        origins = {
            (alias.asname or alias.name).partition(".")[0]: getattr(node, "module", alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        for node in ast.walk(tree):
            for base in node.bases if isinstance(node, ast.ClassDef) else ():
                name = ast.unparse(base).partition(".")[0].partition("[")[0]
                if str(origins.get(name)).partition(".")[0] in NOT_EXTENDED:
                    found.append(f"{path.relative_to(root).as_posix()}: {node.name}")
    return found


def test_no_class_of_a_library_is_extended(tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    text = "from arq.worker import Worker\nimport aiohttp.web as w\nimport enum\n"
    classes = "class A(Worker): ...\nclass B(w.View): ...\nclass C(enum.Enum): ...\n"
    (tmp_path / "workers/a.py").write_text(text + classes)

    assert extended(tmp_path) == ["workers/a.py: A", "workers/a.py: B"]
    assert extended(ROOT) == []


def test_imports_keep_the_house_rule() -> None:
    assert faults(ROOT) == []


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("core/a.py", "import store.keys", "core must not import store"),
        ("core/a.py", "def f():\n    import socket", "core is pure and must not import socket"),
        ("service/a.py", "from workers import x", "service must not import workers"),
        ("workers/a.py", "from service.app import x", "workers must not import service"),
        ("store/a.py", "import millrace", "store must not import millrace"),
        ("service/a.py", "import redis", "redis belongs in store"),
        ("core/a.py", "import feedparser", "feedparser belongs in core/feeds/parse.py"),
        ("core/a.py", "import core.config.file", "core must not import core.config"),
        ("core/body/a.py", "import core.page.extract", "core.body must not import core.page"),
        ("core/render/a.py", "import core.polling", "core.render must not import core.polling"),
        ("service/a.py", "import service.feeds.a", "service must not import service.feeds"),
        ("service/feeds/a.py", "import service.ops.a", "service.feeds must not import service.ops"),
        ("workers/http/a.py", "import workers.context", "workers.http must not import workers"),
        (
            "workers/sources/a.py",
            "from workers.jobs.poll import x",
            "workers.sources must not import workers.jobs",
        ),
    ],
)
def test_a_broken_rule_is_found(tmp_path: Path, path: str, text: str, fault: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(text)

    assert [line.partition(": ")[2] for line in faults(tmp_path)] == [fault]
