"""Draws a station's data: what there is to see before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from jena_etl.ingest.timestamps import timestamp_card
from jena_etl.prepare.cell_marks import CellMarks
from jena_etl.prepare.climate import Climate
from jena_etl.prepare.data_card import DataCard
from jena_etl.prepare.outputs import Splits
from jena_etl.report.figure import BLUE, INK, ORANGE, SPLIT_COLOURS, Picture, draw
from jena_etl.report.series_pictures import Series, first_days, periodicity, whole_period
from jena_etl.windows.spec import WindowSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
Period = tuple[np.datetime64, np.datetime64]
MARKS = 1_000  # that can be told apart along a time line


def draw_data(climate: Climate, marks: CellMarks, card: DataCard, splits: Splits) -> list[Picture]:
    """Draw all pictures of the data; `marks` are the cells that hold no measurement."""
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
    """Draw a time line of what is wrong with the file; None if nothing is wrong."""
    if not faults:
        return None
    start, end = timestamps.min(), timestamps.max()

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for at, periods in enumerate(faults.values()):
            for first, last in _apart(periods, (end - start) / MARKS):
                axes.plot([first, last], [at, at], color=ORANGE, marker="|", markersize=11)
        labels = [f"{name} ({len(periods):,})" for name, periods in faults.items()]
        axes.set_yticks(range(len(faults)), labels)
        axes.set_ylim(len(faults) - 0.5, -0.5)
        axes.set_xlim(start, end)

    return draw(
        plot,
        name="events",
        title="What is wrong with the file, and when",
        caption="Each mark is an event: a hole or an irregular step, a timestamp logged before, a "
        "cell that holds no measurement, or a period in which a sensor is in doubt. The number of "
        "events is given with the name.",
        height=0.8 + 0.32 * len(faults),
    )


def _apart(periods: Sequence[Period], least: np.timedelta64) -> list[Period]:
    """The periods, with those that begin less than `least` after the end of another joined to it.

    A hundred thousand cells would otherwise take minutes to draw, one upon the other.
    """
    joined: list[Period] = []
    for first, last in sorted(periods):
        if joined and first - joined[-1][1] < least:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def splits_and_window(splits: Splits, step_seconds: int | None) -> Picture:
    """Draw the splits, and one window, each to scale."""
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
    """Draw the distribution of each column, (rows,), in the rows of each split."""
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
