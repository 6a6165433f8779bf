"""Repeats, sentinels and missing cells, against a row-by-row reading of the rules."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jena_etl.errors import DataError
from jena_etl.ingest.cleaning import Lines, fill, find_frozen, resolve_repeats

BAD = (-9999.0, 999.0)
START = datetime(2009, 1, 1)  # noqa: DTZ001  the station's clock has no zone
PLACE = Lines([("a.csv", 3), ("b.csv", 1000)])


def frame_of(minutes: list[int], values: list[float | None]) -> pl.DataFrame:
    timestamps = [START + timedelta(minutes=minute) for minute in minutes]
    schema = {"time": pl.Datetime("ms"), "a": pl.Float64(), "b": pl.Float64()}
    return pl.DataFrame({"time": timestamps, "a": values, "b": [1.0] * len(values)}, schema=schema)


@st.composite
def logs(draw: st.DrawFn) -> pl.DataFrame:
    """Time that goes on, but for blocks told again; good and bad cells."""
    minutes = [0]
    for _ in range(draw(st.integers(0, 40))):
        if draw(st.integers(0, 4)):
            minutes.append(max(minutes) + draw(st.integers(1, 3)))
        else:
            minutes.append(draw(st.sampled_from(minutes)))
    cell = st.sampled_from([None, -9999.0, 999.0, 1.0, 2.0, 3.0, 4.0])
    return frame_of(minutes, [draw(cell) for _ in minutes])


def last_good(frame: pl.DataFrame, row: int) -> float | None:
    """The latest by time, of equal times the latest in the file, among rows not after `row`."""
    timestamps, values = frame["time"].to_list(), frame["a"].to_list()
    earlier = [
        (timestamps[other], other)
        for other in range(len(timestamps))
        if (timestamps[other], other) < (timestamps[row], row) and values[other] not in (None, *BAD)
    ]
    found: float | None = values[max(earlier)[1]] if earlier else None
    return found


@settings(deadline=None, max_examples=300)
@given(logs(), st.sampled_from(["fill_forward", "keep"]))
def test_gaps_take_the_last_good_value_and_never_a_later_one(
    frame: pl.DataFrame, on_sentinel: str
) -> None:
    expected, findings = [], []
    for row, value in enumerate(frame["a"].to_list()):
        gap = value is None or (value in BAD and on_sentinel == "fill_forward")
        expected.append(last_good(frame, row) if gap else value)
        if value is None or value in BAD:
            kind = "missing" if value is None else "sentinel"
            findings.append((row, "a", kind, value, gap))
    rows = np.arange(frame.height)
    if None in expected:
        with pytest.raises(DataError, match="no good value comes before it"):
            fill(frame, PLACE, rows, sentinels=BAD, on_sentinel=on_sentinel)
        return
    filled, found = fill(frame, PLACE, rows, sentinels=BAD, on_sentinel=on_sentinel)
    assert filled["a"].to_list() == expected
    assert filled["b"].to_list() == frame["b"].to_list()
    assert found.rows() == findings


@settings(deadline=None)
@given(logs())
def test_repeats_are_counted_and_the_first_one_stays(frame: pl.DataFrame) -> None:
    kept, repeated, differing = [], [], 0
    first: dict[datetime, tuple[float | None, ...]] = {}
    for row, (timestamp, *values) in enumerate(frame.rows()):
        if timestamp in first:
            repeated.append(timestamp.isoformat())
            differing += first[timestamp] != tuple(values)
        else:
            kept.append(row)
            first[timestamp] = tuple(values)
    for how in ("keep", "first"):
        left, rows, repeats = resolve_repeats(frame, PLACE, how)
        assert repeats == {
            "count": len(repeated),
            "differing": differing,
            "first": repeated[0] if repeated else None,
            "last": repeated[-1] if repeated else None,
            "removed": how == "first" and bool(repeated),
        }
        assert rows.tolist() == (kept if how == "first" else list(range(frame.height)))
        assert left.rows() == [frame.rows()[row] for row in rows.tolist()]


def test_no_sentinels() -> None:
    frame = frame_of([0, 10], [-9999.0, 1.0])
    filled, found = fill(frame, PLACE, np.arange(2), sentinels=(), on_sentinel="error")
    assert filled.rows() == frame.rows()
    assert found.height == 0


def test_lines_are_those_of_the_files_also_behind_removed_rows() -> None:
    """Rows 3 and on are lines 2 and on of b.csv; row 3 repeats row 2 and is taken out."""
    frame = frame_of([0, 10, 20, 20, 30], [1.0, 1.0, 1.0, 5.0, -9999.0])
    left, rows, _ = resolve_repeats(frame, PLACE, "first")
    with pytest.raises(DataError, match=r"^b\.csv, line 3, column 'a': -9999\.0 is one of"):
        fill(left, PLACE, rows, sentinels=BAD, on_sentinel="error")
    with pytest.raises(DataError, match=r"^b\.csv, line 2, column 'time': 2009-01-01 00:20:00 st"):
        resolve_repeats(frame, PLACE, "error")


def test_a_clock_set_back_in_autumn() -> None:
    """02:00 to 02:50 twice, the second time with the weather of an hour later."""
    minutes = [100, 110, 120, 130, 140, 150, 160, 170, 120, 130, 140, 150, 160, 170, 180]
    frame = frame_of(minutes, [float(row) for row in range(15)])
    _, _, repeats = resolve_repeats(frame, PLACE, "keep")
    assert (repeats["count"], repeats["differing"]) == (6, 6)
    with pytest.raises(DataError) as caught:
        resolve_repeats(frame, PLACE, "error")
    assert str(caught.value) == (
        "b.csv, line 7, column 'time': 2009-01-01 02:00:00 stands on a.csv, line 4 already with "
        "other values (a clock set back?); remove one of the lines, or set "
        "convert.on_duplicate: keep or first"
    )


def test_a_leading_sentinel_is_named() -> None:
    frame = frame_of([0, 10, 20], [-9999.0, 999.0, 1.0])
    with pytest.raises(DataError, match=r"^a\.csv, line 2, column 'a': -9999\.0 is a sentinel and"):
        fill(frame, PLACE, np.arange(3), sentinels=BAD, on_sentinel="fill_forward")
    kept, found = fill(frame, PLACE, np.arange(3), sentinels=BAD, on_sentinel="keep")
    assert kept.rows() == frame.rows()
    assert found["filled"].to_list() == [False, False]


# --- a sensor that hardly changes for days ---


def hours(days: int, frozen: slice) -> pl.DataFrame:
    """Hourly rows of `a`, a temperature that moves, but for rows in which it hardly does."""
    rows = 24 * days
    values = (10 * np.sin(np.arange(rows)) + np.arange(rows) % 7).round(3)
    values[frozen] = np.where(np.arange(rows)[frozen] % 3, 4.5, 4.6)
    return frame_of([60 * row for row in range(rows)], values.tolist())


def test_frozen_cells_become_missing_ones_and_are_counted() -> None:
    """Of 20 days, 10 are train: 60 frozen rows there, 40 behind them with a sentinel inside."""
    frame = hours(20, slice(100, 160))
    values = frame["a"].to_numpy().copy()
    values[300:340] = 7.25
    values[320] = -9999.0
    frame = frame.with_columns(a=values)
    rows = np.arange(frame.height)
    found = find_frozen(
        frame, PLACE, rows, train=range(240), sentinels=BAD, on_missing="fill_forward"
    )
    expected = [*range(100, 160), *range(300, 320), *range(321, 340)]
    assert {name: marked.tolist() for name, marked in found.items()} == {"a": expected}

    filled, findings = fill(
        frame, PLACE, rows, sentinels=BAD, on_sentinel="fill_forward", frozen=found
    )
    kinds = findings.group_by("kind").len().rows()
    assert dict(kinds) == {"frozen": 99, "sentinel": 1}
    assert findings.filter(kind="frozen")["row"].to_list() == expected
    assert findings.filter(row=100)["value"].to_list() == [values[100]]  # as it was recorded
    assert findings["filled"].all()
    after = filled["a"].to_numpy()
    assert (after[100:160] == values[99]).all()
    assert (after[300:340] == values[299]).all()
    untouched = np.setdiff1d(rows, [*expected, 320])
    assert (after[untouched] == values[untouched]).all()


def test_a_frozen_column_is_refused_where_missing_cells_are() -> None:
    frame = hours(20, slice(100, 160))
    rows = np.arange(frame.height)
    with pytest.raises(DataError) as caught:
        find_frozen(frame, PLACE, rows, train=range(240), sentinels=BAD, on_missing="error")
    assert str(caught.value) == (
        "b.csv, line 99, column 'a': it hardly changes in 60 rows up to b.csv, line 158, and "
        "convert.on_frozen treats them as missing; set convert.on_missing: fill_forward, or "
        "convert.on_frozen: keep"
    )


def test_the_later_splits_do_not_say_what_is_usual() -> None:
    """Whatever stands behind the train rows, the same of them are frozen."""
    frame = hours(20, slice(100, 160))
    values = frame["a"].to_numpy().copy()
    values[120] = 300.0  # far outside, so that the run goes on behind it
    for later in (0.0, np.arange(240) % 2, np.linspace(-1e3, 1e3, 240)):
        values[240:] = later
        found = find_frozen(
            frame.with_columns(a=values),
            PLACE,
            np.arange(480),
            train=range(240),
            sentinels=BAD,
            on_missing="fill_forward",
        )
        assert found["a"][found["a"] < 240].tolist() == [*range(100, 120), *range(121, 160)]
