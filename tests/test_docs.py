"""What people can use is documented, and what is documented can be used."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import typer.main

from benchmarks import _docs as performance
from core.config.messages import fields_of
from core.config.settings import Settings
from core.metrics import METRICS
from docs.reference import settings_text
from millrace.cli import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *sorted(DOCS.glob("*.md")),
    *(ROOT / name for name in ("README.md", "README.zh.md", "SECURITY.md")),
]


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def option_rows(text: str) -> set[tuple[str, str]]:
    """(heading, field) of each table row of the settings page."""
    rows, heading = set(), ""
    for line in text.splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").strip("`")
        found = re.match(r"\| `([a-z_]+)` \|", line)
        if found:
            rows.add((heading, found[1]))
    return rows


def missing_options(text: str) -> list[str]:
    """Fields of the models that the page does not show."""
    rows = option_rows(text)
    names = {field for _, field in rows}
    wanted = {name for model in models(Settings) for name in fields_of(model)}
    groups = {heading.rpartition(".")[2].removesuffix("[]") for heading, _ in rows}
    return sorted(wanted - names - groups - {"defaults"})


def models(model: type) -> Iterator[type]:
    yield model
    for field in fields_of(model).values():
        for held in (field.annotation, *get_args(field.annotation)):
            if fields_of(held):
                yield from models(held)


def test_every_option_is_documented() -> None:
    assert missing_options(page("feeds-yaml.md")) == []


def test_an_option_that_is_not_documented_is_found() -> None:
    without = re.sub(r"\| `priority` .*\n", "", settings_text())

    assert missing_options(without) == ["priority"]


def test_every_promise_about_polling_has_a_test_of_its_number() -> None:
    tests = (ROOT / "tests" / "workers" / "test_politeness.py").read_text(encoding="utf-8")
    rows = page("fetching.md")

    for number in range(1, 21):
        assert re.search(rf"\| (?:R\d+, )?R{number}(?:, R\d+)? \|", rows)
        assert f"async def test_r{number}_" in tests


def test_every_row_about_failing_over_names_a_test_that_exists() -> None:
    rows = page("delivery.md").partition("## Failing over")[2].partition("\n## ")[0]
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))

    for row in rows.strip().splitlines()[2:]:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert all(f"def {name}(" in tests for name in named), row


def test_every_option_of_fetching_is_on_its_page() -> None:
    text = page("fetching.md")

    for name in type(Settings().fetch).model_fields:
        assert f"fetch.{name}" in text


def test_every_option_has_a_description() -> None:
    for model in models(Settings):
        for name, field in fields_of(model).items():
            assert field.description, f"{model.__name__}.{name}"


def test_every_command_is_documented() -> None:
    text = page("commands.md")
    group = typer.main.get_command(app)

    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", {})
        for each in [f"{name} {sub}" for sub in inner] or [name]:
            assert f"## `millrace {each}`" in text


def test_every_command_of_the_reference_page_has_an_example() -> None:
    sections = page("commands.md").split("\n## ")[1:]

    for section in sections:
        assert "```\nmillrace " in section, section.splitlines()[0]


def test_every_metric_is_documented() -> None:
    text = page("metrics.md")

    for name in METRICS:
        assert f"`{name}`" in text


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_files_that_a_page_names_exist(path: Path) -> None:
    folders = "benchmarks|core|deploy|millrace|service|store|tests|workers"
    named = re.findall(rf"\b(?:{folders})/[\w@./-]*\.\w+", path.read_text(encoding="utf-8"))
    ours = [name for name in named if "NAME" not in name]  # what a contributor would add

    assert [name for name in ours if not (ROOT / name).exists()] == []


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    for path in DOCS.glob("*.md"):
        assert f"(docs/{path.name})" in readme, path.name


def test_the_first_screen_of_the_readme_shows_both_commands() -> None:
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:20]

    for command in ("make run", "make test"):
        assert any(line.startswith(command) for line in first_screen), command


def test_every_folder_is_on_the_map() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = subprocess.run(
        ["git", "ls-files", "*/*"], cwd=ROOT, capture_output=True, text=True
    ).stdout.splitlines()

    for folder in {line.partition("/")[0] for line in listed}:
        assert folder.startswith(".") or f"`{folder}/`" in readme, folder


def test_every_limit_names_a_test_and_a_metric_that_exist() -> None:
    text = page("limits.md")
    told = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    tests = set(re.findall(r"`(test_\w+)`", text))
    counted = set(re.findall(r"`(millrace_\w+)", text))

    assert len(tests) > 30
    assert {name for name in tests if f"def {name}(" not in told} == set()
    assert counted - set(METRICS) == set()


def test_the_figures_of_performance_are_those_that_were_measured():
    assert page("performance.md") == performance.page()
