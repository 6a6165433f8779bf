"""Computes the features of params.yaml: the pipeline for all rows, a forecaster for a window's.

A value is computed from its own row and from earlier rows alone, so none of it lies in the future
of a forecast issued at that row. Rows are counted as they stand in the series, whatever their
timestamps. The first rows have fewer rows before them than a feature asks for, and make do with
those that there are: a rolling mean is then one of fewer rows, a difference one from the first row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import singledispatch
from typing import TypeAlias

import numpy as np

from jena_etl.errors import DataError
from jena_etl.params_features import (
    CyclicTime,
    DewPointDepression,
    Difference,
    FeatureBlock,
    PressureTendency,
    Rolling,
    WindVector,
)

Columns: TypeAlias = Mapping[str, np.ndarray]
# The year is the mean year of the Gregorian calendar, 365.2425 days, counted from 1970, so that a
# leap year makes no step.
PERIOD_SECONDS = {"time_of_day": 86_400, "time_of_year": 31_556_952}
# Processors compute a sine to a different last digit; rounded, the outputs have the same bytes.
DECIMALS = 7


def check_reach(features: Iterable[FeatureBlock], rows: int) -> None:
    """Refuse a feature that no row of the series has enough rows before it for.

    Raises:
        DataError: a feature reaches back beyond the first row, whatever the row.
    """
    for feature in features:
        if (reach := max(feature.rows_back)) >= rows:
            raise DataError(
                f"features.{feature.kind} reaches {reach:,} rows back, but the series has "
                f"{rows:,} rows in all; lower its rows in params.yaml"
            )


def compute_features(
    features: Iterable[FeatureBlock], columns: Columns, timestamps: np.ndarray
) -> dict[str, np.ndarray]:
    """The columns of all features by name, float64 of shape (rows,), in the order of `features`.

    Args:
        features: what to compute.
        columns: the measurements by name, float64 of shape (rows,).
        timestamps: datetime64 of shape (rows,).
    """
    return {
        name: values
        for feature in features
        for name, values in zip(feature.names, _values(feature, columns, timestamps), strict=True)
    }


@singledispatch
def _values(
    feature: FeatureBlock, columns: Columns, timestamps: np.ndarray
) -> tuple[np.ndarray, ...]:
    """The values of one feature's columns, in the order of its names."""
    raise NotImplementedError(type(feature).__name__)


@_values.register
def _(feature: CyclicTime, _: Columns, timestamps: np.ndarray) -> tuple[np.ndarray, ...]:
    """Sine and cosine of a clock's hand that goes round once in a period."""
    period = PERIOD_SECONDS[feature.kind]
    seconds = timestamps.astype("datetime64[s]").astype(np.int64)
    return _sine_and_cosine(2 * np.pi * (seconds % period) / period)


def _sine_and_cosine(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.sin(angle).round(DECIMALS), np.cos(angle).round(DECIMALS)


@_values.register
def _(feature: WindVector, columns: Columns, _: np.ndarray) -> tuple[np.ndarray, ...]:
    """Meteorology's u and v: the wind blows away from the direction that it comes from."""
    sine, cosine = _sine_and_cosine(np.radians(columns[feature.direction]))
    speed = columns[feature.speed]
    return -speed * sine, -speed * cosine


@_values.register
def _(
    feature: Difference | PressureTendency, columns: Columns, _: np.ndarray
) -> tuple[np.ndarray, ...]:
    values = columns[feature.column]
    earlier = np.maximum(np.arange(len(values)) - feature.rows, 0)
    return (values - values[earlier],)


@_values.register
def _(feature: Rolling, columns: Columns, _: np.ndarray) -> tuple[np.ndarray, ...]:
    import polars as pl  # not needed for a forecast without one of these

    series = pl.Series(columns[feature.column])
    roll = {
        "rolling_mean": series.rolling_mean,
        "rolling_minimum": series.rolling_min,
        "rolling_maximum": series.rolling_max,
    }[feature.kind]
    return (roll(feature.rows, min_samples=1).to_numpy(),)


@_values.register
def _(feature: DewPointDepression, columns: Columns, _: np.ndarray) -> tuple[np.ndarray, ...]:
    return (columns[feature.temperature] - columns[feature.dew_point],)
