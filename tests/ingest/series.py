"""Series as a logger may leave them: time goes on, but for blocks that are told again."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import polars as pl
from hypothesis import strategies as st

from jena_etl.ingest.lines import Lines

BAD = (-9999.0, 999.0)
START = datetime(2009, 1, 1)  # noqa: DTZ001  the station's clock has no zone
LINES = Lines([("a.csv", 3), ("b.csv", 1000)])


def frame_of(minutes: list[int], values: list[float | None]) -> pl.DataFrame:
    """Timestamps, `values` in column a and ones in column b."""
    timestamps = [START + timedelta(minutes=minute) for minute in minutes]
    schema = {"time": pl.Datetime("ms"), "a": pl.Float64(), "b": pl.Float64()}
    return pl.DataFrame({"time": timestamps, "a": values, "b": [1.0] * len(values)}, schema=schema)


@st.composite
def logs(draw: st.DrawFn, *, repeats: bool = True) -> pl.DataFrame:
    """Time that goes on, but for blocks told again; good and bad cells."""
    minutes = [0]
    for _ in range(draw(st.integers(0, 40))):
        if draw(st.integers(0, 4)) or not repeats:
            minutes.append(max(minutes) + draw(st.integers(1, 3)))
        else:
            minutes.append(draw(st.sampled_from(minutes)))
    cell = st.sampled_from([None, -9999.0, 999.0, 1.0, 2.0, 3.0, 4.0])
    return frame_of(minutes, [draw(cell) for _ in minutes])


@st.composite
def in_blocks(draw: st.DrawFn, frames: st.SearchStrategy[pl.DataFrame]) -> list[pl.DataFrame]:
    """The frame cut anywhere."""
    frame = draw(frames)
    cuts = draw(st.lists(st.integers(1, frame.height), max_size=4))
    borders = sorted({0, *cuts, frame.height})
    return [frame[a:b] for a, b in itertools.pairwise(borders)]
