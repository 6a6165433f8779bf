"""Finds the rows at which the level of a column changes abruptly and stays changed.

docs/data_quality.md explains the constants.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jena_etl.ingest.frozen import ranges_of

# In a column with little noise, the level jumps from one row to the next.
WEEK = 7  # days; a jump is compared with the week before it and the week after it
JUMP_STDS = 1.25  # its least size, in standard deviations of the train rows
JUMP_OTHERS = 2.5  # its least size, as a multiple of any other change in those two weeks
JUMP_LASTING = 0.5  # the least share of it that is left between the means of the two weeks
# In a column with much noise, a step shows in the means of the days before and after it.
STEP_DAYS = 21  # how many days before and after are compared
STEP_SHARE = 0.1  # of these, the share of the highest below and the lowest above left out
STEP_APART = 1.2  # how far apart the two must be, in usual ranges of as many train days


def find_steps(values: np.ndarray, train: int, day: int) -> tuple[np.ndarray, str, str] | None:
    """The first cell of each new level; see `sensors.Rule`."""
    jumps = _jumps(values, train, day)
    apart, week = STEP_DAYS * day, WEEK * day
    shifts = [
        step for step in _shifts(values, train, day) if all(abs(step - at) > apart for at in jumps)
    ]
    steps = sorted(jumps + shifts)
    if not steps:
        return None
    levels = [(values[max(at - week, 0) : at], values[at : at + week]) for at in steps]
    means = ", ".join(f"{before.mean():.4g} to {after.mean():.4g}" for before, after in levels)
    return (
        np.array(steps),
        f"means of the weeks before and after: {means}",
        f"the train rows' standard deviation is {values[:train].std():.3g}",
    )


def _jumps(values: np.ndarray, train: int, day: int) -> list[int]:
    """Where a column with little noise jumps from one row to the next, then stays for a week."""
    week = WEEK * day
    if train < week or len(values) < 2 * week:
        return []
    changes = np.diff(values)
    sizes = np.abs(changes)
    least = JUMP_STDS * values[:train].std()
    jumps = []
    for start in range(0, len(sizes), week):  # only the largest change of a week can be one
        at = start + int(sizes[start : start + week].argmax())
        step = at + 1  # the first row of the new level
        if step < week or step + week > len(values) or sizes[at] < least or not sizes[at]:
            continue
        other_sizes = np.delete(sizes[step - week : step + week - 1], week - 1)
        lasting = values[step : step + week].mean() - values[step - week : step].mean()
        if sizes[at] >= JUMP_OTHERS * other_sizes.max() and lasting / changes[at] >= JUMP_LASTING:
            jumps.append(step)
    return jumps


def _shifts(values: np.ndarray, train: int, day: int) -> list[int]:
    """Where the daily means of three weeks lie apart from those of the three weeks before."""
    if train < 3 * STEP_DAYS * day or len(values) < 2 * STEP_DAYS * day:
        return []
    days = values[: len(values) // day * day].reshape(-1, day).mean(axis=1)
    low, high = np.quantile(
        sliding_window_view(days, STEP_DAYS), [STEP_SHARE, 1 - STEP_SHARE], axis=1
    )
    usual = float(np.median((high - low)[: train // day - STEP_DAYS + 1]))
    apart = np.maximum(low[STEP_DAYS:] - high[:-STEP_DAYS], low[:-STEP_DAYS] - high[STEP_DAYS:])
    shifts = []
    for run in ranges_of(apart > STEP_APART * usual):
        first = (run.start + int(apart[run.start : run.stop].argmax()) + STEP_DAYS) * day
        slack = (1 + round(STEP_SHARE * STEP_DAYS)) * day
        near = np.arange(max(first - slack, day), min(first + slack, len(values) - day) + 1)
        sums = np.concatenate([[0], np.cumsum(values - days.mean())])
        moved = sums[near + day] - 2 * sums[near] + sums[near - day]
        shifts.append(int(near[np.abs(moved).argmax()]))
    return shifts
