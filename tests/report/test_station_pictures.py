"""The picture of several stations, as its reader finds it in the SVG."""

from __future__ import annotations

import numpy as np

from jena_etl.report.figure import SPLIT_COLOURS
from jena_etl.report.series_pictures import Series
from jena_etl.report.station_pictures import side_by_side


def station(days: int) -> tuple[Series, dict[str, range]]:
    clock = np.datetime64("2009-01-01", "s") + np.arange(days) * np.timedelta64(1, "D")
    rows = {"train": range(4), "validation": range(4, 6), "test": range(6, days)}
    return Series("T (degC)", clock, np.arange(days, dtype=float)), rows


def test_each_station_has_its_name_and_the_colours_of_the_splits() -> None:
    shown = {"jena": station(9), "x (unseen)": station(8), "potsdam": station(9), "b": station(9)}
    picture = side_by_side(shown, others=3)
    for name in shown:
        assert f">{name}</text>" in picture.svg
    for colour in SPLIT_COLOURS.values():
        assert picture.svg.count(f"stroke: {colour}") == len(shown)
    assert picture.caption.endswith("3 more are not drawn.")
    assert picture.title == "T (degC) at each station"
    assert "more are not drawn" not in side_by_side(shown, others=0).caption
