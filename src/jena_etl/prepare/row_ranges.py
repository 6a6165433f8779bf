"""Which rows belong to train, validation and test: by fractions of the rows, or by dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jena_etl.errors import DataError
from jena_etl.params import Split


class RowRanges(Protocol):
    """Knows which rows belong to which split."""

    def row_ranges(self, timestamps: np.ndarray, /) -> dict[str, range]:
        """The row range of each split of a series, in time order, without a hole.

        Args:
            timestamps: datetime64 of shape (rows,).
        """


@dataclass(frozen=True, kw_only=True)
class SplitFractions:
    """The fractions of the rows that go to train and validation; the rest is test.

    >>> SplitFractions(train=0.5, validation=0.25).row_ranges(np.zeros(7, "datetime64[s]"))
    {'train': range(0, 3), 'validation': range(3, 4), 'test': range(4, 7)}
    """

    train: float
    validation: float

    def row_ranges(self, timestamps: np.ndarray) -> dict[str, range]:
        """The row range of each split, in time order; rounded down as in the reference."""
        rows = len(timestamps)
        train = int(self.train * rows)
        return _ranges(train, train + int(self.validation * rows), rows)


@dataclass(frozen=True, kw_only=True)
class SplitDates:
    """The times at which the validation and the test rows begin, in ISO 8601.

    >>> clock = np.array(["2012-12-31T23", "2013-01-01T00", "2013-07-01T00"], "datetime64[s]")
    >>> SplitDates(validation="2013-01-01", test="2013-06-01").row_ranges(clock)
    {'train': range(0, 1), 'validation': range(1, 2), 'test': range(2, 3)}
    """

    validation: str
    test: str

    def row_ranges(self, timestamps: np.ndarray) -> dict[str, range]:
        """The row range of each split: it begins with the first row at or after its date."""
        validation, test = (first_row_at(timestamps, date) for date in (self.validation, self.test))
        return _ranges(validation, test, len(timestamps))

    def check(self, timestamps: np.ndarray) -> None:
        """Refuse a series that has no row in one of the splits.

        Raises:
            DataError: the series begins or ends at other times than the dates ask for.
        """
        empty = [name for name, rows in self.row_ranges(timestamps).items() if not rows]
        if empty:
            first, last = (str(timestamps[at]) for at in (0, -1))
            raise DataError(
                f"no row belongs to {' or '.join(empty)}: the {len(timestamps):,} rows run from "
                f"{first} to {last}, but split.dates lets validation begin at {self.validation} "
                f"and test at {self.test}; choose dates with rows before, between and after them, "
                "or a file with such rows"
            )


def split_rows(split: Split) -> SplitFractions | SplitDates:
    """What the block `split` of params.yaml asks for.

    Whatever needs the rows of a split uses this function, so no two stages can disagree.
    """
    if split.dates:
        validation, test = split.dates
        return SplitDates(validation=validation, test=test)
    return SplitFractions(train=split.train, validation=split.validation)


def first_row_at(timestamps: np.ndarray, date: str) -> int:
    """The first row at or after a date; the number of rows if there is none."""
    later = np.flatnonzero(timestamps >= np.datetime64(date, "s"))
    return int(later[0]) if len(later) else len(timestamps)


def _ranges(validation: int, test: int, rows: int) -> dict[str, range]:
    return {
        "train": range(validation),
        "validation": range(validation, test),
        "test": range(test, rows),
    }
