"""Decision trees over columns of numbers, as `benchmarks/training/blocks.py` stores them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE = 256  # with 300 trees: half a megabyte
_FILE = Path(__file__).with_name("blocks.json")


class Trees:
    """A gradient-boosted ensemble of decision trees over columns of numbers.

    A tree is stored as two lists over its nodes in pre-order: the column (-1 for a leaf), and the
    threshold or leaf value. Values up to the threshold go left. All rows are evaluated on all trees
    at once (QuickScorer, Lucchese and others, SIGIR 2015). Each row keeps a bit set of leaves per
    tree; each failed test removes the leaves on its left; the first remaining leaf is the
    result. This takes a third of the time of walking the trees.
    """

    def __init__(self, stored: dict[str, Any]) -> None:
        self.columns = int(stored["columns"])
        trees = stored["trees"]
        leaves = max(columns.count(-1) for columns, _ in trees)
        self._values = np.zeros((len(trees), leaves), np.float32)
        self._every = np.arange(len(trees))
        self._all = (1 << leaves) - 1
        tests: list[list[tuple[float, int, int]]] = [[] for _ in range(self.columns)]
        for tree, (columns, numbers) in enumerate(trees):
            values, inner = _leaves_and_tests(columns, numbers)
            self._values[tree, : len(values)] = values
            for column, threshold, first, end in inner:
                tests[column].append((threshold, tree, (1 << end) - (1 << first)))
        self._tests = [
            (column, *self._table(sorted(each))) for column, each in enumerate(tests) if each
        ]
        sets = np.arange(self._all + 1)
        self._first = np.log2(np.maximum(1, sets & -sets)).astype(np.uint8)

    def _table(
        self, tests: list[tuple[float, int, int]]
    ) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
        """The thresholds of a column, and the leaves that remain for values above each."""
        left = np.full((len(tests) + 1, len(self._every)), self._all, np.uint16)
        for here, (_, tree, gone) in enumerate(tests):
            left[here + 1] = left[here]
            left[here + 1, tree] &= self._all ^ gone
        return np.array([threshold for threshold, _, _ in tests], np.float32), left

    def probabilities(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability for each row that its block belongs to the article."""
        if rows.shape[1] != self.columns:
            raise ValueError(f"the model has {self.columns} columns, the page {rows.shape[1]}")
        total = np.zeros(len(rows))
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE]
            left = np.full((len(some), len(self._every)), self._all, np.uint16)
            for column, thresholds, tables in self._tests:
                left &= tables[np.searchsorted(thresholds, some[:, column])]
            values = self._values[self._every, self._first[left]]
            total[start : start + len(some)] = values.sum(1, dtype=np.float64)
        return np.asarray(1 / (1 + np.exp(-total)))


def _leaves_and_tests(
    columns: list[int], numbers: list[float]
) -> tuple[list[float], list[tuple[int, float, int, int]]]:
    """The leaf values of a tree, left to right, and its tests.

    A test is (column, threshold, first leaf on its left, first leaf on its right).
    """
    values: list[float] = []
    tests: list[tuple[int, float, int, int]] = []
    is_left: list[bool] = []  # for each test above the node: whether the node is on its left
    above: list[tuple[int, float, int]] = []
    for column, number in zip(columns, numbers, strict=True):
        if column >= 0:
            above.append((column, number, len(values)))
            is_left.append(True)
            continue
        values.append(number)
        while is_left and not is_left[-1]:
            is_left.pop()
            above.pop()
        if is_left:
            is_left[-1] = False
            tests.append((*above[-1], len(values)))
    return values, tests


@cache
def stored_trees() -> Trees:
    """The trees that are packaged with Millrace."""
    return Trees(json.loads(_FILE.read_text(encoding="utf-8")))
