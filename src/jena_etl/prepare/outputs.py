"""What the statistics, splits and arrays stages write as JSON for later stages.

These types are kept apart from the functions that fill them, so that a stage that reads one does
not depend on how it was made. dvc.yaml does not list this module.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import Field, PositiveInt, model_validator

from jena_etl.errors import ProjectError
from jena_etl.params_features import Features
from jena_etl.stage_output import Count, Part, Rows, Sha256, StageOutput, Starts

MOST_NAMED = 5  # stations in a heading
LACKING = "lacking_columns.json"  # in a further station's folders
Value = TypeVar("Value")


class BySplit(Part, Generic[Value]):
    """One value for each split."""

    train: Value
    validation: Value
    test: Value

    def __getitem__(self, split: str) -> Value:
        return dict(self.items())[split]

    def values(self) -> list[Value]:
        """The values of train, validation and test."""
        return [value for _, value in self]

    def items(self) -> list[tuple[str, Value]]:
        """The name and value of each split, in time order."""
        return list(self)


Counts = BySplit[Count]


def left_out_text(station: str, columns: Sequence[str]) -> str:
    """Which station is left out, and why."""
    return f"station {station} is LEFT OUT, as its files lack {', '.join(columns)}"


class LackingColumns(StageOutput, stage="convert_station"):
    """lacking_columns.json: why a further station is left out; its folders hold nothing else.

    Attributes:
        columns: those of `convert.columns` that its files lack.
    """

    columns: tuple[str, ...]


class StationList(StageOutput, stage="check"):
    """stations.json: the stations of a project that has several.

    Attributes:
        first: the station that the project's own files describe; None if there is no other.
        further: the further stations.
        unseen: those of them that no model learns from.
        statistics: whether features are normalised with the mean and standard deviation of all
            stations' train rows, or each station's with its own.
        left_out: the further stations that are left out, with the columns that each of them lacks.
            They are not among the others. The check stage, which writes the file, does not know
            them yet; `listed` finds them.
    """

    first: str | None
    further: tuple[str, ...]
    unseen: tuple[str, ...]
    statistics: Literal["pooled", "per_station"]
    left_out: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, exclude_if=lambda left_out: not left_out
    )

    @classmethod
    def listed(cls, stations_json: Path) -> Self:
        """The stations that a file lists and the folders beside it describe.

        There is one station, which has no name, if there is no such file.
        """
        if not stations_json.is_file():
            return cls(first=None, further=(), unseen=(), statistics="pooled")
        stations = cls.read(stations_json)
        found = {name: stations_json.parent / name / LACKING for name in stations.further}
        left_out = {n: LackingColumns.read(at).columns for n, at in found.items() if at.is_file()}
        kept = {
            key: tuple(name for name in getattr(stations, key) if name not in left_out)
            for key in ("further", "unseen")
        }
        return stations.model_copy(update={**kept, "left_out": left_out})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all stations, the first one first; none if there is only one station."""
        return (str(self.first), *self.further) if self.further else ()

    @property
    def seen(self) -> tuple[str, ...]:
        """The names of the stations that models learn from."""
        return tuple(name for name in self.names if name not in self.unseen)

    @property
    def left_out_texts(self) -> tuple[str, ...]:
        """A sentence for each station that is left out: which one, and why."""
        return tuple(left_out_text(name, columns) for name, columns in self.left_out.items())

    @property
    def named(self) -> str:
        """Those that models learn from, for a sentence: their names, or how many if they are many.

        Empty if there is only one station.
        """
        many = len(self.seen) > MOST_NAMED
        return f"{len(self.seen)} stations" if many else ", ".join(self.seen)

    @property
    def seen_numbers(self) -> tuple[int, ...]:
        """The places in `names` of the stations that models learn from."""
        return tuple(self.names.index(name) for name in self.seen)


class ColumnStatistics(Part):
    """The statistics of one column over the train rows, in its unit.

    Attributes:
        mean: the arithmetic mean.
        std: the population standard deviation; 1 for a constant column.
    """

    mean: float
    std: Annotated[float, Field(gt=0)]


class Statistics(StageOutput, stage="statistics"):
    """statistics.json: what the features are normalised with.

    Attributes:
        climate_sha256: the digest of the series they were computed from (`Climate.sha256`).
        rows: the train rows.
        columns: the statistics of each column, by name, in the order of the features.
        constant: the columns that are constant over the train rows.
        pooled_over: the stations whose train rows they were computed from; left out if it is one.
    """

    climate_sha256: Sha256
    rows: Rows
    columns: dict[str, ColumnStatistics]
    constant: tuple[str, ...]
    pooled_over: tuple[str, ...] = Field(default=(), exclude_if=lambda names: not names)

    @property
    def sha256(self) -> str:
        """A digest of the content."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def check_series(self, columns: Sequence[str], climate_sha256: str) -> None:
        """Refuse a series from which these statistics were not computed.

        Raises:
            ProjectError: the columns, their order or their values differ.
        """
        if list(columns) != list(self.columns):
            raise ProjectError(
                f"statistics.json has the columns {', '.join(self.columns)}; the series has "
                f"{', '.join(columns)}, in this order; build it again: dvc repro statistics"
            )
        if climate_sha256 != self.climate_sha256:
            raise ProjectError(
                "statistics.json was computed from an earlier climate.parquet or other features; "
                "build it again: dvc repro statistics"
            )


class SplitRange(Part):
    """One split.

    Attributes:
        rows: the rows of the split.
        first: the timestamp of the first row.
        last: the timestamp of the last row.
        windows: how many windows it holds.
        left_out: how many more it would hold if no target had been filled.
        starts: the start rows of its windows, ascending.
    """

    rows: Rows
    first: str
    last: str
    windows: Count
    left_out: Count
    starts: tuple[Starts, ...]

    @model_validator(mode="after")
    def _windows_are_those_of_starts(self) -> Self:
        if self.windows != (found := sum(map(len, self.starts))):
            raise ValueError(f"windows is {self.windows}, but starts holds {found}")
        return self


class WindowShape(Part):
    """The shape of a window; `jena_etl.windows.spec.WindowSpec` does its arithmetic."""

    sequence_length: PositiveInt
    sampling_rate: PositiveInt
    horizon: PositiveInt
    sequence_stride: PositiveInt


class Choice(Part):
    """How many windows a policy and a treatment of gaps would give."""

    policy: str
    gaps: str
    windows: Counts


class Splits(StageOutput, stage="splits"):
    """splits.json: which rows and windows belong to train, validation and test.

    Attributes:
        climate_sha256: the digest of the series that was split (`Climate.sha256`).
        rows: how many rows the series has.
        policy: the rule for which windows belong to a split; see `jena_etl.windows.policies`.
        gaps: whether windows across a hole or a repeated timestamp were kept or dropped.
        target: the column that is forecast.
        window: the shape of a window.
        splits: train, validation and test.
        choices: the windows that each policy and treatment of gaps would give.
    """

    climate_sha256: Sha256
    rows: Count
    policy: str
    gaps: Literal["keep", "drop"]
    target: str
    window: WindowShape
    splits: BySplit[SplitRange]
    choices: tuple[Choice, ...]

    @model_validator(mode="after")
    def _rows_follow_each_other(self) -> Self:
        ends = [0]
        for name, split in self.splits.items():
            if split.rows.start != ends[-1]:
                raise ValueError(
                    f"the rows of {name} start at {split.rows.start}, expected {ends[-1]}"
                )
            ends.append(split.rows.stop)
        if ends[-1] != self.rows:
            raise ValueError(f"the rows of test end at {ends[-1]}, expected {self.rows}")
        return self

    @model_validator(mode="after")
    def _windows_do_not_repeat(self) -> Self:
        """Check that no two windows start in the same row, in one split or in two."""
        runs = [run for split in self.splits.values() for run in split.starts]
        for run, next_run in itertools.pairwise(runs):
            if next_run[0] <= run[-1]:
                raise ValueError(
                    f"windows that start in rows {run[0]} to {run[-1]} overlap with those from "
                    f"row {next_run[0]}"
                )
        if runs and runs[-1][-1] >= self.rows:
            raise ValueError(f"a window starts in row {runs[-1][-1]}, of {self.rows}")
        return self


class ArraysRecord(StageOutput, stage="arrays"):
    """arrays.json: what features.npy, targets.npy and timestamps.npy were made from.

    Attributes:
        climate_sha256: the digest of the series (`Climate.sha256`).
        statistics_sha256: the digest of the statistics (`Statistics.sha256`).
        columns: the names of the features, in order.
        units: their units, in the same order; "" where none is known.
        step_seconds: the time from one row to the next; None if no timestamp is later than the one
            before it.
        sampling_rate: the rate whose phases the features are grouped by.
        target: the column in targets.npy.
        features: what the last of the columns were computed from; left out if all were measured.
    """

    climate_sha256: Sha256
    statistics_sha256: Sha256
    columns: tuple[str, ...]
    units: tuple[str, ...]
    step_seconds: PositiveInt | None
    sampling_rate: PositiveInt
    target: str
    features: Features = Field(default=(), exclude_if=lambda features: not features)


def check_arrays(arrays: ArraysRecord, statistics: Statistics, splits: Splits) -> None:
    """Refuse arrays that were not made for these splits with these statistics.

    Any stage can be run alone with `dvc repro STAGE`, and its outputs are then newer than those of
    the other stages.

    Raises:
        ProjectError: they do not belong together; names what differs and the command to type.
    """
    if (statistics.climate_sha256, statistics.rows) != (
        splits.climate_sha256,
        splits.splits.train.rows,
    ):
        raise ProjectError(
            "statistics.json and splits.json were made from different series or train rows; "
            "build both again: dvc repro splits arrays"
        )
    recorded = {
        "target": (arrays.target, splits.target),
        "sampling_rate": (arrays.sampling_rate, splits.window.sampling_rate),
        "columns": (", ".join(arrays.columns), ", ".join(statistics.columns)),
        "climate.parquet": (arrays.climate_sha256[:12], splits.climate_sha256[:12]),
        "statistics.json": (arrays.statistics_sha256[:12], statistics.sha256[:12]),
    }
    for what, (found, expected) in recorded.items():
        if found != expected:
            raise ProjectError(
                f"the arrays in data/processed are out of date: they were made from {what} "
                f"{found}, expected {expected}; build them again: dvc repro arrays"
            )
