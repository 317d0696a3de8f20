"""The figures of docs/performance.md: kept as JSON, written into the page, never by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import Row

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "benchmarks" / "figures.json"
PAGE = ROOT / "docs" / "performance.md"
_BEGIN, _END = "<!-- figures: `make bench-docs` -->\n", "<!-- end of figures -->\n"


def keep(rows: Sequence[Row], *, machine: str, date: str, load: float) -> None:
    """Put the rows of the subjects that ran in place of their former ones, and write the page."""
    kept = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    for subject in dict.fromkeys(row.subject for row in rows):
        found = [asdict(row) for row in rows if row.subject == subject and row.value is not None]
        if found:
            taken = {"machine": machine, "date": date, "load": round(load, 1)}
            kept[subject] = {**taken, "rows": found}
    text = json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False)
    FIGURES.write_text(text + "\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """docs/performance.md with the figures of figures.json between its two marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    kept = json.loads(FIGURES.read_text(encoding="utf-8"))
    return before + _BEGIN + "".join(_table(kept)) + _END + after


def _table(kept: dict[str, Any]) -> Iterable[str]:
    yield "\n| subject | figure | value | goal | note |\n| --- | --- | --- | --- | --- |\n"
    for subject, taken in kept.items():
        for row in taken["rows"]:
            value = f"{row['value']:.4g} {row['unit']}".strip()
            cells = (subject, row["name"], value, row["goal"], row["note"])
            yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"
    yield "\nTaken: "
    yield "; ".join(
        f"{subject} {taken['date']}, load {taken['load']}" for subject, taken in kept.items()
    )
    yield f". {next(iter(kept.values()))['machine']}.\n\n"
