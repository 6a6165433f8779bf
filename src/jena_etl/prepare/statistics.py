"""Computes mean and standard deviation from the train rows alone."""

from __future__ import annotations

import math

import numpy as np

from jena_etl.errors import DataError
from jena_etl.prepare.climate import Climate
from jena_etl.prepare.outputs import ColumnStatistics, Statistics
from jena_etl.prepare.splits import RowRanges


def train_statistics(climate: Climate, ranges_of: RowRanges) -> Statistics:
    """The mean and standard deviation of every column over the train rows.

    A column that is constant there gets std 1, so that normalising it gives 0, and is listed.

    Raises:
        DataError: the train split holds no row.
    """
    rows = ranges_of.row_ranges(len(climate))["train"]
    if not rows:
        raise DataError(
            f"the train split holds none of the {len(climate):,} rows; "
            "use a longer file or a larger split.train"
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


def column_statistics(values: np.ndarray) -> tuple[float, float]:
    """The mean and population standard deviation of float64 `values` of shape (rows,).

    They are summed exactly (math.fsum), so they are the same on every processor.
    """
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((values - mean) ** 2) / len(values))
