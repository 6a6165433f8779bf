"""Mean and standard deviation of the train rows alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from jena_etl.errors import DataError
from jena_etl.prepare.splits import split_rows


def column_statistics(values: np.ndarray) -> tuple[float, float]:
    """Mean and population standard deviation of float64 `values` of shape (rows,).

    Summed exactly (math.fsum), so the figures are the same on every processor.
    """
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((values - mean) ** 2) / len(values))


def train_statistics(climate: Path, *, train: float, validation: float) -> dict[str, Any]:
    """The content of statistics.json: mean and std of every feature over the train rows.

    A column that is constant there is named and gets std 1, so that normalising it gives 0.

    Args:
        climate: the Parquet file.
        train: fraction of the rows.
        validation: fraction of the rows.

    Raises:
        DataError: the train split holds no row.
    """
    table = pq.read_table(climate)
    rows = split_rows(table.num_rows, train=train, validation=validation)["train"]
    if not rows:
        raise DataError(
            f"the train split holds none of the {table.num_rows:,} rows; "
            "use a longer file or a larger split.train"
        )
    columns: dict[str, dict[str, float]] = {}
    constant = []
    for name in table.column_names[1:]:
        values = table.column(name).to_numpy()[rows.start : rows.stop]
        mean, std = column_statistics(values)
        # Rounding can leave a constant column a tiny std, and a tiny spread a std of 0.
        if values.min() == values.max() or std == 0:
            constant.append(name)
            mean, std = float(values[0]), 1.0
        columns[name] = {"mean": mean, "std": std}
    return {
        "rows": [rows.start, rows.stop],
        "columns": columns,
        "constant": constant,
    }
