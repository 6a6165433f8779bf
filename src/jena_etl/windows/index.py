"""The windows of a split: their start rows, kept as ranges."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

SPLITS = ("train", "validation", "test")


class WindowIndex:
    """The start rows of a split's windows, in time order, kept as ranges instead of a long list.

    Attributes:
        runs: the ranges, without empty ones.

    >>> index = WindowIndex([range(0, 3), range(10, 20, 5)])
    >>> len(index), index.starts(np.arange(5)).tolist()
    (5, [0, 1, 2, 10, 15])
    """

    def __init__(self, runs: Iterable[range]) -> None:
        self.runs = tuple(run for run in runs if len(run))
        self._first = np.array([run.start for run in self.runs], dtype=np.int64)
        self._step = np.array([run.step for run in self.runs], dtype=np.int64)
        lengths = np.array([len(run) for run in self.runs], dtype=np.int64)
        self._ends = np.cumsum(lengths)
        self._before = self._ends - lengths

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __repr__(self) -> str:
        return f"WindowIndex({list(self.runs)})"

    def starts(self, positions: np.ndarray) -> np.ndarray:
        """The start rows of the windows at `positions`, integers below len(self) in any shape."""
        run = np.searchsorted(self._ends, positions, side="right")
        rows: np.ndarray = self._first[run] + (positions - self._before[run]) * self._step[run]
        return rows
