"""Draws a station's data: what there is to see before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from jena_etl.ingest.timestamps import timestamp_card
from jena_etl.prepare.climate import Climate
from jena_etl.prepare.data_card import DataCard
from jena_etl.prepare.describe import CellMarks
from jena_etl.prepare.outputs import Splits
from jena_etl.report.figure import BLUE, GREY, INK, ORANGE, SPLIT_COLOURS, Picture, draw, label_days
from jena_etl.windows.spec import WindowSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
Period = tuple[np.datetime64, np.datetime64]
DAY = np.timedelta64(1, "D")
LONGEST_LAG_DAYS = 800  # long enough to see the year twice


def draw_data(climate: Climate, marks: CellMarks, card: DataCard, splits: Splits) -> list[Picture]:
    """Draw all pictures of the data.

    Args:
        climate: the series.
        marks: its cells that hold no measurement.
        card: the data card of the series.
        splits: the splits of the series.
    """
    target = Series(splits.target, climate.timestamps, climate.columns[splits.target])
    rows = {name: split.rows for name, split in splits.splits.items()}
    pictures = [
        whole_period(target, rows),
        first_days(target),
        periodicity(target),
        columns_by_split(climate.columns, rows),
        events(faults(climate.timestamps, marks, card), climate.timestamps),
        splits_and_window(splits, card.step_seconds),
    ]
    return [picture for picture in pictures if picture]


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
    """Draw the mean and range of every day, coloured by split.

    Args:
        series: the column to draw.
        splits: the rows of each split.
    """

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
        for name, rows in splits.items():
            first, last = series.timestamps[[rows.start, rows.stop - 1]].astype("datetime64[D]")
            inside = (days >= first) & (days <= last)
            axes.plot(
                days[inside], mean[inside], color=SPLIT_COLOURS[name], linewidth=0.8, label=name
            )
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


def first_days(series: Series, days: int = 10) -> Picture:
    """Draw every row of the first days."""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        end = series.timestamps[0] + days * DAY
        shown = series.timestamps < end
        axes.plot(series.timestamps[shown], series.values[shown], color=BLUE)
        axes.set_ylabel(series.name)
        axes.margins(x=0)
        label_days(axes)

    return draw(
        plot,
        name="first-days",
        title=f"The first {days} days",
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


def faults(timestamps: np.ndarray, marks: CellMarks, card: DataCard) -> dict[str, list[Period]]:
    """The periods in which something is wrong with the file, by what is wrong."""
    clock = timestamp_card(timestamps)
    found: dict[str, list[Period]] = {}
    for name, gaps in (("holes", clock.holes), ("irregular steps", clock.irregular)):
        found[name] = [
            (timestamps[gap.row], timestamps[gap.row] + np.timedelta64(gap.seconds, "s"))
            for gap in gaps
        ]
    found["repeats"] = [(timestamps[row], timestamps[row]) for row in clock.repeats]
    groups = marks.cells.group_by("column", "kind", "filled", maintain_order=True)
    for (column, kind, filled), cells in groups:
        name = f"{column}: {kind}, {'filled' if filled else 'kept'}"
        found[name] = [(timestamps[row], timestamps[row]) for row in cells["row"]]
    for warning in card.sensors:
        period = (np.datetime64(warning.first), np.datetime64(warning.last))
        found.setdefault(f"{warning.column}: {warning.check}", []).append(period)
    return {name: periods for name, periods in found.items() if periods}


def events(faults: Mapping[str, Sequence[Period]], timestamps: np.ndarray) -> Picture | None:
    """Draw on a time line when something is wrong with the file.

    Args:
        faults: the first and last timestamp of each event, by what is wrong.
        timestamps: those of all rows.

    Returns:
        None if nothing is wrong.
    """
    if not faults:
        return None

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for at, periods in enumerate(faults.values()):
            for first, last in periods:
                axes.plot([first, last], [at, at], color=ORANGE, marker="|", markersize=11)
        labels = [f"{name} ({len(periods):,})" for name, periods in faults.items()]
        axes.set_yticks(range(len(faults)), labels)
        axes.set_ylim(len(faults) - 0.5, -0.5)
        axes.set_xlim(timestamps.min(), timestamps.max())

    return draw(
        plot,
        name="events",
        title="What is wrong with the file, and when",
        caption="Each mark is an event: a hole or an irregular step, a timestamp logged before, a "
        "cell that holds no measurement, or a period in which a sensor is in doubt. The number of "
        "events is given with the name.",
        height=0.8 + 0.32 * len(faults),
    )


def splits_and_window(splits: Splits, step_seconds: int | None) -> Picture:
    """Draw the splits, and one window, each to scale.

    Args:
        splits: the splits and the window.
        step_seconds: the time from one row to the next; None if there is none.
    """
    spec = WindowSpec(**splits.window.model_dump())
    hours = (step_seconds or 3600) / 3600

    def plot(figure: Figure) -> None:
        series, window = figure.subplots(2, 1)
        for name, split in splits.splits.items():
            rows = split.rows
            series.barh([0], [len(rows)], left=rows.start, color=SPLIT_COLOURS[name])
            middle = (rows.start + rows.stop) / 2
            series.annotate(
                f"{name}\n{split.windows:,} windows", (middle, 0), ha="center", va="center",
                fontsize=8, color="white",
            )  # fmt: skip
        series.axvspan(0, spec.span, color=INK)
        series.set(title="the rows; the black line at the left is one window", yticks=[])
        series.set_xlim(0, splits.rows)
        inputs = np.arange(spec.sequence_length) * spec.sampling_rate * hours
        target = spec.target * hours
        window.plot(inputs, np.zeros(len(inputs)), ".", color=BLUE, markersize=3, label="input")
        window.plot([target], [0], "D", color=ORANGE, label="target")
        window.annotate(
            "", (target, 0), (inputs[-1], 0), arrowprops={"arrowstyle": "->", "color": INK}
        )
        window.set(title="one window", xlabel="hours after its first input", yticks=[])
        window.legend(ncols=2, loc="upper left", bbox_to_anchor=(0.2, 1.45))
        for axes in (series, window):
            axes.grid(visible=False)
            axes.spines["left"].set_visible(False)

    return draw(
        plot,
        name="splits-and-window",
        title="The splits and one window, to scale",
        caption=f"Above: all rows in time order. Below: a window reads {spec.sequence_length} "
        f"rows, {spec.sampling_rate} rows apart, and its target is {spec.horizon} such steps after "
        "the last of them.",
        height=2.4,
    )


def columns_by_split(columns: Mapping[str, Floats], splits: Mapping[str, range]) -> Picture:
    """Draw the distribution of each column in each split.

    Args:
        columns: values of shape (rows,) by name.
        splits: the rows of each split.
    """
    rows = -(-len(columns) // 2)

    def plot(figure: Figure) -> None:
        every = figure.subplots(rows, 2, squeeze=False)
        for axes, (name, values) in zip(every.T.flat, columns.items(), strict=False):
            for at, (split, inside) in enumerate(splits.items()):
                low, quarter, middle, three, high = np.nanquantile(
                    values[inside.start : inside.stop], (0.01, 0.25, 0.5, 0.75, 0.99)
                )
                colour = SPLIT_COLOURS[split]
                axes.plot([low, high], [at, at], color=colour)
                axes.plot([quarter, three], [at, at], color=colour, linewidth=5, alpha=0.6)
                axes.plot([middle], [at], "o", color=colour, markersize=4)
            axes.set_yticks(range(len(splits)), list(splits), fontsize=7)
            axes.set_ylim(len(splits) - 0.4, -0.6)
            axes.set_title(name, fontsize=8)
            axes.tick_params(axis="x", labelsize=7)
        for axes in every.T.flat[len(columns) :]:
            axes.set_axis_off()

    return draw(
        plot,
        name="columns-by-split",
        title="Each column in each split",
        caption="The median, the middle half (thick) and the middle 98% (thin). Where a column "
        "lies elsewhere in test than in train, a model is asked for something it has never seen.",
        height=0.4 + 0.75 * rows,
    )
