"""What a station's file asks for in params.yaml: each value guessed, with its reason.

How the file is written is judged by a sample of its lines. Then its rows are read as `convert`
reads them, and sentinels, holes, repeats, empty cells and windows are counted. Of a large file only
the first part is read, and the notes say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jena_etl.commands.peek_columns import (
    find_sentinels,
    likely_target,
    units_in_brackets,
    unusable_columns,
)
from jena_etl.commands.peek_rows import READ_BYTES, Rows, read_rows
from jena_etl.commands.wording import duration_text, period_text, timestamp_text
from jena_etl.errors import DataError, SourceError
from jena_etl.ingest.archives import member_names
from jena_etl.ingest.jena import unit_of
from jena_etl.ingest.lines import Lines
from jena_etl.ingest.repeats import Repeats
from jena_etl.ingest.sensors import sensor_findings
from jena_etl.ingest.timestamps import timestamp_card
from jena_etl.params import Convert, Split, Window, check
from jena_etl.prepare.describe import sensor_warnings
from jena_etl.prepare.readings import ReadingCounter
from jena_etl.prepare.splits import SplitFractions
from jena_etl.windows.grid import segments_from_timestamps
from jena_etl.windows.index import WindowIndex, split_windows
from jena_etl.windows.spec import WindowSpec

if TYPE_CHECKING:
    import polars as pl

LISTED_FILES = 5_000  # that convert.members may name: one a day for 13 years
INPUTS, HORIZON = 120, 24  # the reference's window: 5 days of hours, a day ahead
HOUR = 3_600
SHOWN = 10  # of the names of other files
REFERENCE_SPLIT = Split(train=0.5, validation=0.25, policy="reference")


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What a file asks for in params.yaml.

    Attributes:
        convert: the block of that name.
        window: the block of that name.
        reasons: lines of explanation by `block.key`.
        notes: what was looked at, and what to know before the blocks are used.
    """

    convert: Convert
    window: Window
    reasons: Mapping[str, list[str]]
    notes: list[str]


def peek(file: Path, split: Split = REFERENCE_SPLIT, *, read_bytes: int = READ_BYTES) -> Guess:
    """Guess the `convert` and `window` blocks for a file.

    Args:
        file: a .csv, a .csv.gz or a .zip; of a zip, the CSVs are taken in the order of their names.
        split: the splits whose windows are counted.
        read_bytes: of its CSVs no more is read.

    Raises:
        SourceError: there is no such file, or it cannot be unpacked.
        DataError: it does not hold a station's CSV; says what it holds.
    """
    if file.is_dir():
        raise SourceError(f"{file} is a folder, expected a .csv, .csv.gz or .zip; name one in it")
    if not file.is_file():
        raise SourceError(f"{file} is not there, expected a .csv, .csv.gz or .zip; check the path")
    names = sorted(member_names([file]))
    if "[Content_Types].xml" in names:
        raise DataError(f"{file.name} is a spreadsheet; save the sheet as CSV and peek at that")
    members = [name for name in names if name.lower().endswith(".csv")] or names
    if len(members) > LISTED_FILES:
        raise DataError(
            f"{file.name} holds {len(members):,} files, expected at most {LISTED_FILES:,}; "
            "join them, for example into one a year"
        )
    others = [name for name in names if name not in set(members)]
    return _guess(read_rows(file, members, read_bytes), members, others, split)


def _guess(rows: Rows, members: list[str], others: list[str], split: Split) -> Guess:
    left_out = rows.guess.left_out | unusable_columns(rows.frame)
    timestamps, *numbers = rows.frame.columns
    columns = [column for column in numbers if column not in left_out]
    frame = rows.frame.select(timestamps, *columns)
    units = units_in_brackets(columns)
    sentinels, why_sentinels = find_sentinels(frame.select(columns))
    missing = {column: count for column in columns if (count := frame[column].null_count())}
    clock = _clock(frame, Lines(rows.files))
    target, why_target = likely_target(columns, units)
    rate, why_rate = _sampling_rate(clock.step)
    convert = {
        **rows.guess.dialect.model_dump(),
        "columns": columns,
        "members": members,
        "units": units,
        "sentinels": sentinels,
        "on_sentinel": "fill_forward",
        "on_missing": "fill_forward" if missing else "error",
        "on_duplicate": "keep",
        "on_frozen": "keep",
    }
    window = {
        "target": target,
        "sequence_length": INPUTS,
        "sampling_rate": rate,
        "horizon": HORIZON,
        "sequence_stride": 1,
        "gaps": "drop" if clock.breaks else "keep",
    }
    reasons = {
        **{f"convert.{field}": [why] for field, why in rows.guess.reasons.items()},
        "convert.columns": _why_columns(columns, left_out),
        "convert.members": _why_members(members, others),
        "convert.units": _why_units(columns, units),
        "convert.sentinels": why_sentinels,
        "convert.on_sentinel": ["fill_forward: with the last good value | keep | error"],
        "convert.on_missing": _why_missing(missing),
        "convert.on_duplicate": [
            *clock.repeats,
            "keep: as the reference | first: the earliest row of each timestamp | error",
        ],
        "convert.on_frozen": ["keep | missing: treat the cells of a frozen sensor as missing"],
        "window.target": [why_target],
        "window.sequence_length": [f"{INPUTS} inputs, as the reference"],
        "window.sampling_rate": [why_rate],
        "window.horizon": [f"{HORIZON} sampled steps from the last input to the target"],
        "window.sequence_stride": ["a window starts at every row"],
        "window.gaps": [
            *(clock.breaks or ["the timestamps are one regular grid"]),
            "drop: no window spans a hole or a repeat | keep: as the reference",
        ],
    }
    block = check(Window, window, "window")
    known = {
        column: np.where(np.isin(values, sentinels), np.nan, values)
        for column in columns
        for values in [frame[column].to_numpy()]
    }
    ranges = SplitFractions(train=split.train, validation=split.validation).row_ranges(frame.height)
    spec = WindowSpec(**block.model_dump(exclude={"target", "gaps"}))
    windows = split_windows(
        ranges,
        frame.height,
        spec,
        split.policy,
        segments_from_timestamps(clock.timestamps) if block.gaps == "drop" else None,
        excluded=np.flatnonzero(np.isnan(known[target])),
    )
    counter = ReadingCounter(ranges, windows, spec, target)
    notes = [
        *_what_was_read(rows, clock),
        *clock.faults,
        *_windows(ranges, windows, spec, split, rows.unread),
        *_doubts(clock.timestamps, known, ranges, counter),
    ]
    return Guess(
        convert=check(Convert, convert, "convert"), window=block, reasons=reasons, notes=notes
    )


@dataclass(frozen=True, kw_only=True)
class _Clock:
    """The timestamps, datetime64[s] (rows,), and what is to be said of them.

    Attributes:
        timestamps: of the rows.
        step: the commonest one, in seconds; None if no two timestamps differ.
        breaks: kinds of places where the grid breaks; none if it is regular.
        repeats: what is known of rows logged twice.
        faults: what `convert` will stop at.
    """

    timestamps: np.ndarray
    step: int | None
    breaks: list[str]
    repeats: list[str]
    faults: list[str]


def _clock(frame: pl.DataFrame, lines: Lines) -> _Clock:
    timestamps = frame.to_series(0).to_numpy().astype("datetime64[s]")
    card = timestamp_card(timestamps)
    breaks = [
        f"{words}: {card[kind]['count']:,}, the longest {duration_text(item['seconds'])} after "
        f"{timestamp_text(item['after'])}"
        for kind, words in (("holes", "holes"), ("irregular", "irregular steps"))
        for item in card[kind]["longest"][:1]
    ]
    faults, differing = [], ""
    logged = Repeats("keep", lines)
    try:
        logged.keep(frame)
        differing = f"; with other values: {logged.summary()['differing']:,}"
    except DataError as error:
        faults = [f"convert will stop here: {error}"]
    repeats = ["no timestamp is there twice"]
    if (again := card["repeats"])["count"]:
        first, last = timestamp_text(again["first"]), timestamp_text(again["last"])
        breaks.append(f"repeated timestamps: {again['count']:,}")
        repeats = [
            f"rows with an earlier row's timestamp: {again['count']:,}, from {first} to {last}"
            + differing
        ]
    return _Clock(
        timestamps=timestamps,
        step=card["step_seconds"],
        breaks=breaks,
        repeats=repeats,
        faults=faults,
    )


def _what_was_read(rows: Rows, clock: _Clock) -> list[str]:
    files = rows.files[0][0] if len(rows.files) == 1 else f"{len(rows.files):,} files"
    first, last = (timestamp_text(at) for at in (clock.timestamps.min(), clock.timestamps.max()))
    step = f", one every {duration_text(clock.step)}" if clock.step else ""
    notes = [
        f"{files}: {rows.frame.height:,} rows from {first} to {last}{step}.",
        f"How they are written was judged by {rows.guess.sampled:,} of them, and proved on all.",
    ]
    if rows.unread:
        notes.append(
            f"NOT ALL was read: {rows.unread}. Holes, repeats, sentinels and missing cells are "
            "counted in the rows above alone; jena-etl inspect counts all after dvc repro splits."
        )
    return notes


def _windows(
    ranges: Mapping[str, range],
    held: Mapping[str, WindowIndex],
    spec: WindowSpec,
    split: Split,
    unread: str,
) -> list[str]:
    """How many windows each split holds, and what to do where one holds none."""
    if unread:
        return ["The windows are not counted, as not all rows were read."]
    counts = ", ".join(f"{name} {len(windows):,}" for name, windows in held.items())
    fractions = f"{split.train:g} train and {split.validation:g} validation"
    notes = [f"Windows under split policy {split.policy}, {fractions}: {counts}."]
    if empty := [name for name, windows in held.items() if not len(windows)]:
        notes.append(
            f"NO WINDOW in {' and '.join(empty)}, so dvc repro will stop: a window spans "
            f"{spec.span:,} rows, and the splits have "
            + ", ".join(f"{len(part):,}" for part in ranges.values())
            + ". Lower window.sequence_length or window.horizon, or take a longer file."
        )
    return notes


def _doubts(
    timestamps: np.ndarray,
    columns: dict[str, np.ndarray],
    ranges: Mapping[str, range],
    counter: ReadingCounter,
) -> list[str]:
    """What a failing sensor may have left, and the windows that read it; a warning each."""
    found = sensor_findings(timestamps, columns, ranges["train"])
    doubts = []
    for item in sensor_warnings(found, timestamps, counter):
        cells, read = ("steps", "reach across") if item.check == "step" else ("cells", "read them")
        splits = [
            f"{name} {reading.cells:,} {cells}, {reading.windows:,} windows {read}"
            for name, reading in item.splits.items()
            if reading.cells or reading.windows
        ]
        period = period_text(item.first, item.last)
        doubts.append(f"IN DOUBT: {item.column}, {period}: {item}; {', '.join(splits)}")
    return doubts


def _sampling_rate(step: int | None) -> tuple[int, str]:
    """Rows from one input to the next, so that inputs are an hour apart if they can be."""
    if not step:
        return 1, "the step is not known"
    if HOUR % step:
        return 1, f"every row: the step of {duration_text(step)} does not divide an hour"
    if step == HOUR:
        return 1, "every row: they are 1 hour apart"
    return HOUR // step, f"{HOUR // step} x {duration_text(step)} = 1 hour between two inputs"


def _why_columns(columns: list[str], left_out: dict[str, str]) -> list[str]:
    why = [f"the {len(columns)} columns of numbers, constant ones left out"]
    if lost := [column for column in columns if "\ufffd" in column]:
        why.append(
            f"{', '.join(lost)}: U+FFFD stands where a sign was lost before this file was written"
        )
    return why + [f"left out: {column}: {reason}" for column, reason in left_out.items()]


def _why_members(members: list[str], others: list[str]) -> list[str]:
    why = []
    if len(members) > 1:
        why.append(f"{len(members):,} files in the order of their names; it must be time order")
    if others:
        shown = ", ".join(others[:SHOWN]) + " ..." * (len(others) > SHOWN)
        why.append(f"not CSV by their names: {shown}")
    return why


def _why_units(columns: list[str], units: dict[str, str]) -> list[str]:
    without = [column for column in columns if not unit_of(column, units)]
    if without:
        return [f"not known, to be added as in {{{without[0]}: m/s}}: {', '.join(without)}"]
    return ["from the brackets" if units else "every name ends in its unit"]


def _why_missing(missing: dict[str, int]) -> list[str]:
    if not missing:
        return ["no cell is missing"]
    found = ", ".join(f"{column} ({count:,})" for column, count in missing.items())
    return [f"empty cells, nan, NA or null in {found}"]
