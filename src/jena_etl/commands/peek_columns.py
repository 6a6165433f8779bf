"""What a station's columns hold: which to read, their sentinels and units, the likely target."""

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
DEFAULT_SENTINEL = -9999.0  # listed if none is found, as the next export may have it


def unusable_columns(frame: pl.DataFrame) -> dict[str, str]:
    """The columns that a model could not learn from, each with the reason.

    `frame` holds timestamps, then numbers; a missing cell is null.

    Raises:
        DataError: every column is unusable.
    """
    first = int(frame.to_series(0).arg_min() or 0)
    unusable = {
        column: why for column in frame.columns[1:] if (why := _fault(frame[column], first))
    }
    if len(unusable) == frame.width - 1:
        raise DataError(
            "no column can be used: "
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
            f"its first cell is {found}, with no earlier value to fill it with; to use the column, "
            "remove the lines before its first good value"
        )
    return ""


def find_sentinels(frame: pl.DataFrame) -> tuple[list[float], list[str]]:
    """The numbers that mean "not measured", and how many of them each column of numbers holds."""
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
    """Which values, of shape (n,), are in SENTINELS and far outside the others."""
    suspect = np.isin(values, SENTINELS)
    if not suspect.any() or suspect.all():
        return suspect
    low, high = values[~suspect].min(), values[~suspect].max()
    distance = np.maximum(low - values, values - high)
    far: np.ndarray = suspect & (distance > (high - low) / 2) & (distance > 0)
    return far


def units_in_brackets(columns: list[str]) -> dict[str, str]:
    """Units in square brackets at the end of a name; `unit_of` finds those in round brackets."""
    found = {column: re.search(r"\[([^\[\]]+)\]\s*\Z", column) for column in columns}
    return {column: match[1].strip() for column, match in found.items() if match}


def likely_target(columns: list[str], units: dict[str, str]) -> tuple[str, str]:
    """The column to forecast, and why: the air temperature if a column looks like it."""
    degrees = [column for column in columns if unit_of(column, units) in {"degC", "°C", "C"}]
    named = [column for column in columns if re.search(r"(?i)temp|\bta?(ir)?\b", column)]
    if "T (degC)" in columns:
        return "T (degC)", "the air temperature"
    if both := [column for column in degrees if column in named]:
        return both[0], "its name and its unit look like the air temperature's"
    if likely := [*named, *degrees]:
        return likely[0], "it looks like a temperature; check that it is what you want to forecast"
    return columns[0], "NO column looks like a temperature; this is the first one, so set your own"
