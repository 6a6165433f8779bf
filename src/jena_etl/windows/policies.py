"""Which windows a split holds.

The policy decides which windows belong to the split of rows [a, b), in a series of n rows:

- reference: the input rows lie in [a, min(b, n - target offset)). These are, batch for batch, the
  windows that the reference reads with Keras' loader over `data[:-858]`; the last train targets lie
  in validation rows.
- strict: the input rows and the target row lie in [a, b).
- lookback: the target row lies in [a, b); the inputs may reach back into the split before.

If segments are given (stretches of rows on one regular time grid), a window must also lie within
one of them, from its first input to its target. Windows whose target row is excluded belong to no
split.

A feature can be computed from rows before its own, so the inputs are made from rows before the
window as well. Under strict these rows must lie in the split, too, and within a segment; except at
the start of the series, where a feature makes do with the rows that there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from jena_etl.errors import WindowError
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.spec import WindowSpec

POLICIES = ("reference", "strict", "lookback")


def split_windows(
    ranges: dict[str, range],
    rows: int,
    spec: WindowSpec,
    policy: str,
    segments: Iterable[range] | None = None,
    *,
    excluded: np.ndarray | None = None,
    history: int = 0,
) -> dict[str, WindowIndex]:
    """The windows of each split.

    Args:
        ranges: the row range of each split.
        rows: how many rows the series has.
        spec: the window.
        policy: reference, strict or lookback, as described at the top of this module.
        segments: row ranges whose borders no window may cross; None if there are no such borders.
        excluded: rows that may not be the target of a window, ascending; None excludes none.
        history: how many rows before a row its features are computed from.

    Raises:
        WindowError: the policy is unknown.
    """
    allowed = [range(rows)] if segments is None else list(segments)
    excluded_starts = np.arange(0) if excluded is None else excluded - spec.target
    windows = {}
    for name, split in ranges.items():
        first, stop = _start_bounds(split, rows, spec, policy, history)
        starts = range(first, stop, spec.sequence_stride)
        windows[name] = WindowIndex(
            run
            for segment in allowed
            for run in _without(
                _between(starts, _after(history, segment.start), segment.stop - spec.target),
                excluded_starts,
            )
        )
    return windows


def _after(history: int, first: int) -> int:
    """The first row whose features are computed from rows no earlier than `first`."""
    return first + history if first else 0


def _without(starts: range, excluded: np.ndarray) -> Iterator[range]:
    """What is left of `starts` when the rows in `excluded` (ascending) are taken out."""
    first, end = np.searchsorted(excluded, [starts.start, starts.stop])
    begin = 0
    for start in excluded[first:end].tolist():
        if start in starts:
            at = starts.index(start)
            yield starts[begin:at]
            begin = at + 1
    yield starts[begin:]


def _between(starts: range, first: int, end: int) -> range:
    """The part of `starts` in [first, end)."""
    below = max(0, -((starts.start - first) // starts.step))  # how many lie before `first`
    return starts[below : max(below, -((starts.start - end) // starts.step))]


def _start_bounds(
    split: range, rows: int, spec: WindowSpec, policy: str, history: int
) -> tuple[int, int]:
    """The first start row of the split's windows, and the row after the last."""
    if policy == "reference":
        return split.start, min(split.stop, rows - spec.target) - spec.last_input
    if policy == "strict":
        return _after(history, split.start), split.stop - spec.target
    if policy == "lookback":
        return max(0, split.start - spec.target), split.stop - spec.target
    raise WindowError(f"policy must be one of {', '.join(POLICIES)}, found {policy!r}")
