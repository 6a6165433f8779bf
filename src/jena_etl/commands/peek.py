"""A station's file -> the `convert` and `window` blocks it asks for, each guess with its reason.

The layout is judged by a sample of lines (see `layout`); then the whole file is read as `convert`
reads it, and sentinels, holes, repeats and empty cells are counted on every row.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jena_etl.commands.wording import duration_text, timestamp_text
from jena_etl.errors import DataError, SourceError
from jena_etl.ingest.archives import member_names, open_members
from jena_etl.ingest.cleaning import Lines, resolve_repeats
from jena_etl.ingest.csv_reader import read_csv
from jena_etl.ingest.dialect import Written, guess_layout
from jena_etl.ingest.jena import unit_of
from jena_etl.ingest.timestamps import timestamp_card
from jena_etl.params import Convert, Window, check
from jena_etl.text import printable

if TYPE_CHECKING:
    import polars as pl

NINES = (99.9, 99.99, 999.0, 999.9, 999.99, 7999.0, 9999.0, 9999.9, 9999.99, 99999.0, 99999.9)
SENTINELS = (*NINES, *(-nines for nines in NINES))  # what loggers write for "not measured"
DEFAULT_SENTINEL = -9999.0  # stays on the list where none is found: the next export may have it
INPUTS, HORIZON = 120, 24  # the reference's window: 5 days of hours, a day ahead
HOUR = 3600
NEXT = (
    "Put both blocks in the place of theirs in params.yaml, set download.url to the file and "
    "download.bytes to null, then: dvc repro splits; jena-etl inspect"
)
PLAIN = re.compile(r"[A-Za-z][\w%³²°µ/*.()-]*( [\w%³²°µ/*.()-]+)*", re.ASCII)
YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What a file asks for in params.yaml.

    Attributes:
        convert: the block.
        window: the block.
        reasons: lines of explanation by `block.key`.
        notes: what was looked at, and what to know before the blocks are used.
    """

    convert: Convert
    window: Window
    reasons: Mapping[str, list[str]]
    notes: list[str]

    def __str__(self) -> str:
        """The two blocks as YAML 1.2, reasons and notes as comments."""
        lines = [line for note in self.notes for line in _comment(note, "")]
        for name, block in (("convert", self.convert), ("window", self.window)):
            lines += ["", f"{name}:"]
            for key, value in block.model_dump().items():
                reasons = self.reasons.get(f"{name}.{key}", [])
                lines += [line for reason in reasons for line in _comment(reason, "  ")]
                lines += _yaml(key, value)
        return "\n".join(lines) + "\n"


def peek(file: Path) -> Guess:
    """Guess the blocks for a .csv, a .csv.gz or a .zip.

    Of several CSVs in a zip the first, by name, is looked at.

    Raises:
        SourceError: no such file, or it cannot be unpacked.
        DataError: it holds no station's CSV; says what it found.
    """
    if file.is_dir():
        raise SourceError(f"{file} is a folder, expected a .csv, .csv.gz or .zip; name one in it")
    if not file.is_file():
        raise SourceError(f"{file} is not there, expected a .csv, .csv.gz or .zip; check the path")
    names = member_names([file])
    if "[Content_Types].xml" in names:
        raise DataError(f"{file.name} is a spreadsheet; save the sheet as CSV and peek at that")
    members = sorted(name for name in names if name.lower().endswith(".csv")) or sorted(names)
    [(name, chunks)] = open_members([file], members[:1])
    return guess(
        name,
        b"".join(chunks),
        members=members,
        others=[name for name in names if name not in members],
    )


def guess(name: str, raw: bytes, *, members: list[str], others: list[str]) -> Guess:
    """Guess the blocks for `raw`.

    Args:
        name: what the file is called.
        raw: its bytes.
        members: the value of convert.members; `name` is the first.
        others: files that lie beside them.

    Raises:
        DataError: it is no station's CSV.
    """
    written = guess_layout(name, raw)
    frame, _ = read_csv(name, [raw], written.layout(written.numbers))
    columns, left_out = _features(frame, written)
    units = _units(columns)
    sentinels, why_sentinels = _sentinels(frame.select(columns))
    missing = {column: frame[column].null_count() for column in columns}
    if not any(missing.values()):
        missing = {}
    clock = _clock(frame, name)
    target, why_target = _target(columns, units)
    rate, why_rate = _rate(clock.card["step_seconds"])
    reasons = {f"convert.{key}": [why] for key, why in written.reasons.items()}
    reasons |= {
        "convert.members": _why_members(members, others),
        "convert.columns": _why_columns(columns, left_out),
        "convert.units": _why_units(columns, units),
        "convert.sentinels": why_sentinels,
        "convert.on_sentinel": ["fill_forward: with the last good value | keep | error"],
        "convert.on_duplicate": clock.repeats,
        "convert.on_missing": [_why_missing(missing)],
        "window.target": [why_target],
        "window.sequence_length": [f"{INPUTS} inputs, as the reference"],
        "window.sampling_rate": [why_rate],
        "window.horizon": [f"{HORIZON} sampled steps from the last input to the target"],
        "window.sequence_stride": ["a window starts at every row"],
        "window.gaps": clock.gaps,
    }
    convert = {
        "members": members,
        "encoding": written.encoding,
        "separator": written.separator,
        "decimal": written.decimal,
        "datetime_column": written.datetime_column,
        "datetime_format": written.datetime_format,
        "columns": columns,
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
        "gaps": "drop" if clock.broken else "keep",
    }
    notes = [
        f"Guessed from {name}: all {frame.height:,} rows were read, {clock.span}.",
        f"How the file is written was judged by {written.sampled:,} rows and held for all.",
        NEXT,
        *clock.notes,
        *_too_short(frame.height, rate),
    ]
    return Guess(
        convert=check(Convert, convert, "convert"),
        window=check(Window, window, "window"),
        reasons=reasons,
        notes=notes,
    )


def _features(frame: pl.DataFrame, written: Written) -> tuple[list[str], dict[str, str]]:
    """The columns worth reading, and why the others are not."""
    left_out = dict(written.left_out)
    first = int(frame.to_series(0).arg_min() or 0)
    for column in written.numbers:
        values = frame[column].to_numpy()
        known = values[~np.isnan(values)]
        good = known[~_far(known)]
        if 2 * len(known) < len(values):
            left_out[column] = f"{len(values) - len(known):,} of {len(values):,} cells are empty"
        elif not len(good) or good.min() == good.max():
            left_out[column] = f"constant, {(good if len(good) else known)[0]:g}"
        elif np.isnan(values[first]) or _far(known)[np.flatnonzero(known == values[first])[0]]:
            left_out[column] = (
                f"its first cell is {values[first]:g}".replace("nan", "empty")
                + ", and no good value comes before to fill it with; remove the lines up to its "
                "first good one to use it"
            )
    columns = [column for column in written.numbers if column not in left_out]
    if not columns:
        raise DataError(
            "no column is left to read: "
            + "; ".join(f"{column}: {why}" for column, why in left_out.items())
        )
    return columns, left_out


def _far(values: np.ndarray) -> np.ndarray:
    """Which values are one of SENTINELS and far outside the others, bool (values,)."""
    suspect = np.isin(values, SENTINELS)
    if not suspect.any() or suspect.all():
        return suspect
    low, high = values[~suspect].min(), values[~suspect].max()
    distance = np.maximum(low - values, values - high)
    far: np.ndarray = suspect & (distance > (high - low) / 2) & (distance > 0)
    return far


def _sentinels(frame: pl.DataFrame) -> tuple[list[float], list[str]]:
    """Numbers that mean "not measured", and where they are."""
    where: dict[float, list[str]] = {}
    good: dict[float, str] = {}
    for column in frame.columns:
        values = frame[column].drop_nulls().to_numpy()
        suspect = np.isin(values, SENTINELS)
        if not suspect.any():
            continue
        far = _far(values)
        for value, count in zip(*np.unique(values[far], return_counts=True), strict=True):
            where.setdefault(float(value), []).append(f"{column} ({count:,})")
        good |= dict.fromkeys(values[suspect & ~far].tolist(), column)
    reasons = [
        f"{value:g}, far outside the other values of {', '.join(found)}"
        + (f"; NOT listed: {good[value]} has it as a good value" if value in good else "")
        for value, found in where.items()
    ]
    listed = sorted(value for value in where if value not in good)
    if listed:
        return listed, reasons
    return [DEFAULT_SENTINEL], [*reasons, "no value looks like one; -9999 is the usual one"]


@dataclass(frozen=True, kw_only=True)
class _Clock:
    card: dict[str, Any]
    span: str
    broken: bool
    gaps: list[str]
    repeats: list[str]
    notes: list[str]


def _clock(frame: pl.DataFrame, name: str) -> _Clock:
    """Step, holes, repeats and timestamps that run backwards."""
    column = frame.to_series(0)
    timestamps = column.to_numpy().astype("datetime64[s]")
    card = timestamp_card(timestamps)
    notes = []
    found: dict[str, Any] = {"differing": None}
    backward = int((column.is_first_distinct() & (column < column.cum_max())).sum())
    if backward:
        notes.append(
            f"Timestamps before an earlier line's that repeat none: {backward:,}; the lines are "
            "not in time order."
        )
    try:
        _, _, found = resolve_repeats(frame, Lines([(name, frame.height)]), "keep")
    except DataError as error:
        notes.append(f"convert will stop here: {error}")
    step = card["step_seconds"]
    every = f"one every {duration_text(step)}" if step else "no two of them apart"
    breaks = [
        f"{words}: {card[kind]['count']:,}, the longest {duration_text(item['seconds'])} after "
        f"{timestamp_text(item['after'])}"
        for kind, words in (("holes", "holes"), ("irregular", "irregular steps"))
        for item in card[kind]["longest"][:1]
    ]
    repeats = card["repeats"]
    said = ["no timestamp is there twice"]
    if repeats["count"]:
        differing = found["differing"]
        said = [
            f"rows with an earlier row's timestamp: {repeats['count']:,}, "
            f"from {timestamp_text(repeats['first'])} to {timestamp_text(repeats['last'])}"
            + ("" if differing is None else f"; with other values: {differing:,}")
        ]
        breaks.append(f"repeated timestamps: {repeats['count']:,}")
    said.append("keep: as the reference | first: the earliest row of each timestamp | error")
    gaps = ["the timestamps are one regular grid"]
    if breaks:
        gaps = [*breaks, "drop: no window spans one of these | keep: as the reference"]
    return _Clock(
        card=card,
        span=f"{timestamp_text(timestamps.min())} to {timestamp_text(timestamps.max())}, {every}",
        broken=bool(breaks),
        gaps=gaps,
        repeats=said,
        notes=notes,
    )


def _target(columns: list[str], units: dict[str, str]) -> tuple[str, str]:
    degrees = [column for column in columns if unit_of(column, units) in {"degC", "°C", "C"}]
    named = [column for column in columns if re.search(r"(?i)temp|\bta?(ir)?\b", column)]
    if "T (degC)" in columns:
        return "T (degC)", "the air temperature"
    if both := [column for column in degrees if column in named]:
        return both[0], "its name and its unit look like the air temperature's"
    if likely := [*named, *degrees]:
        return likely[0], "it looks like a temperature; check that it is what you want to forecast"
    return columns[0], "NO column looks like a temperature: this is the first; set your own"


def _rate(step: int | None) -> tuple[int, str]:
    if not step:
        return 1, "the step is not known"
    if HOUR % step == 0:
        return HOUR // step, (
            "every row: they are 1 hour apart"
            if step == HOUR
            else f"{HOUR // step} x {duration_text(step)} = 1 hour between two inputs"
        )
    return 1, f"every row: the step of {duration_text(step)} does not divide an hour"


def _too_short(rows: int, rate: int) -> list[str]:
    needed = (INPUTS + HORIZON - 1) * rate + 1
    if rows // 4 >= needed:
        return []
    said = (
        f"A window spans {needed:,} rows, a quarter of the file is {rows // 4:,}: a validation "
        "split of 0.25 holds none. Lower window.sequence_length, or take a longer file."
    )
    return [said]


def _units(columns: list[str]) -> dict[str, str]:
    """Units in square brackets; those in round ones are found without help."""
    found = {column: re.search(r"\[([^\[\]]+)\]\s*\Z", column) for column in columns}
    return {column: match[1].strip() for column, match in found.items() if match}


def _why_units(columns: list[str], units: dict[str, str]) -> list[str]:
    without = [column for column in columns if not unit_of(column, units)]
    if without:
        return [f"not known, add them as in {{{_scalar(without[0])}: m/s}}: {', '.join(without)}"]
    return ["from the brackets" if units else "every name ends in its unit"]


def _why_members(members: list[str], others: list[str]) -> list[str]:
    why = []
    if len(members) > 1:
        why.append(
            f"{len(members):,} files, sorted by name: check that this is time order; only the "
            "first was looked at, the others must have its columns"
        )
    if others:
        why.append(f"not CSV by their names: {', '.join(others)}")
    return why


def _why_columns(columns: list[str], left_out: dict[str, str]) -> list[str]:
    why = [f"the {len(columns)} columns of numbers that vary"]
    if lost := [column for column in columns if "\ufffd" in column]:
        why.append(
            f"{', '.join(lost)}: U+FFFD stands where a sign was lost before this file was written"
        )
    return why + [f"left out: {column}: {reason}" for column, reason in left_out.items()]


def _why_missing(missing: dict[str, int]) -> str:
    found = ", ".join(f"{column} ({count:,})" for column, count in missing.items() if count)
    return f"empty cells, nan, NA or null in {found}" if found else "no cell is missing"


def _comment(text: str, indent: str) -> list[str]:
    start = f"{indent}# "
    return textwrap.wrap(
        printable(text),
        width=100,
        initial_indent=start,
        subsequent_indent=f"{start}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _yaml(key: str, value: Any) -> list[str]:
    if key == "columns":
        return [f"  {key}:", *(f"    - {_scalar(item)}" for item in value)]
    if key == "members" and len(value) > 1:
        return [f"  {key}:", *(f"    - {_scalar(item)}" for item in value)]
    if isinstance(value, dict):
        inside = ", ".join(f"{_scalar(name)}: {_scalar(item)}" for name, item in value.items())
        return [f"  {key}: {{{inside}}}"]
    if isinstance(value, tuple | list):
        return [f"  {key}: [{', '.join(map(_scalar, value))}]"]
    return [f"  {key}: {_scalar(value)}"]


def _scalar(value: Any) -> str:
    """A YAML 1.2 scalar: quoted unless nobody could misread it."""
    if not isinstance(value, str):
        return json.dumps(value)
    if PLAIN.fullmatch(value) and value.lower() not in YAML_WORDS:
        return value
    return printable(json.dumps(value, ensure_ascii=False))
