"""Draws forecasts beside the observations, and where they fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from jena_etl.evaluation.breakdown import (
    HOURS,
    MONTHS,
    Floats,
    Ints,
    change_edges,
    changes,
    hours_of_day,
    means_by_class,
    months_of_year,
)
from jena_etl.evaluation.prediction_intervals import COVERAGE, ResidualQuantiles
from jena_etl.evaluation.predictions import NAIVE, Predictions
from jena_etl.report.figure import COLOURS, GREY, INK, Picture, draw, label_days, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DAYS_SHOWN = 14


def against_observation(
    forecasts: Mapping[str, Predictions],
    residuals: Mapping[str, ResidualQuantiles],
    target: str,
) -> Picture:
    """Draw forecasts and observations of the days in the middle of the split.

    Args:
        forecasts: of one split by architecture, the best first; the naive forecast among them.
        residuals: the quantiles of the errors on the validation split, by architecture.
        target: the column that is forecast, with its unit.
    """
    observed = next(iter(forecasts.values()))
    shown = middle_days(observed)
    best = next((name for name in forecasts if name != NAIVE and name in residuals), None)

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(
            observed.timestamp[shown], observed.observation[shown],
            color=INK, linewidth=1.6, label="observed",
        )  # fmt: skip
        if best:
            low, _, high = residuals[best].around(forecasts[best].prediction[shown]).T
            axes.fill_between(
                observed.timestamp[shown], low, high,
                color=COLOURS[0], alpha=0.2, linewidth=0, label=f"{best}, {COVERAGE:.0%}",
            )  # fmt: skip
        colours = iter(COLOURS)
        for name, forecast in forecasts.items():
            colour, line = (GREY, ":") if name == NAIVE else (next(colours), "-")
            axes.plot(
                forecast.timestamp[shown], forecast.prediction[shown],
                color=colour, linestyle=line, label=name,
            )  # fmt: skip
        axes.set_ylabel(target)
        axes.margins(x=0)
        label_days(axes)
        figure.legend(loc="outside upper left", ncols=4)

    about = f" The area is the {COVERAGE:.0%} prediction interval of {best}." if best else ""
    return draw(
        plot,
        name="against-observation",
        title="Forecast and observation",
        caption=f"The {DAYS_SHOWN} days in the middle of the test split, with each forecast at the "
        "time it was made for. A line that follows the observations a day late has only learnt to "
        f"repeat the last one.{about}",
        height=2.8,
    )


def middle_days(predictions: Predictions) -> np.ndarray:
    """Which forecasts are for the DAYS_SHOWN days in the middle of the split; bool (windows,)."""
    times = predictions.timestamp
    start = times[len(times) // 2].astype("datetime64[D]")
    shown: np.ndarray = (times >= start) & (times < start + np.timedelta64(DAYS_SHOWN, "D"))
    return shown


def errors(forecasts: Mapping[str, Predictions], unit: str) -> Picture:
    """Draw MAE and bias by hour of the day, by month, and by how the target changed.

    `forecasts` are of one split by architecture, the naive forecast among them.
    """
    naive = forecasts[NAIVE]
    changed = changes(naive)
    edges = change_edges(changed)
    classes: list[tuple[Ints, int]] = [
        (hours_of_day(naive.timestamp), HOURS),
        (months_of_year(naive.timestamp), MONTHS),
        (np.digitize(changed, edges), len(edges) + 1),
    ]

    def plot(figure: Figure) -> None:
        grid = figure.subplots(2, 3, sharex="col", gridspec_kw={"width_ratios": (1, 1, 1.1)})
        colours = iter(COLOURS)
        for name, forecast in forecasts.items():
            error = forecast.errors()
            colour, line = (GREY, ":") if name == NAIVE else (next(colours), "-")
            for row, values in zip(grid, (np.abs(error), error), strict=True):
                for axes, (group, count) in zip(row, classes, strict=True):
                    means = means_by_class(values, group, count)
                    axes.plot(means, color=colour, linestyle=line, marker=".", label=name)
        for axes in grid[1]:
            axes.axhline(0, color=INK, linewidth=0.6)
        _label_classes(grid[0], edges, unit)
        for axes, what in zip(grid[:, 0], ("MAE", "bias"), strict=True):
            axes.set_ylabel(with_unit(what, unit))
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=4)

    return draw(
        plot,
        name="errors",
        title="Where the forecasts fail",
        caption="Mean absolute error and bias (forecast - observation) on the test split by the "
        "hour and month of the target, and by how much the target changed after the forecast was "
        "issued. The naive forecast is wrong by exactly that change. A forecast that cannot know "
        "the change for sure says less of it than comes true, so its bias falls from left to "
        "right, and the flatter the better.",
        height=4.4,
    )


def _label_classes(row: Sequence[Axes], edges: Floats, unit: str) -> None:
    by_hour, by_month, by_change = row
    by_hour.set(title="by hour of the day", xticks=range(0, HOURS, 6))
    by_month.set_title("by month")
    by_month.set_xticks(range(MONTHS), list("JFMAMJJASOND"))
    # The classes lie at 0, 1, 2 and so on; the borders between them bear the numbers.
    by_change.set_title(with_unit("by change", unit))
    by_change.set_xticks(
        np.arange(len(edges)) + 0.5, [f"{edge:+g}" if edge else "0" for edge in edges]
    )
