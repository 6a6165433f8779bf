"""Draws how the models trained, what they are made of, and how they rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from jena_etl.evaluation.history import History
from jena_etl.evaluation.intervals import LEVEL, Interval
from jena_etl.evaluation.predictions import BASELINES, NAIVE, SCORED
from jena_etl.report.figure import BLUE, INK, ORANGE, SPLIT_COLOURS, Picture, draw, with_unit
from jena_etl.training.metadata import Layer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Mae = Mapping[str, float]  # by split
LAYERS_DRAWN = 10  # boxes in a row that can still be read
_ABOUT_LONG = (
    f" Of a model with more than {LAYERS_DRAWN} layers, those without weights are left out, and of "
    "many with weights those in the middle."
)


def training_curves(histories: Mapping[str, History], naive: float, unit: str) -> Picture:
    """Draw the MAE by epoch of each model, with the naive one of the validation split as a line."""
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
            axes.set_ylabel(with_unit("MAE", unit))
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
    """Draw the layers of each model from input to forecast, with the shape of what they put out."""
    drawn = {name: _boxes(chain) for name, chain in layers.items()}
    most = max(len(boxes) for boxes in drawn.values())

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        box = {"boxstyle": "round", "edgecolor": BLUE, "facecolor": "none"}
        for place, (name, boxes) in enumerate(drawn.items()):
            axes.text(0, place - 0.33, name, fontsize=8, weight="bold", va="center")
            for at, text in enumerate(boxes):
                axes.text(
                    at + 0.5, place + 0.1, text, fontsize=6, ha="center", va="center", bbox=box
                )
            for at in range(1, len(boxes)):
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
        "features, or features alone."
        + (_ABOUT_LONG if any(len(chain) > LAYERS_DRAWN for chain in layers.values()) else ""),
        height=0.2 + 0.72 * len(layers),
    )


def _boxes(chain: Sequence[Layer]) -> list[str]:
    """The text of each box: of a long model, its input and the layers that have weights."""
    if len(chain) > LAYERS_DRAWN:
        chain = [chain[0], *(layer for layer in chain[1:] if layer.parameters)]
    texts = [
        f"{_short(layer.class_name)}\n"
        + " x ".join(str(size or "any") for size in layer.output_shape[1:])
        for layer in chain
    ]
    if len(texts) <= LAYERS_DRAWN:
        return texts
    left_out = len(texts) - LAYERS_DRAWN + 1
    half = LAYERS_DRAWN // 2
    return [*texts[:half], f"{left_out} more\nlayers", *texts[half + left_out :]]


def _short(class_name: str) -> str:
    """A layer's class on two lines if it wraps another: Bidirectional(LSTM)."""
    shortened = class_name.replace("GlobalAveragePooling1D", "GlobalAvgPool1D")
    shortened = shortened.replace("LayerNormalization", "LayerNorm")
    return shortened.replace("(", "\n(").replace("InputLayer", "input")


def leaderboard(
    scores: Mapping[str, Mae], intervals: Mapping[str, Interval | None], unit: str
) -> Picture:
    """Draw the MAE of every model on both scored splits, with the naive forecast's as lines.

    The intervals are those of the test split.
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
        axes.set_xlabel(with_unit("MAE", unit))
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
