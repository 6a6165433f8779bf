"""Draws the column that is forecast at several stations, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jena_etl.report.figure import Picture, draw, label_few_times
from jena_etl.report.series_pictures import Series, plot_daily_means

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STATIONS_SHOWN = 12
COLUMNS = 3
ROW_HEIGHT = 1.3  # inches


def side_by_side(
    stations: Mapping[str, tuple[Series, Mapping[str, range]]], *, others: int
) -> Picture:
    """Draw the daily means of each station on the same axes, coloured by split.

    Each has its series and the rows of its splits, by what is written above it.
    """
    rows = -(-len(stations) // COLUMNS)

    def plot(figure: Figure) -> None:
        grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, (name, (series, splits)) in zip(grid, stations.items(), strict=False):
            plot_daily_means(axes, series, splits, linewidth=0.7)
            axes.set_title(name)
            axes.margins(x=0)
            label_few_times(axes)
        for axes in grid[: len(stations)][-COLUMNS:]:  # nothing is drawn below these
            axes.tick_params(labelbottom=True)
        for axes in grid[len(stations) :]:
            axes.set_visible(False)
        figure.supylabel(next(iter(stations.values()))[0].name)

    more = f" {others:,} more are not drawn." if others else ""
    return draw(
        plot,
        name="stations",
        title=f"{next(iter(stations.values()))[0].name} at each station",
        caption="The mean of each day, train in blue, validation in green, test in orange. A gap "
        f"is a hole in the station's file.{more}",
        height=0.6 + ROW_HEIGHT * rows,
    )
