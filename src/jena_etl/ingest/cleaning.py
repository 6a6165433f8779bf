"""What becomes of rows logged twice, and of cells that hold no measurement; each is counted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from jena_etl.errors import DataError
from jena_etl.ingest.sensors import frozen_rows

if TYPE_CHECKING:
    import polars as pl


class Lines:
    """Which line of which file a row was read from.

    >>> place = Lines([("a.csv", 3), ("b.csv", 5)])
    >>> place(2), place(3)
    ('a.csv, line 4', 'b.csv, line 2')
    """

    def __init__(self, files: list[tuple[str, int]]) -> None:
        self._names = [name for name, _ in files]
        self._starts = [0, *np.cumsum([rows for _, rows in files])[:-1].tolist()]

    def __call__(self, row: int) -> str:
        """`file, line`, as an editor counts."""
        file = bisect_right(self._starts, row) - 1
        return f"{self._names[file]}, line {row - self._starts[file] + 2}"


def resolve_repeats(
    frame: pl.DataFrame, place: Lines, on_duplicate: str
) -> tuple[pl.DataFrame, np.ndarray, dict[str, Any]]:
    """The rows to keep, which rows of `frame` they are, and what is known of the repeats.

    A repeat is a row whose timestamp an earlier row has; it differs if any value does.

    Args:
        frame: timestamps, then numbers.
        place: for messages.
        on_duplicate: keep, first (of the whole series) or error.

    Raises:
        DataError: a timestamp in the future, one below its predecessor that is no repeat, or a
            repeat where `on_duplicate` is error.
    """
    timestamps = frame.to_series(0)
    _check_future(timestamps, place)
    values = timestamps.to_physical().to_numpy()
    rows = np.arange(len(values))
    again = earlier = rows[:0]
    if not (np.diff(values) > 0).all():
        _check_order(timestamps, place)
        is_first = timestamps.is_first_distinct().to_numpy()
        again, first = np.flatnonzero(~is_first), np.flatnonzero(is_first)
        earlier = first[np.searchsorted(values[first], values[again])]  # in time order, as checked
    differs = _differ(frame, again, earlier)
    if len(again) and on_duplicate == "error":
        row = int(again[0])
        other = " with other values (a clock set back?)" if differs[0] else ""
        raise DataError(
            f"{place(row)}, column {timestamps.name!r}: {timestamps[row]} stands on "
            f"{place(int(earlier[0]))} already{other}; remove one of the lines, or set "
            "convert.on_duplicate: keep or first"
        )
    repeats = {
        "count": len(again),
        "differing": int(differs.sum()),
        "first": _iso(timestamps[int(again[0])]) if len(again) else None,
        "last": _iso(timestamps[int(again[-1])]) if len(again) else None,
        "removed": on_duplicate == "first" and len(again) > 0,
    }
    if not repeats["removed"]:
        return frame, rows, repeats
    kept = np.delete(rows, again)
    return frame[kept], kept, repeats


def find_frozen(
    frame: pl.DataFrame,
    place: Lines,
    rows: np.ndarray,
    *,
    train: range,
    sentinels: tuple[float, ...],
    on_missing: str,
) -> dict[str, np.ndarray]:
    """The rows of `frame` in which a column hardly changes for days, by column.

    They are to be treated as missing cells. What is usual for a column is taken from its train
    rows alone, so that nothing in the later splits decides what is trained on.

    Args:
        frame: timestamps, then numbers.
        place: for messages.
        rows: which row as read each row of `frame` is.
        train: rows of `frame`.
        sentinels: the numbers that mean "not measured".
        on_missing: fill_forward or error.

    Raises:
        DataError: there are such rows, and `on_missing` is error.
    """
    timestamps = frame.to_series(0).to_numpy()
    measured = {}
    for name in frame.columns[1:]:
        values = frame[name].to_numpy()
        measured[name] = np.where(np.isin(values, sentinels), np.nan, values)
    frozen = frozen_rows(timestamps, measured, train)
    if on_missing == "error":
        for name, found in frozen.items():
            first, last = (place(int(rows[row])) for row in (found[0], found[-1]))
            raise DataError(
                f"{first}, column {name!r}: it hardly changes in {len(found):,} rows up to {last}, "
                "and convert.on_frozen treats them as missing; set convert.on_missing: "
                "fill_forward, or convert.on_frozen: keep"
            )
    return frozen


def fill(
    frame: pl.DataFrame,
    place: Lines,
    rows: np.ndarray,
    *,
    sentinels: tuple[float, ...],
    on_sentinel: str,
    frozen: Mapping[str, np.ndarray] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The frame with its gaps filled, and one finding per cell that holds no measurement.

    A gap takes the column's last good value by timestamp: in a block logged twice the row before
    may have a later one.

    Args:
        frame: timestamps, then numbers; a missing cell is null, and is always filled.
        place: for messages.
        rows: which row as read each row of `frame` is.
        sentinels: the numbers that mean "not measured".
        on_sentinel: fill_forward, keep or error.
        frozen: by column, rows of `frame` that are treated as missing; see `find_frozen`.

    Raises:
        DataError: nothing good comes before a gap, or a sentinel where `on_sentinel` is error.
    """
    import polars as pl

    frozen = frozen or {}
    findings = [_no_findings()]
    order = None
    numbers = pl.col(frame.columns[1:])
    suspicious = numbers.is_null().any() | numbers.is_in(list(sentinels)).any()
    for name, found in frame.select(suspicious).to_dicts()[0].items():
        if not found and name not in frozen:
            continue
        if order is None:
            order = np.argsort(frame.to_series(0).to_physical().to_numpy(), kind="stable")
        values = frame[name].to_numpy()
        missing = frame[name].is_null().to_numpy()
        sentinel = np.isin(values, sentinels)
        if on_sentinel == "error" and sentinel.any():
            row = int(np.flatnonzero(sentinel)[0])
            raise DataError(
                f"{place(int(rows[row]))}, column {name!r}: {values[row]} is one of "
                "convert.sentinels; mend or remove that line, or set convert.on_sentinel: "
                "fill_forward or keep"
            )
        still = np.zeros(len(values), dtype=bool)
        still[frozen.get(name, [])] = True
        bad = missing | sentinel | still
        gaps = missing | still | (sentinel & (on_sentinel == "fill_forward"))
        source = _last_good(bad, order)
        for row in order[gaps[order] & (source[order] < 0)][:1].tolist():
            what = "the cell is missing" if missing[row] else f"{values[row]} is a sentinel"
            if still[row]:
                what = f"the column is frozen at {values[row]}"
            raise DataError(
                f"{place(int(rows[row]))}, column {name!r}: {what} and no good value comes before "
                "it; remove the lines up to the column's first good value, or the column from "
                "convert.columns"
            )
        at = np.flatnonzero(bad)
        findings.append(
            pl.DataFrame(
                {
                    "row": at,
                    "column": [name] * len(at),
                    "kind": np.select(
                        [missing[at], still[at]], ["missing", "frozen"], "sentinel"
                    ).tolist(),
                    "value": pl.Series(values[at]).fill_nan(None),
                    "filled": gaps[at],
                },
                schema=findings[0].schema,
            )
        )
        filled = pl.Series(name, np.where(gaps, values[source], values))
        frame = frame.with_columns(filled)
    return frame, pl.concat(findings, rechunk=True)


def _no_findings() -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(
        schema={
            "row": pl.Int64(),
            "column": pl.String(),
            "kind": pl.String(),
            "value": pl.Float64(),
            "filled": pl.Boolean(),
        }
    )


def _last_good(bad: np.ndarray, order: np.ndarray) -> np.ndarray:
    """For each row the latest good row up to it in `order`, -1 where there is none."""
    latest = np.maximum.accumulate(np.where(bad[order], -1, np.arange(len(order))))
    source = np.empty_like(order)
    source[order] = np.where(latest < 0, -1, order[latest])
    return source


def _differ(frame: pl.DataFrame, some: np.ndarray, others: np.ndarray) -> np.ndarray:
    if not len(some):
        return np.zeros(0, bool)
    names = frame.columns[1:]
    these, those = (frame[rows].select(names).to_numpy() for rows in (some, others))
    same = (these == those) | (np.isnan(these) & np.isnan(those))
    differs: np.ndarray = ~same.all(axis=1)
    return differs


def _check_future(timestamps: pl.Series, place: Lines) -> None:
    tomorrow = datetime.now() + timedelta(days=1)  # noqa: DTZ005  local, as the station's clock
    late = (timestamps > tomorrow).arg_true()
    if len(late):
        row = late[0]
        raise DataError(
            f"{place(row)}, column {timestamps.name!r}: {timestamps[row]} lies in the future; mend "
            "or remove that line, or check convert.datetime_format and this machine's clock"
        )


def _check_order(timestamps: pl.Series, place: Lines) -> None:
    """A timestamp may repeat an earlier one (logged twice), but time never runs back."""
    back = (timestamps.is_first_distinct() & (timestamps < timestamps.cum_max())).arg_true()
    if len(back):
        row = back[0]
        later = timestamps.head(row).arg_max() or 0
        raise DataError(
            f"{place(row)}, column {timestamps.name!r}: {timestamps[row]} comes after "
            f"{timestamps[later]} of {place(later)} and is no repeat; sort the lines by time, or "
            "the files in convert.members"
        )


def _iso(timestamp: datetime) -> str:
    return timestamp.isoformat()
