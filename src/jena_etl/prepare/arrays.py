"""Parquet -> arrays that can be memory-mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from jena_etl.errors import ProjectError


def read_timestamps(climate: Path) -> np.ndarray:
    """The timestamps of climate.parquet: datetime64[s] of shape (rows,)."""
    first = pq.read_schema(climate).names[0]
    timestamps: np.ndarray = pq.read_table(climate, columns=[first]).column(0).to_numpy()
    return timestamps.astype("datetime64[s]")


def read_climate(climate: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """All of climate.parquet: datetime64[s] of shape (rows,), and float64 of it by column."""
    table = pq.read_table(climate)
    timestamps: np.ndarray = table.column(0).to_numpy().astype("datetime64[s]")
    return timestamps, {name: table.column(name).to_numpy() for name in table.column_names[1:]}


def normalised_features(climate: Path, statistics: dict[str, Any]) -> np.ndarray:
    """(value - mean) / std, float32 of shape (rows, features); computed in float64.

    Raises:
        ProjectError: the statistics are those of other columns.
    """
    table = pq.read_table(climate)
    features = table.column_names[1:]
    if features != list(statistics["columns"]):
        raise ProjectError(
            f"statistics.json is about {', '.join(statistics['columns'])}; climate.parquet holds "
            f"{', '.join(features)}, in this order; build it again: dvc repro statistics"
        )
    out = np.empty((table.num_rows, len(features)), dtype=np.float32)
    for at, name in enumerate(features):
        moments = statistics["columns"][name]
        out[:, at] = (table.column(name).to_numpy() - moments["mean"]) / moments["std"]
    return out


def target_column(climate: Path, column: str) -> np.ndarray:
    """The raw target column, float32 of shape (rows,), in the column's own unit.

    Raises:
        ProjectError: climate.parquet has no such column.
    """
    if column not in (names := pq.read_schema(climate).names[1:]):
        raise ProjectError(
            f"climate.parquet has no column {column!r}, it holds {', '.join(names)}; "
            "set window.target, or build it again: dvc repro convert"
        )
    values: np.ndarray = pq.read_table(climate, columns=[column]).column(0).to_numpy()
    return values.astype(np.float32)
