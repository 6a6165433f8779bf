"""Draws how the models trained, how they rank, and where they fail."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jena_etl.evaluation.breakdown import (
    HOURS,
    MONTHS,
    Floats,
    Ints,
    absolute_errors,
    hours_of_day,
    means_by_class,
    months_of_year,
)
from jena_etl.evaluation.history import History
from jena_etl.evaluation.intervals import LEVEL, Interval
from jena_etl.evaluation.predictions import BASELINES, NAIVE, SCORED, Predictions
from jena_etl.report.figure import (
    BLUE,
    COLOURS,
    GREY,
    INK,
    ORANGE,
    SPLIT_COLOURS,
    Picture,
    draw,
    label_days,
)
from jena_etl.training.metadata import Layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Mae = Mapping[str, float]  # by split


def training_curves(histories: Mapping[str, History], naive: float, unit: str) -> Picture:
    """Draw the MAE by epoch of each model, with the naive forecast's as a line.

    Args:
        histories: by architecture.
        naive: the naive forecast's MAE on the validation split.
        unit: the target's.
    """
    columns = min(3, len(histories))
    rows = -(-len(histories) // columns)

    def plot(figure: Figure) -> None:
        every = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axes, (name, history) in zip(every.flat, histories.items(), strict=False):
            epochs = np.arange(1, len(history.mae) + 1)
            marker = "o" if len(epochs) < 3 else ""  # noqa: PLR2004  too short for a line
            axes.plot(epochs, history.mae, color=BLUE, marker=marker, label="train")
            axes.plot(epochs, history.val_mae, color=ORANGE, marker=marker, label="validation")
            axes.axhline(naive, color=INK, linestyle=":", label="naive, validation")
            best = history.best_epoch
            axes.plot(best, history.val_mae[best - 1], "*", color=ORANGE, markersize=9)
            axes.set_title(name)
            axes.xaxis.get_major_locator().set_params(integer=True)
        highest = max(max(history.val_mae) for history in histories.values())
        every[0, 0].set_ylim(top=min(highest * 1.05, 2 * naive))
        for axes in every[:, 0]:
            axes.set_ylabel(f"MAE ({unit})")
        for axes in list(every.flat)[len(histories) :]:
            axes.set_axis_off()
        figure.legend(*every[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=3)

    return draw(
        plot,
        name="training-curves",
        title="How the models trained",
        caption="Mean absolute error after each epoch. Where the validation line rises while the "
        "train line goes on falling, the model overfits. The star marks the epoch whose weights "
        "were kept, the one with the lowest validation loss; the dotted line is the naive "
        "forecast.",
        height=0.5 + 1.8 * rows,
    )


def architectures(layers: Mapping[str, Sequence[Layer]]) -> Picture:
    """Draw the layers of each model from input to forecast, with the shape of what they put out.

    Args:
        layers: by architecture, in the order in which they compute.
    """
    most = max(len(chain) for chain in layers.values())

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        box = {"boxstyle": "round", "edgecolor": BLUE, "facecolor": "none"}
        for place, (name, chain) in enumerate(layers.items()):
            axes.text(0, place - 0.33, name, fontsize=8, weight="bold", va="center")
            for at, layer in enumerate(chain):
                shape = " x ".join(str(size or "any") for size in layer.output_shape[1:])
                text = f"{_short(layer.class_name)}\n{shape}"
                axes.text(
                    at + 0.5, place + 0.1, text, fontsize=6, ha="center", va="center", bbox=box
                )
            for at in range(1, len(chain)):
                axes.annotate("", (at + 0.13, place + 0.1), (at - 0.13, place + 0.1), arrowprops={
                    "arrowstyle": "->", "color": INK,
                })  # fmt: skip
        axes.set_xlim(0, most)
        axes.set_ylim(len(layers) - 0.4, -0.6)
        axes.set_axis_off()

    return draw(
        plot,
        name="architectures",
        title="The architectures",
        caption="Each layer with the shape of what it puts out for one window: time steps x "
        "features, or features alone.",
        height=0.2 + 0.72 * len(layers),
    )


def _short(class_name: str) -> str:
    """A layer's class on two lines if it wraps another: Bidirectional(LSTM)."""
    shortened = class_name.replace("GlobalAveragePooling1D", "GlobalAvgPool1D")
    return shortened.replace("(", "\n(").replace("InputLayer", "input")


def leaderboard(
    scores: Mapping[str, Mae], intervals: Mapping[str, Interval | None], unit: str
) -> Picture:
    """Draw the MAE of every model on both scored splits, with the naive forecast's as lines.

    Args:
        scores: by architecture, best first; the naive forecast among them.
        intervals: of the MAE on the test split, by architecture.
        unit: the target's.
    """

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(scores))
        for offset, split in zip((-0.2, 0.2), SCORED, strict=True):
            colour = SPLIT_COLOURS[split]
            values = [mae[split] for mae in scores.values()]
            axes.barh(places + offset, values, 0.36, color=colour, label=split)
            axes.axvline(scores[NAIVE][split], color=colour, linestyle=":")
            for place, (name, value) in enumerate(zip(scores, values, strict=True)):
                drawn = intervals[name] if split == "test" else None
                if drawn:
                    at = place + offset
                    axes.plot(drawn, (at, at), color=INK, linewidth=1, marker="|", markersize=5)
                axes.annotate(
                    f"{value:.2f}",
                    (drawn.high if drawn else value, place + offset),
                    (3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=7,
                )
        names = [f"{n} (baseline)" if n in BASELINES else n for n in scores]
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"MAE ({unit})")
        axes.legend(ncols=2, loc="upper left", bbox_to_anchor=(0, 1.0 + 0.6 / len(scores)))

    return draw(
        plot,
        name="leaderboard",
        title="Mean absolute error of every model",
        caption="Shorter is better. The dotted lines are the naive forecast, which says that "
        "nothing changes. Models are ranked on the validation split; the test split is kept for a "
        f"final look. {_about_bars(intervals)}",
        height=0.9 + 0.42 * len(scores),
    )


def _about_bars(intervals: Mapping[str, Interval | None]) -> str:
    if not any(intervals.values()):
        return "It is too short for intervals."
    return (
        f"The thin lines are its {LEVEL:.0%} intervals. Whether a model can be told apart from the "
        "best is in the table: whether their lines overlap does not tell."
    )


def against_observation(
    forecasts: Mapping[str, Predictions], target: str, *, days: int = 14
) -> Picture:
    """Draw forecasts and observations of the days in the middle of the split.

    Args:
        forecasts: of one split by architecture; the naive forecast among them.
        target: the column that is forecast, with its unit.
        days: how many days.
    """
    observed = next(iter(forecasts.values()))
    shown = middle_days(observed, days)

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(
            observed.timestamp[shown], observed.observation[shown],
            color=INK, linewidth=1.6, label="observed",
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

    return draw(
        plot,
        name="against-observation",
        title="Forecast and observation",
        caption=f"The {days} days in the middle of the test split, with each forecast at the time "
        "it was made for. A line that follows the observations a day late has only learnt to "
        "repeat the last one.",
        height=2.8,
    )


def middle_days(predictions: Predictions, days: int) -> np.ndarray:
    """Which forecasts are for the `days` days in the middle of the split; bool (windows,)."""
    times = predictions.timestamp
    start = times[len(times) // 2].astype("datetime64[D]")
    shown: np.ndarray = (times >= start) & (times < start + np.timedelta64(days, "D"))
    return shown


def errors(forecasts: Mapping[str, Predictions], unit: str) -> Picture:
    """Draw the MAE by hour of the day, by month, and by how far the target moved.

    Args:
        forecasts: of one split by architecture; the naive forecast among them.
        unit: the target's.
    """
    naive = forecasts[NAIVE]
    moved = absolute_errors(naive)
    edges = np.array([0, 1, 2, 3, 4, 6, 8, 12, np.inf]) * _nice_unit(moved)
    months, hours = months_of_year(naive.timestamp), hours_of_day(naive.timestamp)
    classes = np.digitize(moved, edges) - 1

    def plot(figure: Figure) -> None:
        by_hour, by_month, by_change = figure.subplots(
            1, 3, sharey=False, gridspec_kw={"width_ratios": (1, 1, 1.1)}
        )
        colours = iter(COLOURS)
        for name, forecast in forecasts.items():
            error = absolute_errors(forecast)
            colour, line = (GREY, ":") if name == NAIVE else (next(colours), "-")
            style = {"color": colour, "linestyle": line, "label": name}
            _plot_means(by_hour, hours, error, HOURS, style)
            _plot_means(by_month, months, error, MONTHS, style)
            _plot_means(by_change, classes, error, len(edges) - 1, style)
        by_hour.set(title="by hour of the day", ylabel=f"MAE ({unit})", xticks=range(0, 24, 6))
        by_month.set(title="by month")
        by_month.set_xticks(range(12), list("JFMAMJJASOND"))
        names = [f"{low:g}-{high:g}" for low, high in itertools.pairwise(edges[:-1])]
        by_change.set(title=f"by change ({unit})")
        by_change.set_xticks(range(len(edges) - 1), [*names, f"{edges[-2]:g}+"], fontsize=7)
        figure.legend(*by_hour.get_legend_handles_labels(), loc="outside upper left", ncols=4)

    return draw(
        plot,
        name="errors",
        title="Where the forecasts fail",
        caption="Mean absolute error on the test split by the hour and month of the target, and by "
        "how far the target moved after the forecast was issued. The naive forecast is wrong by "
        "exactly that change, so a model shows its worth at the right.",
        height=2.8,
    )


def _nice_unit(moved: Floats) -> float:
    """A round width for the classes of change; 1 for a temperature in degC."""
    typical = float(np.quantile(moved, 0.9)) / 6
    power = 10.0 ** np.floor(np.log10(typical)) if typical > 0 else 1.0
    return float(power * max(step for step in (1, 2, 5) if step * power <= max(typical, power)))


def _plot_means(
    axes: Axes, classes: Ints, error: Floats, count: int, style: Mapping[str, Any]
) -> None:
    axes.plot(np.arange(count), means_by_class(error, classes, count), marker=".", **style)
