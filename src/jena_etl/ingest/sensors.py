"""What a failing sensor leaves in a series although every single cell can be read.

A frozen anemometer repeats a few plausible values for days, a logger writes -9999 although no one
has listed it as a sentinel, a new calibration moves a column's level. `sensor_findings` looks for
all three. What is usual for a column is taken from its train rows alone, so that the same rules
hold for a thermometer and a rain gauge. docs/data_quality.md tells the rules with their figures
and why they are what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jena_etl.windows.grid import commonest_step

DAY_SECONDS = 86_400
DAY_ROWS = 24  # at least as many rows stand for a day where the logger writes less often
WEEK = 7  # days of train rows, below which nothing can be said about what is usual

# frozen
FEW_VALUES = 4  # different values in a day, or
FEW_SHARE = 0.2  # of what the busier days of the train rows hold, where that is less
AT_LIMIT_DAYS = 4  # a calm, or fog at 100 % relative humidity, lasts longer than any other value
LIMIT = 0.05  # the lowest and highest values: the share of the train rows that holds them
RESTING_SHARE = 1 / 3  # of the train rows: a rain gauge at 0 is at rest, and not frozen
USUAL_RUNS = 10  # as many runs in the train rows are no accident: only longer ones are reported

# far
FAR_GAP = 1.5  # in widths of the range that holds nine tenths of the different values
FAR_LEAST_VALUES = 12  # different values in the train rows, below which there is no such range
SHOWN = 3  # of the values that are far

# step: a jump from one row to the next, where there is little noise, or days that lie apart
JUMP_STDS = 1.25  # times the standard deviation of the train rows
JUMP_OTHERS = 2.5  # times any other change from row to row in the week before and after
JUMP_LASTING = 0.5  # of it is left between the means of these two weeks
STEP_DAYS = 21  # on either side
STEP_SHARE = 0.1  # of them, the highest below and the lowest above, are left out
STEP_APART = 1.2  # times the range of the days' means that is usual in as many train days


@dataclass(frozen=True, kw_only=True)
class SensorFinding:
    """What is suspicious in one column; a warning, never a change.

    Attributes:
        check: frozen (hardly changes for days), far (far outside the range of the train rows) or
            step (the level changes at once and stays changed).
        column: its name.
        rows: the suspicious rows, ascending; of a step the first row of each new level.
        found: what was found, for people.
        expected: what the train rows lead to expect, for people.
    """

    check: Literal["frozen", "far", "step"]
    column: str
    rows: np.ndarray
    found: str
    expected: str

    @property
    def runs(self) -> list[range]:
        """The suspicious rows as ranges of rows that follow each other."""
        borders = np.flatnonzero(np.diff(self.rows) != 1) + 1
        return [range(int(part[0]), int(part[-1]) + 1) for part in np.split(self.rows, borders)]


def sensor_findings(
    timestamps: np.ndarray, columns: Mapping[str, np.ndarray], train: range
) -> list[SensorFinding]:
    """Everything suspicious in the columns, column by column.

    Args:
        timestamps: datetime64 of shape (rows,).
        columns: float64 of shape (rows,) by name; NaN where a cell was not measured.
        train: the rows that say what is usual.
    """
    step = commonest_step(timestamps)
    if step is None:
        return []
    day = max(DAY_ROWS, round(DAY_SECONDS / (step / np.timedelta64(1, "s"))))
    found = []
    for name, values in columns.items():
        column = _Known.of(name, values, train, day)
        far, finding = _far(column)
        found += finding
        column = column.without(far)
        frozen, finding = _frozen(column)
        found += finding
        found += _steps(column.without(frozen))
    return found


def frozen_rows(
    timestamps: np.ndarray, columns: Mapping[str, np.ndarray], train: range
) -> dict[str, np.ndarray]:
    """The rows in which a column is frozen, by column; see `sensor_findings`."""
    found = sensor_findings(timestamps, columns, train)
    return {finding.column: finding.rows for finding in found if finding.check == "frozen"}


@dataclass(frozen=True, kw_only=True)
class _Known:
    """The cells of a column that were measured."""

    name: str
    values: np.ndarray
    rows: np.ndarray
    train: int  # how many of them are train rows: the first ones
    day: int  # rows

    @classmethod
    def of(cls, name: str, values: np.ndarray, train: range, day: int) -> _Known:
        rows = np.flatnonzero(np.isfinite(values))
        return cls(
            name=name,
            values=values[rows],
            rows=rows,
            train=int(np.searchsorted(rows, train.stop)),
            day=day,
        )

    def without(self, suspicious: np.ndarray) -> _Known:
        """The column without the cells that `suspicious`, bool (values,), marks."""
        if not suspicious.any():
            return self
        good = ~suspicious
        return _Known(
            name=self.name,
            values=self.values[good],
            rows=self.rows[good],
            train=int(np.count_nonzero(good[: self.train])),
            day=self.day,
        )


def _far(column: _Known) -> tuple[np.ndarray, list[SensorFinding]]:
    """The cells beyond a gap that is wider than the range of the train rows' values.

    Different values are looked at, each once: so neither a sentinel in a tenth of the rows nor a
    rain gauge's many zeros move the range. A record in a later split is no fault where the values
    lead up to it; whether a train row's value is far is for the train rows alone to say.
    """
    values, train = column.values, np.unique(column.values[: column.train])
    far = np.zeros(len(values), dtype=bool)
    if len(train) < FAR_LEAST_VALUES:
        return far, []
    low, high = np.quantile(train, [0.05, 0.95])
    gap = FAR_GAP * (high - low)
    for part, known in ((slice(column.train), train), (slice(column.train, None), values)):
        lowest = -_last_before_gap(-known, -low, gap)
        highest = _last_before_gap(known, high, gap)
        far[part] = (values[part] < lowest) | (values[part] > highest)
    if not far.any():
        return far, []
    beyond = np.unique(values[far])
    more = " ..." if len(beyond) > SHOWN else ""
    finding = SensorFinding(
        check="far",
        column=column.name,
        rows=column.rows[far],
        found=", ".join(f"{value:g}" for value in beyond[:SHOWN]) + more,
        expected=f"{lowest:g} to {highest:g}",
    )
    return far, [finding]


def _last_before_gap(values: np.ndarray, start: float, gap: float) -> float:
    """How far above `start` the values reach without a gap."""
    chain = np.concatenate([[start], np.unique(values[values > start])])
    wide = np.flatnonzero(np.diff(chain) > gap)
    return float(chain[wide[0]] if len(wide) else chain[-1])


def _frozen(column: _Known) -> tuple[np.ndarray, list[SensorFinding]]:
    """The cells in runs that hold few different values for days."""
    frozen = np.zeros(len(column.values), dtype=bool)
    values, day = column.values, column.day
    train = values[: column.train]
    if len(train) < WEEK * day:
        return frozen, []
    following = _next_equal(values)
    usual = float(np.quantile(_distinct(following, day)[: len(train) - day + 1], 0.75))
    few = min(FEW_VALUES, int(FEW_SHARE * usual))
    if not few:
        return frozen, []
    for is_at_limit, days in ((False, 1), (True, AT_LIMIT_DAYS)):
        for run in _unusual_runs(column, following, few, days * day, is_at_limit=is_at_limit):
            frozen[run.start : run.stop] = True
    if not frozen.any():
        return frozen, []
    longest = max(_ranges(frozen), key=len)
    count = len(np.unique(values[longest.start : longest.stop]))
    finding = SensorFinding(
        check="frozen",
        column=column.name,
        rows=column.rows[frozen],
        found=f"{count} different value{'s' * (count > 1)} in {len(longest):,} rows",
        expected=f"more than {few} in a day, {usual:.0f} are usual",
    )
    return frozen, [finding]


def _unusual_runs(
    column: _Known, following: np.ndarray, few: int, length: int, *, is_at_limit: bool
) -> list[range]:
    """The runs of at most `few` values that are longer than what the train rows often have.

    Those among the lowest or highest values, or, if not `is_at_limit`, those of any other values.
    """
    values, train = column.values, column.values[: column.train]
    low, high = np.quantile(train, [LIMIT, 1 - LIMIT])
    resting = _resting_value(train)
    while length <= len(values):
        runs = [
            run
            for run in _runs_of_few_values(values, following, length, few)
            for middle in [np.sort(values[run.start : run.stop])[len(run) // 2]]
            if middle != resting and (middle <= low or middle >= high) == is_at_limit
        ]
        if sum(run.stop <= len(train) for run in runs) < USUAL_RUNS:
            return runs
        length *= 2
    return []


def _resting_value(train: np.ndarray) -> float | None:
    """The lowest or highest value, where it makes up a good part of the rows; else None."""
    for value in (train.min(), train.max()):
        if np.count_nonzero(train == value) >= RESTING_SHARE * len(train):
            return float(value)
    return None


def _next_equal(values: np.ndarray) -> np.ndarray:
    """Where each value comes next, int64 (values,); far beyond the end where it does not."""
    order = np.argsort(values, kind="stable")
    following = np.full(len(values), np.iinfo(np.int64).max // 2)
    is_equal = values[order][1:] == values[order][:-1]
    following[order[:-1][is_equal]] = order[1:][is_equal]
    return following


def _distinct(following: np.ndarray, length: int) -> np.ndarray:
    """How many different values each stretch of `length` values holds, int64 (stretches,).

    A value counts in the stretches in which it does not come again: those that hold its place and
    end before its next one.
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
    """The runs of which every stretch of `length` values holds at most `few` different ones.

    A run begins and ends with a value that it holds more than once: what leads to it and away
    from it would fit into its first and last stretch, too.
    """
    runs = []
    for starts in _ranges(_distinct(following, length) <= few):
        inside = values[starts.start : starts.stop + length - 1]
        _, which, counts = np.unique(inside, return_inverse=True, return_counts=True)
        again = np.flatnonzero(counts[which] > 1)
        run = range(starts.start + int(again[0]), starts.start + int(again[-1]) + 1)
        if len(run) >= length:
            runs.append(run)
    return runs


def _ranges(marked: np.ndarray) -> list[range]:
    """The ranges in which `marked`, bool (n,), is True."""
    edges = np.flatnonzero(np.diff(marked.astype(np.int8), prepend=0, append=0))
    return [range(*pair) for pair in edges.reshape(-1, 2).tolist()]


def _steps(column: _Known) -> list[SensorFinding]:
    """The first rows of new levels that stay."""
    values, jumps = column.values, _jumps(column)
    apart, week = STEP_DAYS * column.day, WEEK * column.day
    shifts = [step for step in _shifts(column) if all(abs(step - at) > apart for at in jumps)]
    steps = sorted(jumps + shifts)
    if not steps:
        return []
    levels = [(values[max(at - week, 0) : at], values[at : at + week]) for at in steps]
    means = ", ".join(f"{before.mean():.4g} to {after.mean():.4g}" for before, after in levels)
    finding = SensorFinding(
        check="step",
        column=column.name,
        rows=column.rows[steps],
        found=f"means of the weeks before and after: {means}",
        expected=f"the train rows' standard deviation is {values[: column.train].std():.3g}",
    )
    return [finding]


def _jumps(column: _Known) -> list[int]:
    """Where a column of little noise jumps from one row to the next, and stays there for a week."""
    values, week = column.values, WEEK * column.day
    if column.train < week or len(values) < 2 * week:
        return []
    changes = np.diff(values)
    sizes = np.abs(changes)
    least = JUMP_STDS * values[: column.train].std()
    jumps = []
    for start in range(0, len(sizes), week):  # only a week's largest change can be one
        at = start + int(sizes[start : start + week].argmax())
        step = at + 1  # the first row of the new level
        if step < week or step + week > len(values) or sizes[at] < least or not sizes[at]:
            continue
        others = np.delete(sizes[step - week : step + week - 1], week - 1)
        lasting = values[step : step + week].mean() - values[step - week : step].mean()
        if sizes[at] >= JUMP_OTHERS * others.max() and lasting / changes[at] >= JUMP_LASTING:
            jumps.append(step)
    return jumps


def _shifts(column: _Known) -> list[int]:
    """Where the days of three weeks lie apart from those of the three weeks before."""
    values, day = column.values, column.day
    if column.train < 3 * STEP_DAYS * day or len(values) < 2 * STEP_DAYS * day:
        return []
    days = values[: len(values) // day * day].reshape(-1, day).mean(axis=1)
    low, high = np.quantile(
        sliding_window_view(days, STEP_DAYS), [STEP_SHARE, 1 - STEP_SHARE], axis=1
    )
    usual = float(np.median((high - low)[: column.train // day - STEP_DAYS + 1]))
    apart = np.maximum(low[STEP_DAYS:] - high[:-STEP_DAYS], low[:-STEP_DAYS] - high[STEP_DAYS:])
    shifts = []
    for run in _ranges(apart > max(STEP_APART * usual, 0)):
        first = (run.start + int(apart[run.start : run.stop].argmax()) + STEP_DAYS) * day
        slack = (1 + round(STEP_SHARE * STEP_DAYS)) * day
        near = np.arange(max(first - slack, day), min(first + slack, len(values) - day) + 1)
        sums = np.concatenate([[0], np.cumsum(values - days.mean())])
        moved = sums[near + day] - 2 * sums[near] + sums[near - day]
        shifts.append(int(near[np.abs(moved).argmax()]))
    return shifts
