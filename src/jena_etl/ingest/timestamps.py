"""The timestamps of a series: their step, holes, irregular steps and repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jena_etl.windows.grid import commonest_step


@dataclass(frozen=True, kw_only=True)
class TimestampGap:
    """A step between two timestamps that is not the common one.

    Attributes:
        row: the row before the step.
        after: the timestamp of that row.
        seconds: the length of the step.
        rows_missing: how many rows are missing in it; 0 for an irregular step.
    """

    row: int
    after: str
    seconds: int
    rows_missing: int


@dataclass(frozen=True, kw_only=True)
class TimestampCard:
    """What is to be known about the timestamps of a series.

    A repeat is a row whose timestamp an earlier row already has. The other rows are in time order,
    and the difference between two neighbours is either the step, which is the commonest difference,
    or a hole, which is two steps or more, so that a row is missing, or else an irregular step.

    Attributes:
        step_seconds: the step; None if all timestamps are the same.
        holes: the holes, the longest first.
        irregular: the irregular steps, the longest first.
        repeats: the rows that repeat, ascending.
    """

    step_seconds: int | None
    holes: list[TimestampGap]
    irregular: list[TimestampGap]
    repeats: np.ndarray


def timestamp_card(timestamps: np.ndarray) -> TimestampCard:
    """Find the step, holes, irregular steps and repeats of timestamps, datetime64[s] (rows,)."""
    distinct, first_rows = np.unique(timestamps, return_index=True)
    seconds = np.diff(distinct).astype(np.int64)
    commonest = commonest_step(distinct)
    step = 0 if commonest is None else int(commonest.astype(np.int64))
    gaps = [
        TimestampGap(
            row=int(first_rows[at]),
            after=str(distinct[at]),
            seconds=int(seconds[at]),
            rows_missing=round(seconds[at] / step) - 1 if seconds[at] >= 2 * step else 0,
        )
        for at in np.argsort(-seconds, kind="stable")
        if seconds[at] != step
    ]
    return TimestampCard(
        step_seconds=step or None,
        holes=[gap for gap in gaps if gap.rows_missing],
        irregular=[gap for gap in gaps if not gap.rows_missing],
        repeats=np.setdiff1d(np.arange(len(timestamps)), first_rows, assume_unique=True),
    )
