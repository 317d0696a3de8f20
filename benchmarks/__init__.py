"""The benchmarks: each module measures one subject; `make bench` runs them all.

A module has `run(smoke)`, which yields rows. Both sides of a ratio are measured in one run, in
turns. What needs the big corpus says so and skips where it is missing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One figure."""

    subject: str
    name: str
    value: float | None  # None: not measured here
    goal: str = ""
    unit: str = ""
    note: str = ""


class Skipped(Exception):
    """Why a benchmark cannot run here, in one line."""


def corpus(*parts: str) -> Path:
    """A path in the corpus; raises Skipped where there is none."""
    root = Path(
        os.environ.get("MILLRACE_CORPUS", Path(__file__).parents[1].parent / "shared/corpus")
    )
    path = root.joinpath(*parts)
    if not path.exists():
        raise Skipped(f"no corpus at {root}: set MILLRACE_CORPUS")
    return path
