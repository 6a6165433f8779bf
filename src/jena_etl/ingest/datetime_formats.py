"""In which format a column's timestamps are written, guessed from some of its cells."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from jena_etl.errors import DataError
from jena_etl.windows.grid import commonest_step

NEARLY = 0.9  # of the cells: a stray one is for `read_csv` to name
REGULAR_CELLS = 2_500  # at the start, of which the steps are compared
DATES = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%-d.%-m.%Y", "%-d.%-m.%y"),
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%-m/%-d/%Y", "%-d/%-m/%Y"),
    *("%-m/%-d/%y", "%-d/%-m/%y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d %b %Y", "%Y%m%d"),
)
TIMES = (
    *("%H:%M:%S", "%H:%M", "%-H:%M:%S", "%-H:%M", "%I:%M:%S %p", "%I:%M %p", "%-I:%M:%S %p"),
    *("%-I:%M %p", "%-I:%M:%S %P", "%-I:%M %P", "%H%M%S", "%H%M"),
)
DATE = re.compile(r"\d{1,4}[-./ ]\w{1,3}[-./ ]\d\d|\d{8}")
TIME = re.compile(r"\d{1,2}:\d\d(:\d\d)?( ?[AaPp][Mm])?")
TAIL = re.compile(r"(\.0+)?(Z|[+-]\d\d:?\d\d)?\Z")  # what may follow whole seconds, unchanging
YEARS = (1800, 2200)


def datetime_column(name: str, columns: Mapping[str, Sequence[str]]) -> tuple[str, str, str]:
    """The column of the timestamps, their format, and why it is that one.

    `columns` holds some cells of each column of the file that messages call `name`.

    Raises:
        DataError: no column holds timestamps, or date and time are in two columns.
    """
    date = time = None
    for column, cells in columns.items():
        if formats := matching_formats(cells):
            if with_time := [form for form in formats if re.search("%-?[HI]", form)]:
                return column, *_most_regular(cells, with_time)
            date = date or column
        elif all(map(TIME.fullmatch, cells[:20])):
            time = time or column
    if date and time:
        raise DataError(
            f"{name} has the date in {date!r} and the time in {time!r}, expected one column; "
            'join the two in a spreadsheet, as in =A2&" "&B2, and save the file as CSV'
        )
    if date:
        return date, *_most_regular(columns[date], matching_formats(columns[date]))
    first = ", ".join(f"{column}: {cells[0]!r}" for column, cells in list(columns.items())[:3])
    raise DataError(
        f"{name} has no column of timestamps in a format known here; line 2 holds {first:.120}; "
        "expected one like 31.01.2009 23:50:00 or 2009-01-31 23:50; export it so, or write the "
        "convert block by hand: datetime_format takes any strftime format"
    )


def matching_formats(cells: Sequence[str]) -> list[str]:
    """The known formats in which the most cells are written, at least nearly all of them."""
    example = next(filter(None, cells), "")
    if not DATE.match(example):
        return []
    tail = TAIL.search(example)
    suffix = tail[0] if tail and ":" in example else ""
    with_time = itertools.product(DATES, ("T", " ", ""), TIMES, [suffix])
    known = [*map("".join, with_time), *DATES]
    few = pl.Series(cells[:: max(1, len(cells) // 20)])
    # Most formats are ruled out by their punctuation alone, which costs less than parsing.
    punctuation = {re.sub(r"\w", "", cell) for cell in few}
    alike = [form for form in known if re.sub(r"%-?\w|\w", "", form) in punctuation]
    possible = [form for form in alike if _share(few, form) > 0]
    every = pl.Series(cells)
    shares = {form: share for form in possible if (share := _share(every, form)) >= NEARLY}
    return [form for form, share in shares.items() if share == max(shares.values())]


def _share(cells: pl.Series, form: str) -> float:
    """The share of the cells that `form` writes, letter by letter, as `read_csv` proves them."""
    try:
        timestamps = cells.str.to_datetime(form, time_unit="ms", strict=False)
        same = (timestamps.dt.to_string(form) == cells) & timestamps.dt.year().is_between(*YEARS)
    except pl.exceptions.PolarsError:
        return 0.0
    return int(same.sum()) / len(cells)


def _most_regular(cells: Sequence[str], formats: list[str]) -> tuple[str, str]:
    """The format that gives the most regular timestamps, and why it was taken."""
    start = pl.Series(cells[:REGULAR_CELLS])

    def regularity(form: str) -> float:
        """The share of the commonest step."""
        read = start.str.to_datetime(form, time_unit="ms", strict=False)
        timestamps = read.drop_nulls().to_numpy()
        step = commonest_step(timestamps)
        return 0.0 if step is None else float(np.mean(np.diff(timestamps) == step))

    best = max(formats, key=regularity)
    example = f"line 2 is {cells[0]}"
    if best.startswith("%Y") or "%b" in best:
        return best, example
    others = [form for form in formats if _is_day_first(form) != _is_day_first(best)]
    order = "day before month" if _is_day_first(best) else "month before day"
    if not others:
        return best, f"{example}; {order}: a number above 12 proves it"
    if regularity(best) > max(map(regularity, others)):
        return best, f"{example}; {order} gives the more regular steps"
    return best, (
        f"{example}; {order} is a GUESS: no number is above 12 and the steps are as regular "
        f"either way; the other is {others[0]}"
    )


def _is_day_first(form: str) -> bool:
    return form.startswith(("%d", "%-d"))
