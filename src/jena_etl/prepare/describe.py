"""Makes the data card from what was converted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jena_etl.files import read_parquet
from jena_etl.ingest.jena import FORMULAS, RANGES
from jena_etl.ingest.sensors import SensorFinding, sensor_findings
from jena_etl.ingest.source import Source
from jena_etl.ingest.timestamps import timestamp_card
from jena_etl.prepare.climate import Climate
from jena_etl.prepare.data_card import (
    ColumnSummary,
    Counts,
    DataCard,
    Doubt,
    Finding,
    Gap,
    Gaps,
    Preset,
    Repeats,
    SensorWarning,
)
from jena_etl.prepare.outputs import Splits
from jena_etl.prepare.readings import ReadingCounter
from jena_etl.prepare.splits import SplitFractions, preset_windows
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.spec import WindowSpec

Columns = Mapping[str, np.ndarray]


class CellMarks:
    """Knows from findings.parquet which cells of climate.parquet hold no measurement."""

    def __init__(self, findings: Path) -> None:
        columns = ("row", "column", "kind", "filled")
        table = read_parquet(findings, built_by="convert", columns=columns)
        self._row = table.column("row").to_numpy()
        self._column = np.array(table.column("column").to_pylist(), dtype=object)
        self._kind = np.array(table.column("kind").to_pylist(), dtype=object)
        self._filled = table.column("filled").to_numpy()

    def rows(self, column: str, *, filled: bool = False) -> np.ndarray:
        """The rows marked in `column`, ascending; with `filled`, only those that were filled."""
        chosen = self._column == column
        rows: np.ndarray = self._row[chosen & self._filled if filled else chosen]
        return np.sort(rows)

    def groups(self) -> Iterator[tuple[Any, str, bool, np.ndarray]]:
        """The rows of each kind of finding in each column: kind, column, whether filled, rows."""
        keys = zip(self._kind, self._column, self._filled.tolist(), strict=True)
        for kind, column, filled in dict.fromkeys(keys):
            chosen = (self._kind == kind) & (self._column == column) & (self._filled == filled)
            yield kind, column, filled, self._row[chosen]

    def measured(self, columns: Columns) -> dict[str, np.ndarray]:
        """The columns, with NaN in the cells that hold no measurement."""
        measured = {}
        for name, values in columns.items():
            measured[name] = values.copy()
            measured[name][self.rows(name)] = np.nan
        return measured


def describe_data(
    climate: Climate,
    marks: CellMarks,
    source: Source,
    splits: Splits,
    fractions: SplitFractions,
) -> DataCard:
    """Describe what was converted, in the same bytes on every machine.

    Means are summed exactly (math.fsum), so they do not depend on the processor.

    Args:
        climate: the series.
        marks: its cells that hold no measurement.
        source: what convert read.
        splits: the splits of the series.
        fractions: the fractions of the rows in each split.
    """
    timestamps, columns = climate.timestamps, climate.columns
    spec = WindowSpec(**splits.window.model_dump())
    counter = ReadingCounter(
        {name: split.rows for name, split in splits.splits.items()},
        {name: WindowIndex(split.starts) for name, split in splits.splits.items()},
        spec,
        splits.target,
    )
    clock = timestamp_card(timestamps)
    measured = marks.measured(columns)
    presets = preset_windows(
        timestamps,
        source.rows_read,
        marks.rows(splits.target),
        fractions=fractions,
        spec=spec,
    )
    return DataCard(
        source=source.summary,
        rows_read=source.rows_read,
        rows=len(timestamps),
        first=str(timestamps[0]),
        last=str(timestamps.max()),
        step_seconds=clock["step_seconds"],
        holes=_gaps(clock["holes"], counter),
        irregular=_gaps(clock["irregular"], counter),
        repeats=Repeats(**dict(source.repeats), splits=counter.rows(clock["repeats"]["rows"])),
        columns={
            name: ColumnSummary(
                unit=source.units[name],
                min=float(values.min()),
                mean=math.fsum(values) / len(values),
                max=float(values.max()),
            )
            for name, values in columns.items()
        },
        constant=tuple(name for name, values in columns.items() if values.min() == values.max()),
        left_out=source.left_out,
        findings=tuple(_findings(marks, timestamps, counter)),
        target_filled=Counts(**{name: split.left_out for name, split in splits.splits.items()}),
        physics=tuple(_physics(measured, timestamps, counter)),
        sensors=sensor_warnings(
            sensor_findings(timestamps, measured, splits.splits.train.rows),
            timestamps,
            counter,
        ),
        presets={
            name: Preset(rows=preset["rows"], windows=Counts(**preset["windows"]))
            for name, preset in presets.items()
        },
    )


def sensor_warnings(
    findings: list[SensorFinding], timestamps: np.ndarray, counter: ReadingCounter
) -> tuple[SensorWarning, ...]:
    """Add to each finding its period and, for each split, the cells and the windows that read them.

    Args:
        findings: the result of `sensor_findings`.
        timestamps: datetime64[s] of shape (rows,).
        counter: counts the windows that read a row.
    """
    return tuple(
        SensorWarning(
            check=item.check,
            column=item.column,
            found=item.found,
            expected=item.expected,
            cells=len(item.rows),
            runs=len(item.runs),
            first=str(timestamps[item.rows].min()),
            last=str(timestamps[item.rows].max()),
            splits=counter.steps(item.rows)
            if item.check == "step"
            else counter.cells(item.rows, item.column),
        )
        for item in findings
    )


def _gaps(found: dict[str, Any], counter: ReadingCounter) -> Gaps:
    longest = tuple(
        Gap(
            after=item["after"],
            seconds=item["seconds"],
            rows_missing=item.get("rows_missing", 0),
            split=counter.split_of(item["row"]),
        )
        for item in found["longest"]
    )
    return Gaps(count=found["count"], longest=longest, splits=counter.rows(found["rows"]))


def _findings(
    marks: CellMarks, timestamps: np.ndarray, counter: ReadingCounter
) -> Iterator[Finding]:
    for kind, column, filled, rows in marks.groups():
        yield Finding(
            kind=kind,
            column=column,
            cells=len(rows),
            filled=filled,
            first=str(timestamps[rows].min()),
            last=str(timestamps[rows].max()),
            splits=counter.cells(rows, column),
        )


def _physics(measured: Columns, timestamps: np.ndarray, counter: ReadingCounter) -> Iterator[Doubt]:
    """Cells that contradict a plausible range or a formula; NaN contradicts neither."""
    for check, column, expected, rows in _contradictions(measured):
        if len(rows):
            yield Doubt(
                check=check,
                column=column,
                expected=expected,
                cells=len(rows),
                first=str(timestamps[rows[0]]),
                splits=counter.rows(rows),
            )


def _contradictions(
    measured: Columns,
) -> Iterator[tuple[Literal["range", "formula"], str, str, np.ndarray]]:
    for name, values in measured.items():
        if name in RANGES:
            low, high = RANGES[name]
            yield (
                "range",
                name,
                f"{low:g} to {high:g}",
                np.flatnonzero((values < low) | (values > high)),
            )
    for formula in FORMULAS:
        if measured.keys() >= {formula.column, *formula.inputs}:
            inputs = [measured[name] for name in formula.inputs]
            with np.errstate(all="ignore"):  # the range check has already named absurd inputs
                excess = formula.excess(measured[formula.column], inputs)
            yield "formula", formula.column, formula.words, np.flatnonzero(excess > 0)
