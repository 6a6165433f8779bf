"""Finds, counts and fills the cells that do not hold a measurement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from jena_etl.errors import DataError
from jena_etl.ingest.lines import Lines, first_marked
from jena_etl.ingest.sensors import frozen_rows

if TYPE_CHECKING:
    import polars as pl


class Gaps:
    """The cells of a series that do not hold a measurement; they are counted, and filled if wanted.

    A gap is filled with the column's last good value by timestamp. This need not be the row before,
    which may have a later timestamp where a stretch was logged twice.

    Args:
        sentinels: the numbers that mean "not measured".
        on_sentinel: fill_forward, keep or error.
        on_missing: fill_forward or error.
        lines: names the line of a row in error messages.
    """

    def __init__(
        self, sentinels: tuple[float, ...], on_sentinel: str, on_missing: str, lines: Lines
    ) -> None:
        self._sentinels, self._lines = sentinels, lines
        self._on_sentinel, self._on_missing = on_sentinel, on_missing
        self._good: dict[str, float] = {}  # the last good value of each column
        self._rows = 0  # how many rows came so far
        self._findings: dict[str, list[pl.DataFrame]] = {}  # by column

    @property
    def are_filled(self) -> bool:
        """Whether any cell has been filled so far."""
        return any(part["filled"].any() for parts in self._findings.values() for part in parts)

    def fill(
        self, block: pl.DataFrame, rows: np.ndarray, frozen: Mapping[str, np.ndarray] | None = None
    ) -> pl.DataFrame:
        """Take the next block of rows and return it with its gaps filled.

        Args:
            block: a column of timestamps, then columns of numbers; a missing cell is null.
            rows: for each row of `block`, its number in the files as they were read.
            frozen: rows of `block` to treat as missing, by column; see `find_frozen`.

        Raises:
            DataError: a gap comes before the column's first good value, or a sentinel or missing
                cell is an error.
        """
        import polars as pl

        frozen = frozen or {}
        order = None
        numbers = pl.col(block.columns[1:])
        suspicious = numbers.is_null().any() | numbers.is_in(list(self._sentinels)).any()
        for name, is_suspicious in block.select(suspicious).row(0, named=True).items():
            self._findings.setdefault(name, [])
            if not is_suspicious and name not in frozen:
                self._good[name] = block[name][-1]
                continue
            if order is None:
                order = np.argsort(block.to_series(0).to_physical().to_numpy(), kind="stable")
            filled = self._filled(block[name], rows, order, frozen.get(name))
            block = block.with_columns(filled)
        self._rows += block.height
        return block

    def findings(self) -> pl.DataFrame:
        """A table of the cells that do not hold a measurement, column by column.

        It gives the row in the cleaned series, the column, the kind (missing, sentinel or frozen),
        the value (null for a missing cell), and whether the cell was filled.
        """
        import polars as pl

        parts = [part for parts in self._findings.values() for part in parts]
        return pl.concat([_no_findings(), *parts], rechunk=True)

    def _filled(
        self, cells: pl.Series, rows: np.ndarray, order: np.ndarray, frozen: np.ndarray | None
    ) -> pl.Series:
        import polars as pl

        values, missing = cells.to_numpy(), cells.is_null().to_numpy()
        sentinel = np.isin(values, self._sentinels)
        is_frozen = np.zeros(len(values), dtype=bool)
        is_frozen[[] if frozen is None else frozen] = True
        self._check(cells, rows, missing, sentinel)
        bad = missing | sentinel | is_frozen
        gaps = missing | is_frozen | (sentinel & (self._on_sentinel == "fill_forward"))
        source = _last_good_rows(bad, order)
        previous_good = self._good.get(cells.name)
        unfillable = gaps & (source < 0)
        if previous_good is None and unfillable.any():
            at = order[unfillable[order]][0]  # the earliest
            fault = f"{values[at]} is a sentinel"
            if missing[at]:
                fault = "the cell is missing"
            elif is_frozen[at]:
                fault = f"the column is frozen at {values[at]}"
            raise DataError(
                f"{self._lines.of(int(rows[at]))}, column {cells.name!r}: {fault} and no good "
                "value comes before it; remove the lines up to the column's first good value, or "
                "the column from convert.columns"
            )
        at = np.flatnonzero(bad)
        self._findings.setdefault(cells.name, []).append(
            pl.DataFrame(
                {
                    "row": at + self._rows,
                    "column": [cells.name] * len(at),
                    "kind": np.select(
                        [missing[at], is_frozen[at]], ["missing", "frozen"], "sentinel"
                    ).tolist(),
                    "value": pl.Series(values[at]).fill_nan(None),
                    "filled": gaps[at],
                },
                schema=_no_findings().schema,
            )
        )
        if (good := order[~bad[order]]).size:
            self._good[cells.name] = values[good[-1]]
        fallback = np.nan if previous_good is None else previous_good
        last_good = np.where(source < 0, fallback, values[source])
        return pl.Series(cells.name, np.where(gaps, last_good, values))

    def _check(
        self, cells: pl.Series, rows: np.ndarray, missing: np.ndarray, sentinel: np.ndarray
    ) -> None:
        """Raise an error for the first missing cell or sentinel, if they are errors."""
        if self._on_missing == "error" and (at := first_marked(missing)) is not None:
            raise DataError(
                f"{self._lines.of(int(rows[at]))}, column {cells.name!r}: the cell is missing "
                "(empty, nan, NA or null); mend or remove that line, or set "
                "convert.on_missing: fill_forward"
            )
        if self._on_sentinel == "error" and (at := first_marked(sentinel)) is not None:
            raise DataError(
                f"{self._lines.of(int(rows[at]))}, column {cells.name!r}: {cells[at]} is one of "
                "convert.sentinels; mend or remove that line, or set convert.on_sentinel: "
                "fill_forward or keep"
            )


def find_frozen(
    frame: pl.DataFrame,
    rows: np.ndarray,
    lines: Lines,
    *,
    train: range,
    sentinels: tuple[float, ...],
    on_missing: str,
) -> dict[str, np.ndarray]:
    """The rows of `frame` in which a column hardly changes for days, by column.

    Their cells are to be treated as missing. What is usual for a column is judged by its train rows
    alone, so that the later splits do not influence what a model is trained on.

    Args:
        frame: a column of timestamps, then columns of numbers.
        rows: for each row of `frame`, its number in the files as they were read.
        lines: names the line of a row in error messages.
        train: the train rows of `frame`.
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
            first, last = (lines.of(int(rows[row])) for row in (found[0], found[-1]))
            raise DataError(
                f"{first}, column {name!r}: it hardly changes in {len(found):,} rows up to {last}, "
                "and convert.on_frozen treats them as missing; set convert.on_missing: "
                "fill_forward, or convert.on_frozen: keep"
            )
    return frozen


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


def _last_good_rows(bad: np.ndarray, order: np.ndarray) -> np.ndarray:
    """For each row, the last good row up to and including it in `order`, or -1 if there is none."""
    latest = np.maximum.accumulate(np.where(bad[order], -1, np.arange(len(order))))
    source = np.empty_like(order)
    source[order] = np.where(latest < 0, -1, order[latest])
    return source
