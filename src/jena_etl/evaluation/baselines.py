"""Forecasts that need no model, which a model has to beat to be worth its training.

- naive: the last observation; nothing changes.
- climatology: what is usual at that time of day and year.
- persistence_cycle: the last observation, moved by how much the climatology moves until then.
- damped_persistence: the climatology, plus a fraction of how far the last observation is from it.
  It is the combination of persistence and climatology with the least squared error (A. H. Murphy,
  Weather and Forecasting 7, 1992).

Whatever is fitted is fitted to the train rows alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from jena_etl.evaluation.predictions import (
    CLIMATOLOGY,
    DAMPED_PERSISTENCE,
    NAIVE,
    PERSISTENCE_CYCLE,
)
from jena_etl.windows.split_windows import SeriesWindows

DAY = 86_400.0  # seconds
YEAR = 365.2425 * DAY
# Of one to four harmonics of either, these had the lowest validation error on the hourly file.
HARMONICS_OF_YEAR, HARMONICS_OF_DAY = 1, 3
BLOCK = 100_000  # rows at once, so that a series of any length needs little memory
EPOCH = np.datetime64("2000-01-01T00:00:00")


@dataclass(frozen=True)
class Climatology:
    """What is usual at a time of day and year: a Fourier series fitted by least squares.

    Each harmonic of the day has an amplitude that changes with the season, since the terms are
    products of those of the year and those of the day. Few harmonics are smoother than means by day
    and hour, and closer to later years (Narapusetty, DelSole and Tippett, Journal of Climate 22,
    2009).

    Attributes:
        coefficients: of the terms, (terms,).
        harmonics_of_year: 0 if the series was too short to show a year.
        harmonics_of_day: 0 if it was too short to show a day.
        resolution: values are rounded to multiples of it, a power of two below a thousandth of the
            series' standard deviation, so that another processor's last digits do not show.
    """

    coefficients: np.ndarray
    harmonics_of_year: int
    harmonics_of_day: int
    resolution: float

    def at(self, timestamps: np.ndarray) -> np.ndarray:
        """The usual value at these times, float64 of the shape of `timestamps`."""
        terms = _terms(timestamps, self.harmonics_of_year, self.harmonics_of_day)
        values = np.concatenate([np.zeros(0), *(block @ self.coefficients for block in terms)])
        return np.asarray(np.round(values / self.resolution) * self.resolution)


def fit_climatology(timestamps: np.ndarray, values: np.ndarray) -> Climatology:
    """Fit a climatology to measurements, all of which are used.

    Args:
        timestamps: datetime64 of shape (rows,), at least one.
        values: the target at these times, (rows,).
    """
    seconds = float((timestamps.max() - timestamps.min()) / np.timedelta64(1, "s"))
    harmonics = (
        HARMONICS_OF_YEAR if seconds >= YEAR - DAY else 0,
        HARMONICS_OF_DAY if seconds >= DAY else 0,
    )
    count = (2 * harmonics[0] + 1) * (2 * harmonics[1] + 1)
    gram, moment = np.zeros((count, count)), np.zeros(count)
    for at, terms in enumerate(_terms(timestamps, *harmonics)):
        part = values[at * BLOCK : (at + 1) * BLOCK].astype(np.float64)
        gram += terms.T @ terms
        moment += terms.T @ part
    # Not `solve`: with a row every twelve hours, say, some terms are the same.
    coefficients, *_ = np.linalg.lstsq(gram, moment)
    spread = float(values.std(dtype=np.float64)) or 1.0
    return Climatology(coefficients, *harmonics, 2.0 ** (np.floor(np.log2(spread)) - 10))


def _terms(timestamps: np.ndarray, of_year: int, of_day: int) -> Iterator[np.ndarray]:
    """The terms of the series at these times, block by block, each (rows, terms)."""
    for start in range(0, len(timestamps), BLOCK):
        block = timestamps[start : start + BLOCK].astype("datetime64[s]")
        seconds = (block - EPOCH).astype(np.float64)
        year, day = _waves(seconds / YEAR, of_year), _waves(seconds / DAY, of_day)
        yield (year[:, :, None] * day[:, None, :]).reshape(len(block), -1)


def _waves(turns: np.ndarray, harmonics: int) -> np.ndarray:
    """1, and cosine and sine of each harmonic, (rows, 2 harmonics + 1)."""
    angle = 2 * np.pi * np.outer(turns % 1, np.arange(1, harmonics + 1))
    return np.concatenate([np.ones((len(turns), 1)), np.cos(angle), np.sin(angle)], axis=1)


def damping(anomalies: np.ndarray, lag: int) -> float:
    """The fraction of an anomaly that is left `lag` rows later, by least squares.

    Args:
        anomalies: how far each observation is from the climatology, (rows,).
        lag: the rows from the issue to the target.
    """
    first, second = anomalies[:-lag], anomalies[lag:]
    squares = float((first * first).sum())
    return float((first * second).sum()) / squares if squares else 0.0


def fitted_baselines(
    splits: dict[str, SeriesWindows], timestamps: np.ndarray, train: range
) -> dict[str, dict[str, np.ndarray]]:
    """The forecasts of every baseline for the windows of each split.

    Args:
        splits: the windows of each split to forecast, over the same arrays.
        timestamps: the timestamps of all rows, datetime64[s] of shape (rows,).
        train: the train rows.

    Returns:
        float32 arrays of shape (windows,), by baseline and split.
    """
    first = next(iter(splits.values()))
    known = first.targets[train.start : train.stop]
    clock = timestamps[train.start : train.stop]
    climatology = fit_climatology(clock, known)
    left = damping(known - climatology.at(clock), first.spec.target - first.spec.last_input)
    forecasts: dict[str, dict[str, np.ndarray]] = {}
    for split, windows in splits.items():
        last = windows.last_observations()
        usual = climatology.at(timestamps[windows.target_rows()])
        anomaly = last - climatology.at(timestamps[windows.issued_rows()])
        damped = np.round(left * anomaly / climatology.resolution) * climatology.resolution
        for name, values in {
            NAIVE: last,
            CLIMATOLOGY: usual,
            PERSISTENCE_CYCLE: usual + anomaly,
            DAMPED_PERSISTENCE: usual + damped,
        }.items():
            forecasts.setdefault(name, {})[split] = values.astype(np.float32)
    return forecasts
