"""Computes mean and standard deviation from the train rows alone."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from jena_etl.errors import DataError
from jena_etl.prepare.climate import Climate
from jena_etl.prepare.outputs import ColumnStatistics, Statistics
from jena_etl.prepare.row_ranges import RowRanges, SplitDates


def train_statistics(climate: Climate, ranges_of: RowRanges) -> Statistics:
    """The mean and standard deviation of every column over the train rows.

    A column that is constant there gets std 1, so that normalising it gives 0, and is listed.

    Raises:
        DataError: the train split holds no row; with dates, any of the splits.
    """
    if isinstance(ranges_of, SplitDates):
        ranges_of.check(climate.timestamps)
    rows = ranges_of.row_ranges(climate.timestamps)["train"]
    if not rows:
        raise DataError(
            f"the train split holds none of the {len(climate):,} rows; use a longer file or a "
            "larger split.train"
        )
    columns = {}
    constant = []
    for name, values in climate.columns.items():
        train = values[: rows.stop]
        mean, std = column_statistics(train)
        # Rounding can give a constant column a tiny std, and a tiny spread a std of 0.
        if train.min() == train.max() or std == 0:
            constant.append(name)
            mean, std = float(train[0]), 1.0
        columns[name] = ColumnStatistics(mean=mean, std=std)
    return Statistics(
        climate_sha256=climate.sha256, rows=rows, columns=columns, constant=tuple(constant)
    )


def pooled(statistics: Mapping[str, Statistics]) -> Statistics:
    """The statistics over the train rows of several stations together, recorded for the first one.

    The pooled variance is the mean of the stations' variances plus the variance of their means,
    both weighted with the number of train rows.

    Args:
        statistics: of each station's own train rows, by its name.

    Raises:
        DataError: the stations have other columns.
    """
    first, *_ = statistics.values()
    for name, one in statistics.items():
        if list(one.columns) != list(first.columns):
            raise DataError(
                f"station {name} has the columns {', '.join(one.columns)}; expected "
                f"{', '.join(first.columns)}; build it again: dvc repro convert_station@{name}"
            )
    columns, constant = {}, []
    for column in first.columns:
        parts = [(len(one.rows), *_moments(one, column)) for one in statistics.values()]
        rows = sum(count for count, _, _ in parts)
        mean = math.fsum(count * mean for count, mean, _ in parts) / rows
        variance = math.fsum(count * (var + (own - mean) ** 2) for count, own, var in parts) / rows
        is_constant = all(column in one.constant for one in statistics.values())
        if (is_constant and len({own for _, own, _ in parts}) == 1) or variance == 0:
            constant.append(column)
            mean, variance = parts[0][1], 1.0
        columns[column] = ColumnStatistics(mean=mean, std=math.sqrt(variance))
    return Statistics(
        climate_sha256=first.climate_sha256,
        rows=first.rows,
        columns=columns,
        constant=tuple(constant),
        pooled_over=tuple(statistics),
    )


def with_columns_of(own: Statistics, other: Statistics) -> Statistics:
    """Statistics recorded for one station's series, with the mean and std of another's.

    Raises:
        DataError: the two have other columns.
    """
    if list(own.columns) != list(other.columns):
        raise DataError(
            f"it has the columns {', '.join(own.columns)}; the first station has "
            f"{', '.join(other.columns)}; build both again: dvc repro"
        )
    return other.model_copy(update={"climate_sha256": own.climate_sha256, "rows": own.rows})


def _moments(statistics: Statistics, column: str) -> tuple[float, float]:
    """The mean and variance of a column; the std of a constant one is 1, its variance 0."""
    found = statistics.columns[column]
    return found.mean, 0.0 if column in statistics.constant else found.std**2


def column_statistics(values: np.ndarray) -> tuple[float, float]:
    """The mean and population standard deviation of float64 `values` of shape (rows,).

    They are summed exactly (math.fsum), so they are the same on every processor.
    """
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((values - mean) ** 2) / len(values))
