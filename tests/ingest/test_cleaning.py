"""Sentinels, missing and frozen cells, against a row-by-row reading of the rules."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.errors import DataError
from jena_etl.ingest.cleaning import UnmeasuredCells
from tests.ingest.series import BAD, LINES, frame_of, in_blocks, logs


def gaps_of(
    on_sentinel: str = "fill_forward",
    on_missing: str = "fill_forward",
    sentinels: tuple[float, ...] = BAD,
) -> UnmeasuredCells:
    return UnmeasuredCells(sentinels, on_sentinel, on_missing, LINES)


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


@given(
    st.one_of(logs().map(lambda frame: [frame]), in_blocks(logs(repeats=False))),
    st.sampled_from(["fill_forward", "keep"]),
)
def test_gaps_take_the_last_good_value_and_never_a_later_one(
    blocks: list[pl.DataFrame], on_sentinel: str
) -> None:
    """In one block, whatever time does; in several, where it goes on."""
    frame = pl.concat(blocks)
    expected, findings = [], []
    for row, value in enumerate(frame["a"].to_list()):
        gap = value is None or (value in BAD and on_sentinel == "fill_forward")
        expected.append(last_good(frame, row) if gap else value)
        if value is None or value in BAD:
            kind = "missing" if value is None else "sentinel"
            findings.append((row, "a", kind, value, gap))
    gaps, filled, start = gaps_of(on_sentinel), [], 0
    try:
        for block in blocks:
            filled.append(gaps.fill(block, np.arange(start, start + block.height)))
            start += block.height
    except DataError as error:
        assert "no good value comes before it" in str(error)  # noqa: PT017  whether it is refused
        assert None in expected
        return
    assert pl.concat(filled)["a"].to_list() == expected
    assert pl.concat(filled)["b"].to_list() == frame["b"].to_list()
    assert gaps.findings().rows() == findings
    assert gaps.are_filled == any(gap for *_, gap in findings)


def test_no_sentinels() -> None:
    frame = frame_of([0, 10], [-9999.0, 1.0])
    gaps = gaps_of("error", sentinels=())
    assert gaps.fill(frame, np.arange(2)).rows() == frame.rows()
    assert gaps.findings().height == 0


def test_lines_are_those_of_the_files_also_behind_removed_rows() -> None:
    """Row 3 as read, line 2 of b.csv, was a repeat and is not among the rows."""
    frame = frame_of([0, 10, 20, 30], [1.0, 1.0, 1.0, -9999.0])
    with pytest.raises(DataError, match=r"^b\.csv, line 3, column 'a': -9999\.0 is one of"):
        gaps_of("error").fill(frame, np.array([0, 1, 2, 4]))


def test_a_missing_cell_is_refused_by_its_line() -> None:
    frame = frame_of([0, 10, 20], [1.0, None, None])
    with pytest.raises(DataError) as caught:
        gaps_of(on_missing="error").fill(frame, np.arange(3))
    assert str(caught.value) == (
        "a.csv, line 3, column 'a': the cell is missing (empty, nan, NA or null); mend or remove "
        "that line, or set convert.on_missing: fill_forward"
    )


def test_a_leading_sentinel_is_named() -> None:
    frame = frame_of([0, 10, 20], [-9999.0, 999.0, 1.0])
    with pytest.raises(DataError, match=r"^a\.csv, line 2, column 'a': -9999\.0 is a sentinel and"):
        gaps_of().fill(frame, np.arange(3))
    gaps = gaps_of("keep")
    assert gaps.fill(frame, np.arange(3)).rows() == frame.rows()
    assert gaps.findings()["filled"].to_list() == [False, False]


def test_a_kept_sentinel_fills_no_gap() -> None:
    gaps = gaps_of("keep")
    gaps.fill(frame_of([0, 10], [5.0, -9999.0]), np.arange(2))
    assert gaps.fill(frame_of([20], [None]), np.arange(2, 3))["a"].to_list() == [5.0]


def test_findings_come_column_by_column_whichever_block_they_are_of() -> None:
    gaps = gaps_of()
    first = frame_of([0, 10], [1.0, 1.0]).with_columns(b=pl.Series([1.0, 999.0]))
    second = frame_of([20, 30], [-9999.0, None])
    gaps.fill(first, np.arange(2))
    gaps.fill(second, np.arange(2, 4))
    assert gaps.findings().rows() == [
        (2, "a", "sentinel", -9999.0, True),
        (3, "a", "missing", None, True),
        (1, "b", "sentinel", 999.0, True),
    ]


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
    expected = [*range(100, 160), *range(300, 320), *range(321, 340)]
    gaps = gaps_of()
    filled = gaps.fill(frame, rows, train=range(240))
    findings = gaps.findings()
    kinds = findings.group_by("kind").len().rows()
    assert dict(kinds) == {"frozen": 99, "sentinel": 1}
    assert findings["column"].unique().to_list() == ["a"]
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
        gaps_of(on_missing="error").fill(frame, rows, train=range(240))
    assert str(caught.value) == (
        "b.csv, line 99, column 'a': it hardly changes in 60 rows up to b.csv, line 158, and "
        "convert.on_frozen treats them as missing; set convert.on_missing: fill_forward, or "
        "convert.on_frozen: keep"
    )


def test_the_later_splits_do_not_say_what_is_usual() -> None:
    """Whatever stands behind the train rows, the same of them are frozen."""
    frame = hours(60, slice(100, 160))
    values = frame["a"].to_numpy().copy()
    values[120] = 300.0  # far outside, so that the run goes on behind it
    for later in (0.0, np.arange(1200) % 2, np.linspace(-1e3, 1e3, 1200)):
        values[240:] = later
        gaps = gaps_of()
        gaps.fill(frame.with_columns(a=values), np.arange(1440), train=range(240))
        found = gaps.findings().filter(pl.col("row") < 240, column="a", kind="frozen")
        assert found["row"].to_list() == [*range(100, 120), *range(121, 160)]
