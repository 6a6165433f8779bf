"""Which windows a split holds.

A window belongs to a split of rows [a, b) of n when, by policy,

- reference: its input rows lie in [a, min(b, n - target offset)); what the reference does with
  Keras' loader over `data[:-858]`, batch for batch. The last train labels lie in validation rows.
- strict: its input rows and its target row lie in [a, b).
- lookback: its target row lies in [a, b); its inputs may reach back over the border.

Where segments are given (rows whose timestamps are one regular grid), a window also lies in one of
them from its first input to its target. Windows whose target row is excluded belong to no split.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from jena_etl.errors import WindowError
from jena_etl.windows.spec import WindowSpec

SPLITS = ("train", "validation", "test")
POLICIES = ("reference", "strict", "lookback")


class WindowIndex:
    """The start rows of a split's windows, in time order: a few ranges, never a list.

    >>> index = WindowIndex([range(0, 3), range(10, 20, 5)])
    >>> len(index), index.starts(np.arange(5)).tolist()
    (5, [0, 1, 2, 10, 15])
    """

    def __init__(self, runs: Iterable[range]) -> None:
        self._runs = tuple(run for run in runs if len(run))
        self._first = np.array([run.start for run in self._runs], dtype=np.int64)
        self._step = np.array([run.step for run in self._runs], dtype=np.int64)
        lengths = np.array([len(run) for run in self._runs], dtype=np.int64)
        self._ends = np.cumsum(lengths)
        self._before = self._ends - lengths

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __repr__(self) -> str:
        return f"WindowIndex({list(self._runs)})"

    def starts(self, positions: np.ndarray) -> np.ndarray:
        """The start rows of the windows at `positions` (int, any shape, each < len)."""
        run = np.searchsorted(self._ends, positions, side="right")
        rows: np.ndarray = self._first[run] + (positions - self._before[run]) * self._step[run]
        return rows

    @property
    def runs(self) -> tuple[range, ...]:
        """The start rows as ranges, none of them empty."""
        return self._runs


def split_windows(
    ranges: dict[str, range],
    rows: int,
    spec: WindowSpec,
    policy: str,
    segments: Iterable[range] | None = None,
    *,
    excluded: np.ndarray | None = None,
) -> dict[str, WindowIndex]:
    """The windows of each split.

    Args:
        ranges: the row range of each split.
        rows: n, the rows of the series.
        spec: the window.
        policy: reference, strict or lookback; see the module's text.
        segments: row ranges that no window may cross; None allows any window.
        excluded: rows that may be no window's target, ascending; None excludes none.

    Raises:
        WindowError: an unknown policy.
    """
    kept = [range(rows)] if segments is None else list(segments)
    without = np.arange(0) if excluded is None else excluded - spec.target
    windows = {}
    for name, split in ranges.items():
        starts = range(*_bounds(split, rows, spec, policy), spec.sequence_stride)
        windows[name] = WindowIndex(
            run
            for segment in kept
            for run in _cut(_within(starts, segment.start, segment.stop - spec.target), without)
        )
    return windows


def _cut(starts: range, without: np.ndarray) -> Iterator[range]:
    """`starts` in pieces, without the start rows in `without` (ascending)."""
    first, end = np.searchsorted(without, [starts.start, starts.stop])
    begun = 0
    for start in without[first:end].tolist():
        if start in starts:
            at = starts.index(start)
            yield starts[begun:at]
            begun = at + 1
    yield starts[begun:]


def _within(starts: range, first: int, end: int) -> range:
    """The part of `starts` in [first, end)."""
    below = max(0, -((starts.start - first) // starts.step))  # how many lie before `first`
    return starts[below : max(below, -((starts.start - end) // starts.step))]


def _bounds(split: range, rows: int, spec: WindowSpec, policy: str) -> tuple[int, int]:
    """First start row, and one past the last."""
    if policy == "reference":
        return split.start, min(split.stop, rows - spec.target) - spec.last_input
    if policy == "strict":
        return split.start, split.stop - spec.target
    if policy == "lookback":
        return max(0, split.start - spec.target), split.stop - spec.target
    raise WindowError(f"policy must be one of {', '.join(POLICIES)}, found {policy!r}")
