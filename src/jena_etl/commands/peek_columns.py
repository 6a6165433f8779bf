"""What a station's columns hold: which are worth reading, sentinels, units, the likely target."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from jena_etl.errors import DataError
from jena_etl.ingest.jena import unit_of

if TYPE_CHECKING:
    import polars as pl

NINES = (99.9, 99.99, 999.0, 999.9, 999.99, 7999.0, 9999.0, 9999.9, 9999.99, 99999.0, 99999.9)
SENTINELS = (*NINES, *(-nines for nines in NINES))  # what loggers write for "not measured"
DEFAULT_SENTINEL = -9999.0  # stays on the list where none is found: the next export may have it


def unusable_columns(frame: pl.DataFrame) -> dict[str, str]:
    """The columns that nothing can be learnt from, each with the reason.

    Args:
        frame: timestamps, then numbers; a missing cell is null.

    Raises:
        DataError: no column is left.
    """
    first = int(frame.to_series(0).arg_min() or 0)
    unusable = {
        column: why for column in frame.columns[1:] if (why := _fault(frame[column], first))
    }
    if len(unusable) == frame.width - 1:
        raise DataError(
            "no column is left to read: "
            + "; ".join(f"{column}: {why}" for column, why in unusable.items())
        )
    return unusable


def _fault(column: pl.Series, first: int) -> str:
    values = column.to_numpy()
    known = values[~np.isnan(values)]
    is_sentinel = _are_sentinels(known)
    good = known[~is_sentinel]
    if 2 * len(known) < len(values):
        return f"{len(values) - len(known):,} of {len(values):,} cells are empty"
    if not len(good) or good.min() == good.max():
        return f"constant, {(good if len(good) else known)[0]:g}"
    if np.isnan(values[first]) or values[first] in known[is_sentinel]:
        found = "empty" if np.isnan(values[first]) else f"{values[first]:g}"
        return (
            f"its first cell is {found}, and no good value comes before to fill it with; to use "
            "the column, remove the lines up to its first good one"
        )
    return ""


def find_sentinels(frame: pl.DataFrame) -> tuple[list[float], list[str]]:
    """Numbers that mean "not measured", and which columns hold how many of them.

    Args:
        frame: columns of numbers; a missing cell is null.
    """
    columns_of: dict[float, list[str]] = {}
    measured_in: dict[float, str] = {}
    for column in frame.columns:
        values = frame[column].drop_nulls().to_numpy()
        is_sentinel = _are_sentinels(values)
        for value, count in zip(*np.unique(values[is_sentinel], return_counts=True), strict=True):
            columns_of.setdefault(float(value), []).append(f"{column} ({count:,})")
        good = values[~is_sentinel]
        measured_in |= dict.fromkeys(good[np.isin(good, SENTINELS)].tolist(), column)
    reasons = [
        f"{value:g} is far outside the other values of {', '.join(columns)}"
        + (f"; NOT listed: {measured_in[value]} measures it" if value in measured_in else "")
        for value, columns in columns_of.items()
    ]
    if listed := sorted(columns_of.keys() - measured_in.keys()):
        return listed, reasons
    return [DEFAULT_SENTINEL], [*reasons, "no value looks like one; -9999 is the usual one"]


def _are_sentinels(values: np.ndarray) -> np.ndarray:
    """Which values, (n,), are one of SENTINELS and far outside the others."""
    suspect = np.isin(values, SENTINELS)
    if not suspect.any() or suspect.all():
        return suspect
    low, high = values[~suspect].min(), values[~suspect].max()
    distance = np.maximum(low - values, values - high)
    far: np.ndarray = suspect & (distance > (high - low) / 2) & (distance > 0)
    return far


def units_in_brackets(columns: list[str]) -> dict[str, str]:
    """Units in square brackets at the end of a name; those in round ones need no help."""
    found = {column: re.search(r"\[([^\[\]]+)\]\s*\Z", column) for column in columns}
    return {column: match[1].strip() for column, match in found.items() if match}


def likely_target(columns: list[str], units: dict[str, str]) -> tuple[str, str]:
    """The column to forecast, and why: the air temperature, if one looks like it."""
    degrees = [column for column in columns if unit_of(column, units) in {"degC", "°C", "C"}]
    named = [column for column in columns if re.search(r"(?i)temp|\bta?(ir)?\b", column)]
    if "T (degC)" in columns:
        return "T (degC)", "the air temperature"
    if both := [column for column in degrees if column in named]:
        return both[0], "its name and its unit look like the air temperature's"
    if likely := [*named, *degrees]:
        return likely[0], "it looks like a temperature; check that it is what you want to forecast"
    return columns[0], "NO column looks like a temperature: this is the first; set your own"
