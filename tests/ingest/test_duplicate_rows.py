"""Rows logged twice, against a row-by-row reading of the rules."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given

from jena_etl.errors import DataError
from jena_etl.ingest.duplicate_rows import Repeats
from jena_etl.ingest.source import RepeatedTimestamps
from tests.ingest.series import LINES, START, frame_of, in_blocks, logs


@given(in_blocks(logs()))
def test_repeats_are_counted_and_the_first_one_stays(blocks: list[pl.DataFrame]) -> None:
    stays, repeated, differing = [], [], 0
    first: dict[datetime, tuple[float | None, ...]] = {}
    for timestamp, *values in pl.concat(blocks).rows():
        stays.append(timestamp not in first)
        if timestamp in first:
            repeated.append(timestamp.isoformat())
            differing += first[timestamp] != tuple(values)
        else:
            first[timestamp] = tuple(values)
    for how in ("keep", "first"):
        repeats = Repeats(how, LINES)
        kept = [bool(stay) for block in blocks for stay in repeats.keep(block)]
        assert kept == (stays if how == "first" else [True] * len(stays))
        assert repeats.timestamps.tolist() == pl.concat(blocks)["time"].filter(kept).to_list()
        assert repeats.are_kept == (how == "keep" and bool(repeated))
        assert repeats.summary() == RepeatedTimestamps(
            count=len(repeated),
            differing=differing,
            first=repeated[0] if repeated else None,
            last=repeated[-1] if repeated else None,
            removed=how == "first" and bool(repeated),
        )


@given(in_blocks(logs()))
def test_time_that_runs_back_is_found_wherever_the_blocks_end(blocks: list[pl.DataFrame]) -> None:
    """The last row comes a second before the latest one, which nothing else is."""
    frame = pl.concat(blocks)
    timestamps = frame["time"].to_list()
    latest = timestamps.index(max(timestamps))
    late = frame[latest].with_columns(pl.col("time") - timedelta(seconds=1))
    repeats = Repeats("keep", LINES)
    for block in blocks:
        repeats.keep(block)
    with pytest.raises(DataError) as caught:
        repeats.keep(late)
    assert f"comes after {max(timestamps)} of {LINES.of(latest)} and is" in str(caught.value)
    assert str(caught.value).startswith(f"{LINES.of(frame.height)}, column 'time': ")


@pytest.mark.parametrize("cut", [1, 8, 9, 15])
def test_a_clock_set_back_in_autumn(cut: int) -> None:
    """02:00 to 02:50 twice, the second time with the weather of an hour later."""
    minutes = [100, 110, 120, 130, 140, 150, 160, 170, 120, 130, 140, 150, 160, 170, 180]
    frame = frame_of(minutes, [float(row) for row in range(15)])
    blocks = [block for block in (frame[:cut], frame[cut:]) if block.height]
    repeats = Repeats("keep", LINES)
    for block in blocks:
        repeats.keep(block)
    assert repeats.summary().count == repeats.summary().differing == 6
    repeats = Repeats("error", LINES)
    with pytest.raises(DataError) as caught:  # noqa: PT012  which block it is, is not the point
        for block in blocks:
            repeats.keep(block)
    assert str(caught.value) == (
        "b.csv, line 7, column 'time': 2009-01-01 02:00:00 is already on a.csv, line 4 with "
        "other values (a clock set back?); remove one of the lines, or set "
        "convert.on_duplicate: keep or first"
    )


def test_a_negative_zero_and_a_missing_cell_differ_from_nothing_of_their_kind() -> None:
    frame = frame_of([0, 0, 1, 1, 2, 2], [0.0, -0.0, None, None, None, 0.0])
    repeats = Repeats("keep", LINES)
    repeats.keep(frame)
    assert repeats.summary().differing == 1


def test_a_timestamp_in_the_future_is_an_error() -> None:
    minutes = (datetime.now() - START) // timedelta(minutes=1)  # noqa: DTZ005
    Repeats("keep", LINES).keep(frame_of([0, minutes + 23 * 60], [1.0, 1.0]))  # east of here
    with pytest.raises(DataError, match=r"^a\.csv, line 3, column 'time': .* lies in the future"):
        Repeats("keep", LINES).keep(frame_of([0, minutes + 25 * 60], [1.0, 1.0]))
