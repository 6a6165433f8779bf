"""Makes the data card from what was converted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from jena_etl.ingest.plausibility import FORMULAS, RANGES
from jena_etl.ingest.sensors import SensorFinding, sensor_findings
from jena_etl.ingest.source import Source
from jena_etl.ingest.timestamps import TimestampGap, timestamp_card
from jena_etl.prepare.cell_marks import CellMarks
from jena_etl.prepare.climate import Climate
from jena_etl.prepare.data_card import (
    ColumnSummary,
    DataCard,
    Doubt,
    Finding,
    Gap,
    Gaps,
    Preset,
    Repeats,
    SensorWarning,
)
from jena_etl.prepare.outputs import Counts, Splits
from jena_etl.prepare.readings import ReadingCounter
from jena_etl.prepare.row_ranges import RowRanges
from jena_etl.prepare.splits import window_counts
from jena_etl.windows.grid import segments_from_timestamps
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.policies import split_windows
from jena_etl.windows.spec import WindowSpec

Columns = Mapping[str, np.ndarray]
SHOWN = 10  # how many gaps of each kind are listed, the longest first; the others are counted


def describe_data(
    climate: Climate, marks: CellMarks, source: Source, splits: Splits, ranges_of: RowRanges
) -> DataCard:
    """Describe what was converted, in the same bytes on every machine.

    Means are summed exactly (math.fsum), so they do not depend on the processor. Of the features in
    `climate`, only the history matters.
    """
    timestamps, columns = climate.timestamps, climate.measurements
    spec = WindowSpec(**splits.window.model_dump())
    counter = ReadingCounter(
        {name: split.rows for name, split in splits.splits.items()},
        {name: WindowIndex(split.starts) for name, split in splits.splits.items()},
        spec,
        splits.target,
    )
    clock = timestamp_card(timestamps)
    measured = marks.measured(columns)
    return DataCard(
        source=source.summary,
        rows_read=source.rows_read,
        rows=len(timestamps),
        first=str(timestamps[0]),
        last=str(timestamps.max()),
        step_seconds=clock.step_seconds,
        holes=_gaps(clock.holes, counter),
        irregular=_gaps(clock.irregular, counter),
        repeats=Repeats(**dict(source.repeats), splits=counter.rows(clock.repeats)),
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
            sensor_findings(timestamps, measured, splits.splits.train.rows), timestamps, counter
        ),
        presets=_presets(climate, source.rows_read, marks.rows(splits.target), ranges_of, spec),
    )


def sensor_warnings(
    findings: list[SensorFinding], timestamps: np.ndarray, counter: ReadingCounter
) -> tuple[SensorWarning, ...]:
    """Add to each finding its period and, by split, the cells and the windows that read them."""
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


def _gaps(gaps: list[TimestampGap], counter: ReadingCounter) -> Gaps:
    longest = tuple(
        Gap(
            after=gap.after,
            seconds=gap.seconds,
            rows_missing=gap.rows_missing,
            split=counter.split_of(gap.row),
        )
        for gap in gaps[:SHOWN]
    )
    rows = np.array([gap.row for gap in gaps], dtype=np.int64)
    return Gaps(count=len(gaps), longest=longest, splits=counter.rows(rows))


def _findings(
    marks: CellMarks, timestamps: np.ndarray, counter: ReadingCounter
) -> Iterator[Finding]:
    groups = marks.cells.group_by("kind", "column", "filled", maintain_order=True)
    for (kind, column, filled), cells in groups:
        rows = cells["row"].to_numpy()
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
    for check, column, expected, is_wrong in _contradictions(measured):
        if len(rows := np.flatnonzero(is_wrong)):
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
    """The cells that contradict a plausible range or a formula; NaN contradicts neither."""
    for name, values in measured.items():
        if name in RANGES:
            low, high = RANGES[name]
            yield "range", name, f"{low:g} to {high:g}", (values < low) | (values > high)
    for formula in FORMULAS:
        if measured.keys() >= {formula.column, *formula.inputs}:
            inputs = [measured[name] for name in formula.inputs]
            with np.errstate(all="ignore"):  # the range check has already named absurd inputs
                excess = formula.excess(measured[formula.column], inputs)
            yield "formula", formula.column, formula.words, excess > 0


def _presets(
    climate: Climate,
    rows_read: int,
    unmeasured_targets: np.ndarray,
    ranges_of: RowRanges,
    spec: WindowSpec,
) -> dict[str, Preset]:
    """The rows, and the windows of each split, that the presets of params.yaml would give.

    `reference` does as the book: it keeps every row and every window. `clean` removes repeats, and
    so has row ranges of its own; it drops gaps, follows policy strict, and leaves out windows whose
    target was not measured.
    """
    timestamps = climate.timestamps
    first = np.sort(np.unique(timestamps, return_index=True)[1])
    once = timestamps[first]
    # Nobody knows any more when the removed rows were logged; fractions need their number alone.
    removed = np.repeat(timestamps[-1:], rows_read - len(timestamps))

    def preset(rows: np.ndarray, policy: str, **options: Any) -> Preset:
        ranges = ranges_of.row_ranges(rows)
        history = climate.history
        windows = split_windows(ranges, len(rows), spec, policy, history=history, **options)
        return Preset(rows=len(rows), windows=window_counts(windows))

    return {
        "reference": preset(np.concatenate([timestamps, removed]), "reference"),
        "clean": preset(
            once,
            "strict",
            segments=segments_from_timestamps(once),
            excluded=np.flatnonzero(np.isin(first, unmeasured_targets)),
        ),
    }
