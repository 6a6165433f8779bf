"""Which rows belong to which split."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.errors import DataError
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


@pytest.mark.parametrize(
    ("dates", "empty"),
    [
        (("2012-01-01", "2013-01-02"), "train"),
        (("2012-01-01", "2012-07-01"), "train or validation"),
        (("2013-01-02", "2014-01-01"), "test"),
        (("2013-01-01T12:15", "2013-01-01T12:20"), "validation"),
    ],
)
def test_dates_that_leave_a_split_without_rows_are_refused(
    dates: tuple[str, str], empty: str
) -> None:
    timestamps = np.datetime64(START, "s") + np.arange(48) * np.timedelta64(3600, "s")
    SplitDates(validation="2013-01-01T01", test="2013-01-02T23").check(timestamps)
    with pytest.raises(DataError) as refused:
        SplitDates(validation=dates[0], test=dates[1]).check(timestamps)
    assert str(refused.value) == (
        f"no row belongs to {empty}: the 48 rows run from 2013-01-01T00:00:00 to "
        f"2013-01-02T23:00:00, but split.dates lets validation begin at {dates[0]} and test at "
        f"{dates[1]}; choose dates with rows before, between and after them, or a file with such "
        "rows"
    )
