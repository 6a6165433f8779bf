"""Finds a sensor that has frozen: runs of rows in which a column hardly changes for days.

docs/data_quality.md explains the constants.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

WEEK = 7  # days; with fewer train rows, there is no telling what is usual
FEW_VALUES = 4  # this many different values in a day are suspiciously few, or
FEW_SHARE = 0.2  # this share of what the busier days of the train rows hold, if that is less
AT_LIMIT_DAYS = 4  # calms, or fog at 100 % relative humidity, last longer than other values
LIMIT = 0.05  # the share of the train rows at either end whose values count as extreme
RESTING_SHARE = 1 / 3  # of the train rows: a rain gauge at 0 is at rest, not frozen
USUAL_RUNS = 10  # so many runs in the train rows are normal: only longer ones are then reported


def find_frozen(values: np.ndarray, train: int, day: int) -> tuple[np.ndarray, str, str] | None:
    """The cells in which a column is frozen; see `sensors.Rule`."""
    if train < WEEK * day:
        return None
    following = _next_equal(values)
    usual = float(np.quantile(_distinct(following, day)[: train - day + 1], 0.75))
    few = min(FEW_VALUES, int(FEW_SHARE * usual))
    if not few:
        return None
    frozen = np.zeros(len(values), dtype=bool)
    for run in _unusual_runs(values, following, few, train, day):
        frozen[run.start : run.stop] = True
    if not frozen.any():
        return None
    longest = max(ranges_of(frozen), key=len)
    count = len(np.unique(values[longest.start : longest.stop]))
    return (
        np.flatnonzero(frozen),
        f"{count} different value{'s' * (count > 1)} in {len(longest):,} rows",
        f"more than {few} in a day, {usual:.0f} are usual",
    )


def _unusual_runs(
    values: np.ndarray, following: np.ndarray, few: int, train: int, day: int
) -> Iterator[range]:
    """The runs of at most `few` different values that are longer than is common in the train rows.

    Runs among the lowest or highest values are counted apart from all others.
    """
    low, high = np.quantile(values[:train], [LIMIT, 1 - LIMIT])
    resting = _resting_value(values[:train])
    for is_at_limit, days in ((False, 1), (True, AT_LIMIT_DAYS)):
        length = days * day
        while length <= len(values):
            runs = [
                run
                for run in _runs_of_few_values(values, following, length, few)
                for middle in [np.sort(values[run.start : run.stop])[len(run) // 2]]
                if middle != resting and (middle <= low or middle >= high) == is_at_limit
            ]
            if sum(run.stop <= train for run in runs) < USUAL_RUNS:
                yield from runs
                break
            length *= 2


def _resting_value(train: np.ndarray) -> float | None:
    """The lowest or highest value if it makes up a large part of the rows, else None."""
    for value in (train.min(), train.max()):
        if np.count_nonzero(train == value) >= RESTING_SHARE * len(train):
            return float(value)
    return None


def _next_equal(values: np.ndarray) -> np.ndarray:
    """Where each value occurs next, int64 (values,); far beyond the end if it does not."""
    order = np.argsort(values, kind="stable")
    following = np.full(len(values), np.iinfo(np.int64).max // 2)
    is_equal = values[order][1:] == values[order][:-1]
    following[order[:-1][is_equal]] = order[1:][is_equal]
    return following


def _distinct(following: np.ndarray, length: int) -> np.ndarray:
    """How many different values each stretch of `length` values holds, int64 (stretches,).

    Each value is counted where it occurs last in a stretch: in the stretches that contain its place
    and end before its next occurrence.
    """
    places = np.arange(len(following))
    first = np.maximum(places - length + 1, 0)
    last = np.minimum(places, following - length)
    counts = last >= first
    change = np.bincount(first[counts], minlength=len(following) + 1)
    change -= np.bincount(last[counts] + 1, minlength=len(following) + 1)
    distinct: np.ndarray = np.cumsum(change)[: max(len(following) - length + 1, 0)]
    return distinct


def _runs_of_few_values(
    values: np.ndarray, following: np.ndarray, length: int, few: int
) -> list[range]:
    """The runs in which every stretch of `length` values holds at most `few` different ones.

    A run begins and ends with a value that it holds more than once, because the first and last
    stretch may also contain a few values that lead into the run and out of it.
    """
    runs = []
    for starts in ranges_of(_distinct(following, length) <= few):
        inside = values[starts.start : starts.stop + length - 1]
        _, which, counts = np.unique(inside, return_inverse=True, return_counts=True)
        repeated = np.flatnonzero(counts[which] > 1)
        run = range(starts.start + int(repeated[0]), starts.start + int(repeated[-1]) + 1)
        if len(run) >= length:
            runs.append(run)
    return runs


def ranges_of(marked: np.ndarray) -> list[range]:
    """The ranges in which `marked`, bool (n,), is True."""
    edges = np.flatnonzero(np.diff(marked.astype(np.int8), prepend=0, append=0))
    return [range(*pair) for pair in edges.reshape(-1, 2).tolist()]
