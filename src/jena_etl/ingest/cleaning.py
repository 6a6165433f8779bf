"""What becomes of cells that hold no measurement; each is counted."""

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
    """Cells that hold no measurement: found, counted, and filled where that is wanted.

    A gap takes the column's last good value by timestamp: in a block logged twice the row before
    may have a later one.

    Args:
        sentinels: the numbers that mean "not measured".
        on_sentinel: fill_forward, keep or error.
        on_missing: fill_forward or error.
        lines: for messages.
    """

    def __init__(
        self, sentinels: tuple[float, ...], on_sentinel: str, on_missing: str, lines: Lines
    ) -> None:
        self._sentinels, self._lines = sentinels, lines
        self._on_sentinel, self._on_missing = on_sentinel, on_missing
        self._good: dict[str, float] = {}  # the last good value of each column
        self._rows = 0  # so far
        self._findings: dict[str, list[pl.DataFrame]] = {}  # by column

    @property
    def are_filled(self) -> bool:
        """Whether any cell was filled so far."""
        return any(part["filled"].any() for parts in self._findings.values() for part in parts)

    def fill(
        self, block: pl.DataFrame, rows: np.ndarray, frozen: Mapping[str, np.ndarray] | None = None
    ) -> pl.DataFrame:
        """The next block with its gaps filled.

        Args:
            block: timestamps, then numbers; a missing cell is null.
            rows: which row as read each row of `block` is.
            frozen: by column, rows of `block` that are treated as missing; see `find_frozen`.

        Raises:
            DataError: nothing good comes before a gap, or a cell is refused.
        """
        import polars as pl

        frozen = frozen or {}
        order = None
        numbers = pl.col(block.columns[1:])
        suspicious = numbers.is_null().any() | numbers.is_in(list(self._sentinels)).any()
        for name, found in block.select(suspicious).row(0, named=True).items():
            self._findings.setdefault(name, [])
            if not found and name not in frozen:
                self._good[name] = block[name][-1]
                continue
            if order is None:
                order = np.argsort(block.to_series(0).to_physical().to_numpy(), kind="stable")
            filled = self._filled(block[name], rows, order, frozen.get(name))
            block = block.with_columns(filled)
        self._rows += block.height
        return block

    def findings(self) -> pl.DataFrame:
        """One row per cell that holds no measurement, column by column.

        Row in the cleaned series, column, kind (missing, sentinel or frozen), value (null for a
        missing cell), and whether it was filled.
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
        still = np.zeros(len(values), dtype=bool)
        still[[] if frozen is None else frozen] = True
        self._check(cells, rows, missing, sentinel)
        bad = missing | sentinel | still
        gaps = missing | still | (sentinel & (self._on_sentinel == "fill_forward"))
        source = _last_good(bad, order)
        before = self._good.get(cells.name)
        lost = gaps & (source < 0)
        if before is None and lost.any():
            at = order[lost[order]][0]  # the earliest
            what = f"{values[at]} is a sentinel"
            if missing[at]:
                what = "the cell is missing"
            elif still[at]:
                what = f"the column is frozen at {values[at]}"
            raise DataError(
                f"{self._lines.of(int(rows[at]))}, column {cells.name!r}: {what} and no good value "
                "comes before it; remove the lines up to the column's first good value, or the "
                "column from convert.columns"
            )
        at = np.flatnonzero(bad)
        self._findings.setdefault(cells.name, []).append(
            pl.DataFrame(
                {
                    "row": at + self._rows,
                    "column": [cells.name] * len(at),
                    "kind": np.select(
                        [missing[at], still[at]], ["missing", "frozen"], "sentinel"
                    ).tolist(),
                    "value": pl.Series(values[at]).fill_nan(None),
                    "filled": gaps[at],
                },
                schema=_no_findings().schema,
            )
        )
        if (good := order[~bad[order]]).size:
            self._good[cells.name] = values[good[-1]]
        known = np.where(source < 0, np.nan if before is None else before, values[source])
        return pl.Series(cells.name, np.where(gaps, known, values))

    def _check(
        self, cells: pl.Series, rows: np.ndarray, missing: np.ndarray, sentinel: np.ndarray
    ) -> None:
        """Raise for the first cell that is refused."""
        if self._on_missing == "error" and (at := first_marked(missing)) is not None:
            raise DataError(
                f"{self._lines.of(int(rows[at]))}, column {cells.name!r}: the cell is missing "
                "(empty, nan, NA or null); mend or remove that line, or set convert.on_missing: "
                "fill_forward"
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

    They are to be treated as missing cells. What is usual for a column is taken from its train
    rows alone, so that nothing in the later splits decides what is trained on.

    Args:
        frame: timestamps, then numbers.
        rows: which row as read each row of `frame` is.
        lines: for messages.
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


def _last_good(bad: np.ndarray, order: np.ndarray) -> np.ndarray:
    """For each row the latest good row up to it in `order`, -1 where there is none."""
    latest = np.maximum.accumulate(np.where(bad[order], -1, np.arange(len(order))))
    source = np.empty_like(order)
    source[order] = np.where(latest < 0, -1, order[latest])
    return source
