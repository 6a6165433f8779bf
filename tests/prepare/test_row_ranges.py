"""Which rows belong to which split."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.params import Split
from jena_etl.prepare.row_ranges import SplitDates, SplitFractions, split_rows

START = datetime(2013, 1, 1)  # noqa: DTZ001  a station's clock has no time zone
HOURS = st.lists(st.integers(0, 400), max_size=60).map(sorted)


@given(HOURS, st.integers(-5, 17), st.integers(1, 17))
def test_dates_cut_every_series_at_the_same_times(hours: list[int], first: int, days: int) -> None:
    """With holes and repeats; and beyond either end of the series."""
    times = [START + timedelta(hours=hour) for hour in hours]
    validation, test = START + timedelta(days=first), START + timedelta(days=first + days)
    ranges = SplitDates(
        validation=validation.date().isoformat(), test=test.date().isoformat()
    ).row_ranges(np.array(times, "datetime64[s]"))
    expected = {
        "train": [row for row, time in enumerate(times) if time < validation],
        "validation": [row for row, time in enumerate(times) if validation <= time < test],
        "test": [row for row, time in enumerate(times) if time >= test],
    }
    assert {name: list(rows) for name, rows in ranges.items()} == expected


def test_dates_come_before_fractions() -> None:
    fractions = Split(train=0.5, validation=0.25, dates=(), policy="strict")
    assert split_rows(fractions) == SplitFractions(train=0.5, validation=0.25)
    dates = fractions.model_copy(update={"dates": ("2013-01-01", "2014-01-01T06")})
    assert split_rows(dates) == SplitDates(validation="2013-01-01", test="2014-01-01T06")
