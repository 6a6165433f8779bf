"""The data card: what a station's files hold, and what is wrong with them in each split."""

from __future__ import annotations

from typing import Literal

from pydantic import FiniteFloat

from jena_etl.ingest.source import RepeatedTimestamps, SourceSummary
from jena_etl.prepare.outputs import BySplit, Counts
from jena_etl.stage_output import Count, Part, StageOutput


class Reading(Part):
    """How many affected cells a split holds, and how many of its windows read one."""

    cells: Count
    windows: Count


Readings = BySplit[Reading]


class Gap(Part):
    """A step between neighbouring rows that is not the common one.

    Attributes:
        after: the timestamp before the step.
        seconds: the length of the step.
        rows_missing: how many rows are missing in it; 0 for an irregular step.
        split: the split of the row before the step.
    """

    after: str
    seconds: Count
    rows_missing: Count
    split: str


class Gaps(Part):
    """All holes, or all irregular steps: how many in each split, and the longest."""

    count: Count
    longest: tuple[Gap, ...]
    splits: Counts


class Repeats(RepeatedTimestamps):
    """Repeated timestamps, and how many of them remain in each split."""

    splits: Counts


class ColumnSummary(Part):
    """A column over all rows, in its unit."""

    unit: str
    min: FiniteFloat
    mean: FiniteFloat
    max: FiniteFloat


class Finding(Part):
    """Cells of a column that hold no measurement, and whether they were filled."""

    kind: Literal["sentinel", "missing", "frozen"]
    column: str
    cells: Count
    filled: bool
    first: str
    last: str
    splits: Readings


class Doubt(Part):
    """Measured cells outside a plausible range, or further from a formula than rounding allows."""

    check: Literal["range", "formula"]
    column: str
    expected: str
    cells: Count
    first: str
    splits: Counts


class SensorWarning(Part):
    """Signs of a failing sensor that no single cell shows; see `jena_etl.ingest.sensors`.

    Attributes:
        check: the kind of sign: frozen, far or step.
        column: the name of the column.
        found: what was found, in words.
        expected: what the train rows lead one to expect, in words.
        cells: the number of cells affected, or of steps.
        runs: the number of runs of rows in which they lie.
        first: the first timestamp affected.
        last: the last timestamp affected.
        splits: the cells in each split, and the windows that read one (or reach across a step).
    """

    check: Literal["frozen", "far", "step"]
    column: str
    found: str
    expected: str
    cells: Count
    runs: Count
    first: str
    last: str
    splits: Readings

    def __str__(self) -> str:
        """One line that says what was found and what was expected."""
        return {
            "frozen": f"hardly changes, {self.found} (expected {self.expected})",
            "far": f"{self.found}, far outside {self.expected}",
            "step": f"its level changes, {self.found} ({self.expected})",
        }[self.check]


class Preset(Part):
    """The rows, and the windows of each split, that a preset of params.yaml would give."""

    rows: Count
    windows: Counts


class DataCard(StageOutput, stage="splits"):
    """What was converted and what is wrong with it.

    Attributes:
        source: the files that were converted.
        rows_read: how many rows were read, before repeats were removed.
        rows: how many rows climate.parquet holds.
        first: the first row's timestamp.
        last: the latest timestamp; the last row may be a repeat.
        step_seconds: the common step; None if all rows have the same timestamp.
        holes: steps in which at least one row is missing.
        irregular: other steps that differ from the common one.
        repeats: rows logged twice.
        columns: a summary of each column, by name.
        constant: columns that never change.
        left_out: columns of the files that were not converted.
        findings: cells that hold no measurement.
        target_filled: how many windows each split leaves out because their target was filled.
        physics: warnings about cells that contradict what is known about the column.
        sensors: warnings about cells that contradict the column's own train rows.
        presets: what each preset would give, by name.
    """

    source: SourceSummary
    rows_read: Count
    rows: Count
    first: str
    last: str
    step_seconds: int | None
    holes: Gaps
    irregular: Gaps
    repeats: Repeats
    columns: dict[str, ColumnSummary]
    constant: tuple[str, ...]
    left_out: tuple[str, ...]
    findings: tuple[Finding, ...]
    target_filled: Counts
    physics: tuple[Doubt, ...]
    sensors: tuple[SensorWarning, ...]
    presets: dict[str, Preset]

    def __str__(self) -> str:
        """What is wrong with the data in each split, one fault per line."""
        return self.faults("jena-etl inspect")

    def faults(self, inspect: str) -> str:
        """What is wrong with the data in each split, one fault per line.

        Args:
            inspect: the command that shows more.
        """
        counts = {
            "holes in {}": self.holes.splits,
            "irregular steps in {}": self.irregular.splits,
            "windows left out of {}, their target was filled": self.target_filled,
        }
        lines = [
            f"{what.format(split)}: {count:,}"
            for what, splits in counts.items()
            for split, count in splits.items()
            if count
        ]
        lines += [
            f"{finding.column} in {split}: {finding.kind} cells {found.cells:,}, "
            f"{'filled' if finding.filled else 'KEPT'}; {found.windows:,} windows read them"
            for finding in self.findings
            for split, found in finding.splits.items()
            if found.cells
        ]
        doubtful = dict.fromkeys(
            [d.column for d in self.physics] + [w.column for w in self.sensors]
        )
        if doubtful:
            lines.append(f"values in doubt in {', '.join(doubtful)}: {inspect}")
        return "".join(f"{line}\n" for line in lines)
