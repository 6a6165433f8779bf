"""Mean and standard deviation of the train rows alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from jena_etl.errors import DataError
from jena_etl.etl.splits import split_rows


def column_statistics(values: np.ndarray) -> tuple[float, float]:
    """Mean and population standard deviation of float64 `values` of shape (rows,).

    Summed exactly (math.fsum), so the figures are the same on every processor.
    """
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((values - mean) ** 2) / len(values))


def train_statistics(climate: Path, *, train: float, validation: float) -> dict[str, Any]:
    """The content of statistics.json: mean and std of every feature over the train rows.

    A constant column is named and gets std 1, so that normalising it gives 0.

    Args:
        climate: the Parquet file.
        train: fraction of the rows.
        validation: fraction of the rows.
    """
    table = pq.read_table(climate)
    train_rows = split_rows(table.num_rows, train=train, validation=validation)["train"]
    table = table.slice(train_rows.start, len(train_rows))
    if not len(train_rows):
        raise DataError("the train split holds no row; use a longer file or a larger split.train")
    features = table.column_names[1:]
    columns: dict[str, dict[str, float]] = {}
    constant = []
    for name in features:
        values = table.column(name).to_numpy()
        mean, std = column_statistics(values)
        if values.min() == values.max():
            constant.append(name)
            mean, std = float(values[0]), 1.0
        columns[name] = {"mean": mean, "std": std}
    return {
        "rows": [train_rows.start, train_rows.stop],
        "columns": columns,
        "constant": constant,
    }
