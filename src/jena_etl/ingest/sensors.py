"""Finds what failing sensors leave in a series although every single cell looks fine.

A frozen anemometer repeats a few plausible values for days, a logger writes -9999 although nobody
has listed it as a sentinel, and a new calibration shifts a column's level. `sensor_findings` looks
for all three. What is usual for a column is taken from its own train rows, so that the same rules
suit a thermometer and a rain gauge. docs/data_quality.md explains the rules and their constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jena_etl.ingest.frozen import find_frozen
from jena_etl.ingest.level_steps import find_steps
from jena_etl.windows.grid import commonest_step

DAY_ROWS = 24  # the least number of rows that count as a day, if the logger writes less often
FAR_GAP = 1.5  # times the width of the range that holds nine tenths of the different values
FAR_LEAST_VALUES = 12  # with fewer different values in the train rows, there is no such range
SHOWN = 3  # how many of the far values a finding lists

Check = Literal["far", "frozen", "step"]
# Takes the measured values, float64 of shape (cells,) in row order, the number of them in train
# rows, which come first, and the number that make a day. Returns the suspicious cells, and what was
# found and what was expected as text; None if no cell is suspicious.
Rule = tuple[Check, Callable[[np.ndarray, int, int], tuple[np.ndarray, str, str] | None]]


@dataclass(frozen=True, kw_only=True)
class SensorFinding:
    """What one check found suspicious in one column. It is a warning: no data is changed.

    Attributes:
        check: frozen (hardly changes for days), far (far outside the range of the train rows) or
            step (the level changes abruptly and stays changed).
        column: the name of the column.
        rows: the suspicious rows, ascending; for steps, the first row of each new level.
        found: what was found, as text.
        expected: what was to be expected from the train rows, as text.
    """

    check: Check
    column: str
    rows: np.ndarray
    found: str
    expected: str

    @property
    def runs(self) -> list[range]:
        """The suspicious rows as ranges of consecutive rows."""
        borders = np.flatnonzero(np.diff(self.rows) != 1) + 1
        return [range(int(part[0]), int(part[-1]) + 1) for part in np.split(self.rows, borders)]


def sensor_findings(
    timestamps: np.ndarray, columns: Mapping[str, np.ndarray], train: range
) -> list[SensorFinding]:
    """Everything suspicious in the columns, column by column.

    Args:
        timestamps: datetime64 of shape (rows,).
        columns: the columns by name, float64 of shape (rows,), NaN where nothing was measured.
        train: the train rows, which show what is usual.
    """
    step = commonest_step(timestamps)
    if step is None:
        return []
    day = max(DAY_ROWS, round(np.timedelta64(1, "D") / step))
    findings = []
    for name, values in columns.items():
        rows = np.flatnonzero(np.isfinite(values))
        # Each rule ignores the cells that the rules before it have found.
        for check, find in RULES:
            suspicion = find(values[rows], int(np.searchsorted(rows, train.stop)), day)
            if suspicion:
                cells, found, expected = suspicion
                findings.append(
                    SensorFinding(
                        check=check, column=name, rows=rows[cells], found=found, expected=expected
                    )
                )
                rows = np.delete(rows, cells)
    return findings


def _find_far(values: np.ndarray, train: int, _: int) -> tuple[np.ndarray, str, str] | None:
    """The cells beyond a gap that is wider than the range of the train rows' values.

    Each different value counts only once, so neither a sentinel in a tenth of the rows nor a rain
    gauge's many zeros distort the range. A record in a later split is not a fault if other values
    lead up to it. Train rows are judged by train rows alone.
    """
    usual = np.unique(values[:train])
    if len(usual) < FAR_LEAST_VALUES:
        return None
    low, high = np.quantile(usual, [0.05, 0.95])
    gap = FAR_GAP * (high - low)
    far = np.zeros(len(values), dtype=bool)
    for part, known in ((slice(train), usual), (slice(train, None), values)):
        lowest = -_last_before_gap(-known, -low, gap)
        highest = _last_before_gap(known, high, gap)
        far[part] = (values[part] < lowest) | (values[part] > highest)
    if not far.any():
        return None
    beyond = np.unique(values[far])
    more = " ..." if len(beyond) > SHOWN else ""
    return (
        np.flatnonzero(far),
        ", ".join(f"{value:g}" for value in beyond[:SHOWN]) + more,
        f"{lowest:g} to {highest:g}",
    )


def _last_before_gap(values: np.ndarray, start: float, gap: float) -> float:
    """The highest value that can be reached from `start` without crossing a gap."""
    ascending = np.concatenate([[start], np.unique(values[values > start])])
    wide = np.flatnonzero(np.diff(ascending) > gap)
    return float(ascending[wide[0]] if len(wide) else ascending[-1])


RULES: tuple[Rule, ...] = (("far", _find_far), ("frozen", find_frozen), ("step", find_steps))
