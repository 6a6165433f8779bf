"""Guesses what params.yaml should say about a station's file, with a reason for each value.

`jena_etl.ingest.dialect` judges the dialect from a sample of lines. Then the rows are read as
`convert` reads them, and sentinels, holes, repeats, empty cells and windows are counted. Only the
first part of a large file is read, and the notes say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jena_etl.commands.peek_columns import (
    find_sentinels,
    likely_target,
    units_in_brackets,
    unusable_columns,
)
from jena_etl.commands.peek_rows import READ_BYTES, Rows, read_rows
from jena_etl.commands.peek_series import Clock, read_clock, series_notes
from jena_etl.commands.wording import duration_text
from jena_etl.errors import DataError, SourceError
from jena_etl.ingest.archives import member_names
from jena_etl.ingest.jena import unit_of
from jena_etl.ingest.lines import Lines
from jena_etl.params import Convert, Split, Window
from jena_etl.params_check import check

LISTED_FILES = 5_000  # the most that convert.members may name: one a day for 13 years
INPUTS, HORIZON = 120, 24  # the reference's window: 5 days of hours, a day ahead
HOUR = 3_600
SHOWN = 10  # how many names of other files are listed
REFERENCE_SPLIT = Split(train=0.5, validation=0.25, dates=(), policy="reference")

_Explained = tuple[Any, list[str]]  # a value, and the reasons for it


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What params.yaml should say about a file.

    Attributes:
        convert: the `convert` block.
        window: the `window` block.
        reasons: lines of explanation by `block.key`.
        notes: what was read, and what to know before using the blocks.
    """

    convert: Convert
    window: Window
    reasons: Mapping[str, list[str]]
    notes: list[str]


def peek(file: Path, split: Split = REFERENCE_SPLIT, *, read_bytes: int = READ_BYTES) -> Guess:
    """Guess the `convert` and `window` blocks for a .csv, a .csv.gz or a .zip of CSV files.

    The files of a zip are read in the order of their names, `read_bytes` in all at most. `split`
    has the splits whose windows are counted.

    Raises:
        SourceError: the file does not exist or cannot be unpacked.
        DataError: the file does not hold a station's CSV; says what it holds.
    """
    if file.is_dir():
        raise SourceError(f"{file} is a folder, expected a .csv, .csv.gz or .zip; name one in it")
    if not file.is_file():
        raise SourceError(
            f"{file} does not exist, expected a .csv, .csv.gz or .zip; check the path"
        )
    names = sorted(member_names([file]))
    if "[Content_Types].xml" in names:
        raise DataError(f"{file.name} is a spreadsheet; save the sheet as CSV and peek at that")
    members = [name for name in names if name.lower().endswith(".csv")] or names
    not_csv = [name for name in names if not name.lower().endswith(".csv")]
    if len(members) > LISTED_FILES:
        raise DataError(
            f"{file.name} holds {len(members):,} files, expected at most {LISTED_FILES:,}; "
            "join them, for example into one a year"
        )
    return _guess(read_rows(file, members, read_bytes), members, not_csv, split)


def _guess(rows: Rows, members: list[str], not_csv: list[str], split: Split) -> Guess:
    dialect, reasons = rows.guess.dialect, rows.guess.reasons
    left_out = rows.guess.left_out | unusable_columns(rows.frame)
    columns = [column for column in dialect.columns if column not in left_out]
    frame = rows.frame.select(dialect.datetime_column, *columns)
    units = units_in_brackets(columns)
    sentinels, why_sentinels = find_sentinels(frame.select(columns))
    missing = {column: count for column in columns if (count := frame[column].null_count())}
    clock = read_clock(frame, Lines(rows.files))
    target, why_target = likely_target(columns, units)
    rate, why_rate = _sampling_rate(clock.step)
    convert: dict[str, _Explained] = {
        **{key: (value, [reasons[key]]) for key, value in dialect if key != "columns"},
        "columns": (columns, _why_columns(columns, left_out)),
        "members": (members, _why_members(members, not_csv)),
        "units": (units, _why_units(columns, units)),
        "sentinels": (sentinels, why_sentinels),
        "on_sentinel": ("fill_forward", ["fill_forward: with the last good value | keep | error"]),
        "on_missing": ("fill_forward" if missing else "error", _why_missing(missing)),
        "on_duplicate": ("keep", [clock.repeats, "keep | first: the earliest row alone | error"]),
        "on_frozen": ("keep", ["keep | missing: treat the cells of a frozen sensor as missing"]),
    }
    window: dict[str, _Explained] = {
        "target": (target, [why_target]),
        "sequence_length": (INPUTS, [f"{INPUTS} inputs, as in the reference"]),
        "sampling_rate": (rate, [why_rate]),
        "horizon": (HORIZON, [f"{HORIZON} sampled steps from the last input to the target"]),
        "sequence_stride": (1, ["a window starts at every row"]),
        "gaps": ("drop" if clock.breaks else "keep", _why_gaps(clock)),
    }
    window_block = check(Window, _values(window), "window")
    return Guess(
        convert=check(Convert, _values(convert), "convert"),
        window=window_block,
        reasons={
            **{f"convert.{key}": why for key, (_, why) in convert.items()},
            **{f"window.{key}": why for key, (_, why) in window.items()},
        },
        notes=series_notes(
            rows, frame, clock, sentinels=sentinels, window=window_block, split=split
        ),
    )


def _values(block: dict[str, _Explained]) -> dict[str, Any]:
    return {key: value for key, (value, _) in block.items()}


def _sampling_rate(step: int | None) -> tuple[int, str]:
    """How many rows to go from input to input, so that they are an hour apart if possible."""
    if not step:
        return 1, "the step is not known"
    if HOUR % step:
        return 1, f"every row: the step of {duration_text(step)} does not divide an hour"
    if step == HOUR:
        return 1, "every row: they are an hour apart"
    return HOUR // step, f"{HOUR // step} x {duration_text(step)}: inputs are an hour apart"


def _why_columns(columns: list[str], left_out: dict[str, str]) -> list[str]:
    why = [f"the {len(columns)} columns of numbers, constant ones left out"]
    if lost := [column for column in columns if "\ufffd" in column]:
        why.append(f"{', '.join(lost)}: U+FFFD marks a character lost before this file was written")
    return why + [f"left out: {column}: {reason}" for column, reason in left_out.items()]


def _why_members(members: list[str], not_csv: list[str]) -> list[str]:
    why = []
    if len(members) > 1:
        why.append(f"{len(members):,} files, in the order of their names; it must be time order")
    if not_csv and not_csv != members:
        shown = ", ".join(not_csv[:SHOWN]) + " ..." * (len(not_csv) > SHOWN)
        why.append(f"not CSV, judging by the names: {shown}")
    return why


def _why_gaps(clock: Clock) -> list[str]:
    if not clock.breaks:
        return ["the timestamps form one regular grid"]
    return [*clock.breaks, "drop: no window spans a hole or a repeat | keep: as in the reference"]


def _why_units(columns: list[str], units: dict[str, str]) -> list[str]:
    without = [column for column in columns if not unit_of(column, units)]
    if without:
        return [f"unknown; add them, as in {{{without[0]}: m/s}}: {', '.join(without)}"]
    return ["from the brackets" if units else "every name ends in its unit"]


def _why_missing(missing: dict[str, int]) -> list[str]:
    if not missing:
        return ["no cell is missing"]
    found = ", ".join(f"{column} ({count:,})" for column, count in missing.items())
    return [f"empty cells, nan, NA or null in {found}"]
