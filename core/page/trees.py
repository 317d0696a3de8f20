"""Small gradient-boosted trees, as they were trained and stored: numbers in, probabilities out.

numpy alone reads them; what trains them is `benchmarks/train_blocks.py`.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FILE = Path(__file__).with_name("blocks.json")


class Trees:
    """Trees over columns of numbers; missing values do not occur.

    Each tree is five lists over its nodes: column, threshold, node for values up to the threshold,
    node for greater ones, and the leaf's value. A leaf has
    0 for both nodes.
    """

    def __init__(self, stored: dict[str, Any]) -> None:
        self.columns = int(stored["columns"])
        self._trees = [
            (
                np.array(column, np.intp),
                np.array(threshold, np.float32),
                np.array(left, np.intp),
                np.array(right, np.intp),
                np.array(value, np.float32),
            )
            for column, threshold, left, right, value in stored["trees"]
        ]

    def probabilities(self, rows: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The probability that each row is text of the article."""
        if rows.shape[1] != self.columns:
            raise ValueError(f"the model has {self.columns} columns, the page {rows.shape[1]}")
        total = np.zeros(len(rows))
        every = np.arange(len(rows))
        for column, threshold, left, right, value in self._trees:
            at = np.zeros(len(rows), np.intp)
            inner = left[at] > 0
            while inner.any():
                below = rows[every, column[at]] <= threshold[at]
                at = np.where(inner, np.where(below, left[at], right[at]), at)
                inner = left[at] > 0
            total += value[at]
        return np.asarray(1 / (1 + np.exp(-total)))


@cache
def stored_trees() -> Trees:
    """The trees that come with Millrace."""
    return Trees(json.loads(_FILE.read_text(encoding="utf-8")))
