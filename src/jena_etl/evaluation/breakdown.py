"""Where forecasts fail: their errors by hour of the day, by month, and by what happened."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jena_etl.evaluation.predictions import Predictions

HOURS, MONTHS = 24, 12
FEWEST = 30  # forecasts in a class; the mean error of fewer says little
CLASSES_EACH_WAY = 4  # of equal width, and one for all that lies beyond
SHARE = 0.95  # of the changes that the classes of equal width are to hold

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def changes(naive: Predictions) -> Floats:
    """How much the target changed from each issue to the time forecast, of shape (windows,)."""
    return -naive.errors()  # as the naive forecast is the target at the time of issue


def change_edges(changes: Floats) -> Floats:
    """The borders between the classes of change: round numbers, with 0 in the middle.

    >>> change_edges(np.array([-7.5, 0.5, 3.0, 6.0]))
    array([-8., -6., -4., -2.,  0.,  2.,  4.,  6.,  8.])
    """
    width = float(np.quantile(np.abs(changes), SHARE)) / CLASSES_EACH_WAY
    power = 10.0 ** np.floor(np.log10(width)) if width > 0 else 1.0
    nice = min((1, 2, 5, 10), key=lambda step: abs(step * power - width))
    return np.arange(-CLASSES_EACH_WAY, CLASSES_EACH_WAY + 1) * (nice * power)


def hours_of_day(timestamps: np.ndarray) -> Ints:
    """The hour of the day of each timestamp, 0 to 23."""
    since_midnight = timestamps - timestamps.astype("datetime64[D]")
    hours: Ints = since_midnight.astype("timedelta64[h]").astype(np.int64)
    return hours


def months_of_year(timestamps: np.ndarray) -> Ints:
    """The month of each timestamp, 0 for January to 11 for December."""
    months: Ints = timestamps.astype("datetime64[M]").astype(np.int64) % MONTHS
    return months


def means_by_class(values: Floats, classes: Ints, count: int) -> Floats:
    """The mean of the values in each class; NaN for a class that holds fewer than `FEWEST`.

    >>> means_by_class(np.arange(62.0), np.arange(62) % 2, 3)
    array([30., 31., nan])
    """
    sizes = np.bincount(classes, minlength=count)
    sums = np.bincount(classes, weights=values, minlength=count)
    return np.where(sizes >= FEWEST, sums / np.maximum(sizes, 1), np.nan)


def mae_by_hour(predictions: Predictions) -> Floats:
    """The mean absolute error by the target's hour of the day, of shape (24,)."""
    hours = hours_of_day(predictions.timestamp)
    return means_by_class(np.abs(predictions.errors()), hours, HOURS)


def mae_by_month(predictions: Predictions) -> Floats:
    """The mean absolute error by the target's month, of shape (12,)."""
    months = months_of_year(predictions.timestamp)
    return means_by_class(np.abs(predictions.errors()), months, MONTHS)
