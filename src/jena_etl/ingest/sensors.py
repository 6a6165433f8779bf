"""What a failing sensor leaves in a series although every single cell can be read.

A frozen anemometer repeats a few plausible values for days, a logger writes -9999 although no one
has listed it as a sentinel, a new calibration moves a column's level. `sensor_findings` looks for
all three. What is usual for a column is taken from its train rows alone, so that the same rules
hold for a thermometer and a rain gauge. docs/data_quality.md tells the rules with their figures
and why they are what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jena_etl.ingest.frozen import find_frozen
from jena_etl.ingest.level_steps import find_steps
from jena_etl.windows.grid import commonest_step

DAY_SECONDS = 86_400
DAY_ROWS = 24  # at least as many rows stand for a day where the logger writes less often
FAR_GAP = 1.5  # in widths of the range that holds nine tenths of the different values
FAR_LEAST_VALUES = 12  # different values in the train rows, below which there is no such range
SHOWN = 3  # of the values that are far

Check = Literal["far", "frozen", "step"]
# Of values, how many of them are in train rows and how many a day has: the suspicious ones, what
# was found and what was expected, for people.
Rule = tuple[Check, Callable[[np.ndarray, int, int], tuple[np.ndarray, str, str] | None]]


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

    check: Check
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
    return _findings(timestamps, columns, train, RULES)


def frozen_rows(
    timestamps: np.ndarray, columns: Mapping[str, np.ndarray], train: range
) -> dict[str, np.ndarray]:
    """The rows in which a column is frozen, by column; as `sensor_findings` reports them."""
    found = _findings(timestamps, columns, train, RULES[:2])
    return {finding.column: finding.rows for finding in found if finding.check == "frozen"}


def _findings(
    timestamps: np.ndarray,
    columns: Mapping[str, np.ndarray],
    train: range,
    rules: tuple[Rule, ...],
) -> list[SensorFinding]:
    step = commonest_step(timestamps)
    if step is None:
        return []
    day = max(DAY_ROWS, round(DAY_SECONDS / (step / np.timedelta64(1, "s"))))
    findings = []
    for name, values in columns.items():
        rows = np.flatnonzero(np.isfinite(values))
        # What one rule has found is no measurement for those that follow.
        for check, find in rules:
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

    Different values are looked at, each once: so neither a sentinel in a tenth of the rows nor a
    rain gauge's many zeros move the range. A record in a later split is no fault where the values
    lead up to it; whether a train row's value is far is for the train rows alone to say.
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
    """How far above `start` the values reach without a gap."""
    chain = np.concatenate([[start], np.unique(values[values > start])])
    wide = np.flatnonzero(np.diff(chain) > gap)
    return float(chain[wide[0]] if len(wide) else chain[-1])


RULES: tuple[Rule, ...] = (("far", _find_far), ("frozen", find_frozen), ("step", find_steps))
