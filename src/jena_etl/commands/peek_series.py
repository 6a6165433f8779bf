"""What peek says about a series as a whole: its timestamps, its windows and doubtful sensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jena_etl.commands.peek_rows import Rows
from jena_etl.commands.wording import duration_text, every_text, period_text, timestamp_text
from jena_etl.errors import DataError
from jena_etl.ingest.cleaning import without_sentinels
from jena_etl.ingest.duplicate_rows import Repeats
from jena_etl.ingest.lines import Lines
from jena_etl.ingest.sensors import sensor_findings
from jena_etl.ingest.timestamps import timestamp_card
from jena_etl.params import Split, Window
from jena_etl.prepare.data_card import SensorWarning
from jena_etl.prepare.describe import sensor_warnings
from jena_etl.prepare.readings import ReadingCounter
from jena_etl.prepare.row_ranges import split_rows
from jena_etl.windows.grid import segments_from_timestamps
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.policies import split_windows
from jena_etl.windows.spec import WindowSpec

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The timestamps of a series and what is wrong with them.

    Attributes:
        timestamps: datetime64[s] of shape (rows,).
        step: the commonest step, in seconds; None if all timestamps are the same.
        breaks: a line for each way in which the grid breaks; empty if it is regular.
        repeats: a line about rows logged twice.
        fault: what `convert` will stop at; "" if nothing.
    """

    timestamps: np.ndarray
    step: int | None
    breaks: list[str]
    repeats: str
    fault: str


def read_clock(frame: pl.DataFrame, lines: Lines) -> Clock:
    """Describe the timestamps in the first column of `frame`; `lines` names lines in messages."""
    timestamps = frame.to_series(0).to_numpy().astype("datetime64[s]")
    card = timestamp_card(timestamps)
    breaks = [
        f"{kind}: {len(gaps):,}, the longest {duration_text(gaps[0].seconds)} after "
        f"{timestamp_text(gaps[0].after)}"
        for kind, gaps in (("holes", card.holes), ("irregular steps", card.irregular))
        if gaps
    ]
    fault = differing = ""
    logged = Repeats("keep", lines)
    try:
        logged.keep(frame)
        differing = f"; with other values: {logged.summary().differing:,}"
    except DataError as error:
        fault = f"convert will stop here: {error}"
    repeats = "no timestamp is repeated"
    if count := len(card.repeats):
        period = period_text(*timestamps[card.repeats[[0, -1]]])
        breaks.append(f"repeated timestamps: {count:,}")
        repeats = f"repeated timestamps: {count:,}, {period}" + differing
    return Clock(
        timestamps=timestamps,
        step=card.step_seconds,
        breaks=breaks,
        repeats=repeats,
        fault=fault,
    )


def series_notes(
    rows: Rows,
    frame: pl.DataFrame,
    clock: Clock,
    *,
    sentinels: list[float],
    window: Window,
    split: Split,
) -> list[str]:
    """What to know before using the guess, one paragraph per item.

    Of `rows`, which were read, `frame` has the columns that are used and `clock` the timestamps.
    """
    if rows.unread:
        return _what_was_read(rows, clock)
    measured = without_sentinels(frame[:, 1:], sentinels)
    ranges = split_rows(split).row_ranges(clock.timestamps)
    spec = WindowSpec(**window.model_dump(exclude={"target", "gaps"}))
    windows = split_windows(
        ranges,
        frame.height,
        spec,
        split.policy,
        segments_from_timestamps(clock.timestamps) if window.gaps == "drop" else None,
        excluded=np.flatnonzero(np.isnan(measured[window.target])),
    )
    found = sensor_findings(clock.timestamps, measured, ranges["train"])
    counter = ReadingCounter(ranges, windows, spec, window.target)
    return [
        *_what_was_read(rows, clock),
        *_window_counts(windows, ranges, spec, split),
        *map(_doubt, sensor_warnings(found, clock.timestamps, counter)),
    ]


def _what_was_read(rows: Rows, clock: Clock) -> list[str]:
    files = rows.files[0][0] if len(rows.files) == 1 else f"{len(rows.files):,} files"
    period = period_text(clock.timestamps.min(), clock.timestamps.max())
    step = f", one {every_text(clock.step)}" if clock.step else ""
    notes = [
        f"{files}: {rows.frame.height:,} rows from {period}{step}.",
        f"The dialect was guessed from {rows.guess.sampled:,} rows and checked on all of them.",
    ]
    if rows.unread:
        notes.append(
            f"NOT ALL was read: {rows.unread}. Holes, repeats, sentinels and missing cells are "
            "counted in these rows only; windows and doubtful sensors are not, as they depend on "
            "all rows. After dvc repro splits, jena-etl inspect shows everything."
        )
    return notes + [clock.fault] * bool(clock.fault)


def _window_counts(
    windows: Mapping[str, WindowIndex], ranges: Mapping[str, range], spec: WindowSpec, split: Split
) -> list[str]:
    """How many windows each split holds, and what to do if one holds none."""
    counts = ", ".join(f"{name} {len(index):,}" for name, index in windows.items())
    fractions = f"{split.train:g} train and {split.validation:g} validation"
    notes = [f"Windows under split policy {split.policy}, {fractions}: {counts}."]
    if empty := [name for name, index in windows.items() if not len(index)]:
        notes.append(
            f"NO WINDOW in {' and '.join(empty)}, so dvc repro will stop: a window spans "
            f"{spec.span:,} rows, and the splits have "
            + ", ".join(f"{len(part):,}" for part in ranges.values())
            + ". Lower window.sequence_length or window.horizon, or use a longer file."
        )
    return notes


def _doubt(warning: SensorWarning) -> str:
    """What a failing sensor may have recorded, and how many windows read it."""
    is_step = warning.check == "step"
    cells, read = ("steps", "reach across") if is_step else ("cells", "read them")
    splits = ", ".join(
        f"{name} {reading.cells:,} {cells}, {reading.windows:,} windows {read}"
        for name, reading in warning.splits.items()
        if reading.cells or reading.windows
    )
    period = period_text(warning.first, warning.last)
    return f"IN DOUBT: {warning.column}, {period}: {warning}; {splits}"
