"""Counts which windows read a row, to show what a bad cell costs in each split."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from jena_etl.prepare.data_card import Reading, Readings
from jena_etl.prepare.outputs import Counts
from jena_etl.windows.index import SPLITS, WindowIndex
from jena_etl.windows.spec import WindowSpec


class ReadingCounter:
    """Counts rows by split, and the windows that read them.

    Args:
        ranges: the rows of each split, in time order.
        windows: the windows of each split.
        spec: the shape of a window.
        target: the column that is forecast; its target rows are read as well as the inputs.
    """

    def __init__(
        self,
        ranges: Mapping[str, range],
        windows: Mapping[str, WindowIndex],
        spec: WindowSpec,
        target: str,
    ) -> None:
        self._ends = [ranges[name].stop for name in SPLITS]
        self._starts = {
            name: windows[name].starts(np.arange(len(windows[name]))) for name in SPLITS
        }
        self._spec = spec
        self._target = target

    def split_of(self, row: int) -> str:
        """The split that holds a row."""
        return SPLITS[int(np.searchsorted(self._ends, row, side="right"))]

    def rows(self, rows: np.ndarray) -> Counts:
        """How many of `rows` each split holds."""
        inside = np.searchsorted(np.sort(rows), [0, *self._ends])
        return Counts(**dict(zip(SPLITS, np.diff(inside).tolist(), strict=True)))

    def cells(self, rows: np.ndarray, column: str) -> Readings:
        """For each split, the cells of `column` at `rows` and the windows that read one."""
        marked = np.zeros(self._ends[-1], dtype=bool)
        marked[rows] = True
        is_target = column == self._target
        return self._readings(
            rows, lambda starts: reads(marked, starts, self._spec, is_target=is_target)
        )

    def steps(self, rows: np.ndarray) -> Readings:
        """For each split, the steps of level at `rows` and the windows that reach across one."""

        def reach_across(starts: np.ndarray) -> np.ndarray:
            steps_before = np.searchsorted(rows, [starts, starts + self._spec.target], side="right")
            across: np.ndarray = steps_before[0] < steps_before[1]
            return across

        return self._readings(rows, reach_across)

    def _readings(self, rows: np.ndarray, is_read: Callable[[np.ndarray], np.ndarray]) -> Readings:
        readings = {
            name: Reading(cells=cells, windows=int(np.count_nonzero(is_read(self._starts[name]))))
            for name, cells in self.rows(rows).items()
        }
        return Readings(**readings)


def reads(
    marked: np.ndarray, starts: np.ndarray, spec: WindowSpec, *, is_target: bool
) -> np.ndarray:
    """Whether each window reads a marked row, bool (windows,).

    Marked rows are summed up once within each phase of the sampling rate. How many of them a window
    reads is then a difference of two sums, whatever its length.

    Args:
        marked: bool (rows,).
        starts: the windows' start rows, int64 (windows,).
        spec: the shape of a window.
        is_target: whether the target row counts as well as the inputs.
    """
    rate = spec.sampling_rate
    phases = -(-len(marked) // rate)
    above = np.zeros((phases + 1, rate), dtype=np.int64)  # marked rows above in the same phase
    padded = np.zeros(phases * rate, dtype=bool)
    padded[: len(marked)] = marked
    np.cumsum(padded.reshape(phases, rate), axis=0, out=above[1:])
    flat = above.ravel()
    read: np.ndarray = flat[starts + spec.sequence_length * rate] > flat[starts]
    return read | marked[starts + spec.target] if is_target else read
