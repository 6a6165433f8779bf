"""Draws the column that is forecast, over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from jena_etl.report.figure import BLUE, GREY, INK, ORANGE, SPLIT_COLOURS, Picture, draw, label_days

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
FIRST_DAYS = 10
LONGEST_LAG_DAYS = 800  # long enough to see the year twice


@dataclass(frozen=True)
class Series:
    """A column over time.

    Attributes:
        name: the name of the column, with its unit.
        timestamps: datetime64[s] of shape (rows,).
        values: float64 of shape (rows,), in the column's unit.
    """

    name: str
    timestamps: np.ndarray
    values: Floats

    def means(self, unit: str) -> tuple[np.ndarray, Floats]:
        """The mean of each hour ("h") or day ("D") from the first to the last; NaN without rows."""
        of_row = self.timestamps.astype(f"datetime64[{unit}]")
        at = (of_row - of_row.min()).astype(np.int64)
        counts = np.bincount(at)
        with np.errstate(invalid="ignore"):
            means: Floats = np.bincount(at, weights=self.values) / counts
        return of_row.min() + np.arange(len(counts)), means

    def hourly(self) -> Floats:
        """Hourly means, with a straight line across each hole."""
        _, means = self.means("h")
        known = np.flatnonzero(~np.isnan(means))
        return np.interp(np.arange(len(means)), known, means[known])


def whole_period(series: Series, splits: Mapping[str, range]) -> Picture:
    """Draw the mean and range of every day, coloured by split."""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        days, mean = series.means("D")
        at = (series.timestamps.astype("datetime64[D]") - days[0]).astype(np.int64)
        lowest, highest = np.full(len(days), np.inf), np.full(len(days), -np.inf)
        np.minimum.at(lowest, at, series.values)
        np.maximum.at(highest, at, series.values)
        empty = np.isnan(mean)
        lowest[empty], highest[empty] = np.nan, np.nan
        axes.fill_between(days, lowest, highest, color=GREY, alpha=0.35, linewidth=0)
        plot_daily_means(axes, series, splits, linewidth=0.8)
        axes.set_ylabel(series.name)
        axes.margins(x=0)
        axes.legend(ncols=3, loc="upper left", bbox_to_anchor=(0, 1.14))

    return draw(
        plot,
        name="whole-period",
        title=f"{series.name} over the whole period",
        caption="The mean of each day, coloured by split, and the day's range in grey. A model is "
        "fitted to the earliest rows, chosen on the next ones and scored on the latest, so it "
        "never sees what happened afterwards.",
        height=2.8,
    )


def plot_daily_means(
    axes: Axes, series: Series, splits: Mapping[str, range], *, linewidth: float
) -> None:
    """Draw the mean of every day in the colour of its split."""
    days, mean = series.means("D")
    for name, rows in splits.items():
        first, last = series.timestamps[[rows.start, rows.stop - 1]].astype("datetime64[D]")
        inside = (days >= first) & (days <= last)
        colour = SPLIT_COLOURS[name]
        axes.plot(days[inside], mean[inside], color=colour, linewidth=linewidth, label=name)


def first_days(series: Series) -> Picture:
    """Draw every row of the first days."""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        end = series.timestamps[0] + np.timedelta64(FIRST_DAYS, "D")
        shown = series.timestamps < end
        axes.plot(series.timestamps[shown], series.values[shown], color=BLUE)
        axes.set_ylabel(series.name)
        axes.margins(x=0)
        label_days(axes)

    return draw(
        plot,
        name="first-days",
        title=f"The first {FIRST_DAYS} days",
        caption="Every row, so that the course of a single day can be seen, and how much one day "
        "differs from the next.",
        height=2.4,
    )


def periodicity(series: Series) -> Picture:
    """Draw the spectrum and the autocorrelation, with the day and the year marked."""
    hourly = series.hourly()
    anomaly = hourly - hourly.mean()

    def plot(figure: Figure) -> None:
        spectrum, daily, yearly = figure.subplots(1, 3, gridspec_kw={"width_ratios": (1.5, 1, 1)})
        _plot_spectrum(spectrum, anomaly)
        _plot_correlation(daily, anomaly, 1 / 24, 10, 1)
        days = anomaly[: len(anomaly) // 24 * 24].reshape(-1, 24).mean(axis=1)
        _plot_correlation(yearly, days, 1, LONGEST_LAG_DAYS, 365.25)

    return draw(
        plot,
        name="periodicity",
        title="Periodicity: the day and the year",
        caption="Left: how much of the variation lies at each period. Middle and right: how "
        "strongly the series resembles itself some days later (hourly means) and some hundred days "
        "later (daily means). A peak at one day or one year is a pattern a model can learn. For "
        "this picture alone, holes are bridged by a straight line.",
        height=2.6,
    )


def _plot_spectrum(axes: Axes, anomaly: Floats) -> None:
    power = np.abs(np.fft.rfft(anomaly * np.hanning(len(anomaly))))[1:] ** 2
    period = len(anomaly) / np.arange(1, len(power) + 1) / 24  # in days
    # As many points as the eye can tell apart: the highest of each narrow band.
    edges = np.geomspace(period.min(), period.max() * 1.001, 300)
    band = np.digitize(period, edges)
    highest = [np.flatnonzero(band == b)[power[band == b].argmax()] for b in np.unique(band)]
    axes.loglog(period[highest], power[highest] / power.max(), color=BLUE)
    for days, name in ((1.0, "day"), (365.25, "year")):
        if period.min() < days < period.max():
            axes.axvline(days, color=ORANGE, linestyle="--")
            axes.annotate(name, (days, 1), (3, 2), textcoords="offset points", color=INK)
    axes.set(xlabel="period in days", title="spectrum", ylim=(1e-9, 8))


def _plot_correlation(
    axes: Axes, anomaly: Floats, step: float, longest: float, period: float
) -> None:
    """Autocorrelation of means that are `step` days apart, up to a lag of `longest` days."""
    lags = np.arange(min(int(longest / step), len(anomaly) // 2) + 1)
    padded = np.fft.rfft(anomaly, 2 * len(anomaly))
    products = np.fft.irfft(np.abs(padded) ** 2)[: len(lags)]
    counts = len(anomaly) - lags
    axes.plot(lags * step, products / counts / (products[0] / counts[0]), color=BLUE)
    if period < lags[-1] * step:
        axes.axvline(period, color=ORANGE, linestyle="--")
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set(xlabel="lag in days", title="autocorrelation", ylim=(-1.05, 1.05))
    axes.margins(x=0)
