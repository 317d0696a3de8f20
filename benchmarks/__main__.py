"""`make bench`: runs the benchmarks, prints a table and writes JSON beside it."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks import Row, Skipped
from benchmarks._docs import keep


def main() -> int:
    """Run what was asked for; 1 if a benchmark broke."""
    arguments = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 140)
    rows: list[Row] = []
    for subject in arguments.subjects or sorted(_subjects()):
        console.print(f"[bold]{subject}[/bold]")
        found = list(_rows(subject, smoke=arguments.smoke))
        console.print(_table(found))
        rows += found
    if arguments.json:
        _write(arguments.json, rows)
    if arguments.docs:
        date = datetime.now(UTC).date().isoformat()
        keep(rows, machine=_machine(), date=date, load=os.getloadavg()[1])
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("subjects", nargs="*", help=f"of: {', '.join(sorted(_subjects()))}")
    parser.add_argument("--smoke", action="store_true", help="each once, small")
    parser.add_argument("--docs", action="store_true", help="write them to docs/performance.md")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _subjects() -> Iterator[str]:
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if not (module.name.startswith("_") or module.ispkg):
            yield module.name


def _rows(subject: str, *, smoke: bool) -> Iterator[Row]:
    module = importlib.import_module(f"benchmarks.{subject}")
    try:
        yield from module.run(smoke)
    except Skipped as reason:
        yield Row(subject, "skipped", None, note=str(reason))


def _table(rows: list[Row]) -> Table:
    table = Table("figure", "value", "unit", "goal", "note")
    for row in rows:
        value = "–" if row.value is None else f"{row.value:.4g}"
        table.add_row(row.name, value, row.unit, row.goal, row.note)
    return table


def _write(path: Path, rows: list[Row]) -> None:
    told = {
        "machine": _machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "rows": [asdict(row) for row in rows],
    }
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{cores} cores, {platform.machine()}, {python}"


if __name__ == "__main__":
    sys.exit(main())
