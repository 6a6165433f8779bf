from __future__ import annotations

import math

import numpy as np

from jena_etl.report.data_pictures import events
from jena_etl.report.series_pictures import Series

MINUTE = np.timedelta64(60, "s")


def series(minutes: list[int]) -> Series:
    timestamps = np.datetime64("2009-01-01T00:00:00") + np.array(minutes) * MINUTE
    return Series("T (degC)", timestamps, np.array(minutes, dtype=np.float64))


def test_hourly_means_leave_an_hour_without_rows_empty() -> None:
    hours, means = series([0, 10, 50, 60, 190, 200]).means("h")
    assert [str(hour) for hour in hours] == [f"2009-01-01T{hour:02}" for hour in range(4)]
    assert means[[0, 1, 3]].tolist() == [20, 60, 195]
    assert math.isnan(means[2])


def test_a_hole_is_bridged_by_a_straight_line() -> None:
    assert series([0, 60, 240]).hourly().tolist() == [0, 60, 120, 180, 240]


def test_nothing_wrong_is_no_picture() -> None:
    timestamps = series([0, 10, 20]).timestamps
    assert events({}, timestamps) is None
    drawn = events({"holes": [(timestamps[0], timestamps[1])]}, timestamps)
    assert drawn is not None
    assert "holes (1)" in drawn.svg


def test_a_hundred_thousand_cells_are_counted_and_drawn_as_one_line() -> None:
    timestamps = series(list(range(0, 3_000_000, 10))).timestamps
    cells = [(timestamp, timestamp) for timestamp in timestamps[:100_000]]
    alone = (timestamps[-1], timestamps[-1])
    drawn = events({"wv (m/s): sentinel, kept": [*cells, alone]}, timestamps)
    few = events({"wv (m/s): sentinel, kept": [(cells[0][0], cells[-1][1]), alone]}, timestamps)
    assert drawn is not None
    assert few is not None
    assert "kept (100,001)" in drawn.svg
    assert drawn.svg.count("<use") == few.svg.count("<use")
