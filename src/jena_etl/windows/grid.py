"""The regular grid of a series' timestamps: its step, and where it breaks."""

from __future__ import annotations

import itertools

import numpy as np

from jena_etl.errors import WindowError


def commonest_step(timestamps: np.ndarray) -> np.timedelta64 | None:
    """The commonest difference between neighbouring timestamps: the shortest one if several tie.

    Repeated timestamps and steps back in time are not counted.

    Args:
        timestamps: datetime64 of shape (rows,).

    Returns:
        The step, in the unit of `timestamps`; None if no timestamp is later than the one before it.
    """
    steps = np.diff(timestamps)
    forward, counts = np.unique(steps[steps > np.timedelta64(0)], return_counts=True)
    return forward[counts.argmax()] if len(forward) else None


def segments_from_timestamps(timestamps: np.ndarray) -> list[range]:
    """The stretches of a series whose timestamps follow each other without a break.

    Pass them to `timeseries_dataset_from_array` as `segments`, so that no window reaches across a
    hole. A segment ends where the next timestamp is not exactly one step later: at a hole, an
    irregular step, a repeated timestamp or a step back in time. The step is the commonest
    difference between neighbouring timestamps.

    Args:
        timestamps: datetime64 of shape (rows,).

    Returns:
        Row ranges in ascending order, which together hold every row once.

    Raises:
        WindowError: `timestamps` is not a one-dimensional datetime64 array.

    >>> clock = np.array(["2009-01-01T00:10", "2009-01-01T00:20", "2009-01-01T00:30",
    ...                   "2009-01-01T02:00", "2009-01-01T02:10"], dtype="datetime64[s]")
    >>> segments_from_timestamps(clock)
    [range(0, 3), range(3, 5)]
    """
    timestamps = np.asarray(timestamps)
    if timestamps.dtype.kind != "M" or timestamps.ndim != 1:
        raise WindowError(
            "timestamps must be a datetime64 array of shape (rows,), found dtype "
            f"{timestamps.dtype}, shape {timestamps.shape}; convert them: "
            "np.array(timestamps, dtype='datetime64[s]')"
        )
    step = commonest_step(timestamps)
    steps = np.diff(timestamps)
    is_regular = np.zeros(len(steps), dtype=bool) if step is None else steps == step
    borders = [0, *(np.flatnonzero(~is_regular) + 1).tolist(), len(timestamps)]
    return [range(*pair) for pair in itertools.pairwise(borders)]
