"""Finds, counts and fills the cells that do not hold a measurement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from jena_etl.errors import DataError
from jena_etl.ingest.lines import Lines, first_marked
from jena_etl.ingest.sensors import sensor_findings

FINDINGS = {
    "row": pl.Int64(),
    "column": pl.String(),
    "kind": pl.String(),
    "value": pl.Float64(),
    "filled": pl.Boolean(),
}


class UnmeasuredCells:
    """The cells of a series that do not hold a measurement; they are counted, and filled if wanted.

    A gap is filled with the column's last good value by timestamp. This need not be the row before,
    which may have a later timestamp where a stretch was logged twice. As in params.yaml,
    `on_sentinel` is fill_forward, keep or error, and `on_missing` is fill_forward or error.

    Attributes:
        are_filled: whether any cell has been filled so far.
    """

    def __init__(
        self, sentinels: tuple[float, ...], on_sentinel: str, on_missing: str, lines: Lines
    ) -> None:
        self.are_filled = False
        self._sentinels, self._lines = sentinels, lines
        self._on_sentinel, self._on_missing = on_sentinel, on_missing
        self._good: dict[str, float] = {}  # the last good value of each column
        self._rows = 0  # how many rows came so far
        self._findings: dict[str, list[pl.DataFrame]] = {}  # by column

    def fill(
        self, block: pl.DataFrame, rows: np.ndarray, *, train: range | None = None
    ) -> pl.DataFrame:
        """Take the next block of rows and return it with its gaps filled.

        Args:
            block: a column of timestamps, then columns of numbers; a missing cell is null.
            rows: for each row of `block`, its number in the files as they were read.
            train: treat the cells in which a column hardly changes for days as missing. `block` is
                then the whole series and `train` its train rows, which alone say what is usual, so
                that the later splits do not influence what a model is trained on.

        Raises:
            DataError: a gap comes before the column's first good value, or a sentinel or missing
                cell is an error.
        """
        frozen = {} if train is None else self._frozen(block, rows, train)
        numbers = pl.col(block.columns[1:])
        suspicious = numbers.is_null().any() | numbers.is_in(list(self._sentinels)).any()
        order = np.argsort(block.to_series(0).to_physical().to_numpy(), kind="stable")
        for name, is_suspicious in block.select(suspicious).row(0, named=True).items():
            self._findings.setdefault(name, [])
            if is_suspicious or name in frozen:
                filled = self._filled(block[name], rows, order, frozen.get(name, []))
                block = block.with_columns(filled)
            else:
                self._good[name] = block[name][-1]
        self._rows += block.height
        return block

    def findings(self) -> pl.DataFrame:
        """A table of the cells that do not hold a measurement, column by column.

        It gives the row in the cleaned series, the column, the kind (missing, sentinel or frozen),
        the value (null for a missing cell), and whether the cell was filled.
        """
        parts = [part for parts in self._findings.values() for part in parts]
        return pl.concat([pl.DataFrame(schema=FINDINGS), *parts], rechunk=True)

    def _frozen(
        self, series: pl.DataFrame, rows: np.ndarray, train: range
    ) -> dict[str, np.ndarray]:
        """The rows of `series` in which a column hardly changes for days, by column."""
        timestamps = series.to_series(0).to_numpy()
        measured = without_sentinels(series[:, 1:], self._sentinels)
        findings = sensor_findings(timestamps, measured, train)
        frozen = {item.column: item.rows for item in findings if item.check == "frozen"}
        if self._on_missing == "error":
            for name, found in frozen.items():
                first, last = (self._lines.of(rows[row]) for row in (found[0], found[-1]))
                raise DataError(
                    f"{first}, column {name!r}: it hardly changes in {len(found):,} rows up to "
                    f"{last}, and convert.on_frozen treats them as missing; set "
                    "convert.on_missing: fill_forward, or convert.on_frozen: keep"
                )
        return frozen

    def _filled(
        self, cells: pl.Series, rows: np.ndarray, order: np.ndarray, frozen: np.ndarray | list[int]
    ) -> pl.Series:
        values = cells.to_numpy()
        kinds = np.full(len(values), "", dtype="U8")
        kinds[np.isin(values, self._sentinels)] = "sentinel"
        kinds[frozen] = "frozen"
        kinds[cells.is_null().to_numpy()] = "missing"
        self._check(cells, rows, kinds)
        bad = kinds != ""
        gaps = bad & ((kinds != "sentinel") | (self._on_sentinel == "fill_forward"))
        previous = self._good.get(cells.name, np.nan)
        good = np.append(previous, np.where(bad, np.nan, values)[order])
        last_good = pl.Series(good).fill_nan(None).fill_null(strategy="forward").to_numpy()[1:]
        self._good[cells.name] = last_good[-1]
        last_good = last_good[np.argsort(order)]
        unfillable = gaps & np.isnan(last_good)
        if unfillable.any():
            at = order[unfillable[order]][0]  # the earliest
            fault = {
                "missing": "the cell is missing",
                "frozen": f"the column is frozen at {values[at]}",
                "sentinel": f"{values[at]} is a sentinel",
            }[kinds[at]]
            raise DataError(
                f"{self._lines.of(rows[at])}, column {cells.name!r}: {fault} and no good "
                "value comes before it; remove the lines up to the column's first good value, or "
                "the column from convert.columns"
            )
        at = np.flatnonzero(bad)
        found = {
            "row": self._rows + at,
            "column": [cells.name] * len(at),
            "kind": kinds[at].tolist(),
            "value": cells[at],
            "filled": gaps[at],
        }
        self._findings[cells.name].append(pl.DataFrame(found, schema=FINDINGS))
        self.are_filled = self.are_filled or bool(gaps.any())
        return pl.Series(cells.name, np.where(gaps, last_good, values))

    def _check(self, cells: pl.Series, rows: np.ndarray, kinds: np.ndarray) -> None:
        """Raise an error for the first missing cell or sentinel, if they are errors."""
        if self._on_missing == "error" and (at := first_marked(kinds == "missing")) is not None:
            raise DataError(
                f"{self._lines.of(rows[at])}, column {cells.name!r}: the cell is missing "
                "(empty, nan, NA or null); mend or remove that line, or set "
                "convert.on_missing: fill_forward"
            )
        if self._on_sentinel == "error" and (at := first_marked(kinds == "sentinel")) is not None:
            raise DataError(
                f"{self._lines.of(rows[at])}, column {cells.name!r}: {cells[at]} is one of "
                "convert.sentinels; mend or remove that line, or set convert.on_sentinel: "
                "fill_forward or keep"
            )


def without_sentinels(frame: pl.DataFrame, sentinels: Sequence[float]) -> dict[str, np.ndarray]:
    """The columns of numbers, with NaN in the cells that are a sentinel or missing."""
    columns = {column.name: column.to_numpy() for column in frame}
    return {
        name: np.where(np.isin(values, sentinels), np.nan, values)
        for name, values in columns.items()
    }
