"""The data card: what a station's files hold, and what is wrong with them, split by split."""

from __future__ import annotations

from typing import Literal

from pydantic import FiniteFloat

from jena_etl.ingest.source import RepeatedTimestamps, SourceSummary
from jena_etl.prepare.outputs import BySplit
from jena_etl.stage_output import Count, Part, StageOutput

Counts = BySplit[Count]


class Reading(Part):
    """How many suspicious cells a split holds, and how many of its windows read one of them."""

    cells: Count
    windows: Count


Readings = BySplit[Reading]


class Gap(Part):
    """A step between neighbours that is not the common one.

    Attributes:
        after: the timestamp before it.
        seconds: its length.
        rows_missing: rows that would fit in; 0 for an irregular step.
        split: the split of the row that follows.
    """

    after: str
    seconds: Count
    rows_missing: Count
    split: str


class Gaps(Part):
    """All holes, or all irregular steps: how many, by split, and the longest of them."""

    count: Count
    longest: tuple[Gap, ...]
    splits: Counts


class Repeats(RepeatedTimestamps):
    """Repeated timestamps, and how many of them are left in each split."""

    splits: Counts


class ColumnSummary(Part):
    """One column over all rows, in its unit."""

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
    """Measured cells outside a plausible range, or further from a formula than rounding."""

    check: Literal["range", "formula"]
    column: str
    expected: str
    cells: Count
    first: str
    splits: Counts


class SensorWarning(Part):
    """What a sensor did that no single cell shows; see `jena_etl.ingest.sensors`.

    Attributes:
        check: frozen, far or step.
        column: its name.
        found: what was found, for people.
        expected: what the train rows lead to expect, for people.
        cells: how many cells are concerned; of steps, how many there are.
        runs: in how many runs of rows they lie.
        first: the first timestamp.
        last: the last one.
        splits: the cells by split, and the windows that read one; of steps, that reach across one.
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
        """What was found, and what was expected, in a line."""
        return {
            "frozen": f"hardly changes, {self.found} (expected {self.expected})",
            "far": f"{self.found}, far outside {self.expected}",
            "step": f"its level changes, {self.found} ({self.expected})",
        }[self.check]


class Preset(Part):
    """What a preset of params.yaml would give: rows, and windows by split."""

    rows: Count
    windows: Counts


class DataCard(StageOutput, stage="splits"):
    """What was converted and what is wrong with it.

    Attributes:
        source: the files.
        rows_read: before repeats were removed, if they were.
        rows: of climate.parquet.
        first: the first row's timestamp.
        last: the latest timestamp; the last row may be a repeat.
        step_seconds: the common step; None where no two rows are apart.
        holes: steps of which at least one row is missing.
        irregular: other steps than the common one.
        repeats: rows logged twice.
        columns: by name.
        constant: columns that never change.
        left_out: columns of the files that were not converted.
        findings: cells that hold no measurement.
        target_filled: windows left out because their target was filled, by split.
        physics: cells that are implausible by what is known of the column; warnings.
        sensors: what is suspicious by what the column's train rows hold; warnings.
        presets: by name.
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
        """What is wrong with the data in each split, a line each; for the stage's output."""
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
            lines.append(f"values in doubt in {', '.join(doubtful)}: jena-etl inspect")
        return "".join(f"{line}\n" for line in lines)
