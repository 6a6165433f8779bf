"""Turns the series into arrays that can be memory-mapped."""

from __future__ import annotations

import numpy as np

from jena_etl.errors import ProjectError
from jena_etl.params_features import feature_units
from jena_etl.prepare.climate import Climate
from jena_etl.prepare.outputs import ArraysRecord, Statistics
from jena_etl.windows.grid import commonest_step


def arrays_record(
    climate: Climate,
    statistics: Statistics,
    *,
    units: dict[str, str],
    sampling_rate: int,
    target: str,
) -> ArraysRecord:
    """Record what the arrays are made from; `units` are those of the measurements.

    Raises:
        ProjectError: the statistics belong to another series, or there is no column `target`.
    """
    columns = tuple(climate.columns)
    statistics.check_series(columns, climate.sha256)
    if target not in columns:
        raise ProjectError(
            f"climate.parquet has no column {target!r}, it holds {', '.join(columns)}; "
            "set window.target, or build it again: dvc repro convert"
        )
    step = commonest_step(climate.timestamps)
    units = units | feature_units(climate.features, units)
    return ArraysRecord(
        climate_sha256=climate.sha256,
        statistics_sha256=statistics.sha256,
        columns=columns,
        units=tuple(units[name] for name in columns),
        step_seconds=None if step is None else int(step / np.timedelta64(1, "s")),
        sampling_rate=sampling_rate,
        target=target,
        features=climate.features,
    )


def normalised_features(climate: Climate, statistics: Statistics) -> np.ndarray:
    """(value - mean) / std, float32 of shape (rows, features); computed in float64."""
    features = np.empty((len(climate), len(climate.columns)), dtype=np.float32)
    for at, (name, values) in enumerate(climate.columns.items()):
        column = statistics.columns[name]
        features[:, at] = (values - column.mean) / column.std
    return features


def raw_target(climate: Climate, column: str) -> np.ndarray:
    """The target column in its own unit, float32 of shape (rows,)."""
    return climate.columns[column].astype(np.float32)
