"""How far a mean absolute error can be trusted, and whether two forecasts differ.

Neighbouring windows share most of their rows and their weather, so their errors are not independent
and the textbook interval of a mean is far too narrow. The circular block bootstrap (Politis and
Romano, 1992) draws whole blocks of consecutive days instead, so that what hangs together stays
together. docs/evaluation.md says what the intervals mean and what they leave out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from jena_etl.evaluation.predictions import Predictions

LEVEL = 0.95
RESAMPLES = 2_000
SEED = 0
FEWEST_DAYS = 60  # fewer hold too few blocks to draw from
NEGLIGIBLE_LAGS = 5  # K_N of Politis and White

Verdict = Literal["best", "tie", "worse", "better", "unknown"]


class Interval(NamedTuple):
    """The ends of a confidence interval at LEVEL."""

    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A forecast of one split, compared with another one, in the target's unit.

    Attributes:
        mae: the interval of the mean absolute error; None if the split has too few days for one.
        block_days: the length of the blocks that were drawn for it, in days; None if `mae` is.
        difference: the interval of this forecast's MAE minus the other's; None if `mae` is.
        verdict: best, for the forecast that the others are compared with; tie if the two cannot be
            distinguished; worse or better if they can; unknown if there is no interval.
    """

    mae: Interval | None
    block_days: int | None
    difference: Interval | None
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class DailyErrors:
    """The absolute errors of a forecast of one split, day by day of the time forecast.

    Attributes:
        sums: over the windows of each day, in time order, float64 (days,).
        windows: how many each day has, int64 (days,).
    """

    sums: np.ndarray
    windows: np.ndarray


def daily_errors(forecast: Predictions) -> DailyErrors:
    """The errors of a forecast, day by day; a day without windows is left out."""
    days = forecast.timestamp.astype("datetime64[D]").astype(np.int64)
    days -= days.min()
    windows = np.bincount(days)
    sums = np.bincount(days, np.abs(forecast.errors()))
    return DailyErrors(sums[windows > 0], windows[windows > 0])


def compare(forecasts: Mapping[str, DailyErrors], *, best: str) -> dict[str, Comparison]:
    """Compare each forecast with the best one, day by day.

    Two forecasts of the same weather are good and bad on the same days. The interval of their
    difference leaves out what they share, so it can tell apart forecasts whose own intervals
    overlap.

    Args:
        forecasts: of one split by name, all for the same windows.
        best: the name of the forecast that the others are compared with, chosen on another split.
    """
    return {
        name: _comparison(found, forecasts[best], is_best=name == best)
        for name, found in forecasts.items()
    }


def _comparison(found: DailyErrors, best: DailyErrors, *, is_best: bool) -> Comparison:
    windows = best.windows
    if len(windows) < FEWEST_DAYS:
        return Comparison(None, None, None, "best" if is_best else "unknown")
    mae, block_days = mean_interval(found.sums, windows)
    difference, _ = mean_interval(found.sums - best.sums, windows)
    verdict: Verdict = "tie"
    if is_best:
        verdict = "best"
    elif difference.low > 0:
        verdict = "worse"
    elif difference.high < 0:
        verdict = "better"
    return Comparison(mae, block_days, difference, verdict)


def mean_interval(sums: np.ndarray, counts: np.ndarray) -> tuple[Interval, int]:
    """The percentile interval of a mean over all windows, and the block length used, in days.

    Args:
        sums: the sum over the windows of each day, in time order, (days,).
        counts: the number of windows of each day, (days,).
    """
    days, block = len(sums), optimal_block_length(sums / counts)
    blocks = -(-days // block)
    starts = np.random.default_rng(SEED).integers(0, days, (RESAMPLES, blocks))
    lengths = np.full(blocks, block)
    lengths[-1] = days - block * (blocks - 1)  # as many days as there are
    means = _block_sums(sums, starts, lengths) / _block_sums(counts, starts, lengths)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high)), block


def _block_sums(values: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The sum over the blocks of each resample; a block that reaches the end goes on at the start.

    Args:
        values: (days,).
        starts: the days on which the blocks start, (resamples, blocks).
        lengths: how many days each block has, (blocks,).
    """
    cumulative = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values]))])
    sums: np.ndarray = (cumulative[starts + lengths] - cumulative[starts]).sum(axis=1)
    return sums


def optimal_block_length(series: np.ndarray) -> int:
    """The length of the blocks from which the variance of the mean is estimated best.

    The rule of Politis and White (Econometric Reviews, 2004) for the circular block bootstrap, with
    the correction of Patton, Politis and White (2009). It looks for the lag after which the
    autocorrelation is negligible, and weighs the lags up to twice that lag with a flat-top window.

    Args:
        series: (n,), such as the daily mean of the absolute errors.

    Returns:
        The length, rounded up; 1 for a constant series, and at most a third of the series.
    """
    n = len(series)
    most = min(math.ceil(math.sqrt(n)) + NEGLIGIBLE_LAGS, n - 1)
    deviation = series - series.mean()
    covariance = np.array([(deviation[k:] * deviation[: n - k]).sum() / n for k in range(most + 1)])
    if covariance[0] <= 0:
        return 1
    threshold = 2 * math.sqrt(math.log10(n) / n)
    last = _last_large_lag(np.abs(covariance) >= threshold * covariance[0])
    bandwidth = min(2 * max(last, 1), most)
    lags = np.arange(1, bandwidth + 1)
    weighted = 2 * np.minimum(1, 2 * (1 - lags / bandwidth)) * covariance[1 : bandwidth + 1]
    variance, slope = covariance[0] + weighted.sum(), (lags * weighted).sum()
    longest = math.ceil(min(3 * math.sqrt(n), n / 3))
    if variance == 0:
        return longest
    length = (1.5 * n * (slope / variance) ** 2) ** (1 / 3)
    return max(1, min(math.ceil(float(length)), longest))


def _last_large_lag(is_large: np.ndarray) -> int:
    """The lag after which NEGLIGIBLE_LAGS autocorrelations in a row are negligible."""
    for lag in range(len(is_large) - NEGLIGIBLE_LAGS):
        if not is_large[lag + 1 : lag + 1 + NEGLIGIBLE_LAGS].any():
            return lag
    return int(np.flatnonzero(is_large)[-1])
